//! Tables of esmed 0.1.1 in another schema than `public`: its db.sql named none.

use super::catalogue::catalogue;
use super::daemon::until_log;
use super::{OLD_ROWS, OLD_SCHEMA, connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::{World, esmed};

/// What moves them to `public`, out of the schema "Sms".
const MOVES: &str = "ALTER TABLE \"Sms\".smpp_rx_queue SET SCHEMA public; ALTER TABLE \"Sms\".smpp_servers SET SCHEMA public; \
    ALTER TABLE \"Sms\".smpp_tx_queue SET SCHEMA public; ALTER SEQUENCE \"Sms\".smpp_rx_queue_id_seq SET SCHEMA public; \
    ALTER TYPE \"Sms\".smpp_priority_flag SET SCHEMA public; ALTER TYPE \"Sms\".smpp_registered_delivery SET SCHEMA public; \
    ALTER FUNCTION \"Sms\".notify_table_change() SET SCHEMA public; \
    ALTER FUNCTION \"Sms\".smpp_servers_only_one_enabled() SET SCHEMA public; ";

const OF_PUBLIC: &str =
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";

/// The database `esmed` has them in "Sms", and one sequence of somebody's own making.
async fn world_elsewhere() -> World {
    let world = old_world().await;
    run(
        &world.db,
        &format!(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SCHEMA \"Sms\"; SET search_path = \"Sms\", public;
             {OLD_SCHEMA}; {};
             ALTER SEQUENCE smpp_rx_queue_id_seq OWNED BY NONE;
             RESET search_path",
            OLD_ROWS.replace("{port}", &world.sim.addr().port().to_string())
        ),
    )
    .await;
    world
}

#[tokio::test]
async fn tables_in_another_schema_are_no_empty_database() {
    let world = world_elsewhere().await;
    for arguments in [&[][..], &["--print"]] {
        let line = refused(&migrate(&world, arguments).await);
        assert!(
            line.contains("the tables of esmed 0.1.1 are in the schema \"Sms\", not in public")
                && line.contains("nothing was changed")
                && line.contains(MOVES),
            "{line}"
        );
        assert!(texts(&world.db, OF_PUBLIC).await.is_empty());
    }

    // What it says is what helps.
    run(
        &world.db,
        &format!("{MOVES} ALTER SEQUENCE smpp_rx_queue_id_seq OWNED BY smpp_rx_queue.id"),
    )
    .await;
    said(&migrate(&world, &[]).await);
    let fresh = connect(&world, "fresh", "postgres").await;
    let not_of_the_schema = |line: &String| !line.contains("schema public");
    let (mut found, mut expected) = (catalogue(&world.db).await, catalogue(&fresh).await);
    found.retain(not_of_the_schema);
    expected.retain(not_of_the_schema);
    assert_eq!(found, expected);
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        16
    );
}

#[tokio::test]
async fn the_daemon_says_where_they_are_and_goes_on_once_they_are_migrated() {
    let world = world_elsewhere().await;
    run(&world.db, "GRANT USAGE ON SCHEMA public TO esmed").await;
    let mut daemon = world.daemon();
    until_log(&daemon, "waiting: ").await;
    let words = format!(
        "the tables of esmed 0.1.1 in the schema \"Sms\", not in public, where this version looks for them: run as their \
         owner or a superuser {MOVES}then sudo -u postgres esmed migrate --as"
    );
    // The log quotes it.
    let log = daemon.log().replace("\\\"", "\"");
    assert!(log.contains(&words), "{log}");
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    for command in ["check-config", "status"] {
        let line = refused(&esmed(&[command, "--config", config]).await);
        assert!(line.contains(&words), "{line}");
    }
    let output = esmed(&["doctor", "--json", "--config", config]).await;
    let report = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\\\"", "\"");
    assert!(
        report.contains("the tables of esmed 0.1.1 are in the schema \"Sms\"")
            && report.contains(MOVES),
        "{report}"
    );

    run(
        &world.db,
        &format!("{MOVES} ALTER SEQUENCE smpp_rx_queue_id_seq OWNED BY smpp_rx_queue.id"),
    )
    .await;
    said(&migrate(&world, &[]).await);
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_done AND id <= 3")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
}

/// One table of such a name is another program's, and a temporary one is gone with its session.
#[tokio::test]
async fn one_name_alone_is_no_sign_and_a_second_set_is_told() {
    let world = old_world().await;
    run(&world.db, "CREATE DATABASE empty TEMPLATE template0").await;
    let empty = connect(&world, "empty", "postgres").await;
    run(
        &empty,
        "CREATE SCHEMA other; CREATE TABLE other.smpp_servers (id integer); CREATE VIEW other.smpp_tx_queue AS SELECT 1 AS id;
         CREATE SCHEMA one; CREATE TABLE one.smpp_tx_queue (id integer);
         CREATE TEMPORARY TABLE smpp_servers (id integer); CREATE TEMPORARY TABLE smpp_tx_queue (id integer)",
    )
    .await;
    let words = said(&esmed(&["migrate", "--as", &url(&world, "empty", "postgres")]).await);
    assert_eq!(
        words,
        "the database was empty, and has schema version 2 now\n"
    );

    run(
        &world.db,
        &format!("CREATE SCHEMA backup; SET search_path = backup; {OLD_SCHEMA}; RESET search_path"),
    )
    .await;
    let words = said(&migrate(&world, &[]).await);
    assert!(
        words.contains("there is a smpp_tx_queue in other schemas too (backup)"),
        "{words}"
    );
}

#[tokio::test]
async fn of_several_schemas_somebody_has_to_choose() {
    let world = world_elsewhere().await;
    run(
        &world.db,
        &format!("CREATE SCHEMA a; SET search_path = a; {OLD_SCHEMA}; RESET search_path"),
    )
    .await;
    // A superuser's look calls nothing that others have put into public.
    run(
        &world.db,
        "CREATE FUNCTION public.format(text, name, name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called'; END $$",
    )
    .await;
    let line = refused(&migrate(&world, &[]).await);
    assert!(
        line.contains("are in the schemas \"Sms\" and a, not in public")
            && line.contains(
                "for those that applications use, such as ALTER TABLE \"Sms\".smpp_rx_queue "
            ),
        "{line}"
    );

    // Who wants to keep them as they are has a way, too.
    run(&world.db, "DROP FUNCTION public.format(text, name, name)").await;
    run(&world.db, esmed::migrate::script::SCHEMA).await;
    assert_eq!(
        said(&migrate(&world, &[]).await),
        "nothing to do: the database has schema version 2 already\n"
    );
}
