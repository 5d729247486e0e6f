//! Keeps `smpp_prefixes` in memory, as it is now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Live;
use crate::db::listener::Bell;
use crate::db::{Database, DbError, prefixes};
use crate::events::EventLog;
use crate::pulse;
use crate::submission::address::Prefixes;

/// Most rows that are kept; further ones are not heeded.
const MOST_ROWS: usize = 100_000;

/// So long messages wait for a change that was heard of and is not read yet; then they leave with what is known.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between attempts to read what could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Between looks that no notification asks for, by the time that one took: a large table must not keep PostgreSQL busy.
const IDLE_FACTOR: u32 = 50;

/// The longest time between such looks, but for a longer poll interval.
const LOOK_AT_LEAST: Duration = Duration::from_secs(60);

/// The table as it was read.
#[derive(Debug, Clone)]
struct Known {
    prefixes: Arc<Prefixes>,
    /// So many rings were heard before it was read.
    rings: u64,
}

/// The table, for who sends.
#[derive(Debug, Clone)]
pub struct Current {
    known: watch::Receiver<Option<Known>>,
    bell: Arc<Bell>,
}

impl Current {
    /// Waits until the table has been read once, or nobody reads it any more.
    pub async fn first(&mut self) {
        let _ = self.known.wait_for(Option::is_some).await;
    }

    /// The table with every change that was heard of before, or, where that takes too long, the one before it.
    pub async fn now(&self) -> Arc<Prefixes> {
        let heard = self.bell.rings();
        let mut known = self.known.clone();
        let up_to_date =
            known.wait_for(|known| known.as_ref().is_some_and(|known| known.rings >= heard));
        if timeout(PATIENCE, up_to_date).await.is_err() {
            tracing::debug!("a change of smpp_prefixes could not be awaited");
        }
        let known = self.known.borrow();
        known
            .as_ref()
            .map(|known| Arc::clone(&known.prefixes))
            .unwrap_or_default()
    }
}

/// What keeps the table from being heeded, as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Unread,
    TooMany,
}

/// Reads the table whenever it changes.
pub struct Keeper {
    database: Database,
    events: EventLog,
    bell: Arc<Bell>,
    known: watch::Sender<Option<Known>>,
    told: Option<Trouble>,
}

impl Keeper {
    /// Who reads, and what it gives to those who send.
    #[must_use]
    pub fn new(database: Database, events: EventLog, bell: Arc<Bell>) -> (Self, Current) {
        let (known, current) = watch::channel(None);
        let current = Current {
            known: current,
            bell: Arc::clone(&bell),
        };
        let keeper = Self {
            database,
            events,
            bell,
            known,
            told: None,
        };
        (keeper, current)
    }

    /// Reads until told to stop: when the bell rings, and now and then.
    pub async fn run(mut self, config: Live, stop: CancellationToken) {
        let work = async {
            loop {
                let began = Instant::now();
                if !self.look().await {
                    sleep(RETRY).await;
                    continue;
                }
                // While it changes all the time, half of the time is left to others.
                let took = began.elapsed();
                sleep(took.min(PATIENCE)).await;
                let poll_interval = config.borrow().daemon.poll_interval();
                let idle = (took * IDLE_FACTOR).min(LOOK_AT_LEAST).max(poll_interval);
                pulse::idle(async {
                    tokio::select! {
                        () = self.bell.rung() => {}
                        () = sleep(idle) => {}
                    }
                })
                .await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    /// Reads the table once; FALSE where that failed.
    async fn look(&mut self) -> bool {
        let rings = self.bell.rings();
        match prefixes::all(&self.database, MOST_ROWS + 1).await {
            Ok(mut rows) => {
                let too_many = rows.len() > MOST_ROWS;
                rows.truncate(MOST_ROWS);
                self.known.send_replace(Some(Known {
                    prefixes: Arc::new(Prefixes::new(rows)),
                    rings,
                }));
                if too_many {
                    let message = format!(
                        "smpp_prefixes has more than {MOST_ROWS} rows: the longest prefixes beyond them are not heeded"
                    );
                    self.tell(Trouble::TooMany, message);
                } else {
                    self.told = None;
                    if self.events.over("prefixes_unread", None) {
                        self.emit("prefixes_read", "ok", "smpp_prefixes is heeded".to_owned());
                    }
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "smpp_prefixes could not be read");
                // Nobody has to wait for what can't be had.
                self.known.send_modify(|known| {
                    if let Some(known) = known {
                        known.rings = rings;
                    }
                });
                let then = match *self.known.borrow() {
                    Some(_) => "senders are chosen by what was read before",
                    None => "nothing is sent until it can be",
                };
                // That the database is away is told by others.
                if !matches!(error, DbError::Away(_)) {
                    let message =
                        format!("smpp_prefixes can't be read, {then}: {}", error.reason());
                    self.tell(Trouble::Unread, message);
                }
                false
            }
        }
    }

    fn tell(&mut self, trouble: Trouble, message: String) {
        if self.told.replace(trouble) != Some(trouble) {
            self.emit("prefixes_unread", "degraded", message);
        }
    }

    fn emit(&self, kind: &'static str, status: &'static str, message: String) {
        self.events.tell("queue", kind, status, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::address::PrefixRow;

    fn known(sender: &str, rings: u64) -> Option<Known> {
        let prefixes = Prefixes::new([PrefixRow {
            prefix: String::new(),
            source_addr: Some(sender.to_owned()),
            server_id: None,
        }]);
        Some(Known {
            prefixes: Arc::new(prefixes),
            rings,
        })
    }

    fn channel() -> (watch::Sender<Option<Known>>, Current) {
        let (sender, known) = watch::channel(None);
        let bell = Arc::default();
        (sender, Current { known, bell })
    }

    async fn sender(current: &Current) -> Option<String> {
        let prefixes = current.now().await;
        prefixes.sender("27821234567", 1).map(str::to_owned)
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_was_heard_of_is_awaited() {
        let (table, current) = channel();
        table.send_replace(known("old", 0));
        assert_eq!(sender(&current).await.as_deref(), Some("old"));
        current.bell.ring();
        let asked = tokio::spawn(async move { sender(&current).await });
        sleep(PATIENCE / 2).await;
        assert!(!asked.is_finished());
        table.send_replace(known("new", 1));
        assert_eq!(asked.await.unwrap().as_deref(), Some("new"));
    }

    #[tokio::test(start_paused = true)]
    async fn but_not_for_ever() {
        let (table, current) = channel();
        table.send_replace(known("old", 0));
        current.bell.ring();
        let began = Instant::now();
        assert_eq!(sender(&current).await.as_deref(), Some("old"));
        assert_eq!(began.elapsed(), PATIENCE);
        drop(table);
        let began = Instant::now();
        assert_eq!(sender(&current).await.as_deref(), Some("old"));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_reading_is_awaited() {
        let (table, mut current) = channel();
        let first = tokio::spawn(async move {
            current.first().await;
            sender(&current).await
        });
        sleep(PATIENCE * 100).await;
        assert!(!first.is_finished());
        table.send_replace(known("first", 0));
        assert_eq!(first.await.unwrap().as_deref(), Some("first"));
    }
}
