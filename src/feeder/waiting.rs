//! Rows whose time comes: they may leave, or they end.

use std::time::{Duration, Instant};

use serde_json::json;

use super::refusals::Refusals;
use super::{CLAIM_AT_MOST, Feeder, RETRY};
use crate::db::events::Event;
use crate::db::{DbError, waiting};

/// Between looks while rows are locked, or refused.
const LOCKED: Duration = Duration::from_secs(1);

/// Between looks while claims follow on each other: what was inserted meanwhile may be due before what was known of.
const BUSY: Duration = Duration::from_millis(50);

/// While there is something to claim, looks take no more than one part of the time in so many.
const SHARE: u32 = 10;

/// When to look at the rows whose time comes, and which of them the database refuses.
#[derive(Debug)]
pub(super) struct Waiting {
    /// When to look next.
    pub(super) look_at: Instant,
    looked: Instant,
    /// What the last look took.
    took: Duration,
    /// It did not come to an end.
    more: bool,
    /// The table has changed since, so that something may be due before that.
    changed: bool,
    due: Refusals,
    late: Refusals,
}

/// What the database makes of a batch.
enum Done {
    /// There may be more.
    Some,
    /// Nothing: somebody has locked what there is.
    Nothing,
    /// A row among them is refused, for this reason.
    Refused(String),
}

/// What is done with rows whose time has come.
#[derive(Debug, Clone, Copy)]
enum Act {
    Release,
    Expire,
}

impl Waiting {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            look_at: now,
            looked: now,
            took: Duration::ZERO,
            more: false,
            changed: true,
            due: Refusals::default(),
            late: Refusals::default(),
        }
    }

    /// The table has changed.
    pub(super) fn change(&mut self) {
        self.changed = true;
    }

    /// There is no time to listen for changes.
    pub(super) fn busy(&mut self) {
        self.look_at = self.look_at.min(self.looked + BUSY.max(self.pause()));
    }

    /// Until the next look at least, while there is something to claim.
    fn pause(&self) -> Duration {
        self.took * SHARE
    }

    /// Whether to look before going to sleep.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.changed || self.more || self.look_at <= now
    }

    fn refusals(&mut self, act: Act) -> &mut Refusals {
        match act {
            Act::Release => &mut self.due,
            Act::Expire => &mut self.late,
        }
    }
}

impl Feeder {
    /// Lets go what is due, ends what is late, and finds out when to look next. True: rows may leave now that might not
    /// before.
    pub(super) async fn look_at_waiting(&self, waiting: &mut Waiting) -> bool {
        let now = Instant::now();
        waiting.looked = now;
        let looked = self.look(waiting, now).await;
        // After the look: a change that comes while it goes on rings again.
        waiting.changed = false;
        let (released, wait) = looked.unwrap_or_else(|error| {
            tracing::debug!(%error, "rows whose time comes could not be looked for");
            (false, RETRY)
        });
        waiting.took = now.elapsed();
        waiting.more = wait.is_zero();
        let wait = if waiting.more { waiting.pause() } else { wait };
        waiting.look_at = now + wait.min(self.poll_interval());
        released
    }

    async fn look(&self, waiting: &mut Waiting, now: Instant) -> Result<(bool, Duration), DbError> {
        let (not_due, not_late) = (waiting.due.left_out(now), waiting.late.left_out(now));
        let mut wait = if not_due.is_empty() && not_late.is_empty() {
            Duration::MAX
        } else {
            LOCKED
        };
        let next = waiting::next_change(&self.database, &self.lane, &not_due, &not_late).await?;
        let mut released = false;
        for (act, seconds) in [
            // What is late must not be let go first.
            (Act::Expire, next.expires_in),
            (Act::Release, next.due_in),
        ] {
            match seconds {
                None => {}
                Some(seconds) if seconds > 0.0 => wait = wait.min(until(seconds)),
                Some(_) => {
                    let (some, act_again) = self.act(act, waiting, now).await?;
                    released |= some && matches!(act, Act::Release);
                    wait = wait.min(act_again);
                }
            }
        }
        Ok((released, wait))
    }

    /// Does it to a batch. Whether there was anything, and when to look again.
    async fn act(
        &self,
        act: Act,
        waiting: &mut Waiting,
        now: Instant,
    ) -> Result<(bool, Duration), DbError> {
        let limit = waiting.refusals(act).limit().min(CLAIM_AT_MOST);
        let left_out = waiting.refusals(act).left_out(now);
        Ok(match self.act_once(act, limit, &left_out).await? {
            Done::Some => {
                waiting.refusals(act).succeeded();
                (true, Duration::ZERO)
            }
            Done::Nothing => (false, LOCKED),
            Done::Refused(reason) if waiting.refusals(act).refused(limit) => {
                let found = self.leave_out_of(act, waiting, now, &reason).await?;
                (false, if found { Duration::ZERO } else { LOCKED })
            }
            Done::Refused(_) => (false, Duration::ZERO),
        })
    }

    async fn act_once(&self, act: Act, limit: usize, left_out: &[i64]) -> Result<Done, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let done = match act {
            Act::Release => waiting::release(&self.database, &self.lane, limit, left_out).await,
            Act::Expire => waiting::expire(&self.database, &self.lane, limit, left_out).await,
        };
        match done {
            Ok(0) => Ok(Done::Nothing),
            Ok(_) => Ok(Done::Some),
            // A lock that a user's trigger waits for may be as lasting as a refusal.
            Err(error @ (DbError::Refused(_) | DbError::Failing(_) | DbError::Busy(_))) => {
                Ok(Done::Refused(error.reason().to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves the next row out for a while: the database refuses it. False: there is none, or too many.
    async fn leave_out_of(
        &self,
        act: Act,
        waiting: &mut Waiting,
        now: Instant,
        reason: &str,
    ) -> Result<bool, DbError> {
        let (database, lane) = (&self.database, &self.lane);
        let left_out = waiting.refusals(act).left_out(now);
        let (next, kind, what) = match act {
            Act::Release => (
                waiting::next_due(database, lane, &left_out).await?,
                "claim_refused",
                "claimed",
            ),
            Act::Expire => (
                waiting::next_late(database, lane, &left_out).await?,
                "expire_refused",
                "ended, although its time ran out,",
            ),
        };
        let Some(id) = next.filter(|&id| waiting.refusals(act).leave_out(id, now)) else {
            return Ok(false);
        };
        self.events.emit(Event {
            component: "queue",
            kind,
            status: None,
            server_id: None,
            message: format!("message {id} can't be {what} and has to wait: {reason}"),
            details: Some(json!({ "id": id })),
        });
        Ok(true)
    }
}

/// Seconds as a duration; no longer than a day, after which another look does no harm.
fn until(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))
}
