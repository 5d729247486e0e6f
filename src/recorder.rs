//! The only writer of outcomes and deliveries.
//!
//! Whatever waits is written in one transaction: outcomes first, then receipts that came before
//! them, then new deliveries and what they change. Only then are deliveries answered. Long messages
//! from phones are put together behind that.

mod batch;
mod ends;
mod inbox;
mod kept;
mod outcomes;
mod sets;
mod states;
mod told;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::db::{Database, DbError};
use crate::in_flight::InFlight;
use crate::inbound::Inbound;
use crate::outbox::{Attempt, Outcome, RowUpdate, resolve};
use crate::pdu::CommandStatus;
use crate::pulse;
use crate::server::Server;
use crate::session::driver::Delivery;

use batch::{Batch, Committed};
pub use inbox::Assembly;
pub use kept::Kept;
pub use told::Told;

/// Most outcomes and most deliveries in one transaction.
const BATCH: usize = 500;

/// Between attempts while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// Until an outcome that the database would not take is offered again.
const PARKED_RETRY: Duration = Duration::from_secs(1);

/// For so long after somebody's lock was met, others are reckoned with.
const WARY_FOR: Duration = Duration::from_secs(30);

/// Locks that are waited for, briefly each, to find what is locked; what is left then waits whole.
const LOCKS_MET_AT_MOST: u32 = 12;

/// The same for functions that can't run, which tell so at once.
const FAILURES_MET_AT_MOST: u32 = 200;

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
    /// Whether the database takes what it is given.
    pub database_up: watch::Sender<bool>,
    /// Until when locks of others are to be reckoned with.
    pub wary_until: Option<Instant>,
    /// What an event has told of already.
    pub told: Told,
    /// What nobody would send again.
    pub kept: Kept,
    /// Long messages from phones.
    pub assembly: Assembly,
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
        while outcomes_open || deliveries_open || !parked.is_empty() || !self.kept.is_empty() {
            tokio::select! {
                count = self.outcomes.recv_many(&mut outcomes, BATCH), if outcomes_open => {
                    outcomes_open = count > 0;
                }
                count = self.deliveries.recv_many(&mut deliveries, BATCH), if deliveries_open => {
                    deliveries_open = count > 0;
                }
                () = sleep_until(parked_until), if !parked.is_empty() || !self.kept.is_empty() => {}
                () = sleep_until(self.assembly.due()) => {}
                () = give_up.cancelled() => return false,
            }
            // Deliveries first: every outcome that the session told before one of them is then in
            // the same transaction, and few receipts have to wait for their response.
            pulse::beat();
            self.top_up(&mut outcomes, &mut deliveries);
            let updates = outcomes
                .drain(..)
                .map(|it| resolve(&it.attempt, &it.outcome, fastrand::f64()))
                .collect();
            let stored = deliveries.drain(..).map(Stored::read).collect();
            let mut batches = self.batches(updates, stored);
            if parked_until <= Instant::now() {
                // Apart from the others, and behind them: they have kept some waiting before.
                let mut again = [
                    Batch::new(std::mem::take(&mut parked), Vec::new()),
                    Batch::new(Vec::new(), self.kept.take()),
                ];
                again.iter_mut().for_each(|batch| batch.wary = true);
                batches.splice(0..0, again);
            }
            let none_waited = parked.is_empty() && self.kept.is_empty();
            let write = async {
                let refused = self.write(batches).await;
                self.assembly.turn(&self.database, &mut self.told).await;
                refused
            };
            let refused = tokio::select! {
                refused = write => refused,
                () = give_up.cancelled() => return false,
            };
            parked.extend(refused);
            if none_waited && !(parked.is_empty() && self.kept.is_empty()) {
                parked_until = Instant::now() + PARKED_RETRY;
            }
        }
        true
    }

    /// What is written in one transaction, or in two while somebody holds locks.
    fn batches(&mut self, outcomes: Vec<RowUpdate>, deliveries: Vec<Stored>) -> Vec<Batch> {
        let whole = Batch::new(outcomes, deliveries);
        self.wary_until = self.wary_until.filter(|&until| Instant::now() < until);
        if self.wary_until.is_none() {
            return vec![whole];
        }
        let mut parts = match whole.split_by_kind() {
            Ok((outcomes, deliveries)) => vec![deliveries, outcomes],
            Err(whole) => vec![whole],
        };
        parts.iter_mut().for_each(|part| part.wary = true);
        parts
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
    async fn write(&mut self, mut pieces: Vec<Batch>) -> Vec<RowUpdate> {
        let mut refused = Vec::new();
        let (mut locks_met, mut failures_met) = (0, 0);
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let begun = std::time::Instant::now();
            let rows = piece.outcomes.len() + piece.deliveries.len();
            let written = batch::commit(&self.database, &mut piece, self.assembly.timeout()).await;
            self.told.metrics().batch("record", rows, begun);
            if let Err(error) = &written {
                self.told.metrics().database_error(error);
            }
            match written {
                Ok(committed) => {
                    self.told.back();
                    self.assembly.note(&committed.ready);
                    refused.extend(self.finish(piece, &committed));
                }
                Err(error) if error.is_away() => {
                    self.database_is(false);
                    self.told.lost(&error);
                    // The SMSC keeps what it was told that we don't have.
                    for waiting in pieces.iter_mut().chain([&mut piece]) {
                        self.refuse_for_now(waiting.deliveries.drain(..));
                    }
                    pieces.push(piece);
                    self.wait_for_database().await;
                    if pieces.iter().all(Batch::is_empty) {
                        // No commit will show it.
                        self.told.back();
                    }
                }
                Err(error @ (DbError::Busy(_) | DbError::Broken(_) | DbError::Failing(_)))
                    if piece.outcomes.is_empty() || piece.deliveries.is_empty() =>
                {
                    tracing::debug!(%error, "somebody holds a lock, or a right is missing");
                    self.wary_until = Some(Instant::now() + WARY_FOR);
                    if !piece.wary {
                        piece.wary = true;
                        pieces.push(piece);
                        continue;
                    }
                    let look = match &error {
                        DbError::Busy(_) => locks_met < LOCKS_MET_AT_MOST,
                        DbError::Failing(_) => failures_met < FAILURES_MET_AT_MOST,
                        _ => false,
                    };
                    match &error {
                        DbError::Failing(_) => failures_met += 1,
                        _ => locks_met += 1,
                    }
                    match piece.split() {
                        Ok((first, second)) if look => pieces.extend([second, first]),
                        Ok((first, second)) => {
                            self.give_up_for_now(first, &error, &mut refused);
                            self.give_up_for_now(second, &error, &mut refused);
                        }
                        Err(single) => {
                            if matches!(error, DbError::Failing(_)) {
                                for update in &single.outcomes {
                                    self.told.record_refused(update.tx_id, &error);
                                }
                            }
                            self.give_up_for_now(single, &error, &mut refused);
                        }
                    }
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

    /// Outcomes or deliveries that can't be written as things are: outcomes are offered again,
    /// deliveries come again.
    fn give_up_for_now(&mut self, mut piece: Batch, error: &DbError, refused: &mut Vec<RowUpdate>) {
        refused.append(&mut piece.outcomes);
        if let Some(first) = piece.deliveries.first() {
            self.tell_refused(first, error);
            self.refuse_for_now(piece.deliveries);
        }
    }

    /// A single outcome or delivery that the database refuses. Returns what is to be tried instead.
    fn refused(
        &mut self,
        mut single: Batch,
        error: &DbError,
        refused: &mut Vec<RowUpdate>,
    ) -> Option<Batch> {
        for update in single.outcomes.drain(..) {
            self.told.record_refused(update.tx_id, error);
            refused.push(update);
        }
        let mut stored = single.deliveries.pop()?;
        if stored.bare {
            self.tell_refused(&stored, error);
            // Whole again: another try may find that what is in its way is gone.
            self.refuse_for_now([Stored::read(stored.delivered)]);
            return None;
        }
        let Delivered { delivery, server } = &stored.delivered;
        stored.row = Inbound::bare(&delivery.received, server, &error.to_string());
        stored.bare = true;
        Some(Batch::new(Vec::new(), vec![stored]))
    }

    /// After a commit. Returns the outcomes whose rows somebody else has locked.
    fn finish(&mut self, piece: Batch, committed: &Committed) -> Vec<RowUpdate> {
        for (at, stored) in piece.deliveries.iter().enumerate() {
            let status = if committed.postponed.contains(&at) {
                self.told.metrics().refused(1);
                CommandStatus::ESME_RX_T_APPN
            } else {
                self.told.metrics().stored(&stored.row);
                CommandStatus::ESME_ROK
            };
            stored.delivered.delivery.answer(status);
        }
        for &after in &committed.receipts_after {
            self.told.metrics().receipt_after(after);
        }
        self.told.metrics().failed(committed.failed);
        let (locked, settled): (Vec<_>, Vec<_>) = piece
            .outcomes
            .into_iter()
            .partition(|update| committed.locked.contains(&update.tx_id));
        let settled: Vec<_> = settled
            .into_iter()
            .filter(|update| !committed.unfinished.contains(&update.tx_id))
            .collect();
        for update in &settled {
            self.told.settled(update.tx_id);
        }
        self.in_flight
            .remove(settled.iter().map(|it| (it.tx_id, it.started_at)));
        if committed.reopened {
            self.wake.notify_one();
        }
        // After a commit whose answer was lost, the row has taken its outcome already.
        if !committed.again {
            committed
                .gone
                .iter()
                .for_each(|&tx_id| self.told.discarded(tx_id));
        }
        for conflict in &committed.conflicts {
            self.told.contradicts(conflict);
        }
        locked
    }

    fn database_is(&self, up: bool) {
        self.database_up
            .send_if_modified(|known| std::mem::replace(known, up) != up);
    }

    fn tell_refused(&mut self, stored: &Stored, error: &DbError) {
        let kept = stored.delivered.delivery.answer.is_none();
        self.told.store_refused(stored.row.server_id, kept, error);
    }

    /// What is answered comes again; the rest is kept.
    fn refuse_for_now(&mut self, deliveries: impl IntoIterator<Item = Stored>) {
        for stored in deliveries {
            if stored.delivered.delivery.answer.is_some() {
                self.refuse(&stored.delivered.delivery);
            } else {
                self.kept.add(stored);
            }
        }
    }

    fn refuse(&self, delivery: &Delivery) {
        self.told.metrics().refused(1);
        delivery.answer(CommandStatus::ESME_RX_T_APPN);
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
                    if delivered.delivery.answer.is_some() {
                        self.refuse(&delivered.delivery);
                    } else {
                        self.kept.add(Stored::read(delivered));
                    }
                }
            }
        }
        self.database_is(true);
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
