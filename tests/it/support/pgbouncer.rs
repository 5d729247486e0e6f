//! PgBouncer in front of a cluster.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::pg::{as_postgres, run};
use super::{Cluster, PATIENCE};

const PROGRAM: &str = "/usr/sbin/pgbouncer";
const PORT: u16 = 6432;

impl Cluster {
    /// Starts a PgBouncer with this `pool_mode` beside the socket of PostgreSQL; returns its port. `None`, with a word
    /// about it, where it is not installed. It ends with the cluster.
    pub(crate) fn pool(&self, pool_mode: &str) -> Option<u16> {
        if !Path::new(PROGRAM).exists() {
            eprintln!(
                "passed over: there is no {PROGRAM} here (Debian: apt-get install pgbouncer)"
            );
            return None;
        }
        let host = self.host();
        let folder = Path::new(&host);
        let users = folder.join("pgbouncer.users");
        fs::write(&users, "\"esmed\" \"\"\n").expect("a file of users");
        let settings = format!(
            "[databases]
esmed = host={host}
[pgbouncer]
listen_port = {PORT}
unix_socket_dir = {host}
pidfile = {host}/pgbouncer.pid
logfile = {host}/pgbouncer.log
auth_type = trust
auth_file = {}
pool_mode = {pool_mode}
",
            users.display()
        );
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, settings).expect("its settings");
        run(as_postgres(Path::new(PROGRAM)).arg("-d").arg(&file));
        let socket = folder.join(format!(".s.PGSQL.{PORT}"));
        let until = Instant::now() + PATIENCE;
        while let Err(error) = UnixStream::connect(&socket) {
            assert!(Instant::now() < until, "{}: {error}", socket.display());
            sleep(Duration::from_millis(10));
        }
        Some(PORT)
    }
}
