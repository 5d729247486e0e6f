//! The daemon as a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::world::PATIENCE;

/// A running `esmed run`; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `esmed run` with this configuration file; its log goes beside it.
    pub(crate) fn start(config: &Path, name: &str) -> Self {
        Self::start_with(config, name, &[])
    }

    /// The same with variables of the environment.
    pub(crate) fn start_with(config: &Path, name: &str, variables: &[(&str, &str)]) -> Self {
        let log = config.with_file_name(format!("{name}.log"));
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_esmed"))
            .args(["run", "--config"])
            .arg(config)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("esmed");
        Self { child, log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has logged this.
    pub(crate) async fn until_logged(&self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(what) {
            assert!(Instant::now() < until, "never logged {what:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, e.g. `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Kills it at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("a child");
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self, patience: Duration) -> ExitStatus {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(
                Instant::now() < until,
                "the daemon did not end:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it catches the signal of this number, or has ended: until then that signal ends it at once.
    pub(crate) async fn until_caught(&self, number: u32) {
        let status = format!("/proc/{}/status", self.child.id());
        let until = Instant::now() + PATIENCE;
        loop {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
            let caught = field("SigCgt:").map_or(0, |mask| {
                u64::from_str_radix(mask.trim(), 16).expect("a mask of signals")
            });
            let ended = field("State:").is_none_or(|state| state.trim().starts_with(['Z', 'X']));
            if ended || caught >> (number - 1) & 1 == 1 {
                return;
            }
            assert!(
                Instant::now() < until,
                "it never catches signal {number}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGTERM, once it is caught, and its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.until_caught(15).await;
        self.signal("TERM");
        self.wait(Duration::from_secs(60)).await.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- log of the daemon\n{}----", self.log());
        }
    }
}
