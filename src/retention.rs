//! Deletes old rows, as `[retention]` says: page by page in the order of their ids, at low pressure.
//!
//! Ids grow with the time, so a look at the oldest rows tells whether there is anything to do. Where rows that have to stay
//! (or another lane's) are the oldest, it goes on behind them; once a day it begins at the first row again.

mod sweep;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Live};
use crate::db::events::Event;
use crate::db::retention::{self, Table};
use crate::db::{Database, DbError};
use crate::events::EventLog;
use crate::lease::Lease;
use crate::supervisor::Gauge;

use sweep::{Step, Sweep};

/// Between looks.
const EVERY: Duration = Duration::from_secs(600);

/// Between looks that begin at the first row, and between lines in the log.
const DAY: Duration = Duration::from_secs(86_400);

/// Behind a page, by the time that it took: a fifth of the time at most, a fiftieth while messages are sent.
const IDLE: u32 = 4;
const BUSY: u32 = 49;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Deletes what is old until told to stop.
pub struct Keeper {
    /// Where the rows are.
    pub database: Database,
    /// Whose rows.
    pub lane: String,
    /// Only who has it deletes.
    pub lease: Lease,
    /// For how long rows are kept.
    pub config: Live,
    /// For tables whose rows can't be deleted.
    pub events: EventLog,
    /// Whether messages are being sent.
    pub gauge: Arc<Gauge>,
}

/// What is remembered of a table.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// As it was configured.
    days: Option<u32>,
    /// Up to here there is nothing to delete today.
    after: i64,
    /// Since the last line in the log.
    deleted: u64,
    /// An event told that rows are refused.
    told: bool,
    /// Rows that were refused since the first row was looked at.
    refused: bool,
}

impl Keeper {
    /// Deletes until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = self.keep() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn keep(&mut self) {
        let mut tables = Table::ALL.map(|table| (table, Known::default()));
        let mut day = Instant::now();
        let mut first = true;
        'rounds: loop {
            let anew = day.elapsed() >= DAY;
            let configured = self.config.borrow_and_update().retention;
            for (table, known) in &mut tables {
                let days = days_of(configured, *table);
                if anew || known.days != days {
                    known.days = days;
                    known.after = 0;
                    // Every row is looked at again: what was refused may go now.
                    known.refused = false;
                }
                match days {
                    Some(_) => self.sweep(*table, configured, known).await,
                    None => self.resumed(*table, known, "are to be deleted"),
                }
                if self.config.borrow().retention != configured {
                    continue 'rounds;
                }
            }
            if anew || first {
                first = !tell(&mut tables) && first;
            }
            if anew {
                day = Instant::now();
            }
            tokio::select! {
                () = sleep(EVERY) => {}
                changed = self.config.changed() => if changed.is_err() {
                    // Nobody reads it again: the process ends.
                    sleep(EVERY).await;
                },
            }
        }
    }

    /// Looks at the pages of a table until one has nothing that is old, or until a reload says otherwise. Where none was
    /// refused on the way from the first row to there, it is told.
    async fn sweep(&self, table: Table, configured: config::Retention, known: &mut Known) {
        let Some(days) = days_of(configured, table) else {
            return;
        };
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let mut config = self.config.clone();
        let mut sweep = Sweep::new(known.after);
        while self.lease.stands_now() && config.borrow_and_update().retention == configured {
            let began = Instant::now();
            let before = self.gauge.outcomes.load(Ordering::Relaxed);
            let page = sweep.page();
            let seen = retention::look(
                &self.database,
                table,
                &self.lane,
                days,
                page,
                sweep.deletes(),
            )
            .await;
            match &seen {
                Ok(seen) => known.deleted += u64::try_from(seen.deleted).unwrap_or_default(),
                Err(error @ DbError::Broken(_)) => self.refused(table, known, error),
                // A page that is refused may go by halves.
                Err(error @ (DbError::Refused(_) | DbError::Failing(_))) if page.limit == 1 => {
                    self.refused(table, known, error);
                }
                Err(error) => {
                    tracing::debug!(table = table.name(), %error, "old rows could not be looked for");
                }
            }
            if sweep.went(&seen) == Step::Done {
                if seen.is_ok() && !known.refused {
                    self.resumed(table, known, "are refused");
                }
                break;
            }
            let took = began.elapsed();
            let busy = self.gauge.outcomes.load(Ordering::Relaxed) != before
                || self.gauge.in_flight.load(Ordering::Relaxed) > 0;
            let pause = (took * if busy { BUSY } else { IDLE }).max(SHORTEST_PAUSE);
            tokio::select! {
                () = sleep(pause) => {}
                Ok(()) = config.changed() => {}
            }
        }
        known.after = sweep.after();
    }

    fn refused(&self, table: Table, known: &mut Known, error: &DbError) {
        known.refused = true;
        if !std::mem::replace(&mut known.told, true) {
            let message = format!(
                "old rows of {} can't be deleted, the others are: {}",
                table.name(),
                error.reason()
            );
            self.emit("retention_refused", "degraded", table, message);
        }
    }

    /// Tells that no rows are refused any more, where it was told that some are.
    fn resumed(&self, table: Table, known: &mut Known, what: &str) {
        known.told = false;
        if self.events.over("retention_refused", Some(table.name())) {
            let message = format!("no old rows of {} {what} any more", table.name());
            self.emit("retention_resumed", "ok", table, message);
        }
    }

    fn emit(&self, kind: &'static str, status: &'static str, table: Table, message: String) {
        self.events.emit(Event {
            component: "retention",
            kind,
            status: Some(status),
            server_id: None,
            message,
            details: Some(json!({ "table": table.name() })),
        });
    }
}

fn days_of(retention: config::Retention, table: Table) -> Option<u32> {
    match table {
        Table::TxQueue => retention.tx_queue,
        Table::RxQueue => retention.rx_queue,
        Table::Inbox => retention.inbox,
        Table::Events => retention.events,
    }
}

/// Logs what was deleted since the last time; FALSE where that is nothing.
fn tell(tables: &mut [(Table, Known)]) -> bool {
    let deleted: Vec<String> = tables
        .iter()
        .filter(|(_, known)| known.deleted > 0)
        .map(|(table, known)| format!("{} of {}", known.deleted, table.name()))
        .collect();
    if deleted.is_empty() {
        return false;
    }
    for (_, known) in tables {
        known.deleted = 0;
    }
    tracing::info!("old rows were deleted: {}", deleted.join(", "));
    true
}
