//! What the daemon sends and records from a waiting table, on this machine, with PostgreSQL (durable
//! defaults) and the simulator beside it.
//!
//! Every figure is the median of some runs. The yardstick within the same run is the queue alone: the
//! daemon's own claim and record statements, in turn, with no SMPP in between.
//! Behind that a database that is far away, or waits for another one: each change of the queue takes 60 ms there.
//!
//! `cargo bench --bench throughput -- [--rows N] [--runs N] [--windows 10,100,500]`

// A benchmark that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../tests/it/support/pg.rs"]
mod pg;
mod support;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio_postgres::{Client, NoTls};

use esmed::sim::{Config, LedgerMode, Sim};

use support::median;

/// Sends and records waiting rows as fast as it goes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows that wait in the table
    #[arg(long, default_value_t = 30_000)]
    rows: i64,
    /// Runs of which the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Window sizes
    #[arg(long, value_delimiter = ',', default_value = "10,100,500")]
    windows: Vec<usize>,
    /// Log of the daemon, for a look at what it does
    #[arg(long)]
    log: Option<std::path::PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is sent, and how.
#[derive(Debug, Clone, Copy)]
struct Case {
    rows: i64,
    window: usize,
    receipts: bool,
    /// `esme_throughput`: submits a second.
    rate: Option<f64>,
    /// A change of the queue takes so many seconds more.
    slower: f64,
}

/// As at the end of a long line.
const FAR: f64 = 0.06;

/// One run.
#[derive(Debug, Clone, Copy)]
struct Run {
    per_second: f64,
    resident_mb: f64,
    cpu_per_thousand: f64,
}

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
    let mut alone: Vec<f64> = Vec::new();
    for _ in 0..arguments.runs {
        alone.push(queue_alone(arguments.rows).await);
    }
    let alone = median(alone);
    println!("{:<34} {alone:>9.0}/s", "queue alone (claim and record)");
    for &window in &arguments.windows {
        for receipts in [false, true] {
            let case = Case {
                rows: arguments.rows,
                window,
                receipts,
                rate: None,
                slower: 0.0,
            };
            let mut runs = Vec::new();
            for _ in 0..arguments.runs {
                runs.push(whole(arguments, case).await);
            }
            let of = |f: fn(&Run) -> f64| median(runs.iter().map(f).collect());
            let per_second = of(|run| run.per_second);
            println!(
                "{:<34} {per_second:>9.0}/s  {:>5.2} of the queue alone, {:>5.1} MB resident, {:.4} CPU s a 1,000",
                format!(
                    "window {window}{}",
                    if receipts { ", with receipts" } else { "" }
                ),
                per_second / alone,
                of(|run| run.resident_mb),
                of(|run| run.cpu_per_thousand),
            );
        }
    }
    for (rows, rate) in [(400, Some(40.0)), (2000, Some(200.0)), (10_000, None)] {
        let case = Case {
            rows,
            window: 10,
            receipts: false,
            rate,
            slower: FAR,
        };
        let mut runs = Vec::new();
        for _ in 0..arguments.runs {
            runs.push(whole(arguments, case).await.per_second);
        }
        let per_second = median(runs);
        let name = "far database, window 10, ";
        match rate {
            Some(rate) => println!(
                "{:<34} {per_second:>9.0}/s  {:>5.2} of its rate",
                format!("{name}rate {rate}"),
                per_second / rate
            ),
            None => println!(
                "{:<34} {per_second:>9.0}/s  {:>5.2} of a window a change",
                format!("{name}no rate"),
                per_second / (10.0 / FAR)
            ),
        }
    }
}

/// A PostgreSQL as Debian sets it up, but for a folder of its own.
async fn start(rows: i64, receipts: bool) -> (pg::Cluster, Client) {
    let cluster = pg::Cluster::start_with("");
    let (client, connection) = tokio_postgres::Config::new()
        .host(cluster.host())
        .dbname("esmed")
        .user("postgres")
        .connect(NoTls)
        .await
        .expect("PostgreSQL");
    tokio::spawn(connection);
    let registered = if receipts {
        "SMSC_DELIVERY_RECEIPT_REQUESTED"
    } else {
        "NO_SMSC_DELIVERY_RECEIPT_REQUESTED"
    };
    client
        .batch_execute(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_registered_delivery)
             SELECT '4479' || lpad(n::text, 6, '0') || '00', 'Your code is ' || n, '{registered}'
             FROM generate_series(1, {rows}) AS n;
             CHECKPOINT;"
        ))
        .await
        .expect("rows");
    (cluster, client)
}

/// Claims and records every row by the daemon's own statements; returns rows a second.
async fn queue_alone(rows: i64) -> f64 {
    let (cluster, client) = start(rows, false).await;
    client
        .execute(
            "INSERT INTO smpp_status (lane, holder, epoch) VALUES ('default', 'bench', 1)",
            &[],
        )
        .await
        .expect("a lease");
    let database = support::database(&cluster.host());
    let begun = Instant::now();
    support::claim_and_record(&database, "default").await;
    let per_second = rows as f64 / begun.elapsed().as_secs_f64();
    assert_all_sent(&client, rows).await;
    per_second
}

/// The daemon from an enabled server to the last recorded row.
async fn whole(arguments: &Arguments, case: Case) -> Run {
    let Case {
        rows,
        window,
        receipts,
        ..
    } = case;
    let (cluster, client) = start(rows, receipts).await;
    let sim = Sim::start(Config {
        ledger: LedgerMode::Counts,
        ..Config::default()
    })
    .expect("a simulator");
    client
        .execute(
            "INSERT INTO smpp_servers
               (host, port, esme_system_id, esme_password, esme_bind_transceiver, esme_window_size, esme_throughput)
             VALUES ('127.0.0.1', $1, 'bench', 'bench', TRUE, $2, $3)",
            &[
                &i32::from(sim.addr().port()),
                &i32::try_from(window).expect("a window"),
                &case.rate,
            ],
        )
        .await
        .expect("a server");
    if case.slower > 0.0 {
        client
            .batch_execute(&format!(
                "CREATE FUNCTION slower() RETURNS trigger LANGUAGE plpgsql AS
                   'BEGIN PERFORM pg_sleep({}); RETURN NULL; END';
                 CREATE TRIGGER slower AFTER UPDATE ON smpp_tx_queue FOR EACH STATEMENT EXECUTE FUNCTION slower()",
                case.slower
            ))
            .await
            .expect("a trigger");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("esmed.toml");
    let level = if arguments.log.is_some() {
        "debug"
    } else {
        "info"
    };
    fs::write(
        &config,
        format!(
            "[database]\nhost = {:?}\n[log]\nlevel = {level:?}\n",
            cluster.host()
        ),
    )
    .expect("a configuration");
    let log = match &arguments.log {
        Some(path) => Stdio::from(fs::File::create(path).expect("a log")),
        None => Stdio::null(),
    };
    let daemon = Command::new(env!("CARGO_BIN_EXE_esmed"))
        .args(["run", "--config"])
        .arg(&config)
        .stderr(log)
        .spawn()
        .expect("esmed");
    let daemon = Killed(daemon);
    wait(
        &client,
        "SELECT EXISTS (SELECT FROM smpp_status WHERE holder IS NOT NULL)",
    )
    .await;
    let begun = Instant::now();
    client
        .batch_execute("UPDATE smpp_servers SET enabled = TRUE")
        .await
        .expect("enabled");
    let expected = u64::try_from(rows).expect("rows");
    let patience = Duration::from_secs(600);
    let all = sim
        .ledger()
        .wait_until(
            |records| {
                let counts = records.counts();
                counts.accepted >= expected && (!receipts || counts.acknowledged >= expected)
            },
            patience,
        )
        .await;
    assert!(all, "not all was sent: {:?}", sim.ledger().counts());
    let pending = "SELECT NOT EXISTS (
        SELECT FROM smpp_tx_queue WHERE NOT submission_done AND NOT submission_failed)";
    wait(&client, pending).await;
    let took = begun.elapsed();
    let run = Run {
        per_second: rows as f64 / took.as_secs_f64(),
        resident_mb: resident_mb(&daemon.0),
        cpu_per_thousand: cpu_seconds(&daemon.0) * 1000.0 / rows as f64,
    };
    assert_all_sent(&client, rows).await;
    if receipts {
        let delivered: i64 = client
            .query_one(
                "SELECT count(*) FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'",
                &[],
            )
            .await
            .expect("a count")
            .get(0);
        assert_eq!(delivered, rows);
    }
    assert_eq!(sim.ledger().count(), expected, "nothing was sent twice");
    assert!(sim.ledger().peak_window() as usize <= window);
    drop(daemon);
    sim.stop().await;
    run
}

async fn assert_all_sent(client: &Client, rows: i64) {
    let done: i64 = client
        .query_one(
            "SELECT count(*) FROM smpp_tx_queue
             WHERE submission_done AND smpp_message_id IS NOT NULL AND submission_attempts = 1
               AND submission_started_at IS NULL AND NOT possible_duplicate",
            &[],
        )
        .await
        .expect("a count")
        .get(0);
    assert_eq!(done, rows);
}

async fn wait(client: &Client, query: &str) {
    while !client
        .query_one(query, &[])
        .await
        .expect("an answer")
        .get::<_, bool>(0)
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The most memory that the process ever had.
fn resident_mb(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    let kb: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .expect("kB");
    kb / 1024.0
}

/// User and system time of the process so far.
fn cpu_seconds(child: &Child) -> f64 {
    /// USER_HZ, which Linux shows to programs on every architecture that Debian has.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a process");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks: f64 =
        fields[11].parse::<f64>().expect("utime") + fields[12].parse::<f64>().expect("stime");
    ticks / TICKS
}
