//! A private PostgreSQL in a temporary folder, also when the tests run as root.
//!
//! The data folder, with the schema in a database `esmed`, is made once a version of `sql/db.sql`
//! and copied for each cluster. A guardian process stops a cluster and removes its folder when the
//! test process is gone, however it ended.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/db.sql");

/// A running PostgreSQL, reached by a unix socket in its folder.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Dropped first: it finds the process by a file in the folder.
    _guardian: Guardian,
    folder: tempfile::TempDir,
    bin: PathBuf,
    settings: &'static str,
}

/// Ends when its standard input does, and then cleans up.
#[derive(Debug)]
struct Guardian(Child);

impl Cluster {
    /// Starts a cluster with an empty database `esmed` that has the schema. It is quick rather than
    /// safe against a crash of the machine.
    pub(crate) fn start() -> Self {
        Self::start_with("-c fsync=off -c full_page_writes=off -c shared_buffers=32MB")
    }

    /// The same with other settings.
    pub(crate) fn start_with(settings: &'static str) -> Self {
        let bin = bin();
        let template = template(&bin);
        let folder = folder();
        let data = folder.path().join("data");
        run(Command::new("cp").arg("-a").arg(&template).arg(&data));
        let guardian = guardian(folder.path());
        let cluster = Self {
            folder,
            bin,
            settings,
            _guardian: guardian,
        };
        run(&mut cluster.control(&["start"]));
        cluster
    }

    /// The folder of the unix socket: `[database] host`.
    pub(crate) fn host(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Ends PostgreSQL as a crash would.
    pub(crate) async fn stop(&self) {
        self.aside(&["stop", "-m", "immediate"]).await;
    }

    /// Starts it again.
    pub(crate) async fn start_again(&self) {
        self.aside(&["start"]).await;
    }

    /// Ends PostgreSQL as an administrator does: sessions are told, transactions are rolled back.
    pub(crate) async fn stop_fast(&self) {
        self.aside(&["stop", "-m", "fast"]).await;
    }

    /// Sends a signal to every process of the cluster: STOP and CONT make it hang and go on.
    pub(crate) fn signal(&self, signal: &str) {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = fs::read_to_string(&file).expect("postmaster.pid");
        let postmaster = text.lines().next().unwrap_or_default().to_owned();
        let send = |pids: &[&str]| {
            // A backend may have ended meanwhile.
            let _ = Command::new("kill")
                .arg(format!("-{signal}"))
                .args(pids)
                .stderr(Stdio::null())
                .status();
        };
        // While the one that starts and buries the others is stopped, its children are the same.
        let children = || {
            let file = format!("/proc/{postmaster}/task/{postmaster}/children");
            fs::read_to_string(file).unwrap_or_default()
        };
        if signal == "CONT" {
            send(&children().split_whitespace().collect::<Vec<_>>());
            send(&[&postmaster]);
        } else {
            send(&[&postmaster]);
            send(&children().split_whitespace().collect::<Vec<_>>());
        }
    }

    /// Runs `pg_ctl` while the test's other tasks go on: its simulator has to answer meanwhile.
    async fn aside(&self, what: &[&str]) {
        let mut command = self.control(what);
        tokio::task::spawn_blocking(move || run(&mut command))
            .await
            .expect("pg_ctl");
    }

    fn control(&self, what: &[&str]) -> Command {
        let folder = self.folder.path();
        let options = format!(
            "-k {} -c listen_addresses= -c max_connections=50 -c log_line_prefix='%m %a ' {}",
            folder.display(),
            self.settings
        );
        let mut command = as_postgres(&self.bin.join("pg_ctl"));
        command
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-s", "-w", "-t", "60", "-l"])
            .arg(folder.join("postgresql.log"));
        if what == ["start"] {
            command.arg("-o").arg(options);
        }
        command.args(what).stdin(Stdio::null());
        command
    }
}

/// The newest PostgreSQL of the machine.
fn bin() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    versions.sort();
    let newest = versions.pop();
    newest
        .expect("PostgreSQL is missing: apt-get install postgresql")
        .1
}

/// A data folder with the schema, made once.
fn template(bin: &Path) -> PathBuf {
    let mut key = DefaultHasher::new();
    fs::read(SCHEMA).expect("sql/db.sql").hash(&mut key);
    bin.hash(&mut key);
    include_str!("pg.rs").hash(&mut key);
    is_root().hash(&mut key);
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = tmp.join(format!("pgdata-{:016x}", key.finish()));
    if template.exists() {
        return template;
    }
    let folder = folder();
    let data = folder.path().join("data");
    run(as_postgres(&bin.join("initdb")).arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-N",
    ]));
    let cluster_folder = folder.path().to_owned();
    let control = |what: &[&str]| {
        let mut command = as_postgres(&bin.join("pg_ctl"));
        command
            .arg("-D")
            .arg(&data)
            .args(["-s", "-w", "-l"])
            .arg(cluster_folder.join("postgresql.log"));
        if what == ["start"] {
            let options = format!(
                "-k {} -c listen_addresses= -c fsync=off",
                cluster_folder.display()
            );
            command.arg("-o").arg(options);
        }
        run(command.args(what).stdin(Stdio::null()));
    };
    control(&["start"]);
    let psql = |arguments: &[&str]| {
        run(Command::new(bin.join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(&cluster_folder)
            .args(arguments));
    };
    psql(&["-d", "postgres", "-c", "CREATE DATABASE esmed"]);
    psql(&["-d", "esmed", "-f", SCHEMA]);
    control(&["stop"]);
    // Whoever is first wins; the copy keeps owner and rights.
    let own_name = folder.path().file_name().expect("a name");
    let unfinished = tmp.join(own_name);
    run(Command::new("cp").arg("-a").arg(&data).arg(&unfinished));
    if let Err(error) = fs::rename(&unfinished, &template) {
        assert!(template.exists(), "{}: {error}", template.display());
        run(Command::new("rm").arg("-rf").arg(&unfinished));
    }
    template
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("esmed-it-")
        .tempdir_in("/tmp")
        .expect("a temporary folder");
    if is_root() {
        run(Command::new("chown")
            .arg("postgres:postgres")
            .arg(folder.path()));
    }
    run(Command::new("chmod").arg("755").arg(folder.path()));
    folder
}

fn guardian(folder: &Path) -> Guardian {
    const SCRIPT: &str = r#"
        cat > /dev/null
        pooler=$(cat "$1/pgbouncer.pid" 2> /dev/null)
        [ -n "$pooler" ] && kill -KILL "$pooler" 2> /dev/null
        pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null)
        [ -n "$pid" ] && kill -QUIT "$pid" 2> /dev/null
        # One that a test has stopped hears nothing before it goes on.
        [ -n "$pid" ] && kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children" 2> /dev/null) 2> /dev/null
        sleep 0.2
        rm -rf "$1"
    "#;
    let child = Command::new("sh")
        .args(["-c", SCRIPT, "guardian"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh");
    Guardian(child)
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// initdb and postgres refuse root.
pub(super) fn as_postgres(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.starts_with(b"0")
}

pub(super) fn run(command: &mut Command) {
    let output: io::Result<_> = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
