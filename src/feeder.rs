//! Claims rows for the session, no more than it can take.

mod claim;
mod dispatch;
mod long;
mod lookahead;
mod orphans;
mod refusals;
mod unsure;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Live;
use crate::db::events::Event;
use crate::db::queue::{self, Most};
use crate::db::{Database, DbError};
use crate::events::EventLog;
use crate::in_flight::InFlight;
use crate::lease::Lease;
use crate::outbox::Attempt;
use crate::prefixes;
use crate::pulse;
use crate::recorder::Recorded;
use crate::server::Server;
use crate::session::driver::Submission;

use lookahead::Lookahead;
use orphans::{LostClaim, LostClaims};
use refusals::Refusals;
use unsure::Unsure;
use waiting::Waiting;

/// Most rows in one claim: with a thousand or more PostgreSQL would rather scan the table.
const CLAIM_AT_MOST: usize = 500;

/// Texts in one claim, counted by the submits that they would take, where each row takes one all the same: so that
/// they fit into memory.
const LONGEST_CLAIM: usize = 2000;

/// A daemon that lost its lease, or a connection that broke, may have a claim under way that commits
/// after the look for open attempts. No statement takes longer than 30 s, so another look then finds
/// the rest.
const LOOK_AGAIN: Duration = Duration::from_secs(35);

/// The same, while an answer to a claim of our own is missing: nothing of it was sent, so it is not to wait for long.
const LOOK_SOON: Duration = Duration::from_secs(2);

/// Rows with an open attempt that nobody works at are looked for so often: somebody may move them
/// here from another lane, or restore them from a backup.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Between attempts while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// Between claims that fail one after the other.
const RETRY_AT_MOST: Duration = Duration::from_secs(5);

/// A bound session, for the feeder.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    /// The server as it is now.
    pub server: watch::Receiver<Arc<Server>>,
    /// Where submits go.
    pub submissions: mpsc::Sender<Submission<Attempt>>,
    /// How many have had their outcome.
    pub outcomes: Arc<AtomicU64>,
    /// Until when it pauses for throttling; a time that is over until a submit is accepted.
    pub throttled_until: watch::Receiver<Option<Instant>>,
}

/// Claims rows until told to stop.
pub struct Feeder {
    /// Where the rows are.
    pub database: Database,
    /// Whose rows.
    pub lane: String,
    /// Under which lease.
    pub epoch: i64,
    /// The lease itself.
    pub lease: Lease,
    /// The session that takes submits now.
    pub session: watch::Receiver<Option<SessionHandle>>,
    /// Outcomes of what never reaches a session.
    pub outcomes: mpsc::Sender<Recorded>,
    /// What is claimed and not recorded.
    pub in_flight: InFlight,
    /// Rings when the table changed.
    pub wake: Arc<Notify>,
    /// Senders by prefix.
    pub prefixes: prefixes::Current,
    /// For rows that can't be claimed.
    pub events: EventLog,
    /// How often to look without a ring.
    pub config: Live,
}

/// What the feeder remembers from turn to turn.
struct Turn {
    lookahead: Lookahead,
    refusals: Refusals,
    /// Claims that failed since the last that did not.
    failures: u32,
    /// An event tells that nothing is sent.
    told_stopped: bool,
    /// Every claim that was answered started its attempts no later than this.
    last_claim: DateTime<Utc>,
    /// Claims that were not answered, and may commit late.
    lost: LostClaims,
    /// When to look for rows with an open attempt that nobody works at.
    look_at: Instant,
    waiting: Waiting,
    unsure: Unsure,
}

/// Whether a long text takes several submits.
fn splits(server: &Server) -> bool {
    use crate::text::LongMessage::{Sar, Udh, Udh16};
    matches!(server.style.long_message, Udh | Udh16 | Sar)
}

/// How long to wait after so many claims that failed one after the other.
fn pause(failures: u32) -> Duration {
    let doublings = failures.clamp(1, 6) - 1;
    (RETRY * (1 << doublings)).min(RETRY_AT_MOST)
}

impl Turn {
    /// How long until rows are to be looked at: whose time comes, or whose attempt is open.
    fn until_look(&self, now: Instant) -> Duration {
        let look_at = self.waiting.look_at.min(self.look_at);
        look_at.saturating_duration_since(now)
    }
}

impl Feeder {
    fn poll_interval(&self) -> Duration {
        self.config.borrow().daemon.poll_interval()
    }

    /// Claims rows until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            let told_stopped = self.adopt_patiently(&LostClaims::default()).await;
            // Else messages would leave with the wrong sender.
            pulse::idle(self.prefixes.first()).await;
            let mut turn = Turn {
                lookahead: Lookahead::new(Instant::now()),
                refusals: Refusals::default(),
                failures: 0,
                told_stopped,
                last_claim: self.clock().await,
                lost: LostClaims::default(),
                look_at: Instant::now() + LOOK_AGAIN,
                waiting: Waiting::new(Instant::now()),
                unsure: Unsure {
                    database: self.database.clone(),
                    outcomes: self.outcomes.clone(),
                    one_at_a_time: Arc::new(Mutex::new(())),
                },
            };
            loop {
                pulse::beat();
                let now = Instant::now();
                if turn.look_at <= now {
                    self.look_for_open(&mut turn).await;
                }
                if turn.waiting.look_at <= now {
                    self.look_at_waiting(&mut turn.waiting).await;
                }
                self.feed(&mut turn).await;
            }
        };
        tokio::select! {
            () = work => {}
            // A claim that is cut off here may still commit: what it claimed is handed back by
            // whoever takes the lease next, flagged although nothing was sent. To spare those rows
            // the flag, the claim itself is not cut off: see `claim_and_dispatch`.
            () = stop.cancelled() => {}
        }
    }

    /// One turn: a claim, or a wait for what makes one worthwhile.
    async fn feed(&mut self, turn: &mut Turn) {
        let handle = self.session.borrow_and_update().clone();
        let Some(mut handle) = handle.filter(|handle| !handle.submissions.is_closed()) else {
            return self.wait(turn).await;
        };
        let server = Arc::clone(&handle.server.borrow_and_update());
        let now = Instant::now();
        if server.settings.paused {
            tokio::select! {
                Ok(()) = handle.server.changed() => {}
                () = self.wait(turn) => {}
            }
            return;
        }
        if !self.lease.stands_now() {
            return self.wait(turn).await;
        }
        let throttled_until = *handle.throttled_until.borrow();
        if let Some(pause) = throttled_until.and_then(|until| until.checked_duration_since(now))
            && !pause.is_zero()
        {
            let poll_interval = self.poll_interval();
            return pulse::idle(async {
                tokio::select! {
                    () = sleep(pause.min(poll_interval).min(turn.until_look(now))) => {}
                    _ = self.session.changed() => {}
                }
            })
            .await;
        }
        let outcomes = handle.outcomes.load(Ordering::Relaxed);
        let ahead = turn.lookahead.limit(outcomes, &server.settings, now);
        let ahead = match throttled_until {
            // The session tries a single submit, until one is accepted.
            Some(_) => 1,
            None => ahead,
        }
        .min(handle.submissions.max_capacity());
        let queued = handle.submissions.max_capacity() - handle.submissions.capacity();
        let free = ahead
            .saturating_sub(queued)
            .min(self.in_flight.room(server.settings.window))
            .min(CLAIM_AT_MOST);
        // Few large claims cost less than many small ones, as long as the session has work.
        if free == 0 || (queued > 0 && free < ahead.div_ceil(2)) {
            let poll_interval = self.poll_interval();
            return pulse::idle(async {
                tokio::select! {
                    () = self.in_flight.progress() => {}
                    _ = self.session.changed() => {}
                    () = sleep(poll_interval.min(turn.until_look(now))) => {}
                }
            })
            .await;
        }
        let most = Most {
            rows: turn.lookahead.rows(free).min(turn.refusals.limit()),
            submits: if splits(&server) { free } else { LONGEST_CLAIM },
        };
        let server_id = server.account.id;
        let left_out = turn.refusals.left_out(now);
        let begun = Instant::now();
        match self
            .claim_and_dispatch(&handle, server, most, left_out, &turn.unsure)
            .await
        {
            Ok(claimed) => {
                turn.refusals.succeeded();
                if let Some((first, last)) = claimed.starts {
                    turn.last_claim = turn.last_claim.max(last);
                    turn.lost.answered(first, last);
                }
                turn.lookahead
                    .claimed(claimed.count, claimed.submits, begun.elapsed());
                if let Some(error) = claimed.trouble {
                    turn.failures += 1;
                    if turn.failures >= 2 {
                        let why = format!("the parts of long messages can't be stored: {error}");
                        self.stopped(turn, &why);
                    }
                    return sleep(pause(turn.failures)).await;
                }
                // While all rows are left out there is none to claim.
                if claimed.count > 0 || turn.refusals.is_empty() {
                    self.resumed(turn);
                }
                turn.failures = 0;
                if claimed.full {
                    turn.waiting.busy();
                } else {
                    self.wait(turn).await;
                }
            }
            Err(error) => self.claim_failed(turn, server_id, most.rows, &error).await,
        }
    }

    /// After a claim that was refused or not answered.
    async fn claim_failed(&self, turn: &mut Turn, server_id: i64, rows: usize, error: &DbError) {
        tracing::debug!(%error, "a claim failed");
        self.events.metrics().database_error(error);
        // A lock that a user's trigger waits for may be as lasting as a refusal.
        let by_a_row = match error {
            DbError::Refused(_) | DbError::Failing(_) => true,
            DbError::Busy(_) => turn.failures > 0,
            DbError::Away(_) | DbError::Broken(_) => false,
        };
        turn.failures += 1;
        if by_a_row {
            if turn.refusals.refused(rows) {
                let left_out = self
                    .leave_out_next(&mut turn.refusals, error.reason())
                    .await;
                if !left_out {
                    self.stopped(turn, &format!("claims fail: {error}"));
                    sleep(RETRY).await;
                }
            }
            return;
        }
        turn.lost.add(LostClaim {
            server_id,
            after: turn.last_claim,
            until: Instant::now() + LOOK_AGAIN,
        });
        self.look_for_open(turn).await;
        if turn.failures >= 2 {
            self.stopped(turn, &format!("claims fail: {error}"));
        }
        sleep(pause(turn.failures)).await;
    }

    fn stopped(&self, turn: &mut Turn, why: &str) {
        if !std::mem::replace(&mut turn.told_stopped, true) {
            self.tell_stopped(why);
        }
    }

    fn tell_stopped(&self, why: &str) {
        self.tell("claims_stopped", "down", format!("nothing is sent: {why}"));
    }

    fn resumed(&self, turn: &mut Turn) {
        turn.told_stopped = false;
        if self.events.over("claims_stopped", None) {
            self.tell("claims_resumed", "ok", "messages are sent again".to_owned());
        }
    }

    fn tell(&self, kind: &'static str, status: &'static str, message: String) {
        self.events.tell("queue", kind, status, message);
    }

    /// The time of the database, as soon as it answers.
    async fn clock(&self) -> DateTime<Utc> {
        loop {
            match queue::clock(&self.database).await {
                Ok(now) => return now,
                Err(error) => tracing::debug!(%error, "the time could not be asked for"),
            }
            sleep(RETRY).await;
        }
    }

    /// Leaves the next row out of the claims to come: the database refuses to have it claimed. False: too many are.
    async fn leave_out_next(&self, refusals: &mut Refusals, reason: &str) -> bool {
        let now = Instant::now();
        let left_out = refusals.left_out(now);
        match queue::next(&self.database, &self.lane, &left_out).await {
            Ok(Some(id)) if refusals.leave_out(id, now) => {
                self.events.emit(Event {
                    component: "queue",
                    kind: "claim_refused",
                    status: None,
                    server_id: None,
                    message: format!("message {id} can't be claimed and has to wait: {reason}"),
                    details: Some(json!({ "id": id })),
                });
                true
            }
            Ok(Some(_)) => false,
            // It is gone, or locked; or the database is away, which the next claim will tell.
            Ok(None) | Err(_) => {
                tracing::debug!(reason, "claims are refused");
                sleep(RETRY).await;
                true
            }
        }
    }

    /// Waits for a change of the table or the session, or until it is time to look.
    async fn wait(&mut self, turn: &mut Turn) {
        if turn.waiting.is_stale(Instant::now()) && self.look_at_waiting(&mut turn.waiting).await {
            return;
        }
        let poll_interval = self.poll_interval();
        pulse::idle(async {
            tokio::select! {
                () = self.wake.notified() => turn.waiting.change(),
                _ = self.session.changed() => {}
                () = sleep(poll_interval.min(turn.until_look(Instant::now()))) => {}
            }
        })
        .await;
    }
}
