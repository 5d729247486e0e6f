//! Signals: SIGTERM and SIGINT end the daemon, SIGHUP has it read its configuration again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Live, Reloaded};
use crate::db::Database;
use crate::db::events::Event;
use crate::db::listener::Wakeups;
use crate::events::{self, EventLog};
use crate::log;
use crate::metrics::Metrics;
use crate::notify::Manager;

/// SIGHUP, caught.
#[derive(Debug)]
pub struct Hangups(Signal);

/// SIGTERM and SIGINT, caught.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Catches all three: from here on none of them ends the process by itself. To be called within a runtime, before all else:
/// what comes earlier kills, and the first process of a container never hears of it.
///
/// # Errors
/// When one can't be caught.
pub fn catch_signals() -> anyhow::Result<(Signals, Hangups)> {
    let signals = Signals {
        terminate: signal(SignalKind::terminate()).context("can't catch SIGTERM")?,
        interrupt: signal(SignalKind::interrupt()).context("can't catch SIGINT")?,
    };
    let hangups = signal(SignalKind::hangup()).context("can't catch SIGHUP")?;
    Ok((signals, Hangups(hangups)))
}

impl Signals {
    /// Waits for the next one.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The configuration as it is now, with what is needed to read it again.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    config: watch::Sender<Config>,
    log: log::Started,
    hangups: Hangups,
    refused: Arc<AtomicBool>,
}

impl Reloader {
    /// `config` is what `path` said when the process started.
    #[must_use]
    pub fn new(path: &Path, config: Config, log: log::Started, hangups: Hangups) -> Self {
        Self {
            path: path.to_owned(),
            config: watch::Sender::new(config),
            log,
            hangups,
            refused: Arc::default(),
        }
    }

    /// The configuration as it is at any time.
    #[must_use]
    pub fn live(&self) -> Live {
        self.config.subscribe()
    }

    /// Whether the file was refused when it was read last.
    pub(super) fn refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.refused)
    }

    /// Reads the file again at each SIGHUP until `stop`, whether the daemon serves, stands by or drains. It ends when all
    /// that it has told is stored, which the database may keep from coming.
    pub(super) async fn run(
        mut self,
        database: Database,
        lane: String,
        metrics: Arc<Metrics>,
        manager: Manager,
        stop: CancellationToken,
    ) {
        // Its own way to the table: events are told while nothing else runs, too.
        let (event_log, waiting) = EventLog::new(metrics);
        let writer = events::write(database, lane, None, waiting, CancellationToken::new());
        // It takes the log along, whose end is that of the writer.
        let hear = async move {
            loop {
                tokio::select! {
                    // Who asked before the end gets an answer.
                    biased;
                    Some(()) = self.hangups.0.recv() => {}
                    () = stop.cancelled() => return,
                }
                manager.reloading();
                event_log.emit(self.reload().await);
                manager.reloaded();
            }
        };
        tokio::join!(hear, writer);
    }

    /// Reads the file once, and tells what became of it.
    async fn reload(&mut self) -> Event {
        let path = self.path.clone();
        // The file, or that of the password, may lie on a disk that is slow.
        let read = tokio::task::spawn_blocking(move || Config::load(&path)).await;
        let read = match read {
            Ok(read) => read.map_err(|error| format!("{:#}", anyhow::Error::new(error))),
            Err(_) => Err("a defect: the reader ended".to_owned()),
        };
        self.refused.store(read.is_err(), Ordering::Relaxed);
        match read {
            Ok(read) => {
                let reloaded = self.config.borrow().reloaded(&read);
                let event = told(&reloaded);
                self.log.change(&reloaded.config.log);
                self.config.send_replace(reloaded.config);
                event
            }
            Err(error) => Event {
                component: "daemon",
                kind: "config_refused",
                status: Some("degraded"),
                server_id: None,
                message: format!("the configuration is not taken, the old one goes on: {error}"),
                details: None,
            },
        }
    }
}

/// The event of a file that was read.
fn told(reloaded: &Reloaded) -> Event {
    let Reloaded {
        at_once,
        need_restart,
        ..
    } = reloaded;
    let mut message = if at_once.is_empty() {
        "the configuration was read again: nothing that holds at once has changed".to_owned()
    } else {
        format!(
            "the configuration was read again: {} changed",
            at_once.join(", ")
        )
    };
    if !need_restart.is_empty() {
        message = format!("{message}; needs a restart: {}", need_restart.join(", "));
    }
    taken(message, at_once, need_restart)
}

/// The event of a configuration that holds. What has changed, and what of it needs a restart.
pub(super) fn taken(message: String, at_once: &[String], need_restart: &[String]) -> Event {
    Event {
        component: "daemon",
        kind: "config_reloaded",
        status: Some("ok"),
        server_id: None,
        message,
        details: Some(json!({ "changed": at_once, "needs_restart": need_restart })),
    }
}

/// What `[metrics]` says, now and after each change.
pub(super) fn metrics(mut config: Live) -> watch::Receiver<config::Metrics> {
    let (settings, told) = watch::channel(config.borrow().metrics.clone());
    tokio::spawn(async move {
        while config.changed().await.is_ok() {
            let now = config.borrow_and_update().metrics.clone();
            settings.send_if_modified(|metrics| {
                let changed = *metrics != now;
                *metrics = now;
                changed
            });
        }
    });
    told
}

/// Has those look again who sleep for as long as the configuration said before, until `stop`.
pub(super) async fn ring(mut config: Live, wakeups: Wakeups, stop: CancellationToken) {
    let rings = async {
        while config.changed().await.is_ok() {
            wakeups.tx_queue.notify_one();
            wakeups.servers.notify_one();
            wakeups.prefixes.ring();
        }
    };
    tokio::select! {
        () = rings => {}
        () = stop.cancelled() => {}
    }
}
