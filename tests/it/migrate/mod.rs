//! From the database of esmed 0.1.1 to this schema, and its configuration file.

use std::process::Output;

use tokio_postgres::{Client, NoTls};

use crate::support::{World, esmed};

mod catalogue;
mod convert;
mod daemon;
mod elsewhere;
mod load;
mod obstacles;
mod refusals;
mod settings;
mod trust;
mod users;

const OLD_SCHEMA: &str = include_str!("old_schema.sql");
const OLD_ROWS: &str = include_str!("old_rows.sql");

/// A connection to one of the databases.
async fn connect(world: &World, database: &str, user: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host(world.cluster.host())
        .dbname(database)
        .user(user)
        .connect(NoTls)
        .await
        .expect("PostgreSQL");
    tokio::spawn(connection);
    client
}

async fn run(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The values of one column, in order.
async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client
        .query(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Turns the database `esmed` of a new world into one of 0.1.1 with rows of every state; the roles that 0.1.1
/// did not have are not there. The schema of this version is in the database `fresh`.
async fn old_world() -> World {
    let world = World::new().await;
    let postgres = connect(&world, "postgres", "postgres").await;
    // Nobody may be connected to what is copied: the connection of the world goes, and comes back.
    run(
        &postgres,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'esmed'",
    )
    .await;
    let mut world = world;
    run(&postgres, "ALTER DATABASE esmed RENAME TO fresh").await;
    run(&postgres, "CREATE DATABASE esmed TEMPLATE template0").await;
    world.reconnect().await;
    run(&world.db, OLD_SCHEMA).await;
    run(
        &world.db,
        &OLD_ROWS.replace("{port}", &world.sim.addr().port().to_string()),
    )
    .await;
    world
}

/// Where `esmed migrate --as` finds a database.
fn url(world: &World, database: &str, user: &str) -> String {
    format!(
        "postgresql://{user}@/{database}?host={}",
        world.cluster.host()
    )
}

/// `esmed migrate` with more arguments, as the superuser.
async fn migrate(world: &World, more: &[&str]) -> Output {
    let url = url(world, "esmed", "postgres");
    esmed(&[&["migrate", "--as", &url], more].concat()).await
}

/// What it said when all was well.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line with which it refused.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}
