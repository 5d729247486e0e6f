//! A PostgreSQL with the schema, a simulator, and daemons on top.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, NoTls, Row};

use esmed::config;
use esmed::db::Database;
use esmed::sim::{Behaviour, Config, Sim};

use super::{Cluster, Daemon};

/// How long a test waits for what has to happen: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Counts addresses.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A loopback address that no other test has: tests run side by side, in processes of their own. A port there is taken by
/// nobody, however long the test leaves it free.
pub(crate) fn own_address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(
        127,
        1 + high % 250,
        low,
        NEXT.fetch_add(1, Ordering::Relaxed),
    )
}

/// Everything that a test needs.
pub(crate) struct World {
    /// The PostgreSQL of this test.
    pub(crate) cluster: Cluster,
    /// The SMSC of this test.
    pub(crate) sim: Sim,
    /// A connection as the superuser.
    pub(crate) db: Client,
    folder: tempfile::TempDir,
}

impl World {
    /// PostgreSQL with the schema, and a simulator that nobody is bound to.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with a simulator that behaves differently.
    pub(crate) async fn with(change: impl FnOnce(&mut Behaviour)) -> Self {
        Self::on(Cluster::start(), change).await
    }

    /// The same on a PostgreSQL that was started otherwise.
    pub(crate) async fn on(cluster: Cluster, change: impl FnOnce(&mut Behaviour)) -> Self {
        let db = connect(&cluster, "postgres").await;
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        let sim = Sim::start(Config {
            behaviour,
            ..Config::default()
        })
        .expect("a free port");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            cluster,
            sim,
            db,
            folder,
        }
    }

    /// A new connection as the superuser, e.g. after a restart.
    pub(crate) async fn reconnect(&mut self) {
        self.db = connect(&self.cluster, "postgres").await;
    }

    /// A connection of its own, as `user`.
    pub(crate) async fn connection(&self, user: &str) -> Client {
        connect(&self.cluster, user).await
    }

    /// Connections as the daemon has them, as the superuser.
    pub(crate) fn database(&self) -> Database {
        let settings = config::Database {
            host: config::Hosts::One(self.cluster.host()),
            user: "postgres".to_owned(),
            ..config::Database::default()
        };
        Database::new(&settings, "test").expect("settings")
    }

    /// Writes a configuration for this PostgreSQL, with more lines for its sections.
    pub(crate) fn config(&self, name: &str, daemon: &str) -> PathBuf {
        let text = format!(
            "[database]\nhost = {:?}\n[log]\nlevel = \"debug\"\n[daemon]\n{daemon}\n",
            self.cluster.host()
        );
        self.config_text(name, &text)
    }

    /// Writes a whole configuration file.
    pub(crate) fn config_text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.toml"));
        // Another program of this test may be about to read the one before.
        let new = path.with_extension("new");
        fs::write(&new, text).expect("a configuration file");
        fs::rename(&new, &path).expect("its place");
        path
    }

    /// Where files of the test may lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a daemon with the defaults.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::start(&self.config("esmed", ""), "esmed")
    }

    /// Enables the simulator as server 1, with more columns: `", esme_window_size"`, `", 7"`.
    pub(crate) async fn enable_sim(&self, columns: &str, values: &str) {
        self.add_server(&self.sim, true, columns, values).await;
    }

    /// Adds a simulator as a server; returns its id.
    pub(crate) async fn add_server(
        &self,
        sim: &Sim,
        enabled: bool,
        columns: &str,
        values: &str,
    ) -> i64 {
        let statement = format!(
            "INSERT INTO smpp_servers
               (enabled, host, port, esme_system_id, esme_password, esme_bind_transceiver{columns})
             VALUES ({enabled}, '127.0.0.1', {}, 'smppclient1', 'password', TRUE{values})
             RETURNING id",
            sim.addr().port()
        );
        self.one(&statement).await
    }

    /// The epoch of the lease: a time at first, and one more with each taker.
    pub(crate) async fn epoch(&self) -> i64 {
        self.one("SELECT epoch FROM smpp_status").await
    }

    /// Waits until somebody holds the lease under this epoch.
    pub(crate) async fn until_epoch(&self, epoch: i64) {
        self.until(&format!("SELECT epoch = {epoch} FROM smpp_status"))
            .await;
    }

    /// Runs statements without parameters.
    pub(crate) async fn sql(&self, statements: &str) {
        self.db
            .batch_execute(statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// Runs the first example under a heading of `docs/sending.md`.
    pub(crate) async fn example(&self, heading: &str) {
        let document = include_str!("../../../docs/sending.md");
        let (_, chapter) = document.split_once(heading).expect(heading);
        let (_, example) = chapter.split_once("```sql\n").expect("an example");
        let (example, _) = example.split_once("```").expect("its end");
        self.sql(example).await;
    }

    /// The rows of a query.
    pub(crate) async fn rows(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.db
            .query(query, parameters)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"))
    }

    /// The one value of a query.
    pub(crate) async fn one<T: for<'a> FromSql<'a>>(&self, query: &str) -> T {
        self.db
            .query_one(query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// Waits until a query says TRUE.
    pub(crate) async fn until(&self, query: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.one::<Option<bool>>(query).await.unwrap_or(false) {
            if Instant::now() > until {
                panic!("never true: {query}\n{}", self.picture().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the daemon is bound.
    pub(crate) async fn until_bound(&self) {
        self.until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'bound')")
            .await;
    }

    /// Waits until `smpp_status` has this session_state.
    pub(crate) async fn until_session(&self, state: &str) {
        self.until(&format!(
            "SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = '{state}')"
        ))
        .await;
    }

    /// Waits until the simulator's ledger says so.
    pub(crate) async fn until_ledger(
        &self,
        what: &str,
        condition: impl FnMut(&esmed::sim::Records) -> bool,
    ) {
        let ledger = self.sim.ledger();
        if !ledger.wait_until(condition, PATIENCE).await {
            panic!(
                "the SMSC never saw {what}: {:?}\n{}",
                ledger.counts(),
                self.picture().await
            );
        }
    }

    /// Inserts `count` messages to numbers that end in 00; returns nothing, they have the next ids.
    pub(crate) async fn insert(&self, count: u32) {
        self.sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
             SELECT '4479' || lpad(n::text, 6, '0') || '00', 'message ' || n
             FROM generate_series(1, {count}) AS n"
        ))
        .await;
    }

    /// How things are, for a test that fails.
    async fn picture(&self) -> String {
        let rows = self
            .rows(
                "SELECT format('%s %s: %s', type, status, message) FROM smpp_events ORDER BY id DESC LIMIT 20",
                &[],
            )
            .await;
        let events: Vec<String> = rows.iter().rev().map(|row| row.get(0)).collect();
        let rows = self
            .rows(
                "SELECT format('%s x %s (%s)', count(*), status, max(submission_info))
                 FROM smpp_tx_report GROUP BY status",
                &[],
            )
            .await;
        let queue: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let rows = self
            .rows("SELECT to_jsonb(s)::text FROM smpp_status s", &[])
            .await;
        let status: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        format!("queue: {queue:#?}\nevents: {events:#?}\nstatus: {status:#?}")
    }
}

async fn connect(cluster: &Cluster, user: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host(cluster.host())
        .dbname("esmed")
        .user(user)
        .connect(NoTls)
        .await
        .expect("PostgreSQL");
    tokio::spawn(connection);
    client
}
