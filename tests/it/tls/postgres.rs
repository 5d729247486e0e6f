//! TLS to PostgreSQL: what each sslmode takes and refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use tokio_postgres::config::ChannelBinding;

use esmed::db;

use super::{Authority, Issued, write};
use crate::support::{Cluster, Daemon, PATIENCE, World, esmed, own_address};

/// Counts settings.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A PostgreSQL that listens on an address of its own, and can be told to speak TLS.
pub(super) struct Database {
    pub(super) world: World,
    pub(super) address: String,
}

impl Database {
    pub(super) async fn new() -> Self {
        // One of its own, so that all may have the same port.
        let address = own_address().to_string();
        let settings = format!(
            "-c fsync=off -c full_page_writes=off -c shared_buffers=32MB -c listen_addresses={address}"
        );
        let cluster = Cluster::start_with(Box::leak(settings.into_boxed_str()));
        let world = World::on(cluster, |_| {}).await;
        Self { world, address }
    }

    fn data(&self) -> PathBuf {
        Path::new(&self.world.cluster.host()).join("data")
    }

    /// Lines of pg_hba.conf for TCP, and TLS with this certificate.
    pub(super) async fn set_up(
        &self,
        hba: &str,
        issued: Option<&Issued>,
        clients: Option<&Authority>,
    ) {
        let hba = format!("local all all trust\n{hba}\n");
        fs::write(self.data().join("pg_hba.conf"), hba).unwrap();
        if let Some(issued) = issued {
            self.put("server.crt", &issued.certificate).await;
            self.put("server.key", &issued.key).await;
        }
        if let Some(clients) = clients {
            self.put("root.crt", &clients.pem()).await;
            self.world
                .sql("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
                .await;
        }
        let on = if issued.is_some() { "on" } else { "off" };
        let round = NEXT.fetch_add(1, Ordering::Relaxed);
        for statement in [
            format!("ALTER SYSTEM SET ssl = {on}"),
            format!("ALTER SYSTEM SET vacuum_cost_limit = {round}"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            self.world.sql(&statement).await;
        }
        // A setting that does no harm tells what the postmaster has read: new sessions have it from there.
        let until = Instant::now() + PATIENCE;
        let marker = format!(
            "SELECT current_setting('ssl') = '{on}' AND current_setting('vacuum_cost_limit') = '{round}'"
        );
        loop {
            let fresh = self.world.connection("postgres").await;
            if fresh.query_one(&marker, &[]).await.unwrap().get(0) {
                return;
            }
            assert!(Instant::now() < until, "PostgreSQL did not read its files");
        }
    }

    /// A file that only the server may read, written by itself.
    async fn put(&self, name: &str, text: &str) {
        let text = text.trim_end();
        self.world
            .sql(&format!(
                "COPY (SELECT regexp_split_to_table('{text}', E'\\n'))
                 TO PROGRAM 'umask 077; cat > {name}'"
            ))
            .await;
    }

    pub(super) fn config(&self, sslmode: &str, more: &str) -> PathBuf {
        self.world.config_text(
            "tls",
            &format!(
                "[database]\nhost = \"{}\"\nsslmode = \"{sslmode}\"\n{more}\n[log]\nlevel = \"debug\"\n",
                self.address
            ),
        )
    }

    /// What `esmed check-config` says: `Ok` where it could connect.
    async fn check(&self, sslmode: &str, more: &str) -> Result<String, String> {
        let config = self.config(sslmode, more);
        let output = esmed(&["check-config", "--config", config.to_str().unwrap()]).await;
        let all = [output.stdout, output.stderr].concat();
        let words = String::from_utf8(all).unwrap();
        if output.status.success() {
            Ok(words)
        } else {
            Err(words)
        }
    }

    async fn takes(&self, sslmode: &str, more: &str) {
        let checked = self.check(sslmode, more).await;
        assert!(checked.is_ok(), "{sslmode} {more}: {checked:?}");
    }

    async fn refuses(&self, sslmode: &str, more: &str, words: &str) {
        let said = self.check(sslmode, more).await.unwrap_err();
        assert!(said.contains(words), "{sslmode} {more}: {said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

const ANY: &str = "host all all 127.0.0.0/8 trust";
const TLS_ONLY: &str = "hostssl all all 127.0.0.0/8 trust";
const PLAIN_ONLY: &str = "hostnossl all all 127.0.0.0/8 trust";

fn root(path: &Path) -> String {
    format!("sslrootcert = {path:?}")
}

fn client(world: &World, issued: &Issued) -> String {
    let certificate = write(world, "client.pem", &issued.certificate);
    let key = write(world, "client.key", &issued.key);
    format!("sslcert = {certificate:?}\nsslkey = {key:?}")
}

#[tokio::test]
async fn each_sslmode_takes_what_it_should_and_says_why_not() {
    let database = Database::new().await;
    let authority = Authority::new("our authority");
    let ca = root(&write(&database.world, "ca.pem", &authority.pem()));
    let stranger = Authority::new("somebody else");
    let other = root(&write(&database.world, "other.pem", &stranger.pem()));
    let nowhere = "sslrootcert = \"/nowhere/ca.pem\"";

    // Without TLS.
    database.set_up(ANY, None, None).await;
    for mode in ["disable", "allow", "prefer"] {
        database.takes(mode, "").await;
    }
    let none = "server does not support TLS";
    database.refuses("require", "", none).await;
    database.refuses("verify-ca", &ca, none).await;
    database.refuses("verify-full", &ca, none).await;

    // With a certificate for its address.
    let issued = authority.issue(&[&database.address]);
    database.set_up(TLS_ONLY, Some(&issued), None).await;
    let refused = "no pg_hba.conf entry";
    database.refuses("disable", "", refused).await;
    for mode in ["allow", "prefer", "require"] {
        database.takes(mode, "").await;
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        database.takes(mode, &ca).await;
        let words = "issued by CN=our authority, who is not among those in [database] sslrootcert";
        database.refuses(mode, &other, words).await;
        let words = "[database] sslrootcert: can't read /nowhere/ca.pem";
        database.refuses(mode, nowhere, words).await;
    }
    database
        .refuses(
            "verify-full",
            "sslrootcert = \"system\"",
            "[database] sslrootcert",
        )
        .await;

    // Only without, though it could.
    database.set_up(PLAIN_ONLY, Some(&issued), None).await;
    for mode in ["disable", "allow", "prefer"] {
        database.takes(mode, "").await;
    }
    database.takes("prefer", &other).await;
    database.refuses("require", "", refused).await;

    // With a certificate for another name, and then one that has ended.
    let issued = authority.issue(&["db.example"]);
    database.set_up(ANY, Some(&issued), None).await;
    database.takes("require", "").await;
    database.takes("verify-ca", &ca).await;
    let words = format!(
        "is for db.example, not for {}; [database] host",
        database.address
    );
    database.refuses("verify-full", &ca, &words).await;
    let issued = authority.issue_with(&[&database.address], super::until(-1));
    database.set_up(ANY, Some(&issued), None).await;
    database.takes("require", "").await;
    database.refuses("verify-ca", &ca, "expired on").await;
    // As libpq does: it prefers TLS, and goes without.
    database.takes("prefer", &ca).await;
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let database = Database::new().await;
    let authority = Authority::new("our authority");
    let ca = root(&write(&database.world, "ca.pem", &authority.pem()));
    let issued = authority.issue(&[&database.address]);
    let hba = "hostssl all all 127.0.0.0/8 trust clientcert=verify-full";
    database.set_up(hba, Some(&issued), Some(&authority)).await;
    let needs = "valid client certificate";
    database.refuses("verify-full", &ca, needs).await;
    let right = client(&database.world, &authority.issue(&["esmed"]));
    database
        .takes("verify-full", &format!("{ca}\n{right}"))
        .await;
    database.takes("require", &right).await;
    let named = client(&database.world, &authority.issue(&["somebody"]));
    let words = "authentication failed for user";
    database.refuses("require", &named, words).await;
    let stranger = Authority::new("somebody else");
    let other = client(&database.world, &stranger.issue(&["esmed"]));
    database
        .refuses("require", &other, "does not trust the issuer")
        .await;
}

#[tokio::test]
async fn every_connection_of_the_daemon_is_secured_and_bound_to_its_channel() {
    let database = Database::new().await;
    let world = &database.world;
    let authority = Authority::new("our authority");
    let ca = root(&write(world, "ca.pem", &authority.pem()));
    let issued = authority.issue(&[&database.address]);
    world.sql("ALTER ROLE esmed PASSWORD 'a-secret'").await;
    let hba = "hostssl all esmed 127.0.0.0/8 scram-sha-256";
    database.set_up(hba, Some(&issued), None).await;
    database.refuses("verify-full", &ca, "password").await;
    let wrong = format!("{ca}\npass = \"wrong\"");
    database
        .refuses("verify-full", &wrong, "password authentication failed")
        .await;
    let keys = format!("{ca}\npass = \"a-secret\"");
    let path = database.config("verify-full", &keys);
    let mut daemon = Daemon::start(&path, "tls");
    world.enable_sim("", "").await;
    let id = world.send("447911123400", "by a secured connection").await;
    world.until_status(id, "sent").await;
    world.until_listening().await;
    // Pool and listener.
    let secured: i64 = world
        .one(
            "SELECT count(*) FILTER (WHERE ssl) * 100 + count(*) FILTER (WHERE NOT ssl)
             FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'esmed'",
        )
        .await;
    assert!(secured >= 200 && secured % 100 == 0, "{secured}");
    assert_eq!(daemon.stop().await, Some(0));
    assert!(!daemon.log().contains("a-secret"));

    // SCRAM-SHA-256-PLUS: the client takes nothing else.
    let config = esmed::config::Config::load(&path).unwrap();
    let connector = db::tls::connector(&config.database);
    let mut bound = tokio_postgres::Config::new();
    bound
        .host(&database.address)
        .user("esmed")
        .password("a-secret")
        .dbname("esmed")
        .channel_binding(ChannelBinding::Require);
    let (client, connection) = connector.connect(&bound).await.unwrap();
    let connection = tokio::spawn(connection);
    let row = client
        .query_one(
            "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, "TLSv1.3"));
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_socket_is_without_tls_and_hosts_are_tried_each_by_itself() {
    let database = Database::new().await;
    let authority = Authority::new("our authority");
    let ca = root(&write(&database.world, "ca.pem", &authority.pem()));
    let issued = authority.issue(&[&database.address]);
    database.set_up(TLS_ONLY, Some(&issued), None).await;
    let folder = database.world.cluster.host();
    let both = format!("{folder}, {}", database.address);
    let last = format!("127.255.255.254, {}", database.address);
    for host in [&folder, &both, &last] {
        let text = format!("[database]\nhost = {host:?}\nsslmode = \"verify-full\"\n{ca}\n");
        let config = database.world.config_text("hosts", &text);
        let output = esmed(&["check-config", "--config", config.to_str().unwrap()]).await;
        assert!(output.status.success(), "{host}: {output:?}");
    }
}
