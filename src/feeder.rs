//! Claims rows for the session, no more than it can take.

mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::db::events::Event;
use crate::db::queue::{self, Claimed};
use crate::db::{Database, DbError, inbound, servers};
use crate::events::EventLog;
use crate::in_flight::InFlight;
use crate::lease::Lease;
use crate::outbox::{Attempt, Outcome};
use crate::recorder::Recorded;
use crate::server::{InDoubt, Server};
use crate::session::driver::Submission;
use crate::submission;

use refusals::Refusals;

/// Most rows in one claim: with a thousand or more PostgreSQL would rather scan the table.
const CLAIM_AT_MOST: usize = 500;

/// Rows are claimed ahead of the window for so long a time at the present rate, so that the session
/// has work while a claim commits; an urgent row waits no longer than that, or than one window.
const AHEAD: Duration = Duration::from_millis(20);

/// Over how long the present rate is measured.
const RATE_OVER: Duration = Duration::from_millis(50);

/// A daemon that lost its lease, or a connection that broke, may have a claim under way that commits
/// after the look for open attempts. No statement takes longer than 30 s, so a second look then finds the rest.
const SECOND_LOOK: Duration = Duration::from_secs(35);

/// Between attempts while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// A bound session, for the feeder.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    /// The server as it is now.
    pub server: watch::Receiver<Arc<Server>>,
    /// Where submits go.
    pub submissions: mpsc::Sender<Submission<Attempt>>,
    /// How many have had their outcome.
    pub outcomes: Arc<AtomicU64>,
}

/// How many rows may wait in front of the window. Pure.
#[derive(Debug)]
struct Lookahead {
    since: Instant,
    outcomes: u64,
    per_second: f64,
}

impl Lookahead {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            outcomes: 0,
            per_second: 0.0,
        }
    }

    /// The limit at `now`, when the session has had `outcomes` in all.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to a small range
    fn limit(&mut self, outcomes: u64, window: usize, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.since);
        if passed >= RATE_OVER {
            let done = outcomes.saturating_sub(self.outcomes);
            self.per_second = done as f64 / passed.as_secs_f64();
            self.outcomes = outcomes;
            self.since = now;
        }
        let ahead = self.per_second * AHEAD.as_secs_f64();
        window.max(ahead.min(CLAIM_AT_MOST as f64) as usize)
    }
}

/// Why rows have to be looked for that have an open attempt and nobody who works at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orphans {
    /// Another daemon, or an earlier run of this one, may have sent them.
    OfAnother,
    /// A claim of our own was not answered; nothing of it was sent.
    OfLostClaim,
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
    /// For rows that can't be claimed.
    pub events: EventLog,
    /// Without a ring, look so often.
    pub poll_interval: Duration,
}

impl Feeder {
    /// Claims rows until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            self.adopt_patiently(Orphans::OfAnother).await;
            let mut lookahead = Lookahead::new(Instant::now());
            let mut refusals = Refusals::default();
            let mut looked = None;
            let mut second_look = Some(Instant::now() + SECOND_LOOK);
            loop {
                if second_look.is_some_and(|at| at <= Instant::now()) {
                    second_look = None;
                    self.adopt_patiently(Orphans::OfAnother).await;
                }
                if looked.is_none_or(|at: Instant| at.elapsed() >= self.poll_interval) {
                    looked = Some(Instant::now());
                    self.expire().await;
                }
                let fed = self.feed(&mut lookahead, &mut refusals).await;
                if let Err(error) = fed {
                    tracing::debug!(%error, "a claim failed");
                    self.adopt_patiently(Orphans::OfLostClaim).await;
                    second_look = Some(Instant::now() + SECOND_LOOK);
                }
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
    ///
    /// # Errors
    /// When a claim was not answered.
    async fn feed(
        &mut self,
        lookahead: &mut Lookahead,
        refusals: &mut Refusals,
    ) -> Result<(), DbError> {
        let handle = self.session.borrow_and_update().clone();
        let Some(mut handle) = handle.filter(|handle| !handle.submissions.is_closed()) else {
            self.wait().await;
            return Ok(());
        };
        let server = Arc::clone(&handle.server.borrow_and_update());
        let now = Instant::now();
        if server.submit_paused {
            tokio::select! {
                Ok(()) = handle.server.changed() => {}
                () = self.wait() => {}
            }
            return Ok(());
        }
        if !self.lease.stands_now() {
            self.wait().await;
            return Ok(());
        }
        let window = server.settings.window;
        let ahead = lookahead
            .limit(handle.outcomes.load(Ordering::Relaxed), window, now)
            .min(handle.submissions.max_capacity());
        let queued = handle.submissions.max_capacity() - handle.submissions.capacity();
        let free = ahead
            .saturating_sub(queued)
            .min(self.in_flight.room(window))
            .min(CLAIM_AT_MOST);
        // Few large claims cost less than many small ones, as long as the session has work.
        if free == 0 || (queued > 0 && free < ahead.div_ceil(2)) {
            tokio::select! {
                () = self.in_flight.progress() => {}
                _ = self.session.changed() => {}
                () = sleep(self.poll_interval) => {}
            }
            return Ok(());
        }
        let free = free.min(refusals.limit());
        let left_out = refusals.left_out(now);
        match self
            .claim_and_dispatch(&handle, server, free, left_out)
            .await
        {
            Ok(claimed) => {
                refusals.succeeded();
                // More may be waiting.
                if claimed < free {
                    self.wait().await;
                }
            }
            Err(DbError::Refused(reason)) => {
                if refusals.refused(free) {
                    self.leave_out_next(refusals, &reason).await;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Leaves the next row out of the claims to come: the database refuses to have it claimed.
    async fn leave_out_next(&self, refusals: &mut Refusals, reason: &str) {
        let now = Instant::now();
        let left_out = refusals.left_out(now);
        if let Ok(Some(id)) = queue::next(&self.database, &self.lane, &left_out).await
            && refusals.leave_out(id, now)
        {
            self.events.emit(Event {
                component: "queue",
                kind: "claim_refused",
                status: Some("degraded"),
                server_id: None,
                message: format!("message {id} can't be claimed and has to wait: {reason}"),
                details: Some(json!({ "id": id })),
            });
        } else {
            tracing::debug!(reason, "claims are refused");
            sleep(RETRY).await;
        }
    }

    /// Waits for a change of the table or the session, or until it is time to look.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.wake.notified() => {}
            _ = self.session.changed() => {}
            () = sleep(self.poll_interval) => {}
        }
    }

    async fn claim_and_dispatch(
        &self,
        handle: &SessionHandle,
        server: Arc<Server>,
        limit: usize,
        left_out: Vec<i64>,
    ) -> Result<usize, DbError> {
        // A task of its own: being told to stop must not lose the answer to a claim.
        let claim = tokio::spawn({
            let (database, lane, epoch) = (self.database.clone(), self.lane.clone(), self.epoch);
            let (in_flight, outcomes) = (self.in_flight.clone(), self.outcomes.clone());
            let submissions = handle.submissions.clone();
            async move {
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let rows =
                    queue::claim(&database, &lane, server.account.id, limit, epoch, &left_out)
                        .await?;
                in_flight.add(rows.iter().map(|row| (row.id, row.started_at)));
                let count = rows.len();
                for row in rows {
                    dispatch(&row, &server, &submissions, &outcomes).await;
                }
                Ok(count)
            }
        });
        claim
            .await
            .unwrap_or_else(|error| Err(DbError::Away(format!("a claim did not end: {error}"))))
    }

    async fn adopt_patiently(&self, orphans: Orphans) {
        let mut told = false;
        while let Err(error) = self.adopt(orphans).await {
            tracing::debug!(%error, "rows with an open attempt could not be looked for");
            // While it is away the recorder tells.
            if !error.is_away() && !told {
                told = true;
                self.events.emit(Event {
                    component: "queue",
                    kind: "claims_stopped",
                    status: Some("down"),
                    server_id: None,
                    message: format!("open attempts can't be looked for, nothing is sent: {error}"),
                    details: None,
                });
            }
            sleep(RETRY).await;
        }
    }

    /// Gives rows with an open attempt that nobody works at their outcome.
    async fn adopt(&self, orphans: Orphans) -> Result<(), DbError> {
        loop {
            let known = self.in_flight.snapshot();
            let limit = CLAIM_AT_MOST as i64;
            let rows =
                queue::started(&self.database, &self.lane, &known, limit, self.epoch).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut ids: Vec<i64> = rows.iter().filter_map(|row| row.server_id).collect();
            ids.sort_unstable();
            ids.dedup();
            let servers: Vec<Arc<Server>> = servers::by_id(&self.database, &ids)
                .await?
                .into_iter()
                .map(Arc::new)
                .collect();
            let fallback = Arc::new(Server::unknown());
            tracing::info!(
                count = rows.len(),
                "rows with an open attempt and no answer are resolved"
            );
            self.in_flight
                .add(rows.iter().map(|row| (row.id, row.started_at)));
            for row in rows {
                let server = servers
                    .iter()
                    .find(|server| Some(server.account.id) == row.server_id)
                    .unwrap_or(&fallback);
                let recorded = Recorded {
                    attempt: Attempt {
                        tx_id: row.id,
                        started_at: row.started_at,
                        number: row.attempts,
                        in_doubt: row.in_doubt_policy.as_deref().and_then(InDoubt::from_name),
                        server: Arc::clone(server),
                    },
                    outcome: match orphans {
                        Orphans::OfAnother => Outcome::Unanswered,
                        Orphans::OfLostClaim => Outcome::Unwritten,
                    },
                };
                send(&self.outcomes, recorded).await;
            }
        }
    }

    /// Ends rows whose time ran out while they waited.
    async fn expire(&self) {
        let expired = async {
            let ids = queue::expire(&self.database, &self.lane).await?;
            let client = self.database.client().await?;
            inbound::notify(&client, "smpp_delivery", &ids).await
        };
        if let Err(error) = expired.await {
            // The next look does it.
            tracing::debug!(%error, "expired rows could not be looked for");
        }
    }
}

async fn dispatch(
    row: &Claimed,
    server: &Arc<Server>,
    submissions: &mpsc::Sender<Submission<Attempt>>,
    outcomes: &mpsc::Sender<Recorded>,
) {
    let attempt = Attempt {
        tx_id: row.id,
        started_at: row.started_at,
        number: row.attempts,
        in_doubt: row.in_doubt_policy.as_deref().and_then(InDoubt::from_name),
        server: Arc::clone(server),
    };
    let recorded = match submission::build(row, server) {
        Ok(submit_sm) => {
            let submission = Submission {
                submit_sm,
                token: attempt,
            };
            match submissions.try_send(submission) {
                Ok(()) => return,
                // The session ended meanwhile.
                Err(
                    mpsc::error::TrySendError::Closed(back) | mpsc::error::TrySendError::Full(back),
                ) => Recorded {
                    attempt: back.token,
                    outcome: Outcome::Unwritten,
                },
            }
        }
        Err(reason) => Recorded {
            attempt,
            outcome: Outcome::Invalid(reason),
        },
    };
    send(outcomes, recorded).await;
}

async fn send(outcomes: &mpsc::Sender<Recorded>, recorded: Recorded) {
    if let Err(unsent) = outcomes.send(recorded).await {
        // Only while the process ends without its recorder: the row stays started, and the next
        // start resolves it.
        tracing::error!(
            tx_id = unsent.0.attempt.tx_id,
            "an outcome found no recorder"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_window_ahead_unless_the_session_is_faster() {
        let start = Instant::now();
        let mut lookahead = Lookahead::new(start);
        assert_eq!(lookahead.limit(0, 10, start), 10);
        // 100 a second: two in 20 ms, less than a window.
        let now = start + Duration::from_millis(100);
        assert_eq!(lookahead.limit(10, 10, now), 10);
        // 10,000 a second: 200 in 20 ms.
        let now = now + Duration::from_millis(100);
        assert_eq!(lookahead.limit(1010, 10, now), 200);
        // Not measured anew before 50 ms have passed.
        assert_eq!(
            lookahead.limit(1010, 10, now + Duration::from_millis(10)),
            200
        );
        // Never more than one claim takes, but always a window.
        let now = now + Duration::from_millis(100);
        assert_eq!(lookahead.limit(101_010, 10, now), CLAIM_AT_MOST);
        assert_eq!(lookahead.limit(101_010, 5000, now), 5000);
    }
}
