//! What rows that wait cost those that don't: rows claimed and recorded a second in a lane where others wait for a date,
//! for their next attempt, or until somebody decides, beside a lane of the same table where none waits.
//!
//! The two lanes take turns, and the median of the ratios of neighbouring runs counts, so that it holds on a machine that has
//! other things to do.
//!
//! `cargo bench --bench waiting -- [--rows N] [--runs N] [--waiting 10000,1000000]`

// A benchmark that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../tests/it/support/pg.rs"]
mod pg;
mod support;

use std::time::Instant;

use clap::Parser;
use tokio_postgres::{Client, NoTls};

use esmed::db::Database;

use support::{claim_and_record, median};

/// Claims and records rows while others wait.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows that may leave, a run
    #[arg(long, default_value_t = 5_000)]
    rows: i64,
    /// Runs of which the median counts
    #[arg(long, default_value_t = 21)]
    runs: usize,
    /// Rows that wait
    #[arg(long, value_delimiter = ',', default_value = "0,10000,1000000")]
    waiting: Vec<i64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Why rows wait: a name, columns and their values.
const REASONS: [(&str, &str, &str); 3] = [
    (
        "send_after ahead",
        "send_after",
        "now() + interval '1 day' + n * interval '1 ms'",
    ),
    (
        "next_attempt_at ahead",
        "next_attempt_at, submission_attempts",
        "now() + interval '1 hour', 1",
    ),
    ("held", "in_doubt, submission_attempts", "TRUE, 1"),
];

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(bench(&arguments));
}

async fn bench(arguments: &Arguments) {
    println!(
        "{} rows a run, median of {} runs",
        arguments.rows, arguments.runs
    );
    for (reason, columns, values) in REASONS {
        for &waiting in &arguments.waiting {
            let cluster = pg::Cluster::start_with("");
            let client = connect(&cluster).await;
            let begun = Instant::now();
            client
                .batch_execute(&format!(
                    "INSERT INTO smpp_status (lane, holder, epoch) VALUES ('busy', 'bench', 1), ('clear', 'bench', 1);
                     INSERT INTO smpp_tx_queue (lane, smpp_destination_addr, smpp_short_message, {columns})
                     SELECT 'busy', '4479' || lpad(n::text, 8, '0'), 'Your code is ' || n, {values}
                     FROM generate_series(1, {waiting}) AS n;"
                ))
                .await
                .expect("rows that wait");
            let inserted = begun.elapsed().as_secs_f64();
            // The first reader of fresh rows writes them.
            for statement in ["VACUUM ANALYZE smpp_tx_queue", "CHECKPOINT"] {
                client.batch_execute(statement).await.expect(statement);
            }
            let database = support::database(&cluster.host());
            let (mut busy, mut ratios) = (Vec::new(), Vec::new());
            // The first one fills caches.
            for run in 0..=arguments.runs {
                let mut lanes = ["busy", "clear"];
                if run % 2 == 1 {
                    lanes.reverse();
                }
                let first = round(arguments.rows, &client, &database, lanes[0]).await;
                let second = round(arguments.rows, &client, &database, lanes[1]).await;
                let (of_busy, of_clear) = if lanes[0] == "busy" {
                    (first, second)
                } else {
                    (second, first)
                };
                if run > 0 {
                    busy.push(of_busy);
                    ratios.push(of_busy / of_clear);
                }
            }
            println!(
                "{waiting:>9} {reason:<22} {:>9.0}/s  {:>5.2} of a lane where none waits; inserted in {inserted:.1} s",
                median(busy),
                median(ratios),
            );
        }
    }
}

async fn connect(cluster: &pg::Cluster) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host(cluster.host())
        .dbname("esmed")
        .user("postgres")
        .connect(NoTls)
        .await
        .expect("PostgreSQL");
    tokio::spawn(connection);
    client
}

/// Rows a second in a lane.
async fn round(rows: i64, client: &Client, database: &Database, lane: &str) -> f64 {
    client
        .batch_execute(&format!(
            "INSERT INTO smpp_tx_queue (lane, smpp_destination_addr, smpp_short_message)
             SELECT '{lane}', '4479' || lpad(n::text, 8, '0'), 'Your code is ' || n FROM generate_series(1, {rows}) AS n"
        ))
        .await
        .expect("rows");
    let begun = Instant::now();
    claim_and_record(database, lane).await;
    let took = begun.elapsed().as_secs_f64();
    let left: i64 = client
        .query_one(
            "SELECT count(*) FROM smpp_tx_queue WHERE NOT submission_done AND waits_until IS NULL",
            &[],
        )
        .await
        .expect("a count")
        .get(0);
    assert_eq!(left, 0);
    rows as f64 / took
}
