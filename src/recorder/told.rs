//! What the recorder tells by events, and of what it has told already.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::states::Conflict;
use crate::db::DbError;
use crate::db::events::Event;
use crate::events::{EventLog, Witness};
use crate::metrics::Metrics;

/// Between events that tell of deliveries which the database does not take.
const STORE_REFUSED_EVERY: Duration = Duration::from_secs(60);

/// Keeps the recorder from telling the same thing every second.
#[derive(Debug)]
pub struct Told {
    events: EventLog,
    /// Rows whose outcome the database refuses.
    refused: HashSet<i64>,
    /// When a delivery was refused last.
    store_refused: Option<Instant>,
    /// When a long message was.
    inbox_refused: Option<Instant>,
}

impl Told {
    /// Nothing so far.
    #[must_use]
    pub fn new(events: EventLog) -> Self {
        Self {
            events,
            refused: HashSet::new(),
            store_refused: None,
            inbox_refused: None,
        }
    }

    /// Where the recorder counts.
    pub(super) fn metrics(&self) -> &Metrics {
        self.events.metrics()
    }

    /// The database refuses the outcome of a row.
    pub(super) fn record_refused(&mut self, tx_id: i64, error: &DbError) {
        if self.refused.insert(tx_id) {
            let message =
                format!("the outcome of message {tx_id} can't be recorded and is kept: {error}");
            let details = json!({ "id": tx_id });
            self.database("record_refused", message, Some(details));
        }
    }

    /// The outcome of a row was recorded.
    pub(super) fn settled(&mut self, tx_id: i64) {
        self.refused.remove(&tx_id);
    }

    /// The database does not take a delivery, which is kept where the SMSC would not send it again.
    pub(super) fn store_refused(&mut self, server_id: i64, kept: bool, error: &DbError) {
        let told = self.store_refused;
        if told.is_none_or(|at| at.elapsed() >= STORE_REFUSED_EVERY) {
            self.store_refused = Some(Instant::now());
            let then = if kept {
                "it is kept and tried again"
            } else {
                "the SMSC is told so"
            };
            self.events.emit(Event {
                component: "database",
                kind: "store_refused",
                status: None,
                server_id: Some(server_id),
                message: format!("a received PDU can't be stored, {then}: {error}"),
                details: None,
            });
        }
    }

    /// The inbox does not take a long message.
    pub(super) fn inbox_refused(&mut self, error: &DbError) {
        let told = self.inbox_refused;
        if told.is_none_or(|at| at.elapsed() >= STORE_REFUSED_EVERY) {
            self.inbox_refused = Some(Instant::now());
            let message = format!(
                "a long message can't go into smpp_inbox; its parts are kept, and it is tried again: {error}"
            );
            self.database("store_refused", message, None);
        }
    }

    /// The database is away.
    pub(super) fn lost(&self, error: &DbError) {
        self.events.database_lost(Witness::Recorder, error);
    }

    /// Something was committed: only that shows that the database is back for good.
    pub(super) fn back(&self) {
        self.events.database_back(Witness::Recorder);
    }

    /// A row was deleted or reset while it was being sent.
    pub(super) fn discarded(&self, tx_id: i64) {
        let message = format!(
            "message {tx_id} was deleted or reset while it was being sent; what became of it is not recorded"
        );
        self.queue("result_discarded", tx_id, message);
    }

    /// A receipt says other than the one before.
    pub(super) fn contradicts(&self, conflict: &Conflict) {
        let Conflict {
            tx_id,
            state,
            later,
        } = conflict;
        let message =
            format!("message {tx_id} is {state} and stays so; a later receipt says {later}");
        self.queue("receipt_contradicts", *tx_id, message);
    }

    fn queue(&self, kind: &'static str, tx_id: i64, message: String) {
        self.events.emit(Event {
            component: "queue",
            kind,
            status: None,
            server_id: None,
            message,
            details: Some(json!({ "id": tx_id })),
        });
    }

    /// Of one row or PDU: nothing tells its end, and it says nothing of the database as a whole.
    fn database(&self, kind: &'static str, message: String, details: Option<Value>) {
        self.events.emit(Event {
            component: "database",
            kind,
            status: None,
            server_id: None,
            message,
            details,
        });
    }
}
