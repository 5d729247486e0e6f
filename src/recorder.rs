//! The only writer of outcomes and deliveries.
//!
//! Whatever waits is written in one transaction: outcomes first, then receipts that came before
//! them, then new deliveries and what they change. Only then are deliveries answered.

mod batch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::db::events::Event;
use crate::db::{Database, DbError};
use crate::events::EventLog;
use crate::in_flight::InFlight;
use crate::inbound::Inbound;
use crate::outbox::{Attempt, Outcome, RowUpdate, resolve};
use crate::pdu::CommandStatus;
use crate::server::Server;
use crate::session::driver::Delivery;

use batch::{Batch, Committed};

/// Most outcomes and most deliveries in one transaction.
const BATCH: usize = 500;

/// Between attempts while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// Until an outcome that the database would not take is offered again.
const PARKED_RETRY: Duration = Duration::from_secs(1);

/// Between events that tell of deliveries which the database does not take.
const STORE_REFUSED_EVERY: Duration = Duration::from_secs(60);

/// An attempt and what became of it.
#[derive(Debug)]
pub struct Recorded {
    /// Which attempt.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
}

/// A delivery and who sent it.
#[derive(Debug)]
pub struct Delivered {
    /// As received.
    pub delivery: Delivery,
    /// Who sent it.
    pub server: Arc<Server>,
}

/// A delivery in the form of its row.
struct Stored {
    delivered: Delivered,
    row: Inbound,
    /// There is nothing in the row but hex and the reason why.
    bare: bool,
}

/// Writes outcomes and deliveries until there are no more.
pub struct Recorder {
    /// Where to.
    pub database: Database,
    /// Outcomes of attempts.
    pub outcomes: mpsc::Receiver<Recorded>,
    /// Received PDUs.
    pub deliveries: mpsc::Receiver<Delivered>,
    /// Rows leave it when they are recorded.
    pub in_flight: InFlight,
    /// Rings for the feeder when rows may leave again.
    pub wake: Arc<Notify>,
    /// For what does not fit.
    pub events: EventLog,
    /// Whether the database takes what it is given.
    pub database_up: watch::Sender<bool>,
    /// What an event has told of already.
    pub told: Told,
}

/// Keeps the recorder from telling the same thing every second.
#[derive(Debug, Default)]
pub struct Told {
    /// Rows whose outcome the database refuses.
    refused: HashSet<i64>,
    /// When a delivery was refused last.
    store_refused: Option<Instant>,
}

impl Recorder {
    /// Writes until both channels are closed and empty, or until `give_up`. True: everything was
    /// written.
    pub async fn run(mut self, give_up: CancellationToken) -> bool {
        let mut outcomes = Vec::with_capacity(BATCH);
        let mut deliveries = Vec::with_capacity(BATCH);
        let mut parked: Vec<RowUpdate> = Vec::new();
        let mut parked_until = Instant::now();
        let (mut outcomes_open, mut deliveries_open) = (true, true);
        while outcomes_open || deliveries_open || !parked.is_empty() {
            tokio::select! {
                count = self.outcomes.recv_many(&mut outcomes, BATCH), if outcomes_open => {
                    outcomes_open = count > 0;
                }
                count = self.deliveries.recv_many(&mut deliveries, BATCH), if deliveries_open => {
                    deliveries_open = count > 0;
                }
                () = sleep_until(parked_until), if !parked.is_empty() => {}
                () = give_up.cancelled() => return false,
            }
            // Deliveries first: every outcome that the session told before one of them is then in
            // the same transaction, and few receipts have to wait for their response.
            self.top_up(&mut outcomes, &mut deliveries);
            let mut updates: Vec<RowUpdate> = outcomes
                .drain(..)
                .map(|it| resolve(&it.attempt, &it.outcome, fastrand::f64()))
                .collect();
            if parked_until <= Instant::now() {
                updates.append(&mut parked);
            }
            let stored = deliveries.drain(..).map(Stored::read).collect();
            let write = self.write(Batch::new(updates, stored));
            let refused = tokio::select! {
                refused = write => refused,
                () = give_up.cancelled() => return false,
            };
            if !refused.is_empty() {
                if parked.is_empty() {
                    parked_until = Instant::now() + PARKED_RETRY;
                }
                parked.extend(refused);
            }
        }
        true
    }

    fn top_up(&mut self, outcomes: &mut Vec<Recorded>, deliveries: &mut Vec<Delivered>) {
        while deliveries.len() < BATCH
            && let Ok(delivered) = self.deliveries.try_recv()
        {
            deliveries.push(delivered);
        }
        while outcomes.len() < BATCH
            && let Ok(recorded) = self.outcomes.try_recv()
        {
            outcomes.push(recorded);
        }
    }

    /// Writes everything, in smaller and smaller pieces where the database refuses a part of it.
    /// Returns the outcomes that it refuses by themselves.
    async fn write(&mut self, whole: Batch) -> Vec<RowUpdate> {
        let mut refused = Vec::new();
        let mut pieces = vec![whole];
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            match batch::commit(&self.database, &piece).await {
                Ok(committed) => {
                    self.database_is(true);
                    refused.extend(self.finish(piece, committed));
                }
                Err(error) if error.is_away() => {
                    self.database_is_away(&error);
                    // The SMSC keeps what it was told that we don't have.
                    for waiting in pieces.iter_mut().chain([&mut piece]) {
                        refuse_for_now(waiting.deliveries.drain(..));
                    }
                    piece.again = true;
                    pieces.push(piece);
                    self.wait_for_database().await;
                }
                Err(error @ DbError::Busy(_))
                    if piece.outcomes.is_empty() || piece.deliveries.is_empty() =>
                {
                    tracing::debug!(%error, "somebody holds a lock");
                    pieces.extend(self.locked_out(piece, &error, &mut refused));
                }
                Err(error) => match piece.split() {
                    Ok((first, second)) => {
                        tracing::debug!(%error, "a batch was refused; its parts are tried");
                        pieces.push(second);
                        pieces.push(first);
                    }
                    Err(single) => pieces.extend(self.refused(single, &error, &mut refused)),
                },
            }
        }
        refused
    }

    /// Outcomes or deliveries that somebody's lock kept from being written. To try them in smaller
    /// and smaller pieces would take the patience of a lock for each, and nothing else is recorded
    /// meanwhile. Returns what is to be tried instead.
    fn locked_out(
        &mut self,
        mut piece: Batch,
        error: &DbError,
        refused: &mut Vec<RowUpdate>,
    ) -> Option<Batch> {
        refused.append(&mut piece.outcomes);
        let server_id = piece.deliveries.first()?.row.server_id;
        if !piece.wary {
            piece.wary = true;
            return Some(piece);
        }
        self.tell_store_refused(server_id, error);
        refuse_for_now(piece.deliveries);
        None
    }

    /// A single outcome or delivery that the database refuses. Returns what is to be tried instead.
    fn refused(
        &mut self,
        mut single: Batch,
        error: &DbError,
        refused: &mut Vec<RowUpdate>,
    ) -> Option<Batch> {
        for update in single.outcomes.drain(..) {
            if self.told.refused.insert(update.tx_id) {
                self.events.emit(Event {
                    component: "database",
                    kind: "record_refused",
                    status: Some("degraded"),
                    server_id: None,
                    message: format!(
                        "the outcome of message {} can't be recorded and is kept: {error}",
                        update.tx_id
                    ),
                    details: Some(json!({ "id": update.tx_id })),
                });
            }
            refused.push(update);
        }
        let mut stored = single.deliveries.pop()?;
        if stored.bare {
            self.tell_store_refused(stored.row.server_id, error);
            refuse_for_now([stored]);
            return None;
        }
        let Delivered { delivery, server } = &stored.delivered;
        stored.row = Inbound::bare(&delivery.received, server, &error.to_string());
        stored.bare = true;
        Some(Batch::new(Vec::new(), vec![stored]))
    }

    fn tell_store_refused(&mut self, server_id: i64, error: &DbError) {
        let told = self.told.store_refused;
        if told.is_none_or(|at| at.elapsed() >= STORE_REFUSED_EVERY) {
            self.told.store_refused = Some(Instant::now());
            self.events.emit(Event {
                component: "database",
                kind: "store_refused",
                status: Some("degraded"),
                server_id: Some(server_id),
                message: format!("a received PDU can't be stored, the SMSC is told so: {error}"),
                details: None,
            });
        }
    }

    /// After a commit. Returns the outcomes whose rows somebody else has locked.
    fn finish(&mut self, piece: Batch, committed: Committed) -> Vec<RowUpdate> {
        for (at, stored) in piece.deliveries.iter().enumerate() {
            let status = if committed.postponed.contains(&at) {
                CommandStatus::ESME_RX_T_APPN
            } else {
                CommandStatus::ESME_ROK
            };
            stored.delivered.delivery.answer(status);
        }
        let (locked, settled): (Vec<_>, Vec<_>) = piece
            .outcomes
            .into_iter()
            .partition(|update| committed.locked.contains(&update.tx_id));
        for update in &settled {
            self.told.refused.remove(&update.tx_id);
        }
        self.in_flight
            .remove(settled.iter().map(|it| (it.tx_id, it.started_at)));
        if settled
            .iter()
            .any(|it| !it.done && !it.failed && !it.in_doubt)
        {
            self.wake.notify_one();
        }
        // After a commit whose answer was lost, the row has taken its outcome already.
        if !piece.again {
            for tx_id in committed.gone {
                self.events.emit(Event {
                    component: "queue",
                    kind: "result_discarded",
                    status: None,
                    server_id: None,
                    message: format!(
                        "message {tx_id} was deleted or reset while it was being sent; what became of it is not recorded"
                    ),
                    details: Some(json!({ "id": tx_id })),
                });
            }
        }
        for conflict in committed.conflicts {
            self.events.emit(Event {
                component: "queue",
                kind: "receipt_contradicts",
                status: None,
                server_id: None,
                message: format!(
                    "message {} is {} and stays so; a later receipt says {}",
                    conflict.tx_id, conflict.state, conflict.later
                ),
                details: Some(json!({ "id": conflict.tx_id })),
            });
        }
        locked
    }

    fn database_is(&self, up: bool) -> bool {
        self.database_up.send_if_modified(|known| {
            let changed = *known != up;
            *known = up;
            changed
        })
    }

    fn database_is_away(&self, error: &DbError) {
        if self.database_is(false) {
            self.events.emit(Event {
                component: "database",
                kind: "database_lost",
                status: Some("down"),
                server_id: None,
                message: error.to_string(),
                details: None,
            });
        }
    }

    /// Waits for the database, and refuses deliveries meanwhile.
    async fn wait_for_database(&mut self) {
        let database = self.database.clone();
        let back = async {
            loop {
                sleep(RETRY).await;
                match database.probe().await {
                    Ok(()) => return,
                    Err(error) => tracing::debug!(%error, "not back yet"),
                }
            }
        };
        tokio::pin!(back);
        loop {
            tokio::select! {
                () = &mut back => break,
                Some(delivered) = self.deliveries.recv() => {
                    delivered.delivery.answer(CommandStatus::ESME_RX_T_APPN);
                }
            }
        }
        if self.database_is(true) {
            self.events.emit(Event {
                component: "database",
                kind: "database_back",
                status: Some("ok"),
                server_id: None,
                message: "the database is back".to_owned(),
                details: None,
            });
        }
    }
}

impl Stored {
    fn read(delivered: Delivered) -> Self {
        let row = Inbound::read(&delivered.delivery.received, &delivered.server);
        Self {
            delivered,
            row,
            bare: false,
        }
    }
}

fn refuse_for_now(deliveries: impl IntoIterator<Item = Stored>) {
    for stored in deliveries {
        stored
            .delivered
            .delivery
            .answer(CommandStatus::ESME_RX_T_APPN);
    }
}
