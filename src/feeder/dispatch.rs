//! Claimed rows on their way to the session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::long::{self, Begun, LongRow, Ready};
use crate::db::queue::Claimed;
use crate::db::{Database, DbError};
use crate::outbox::{Attempt, Outcome, Target};
use crate::pdu::SubmitSm;
use crate::pulse;
use crate::recorder::Recorded;
use crate::server::{InDoubt, Server};
use crate::session::driver::Submission;
use crate::submission::{self, address::Prefixes};
use crate::text::Plan;

/// When a row expires that had so many seconds left when it was claimed.
fn expires(left: f64, asked: Instant) -> Instant {
    // No row waits for a day between claim and socket.
    asked + Duration::from_secs_f64(left.clamp(0.0, 86_400.0))
}

/// Where claimed rows go.
pub(super) struct Dispatch {
    pub(super) database: Database,
    pub(super) server: Arc<Server>,
    pub(super) prefixes: Arc<Prefixes>,
    pub(super) submissions: mpsc::Sender<Submission<Attempt>>,
    pub(super) outcomes: mpsc::Sender<Recorded>,
    /// Before the claim.
    pub(super) asked: Instant,
}

/// What became of claimed rows.
pub(super) struct Dispatched {
    /// Submits that the session got.
    pub(super) submits: usize,
    /// Why long messages were handed back.
    pub(super) trouble: Option<DbError>,
    /// Attempts without an outcome: nobody knows whether their parts were started.
    pub(super) unsure: Vec<Attempt>,
}

/// A row that is ready but for its parts.
struct Prepared {
    frame: SubmitSm,
    /// None: its parts are known, and today it could not be split.
    plan: Option<Plan>,
}

impl Prepared {
    fn of(row: &Claimed, server: &Server, prefixes: &Prefixes) -> Result<Self, String> {
        let plan = match submission::plan(row, server) {
            Ok(plan) => Some(plan),
            Err(_) if has_parts(row) => None,
            Err(reason) => return Err(reason),
        };
        if let Some(plan) = &plan {
            submission::check_parts(row, plan.parts.len())?;
        }
        let frame = submission::frame(row, server, prefixes)?;
        Ok(Self { frame, plan })
    }

    /// Its parts are not known from an earlier attempt, and it needs none.
    fn is_short(&self, row: &Claimed) -> bool {
        !has_parts(row) && self.plan.as_ref().is_some_and(|it| it.parts.len() == 1)
    }
}

fn has_parts(row: &Claimed) -> bool {
    row.message_parts.is_some_and(|parts| parts > 1)
}

impl Dispatch {
    /// Hands claimed rows to the session in their order, or their outcomes to the recorder; but for those that are unsure.
    pub(super) async fn run(&self, rows: &[Claimed]) -> Dispatched {
        let prepared: Vec<_> = rows
            .iter()
            .map(|row| Prepared::of(row, &self.server, &self.prefixes))
            .collect();
        let mut begun = self.fix_parts(rows, &prepared).await;
        let mut submits = 0;
        let mut unsure = Vec::new();
        for (row, prepared) in rows.iter().zip(prepared) {
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(reason) => {
                    self.settle(self.attempt(row, None), Outcome::Invalid(reason))
                        .await;
                    continue;
                }
            };
            let plan = prepared.plan.as_ref();
            let ready = if prepared.is_short(row) {
                Some(Ready::Whole)
            } else {
                begun.ready.remove(&row.id)
            };
            let attempt = self.attempt(row, plan);
            match (ready, plan) {
                (Some(Ready::Whole), Some(plan)) => {
                    submits += 1;
                    let submit_sm = submission::whole(prepared.frame, plan);
                    self.submit(row, submit_sm, attempt).await;
                }
                (Some(Ready::Whole), None) => {
                    // Nothing of its parts has arrived, and its text can't be sent as things are.
                    let reason = submission::plan(row, &self.server)
                        .err()
                        .unwrap_or_default();
                    self.settle(attempt, Outcome::Invalid(reason)).await;
                }
                (Some(Ready::Parts(parts)), _) => {
                    submits += parts.len();
                    for (part, number) in parts {
                        let attempt = Attempt {
                            target: Target::Part(part.part),
                            number,
                            ..attempt.clone()
                        };
                        let submit_sm = submission::with_part(&prepared.frame, &part);
                        self.submit(row, submit_sm, attempt).await;
                    }
                }
                (Some(Ready::Postponed(reason, wait)), _) => {
                    self.settle(attempt, Outcome::Postponed(reason, wait)).await;
                }
                (None, _) if begun.unsure.contains(&row.id) => unsure.push(attempt),
                (None, _) => self.settle(attempt, Outcome::Unwritten).await,
            }
        }
        Dispatched {
            submits,
            trouble: begun.trouble,
            unsure,
        }
    }

    async fn fix_parts(&self, rows: &[Claimed], prepared: &[Result<Prepared, String>]) -> Begun {
        let long: Vec<LongRow<'_>> = rows
            .iter()
            .zip(prepared)
            .filter_map(|(row, prepared)| Some((row, prepared.as_ref().ok()?)))
            .filter(|(row, prepared)| !prepared.is_short(row))
            .map(|(row, prepared)| LongRow {
                row,
                plan: prepared.plan.as_ref(),
                frame: &prepared.frame,
            })
            .collect();
        if long.is_empty() {
            return Begun::default();
        }
        long::start(&self.database, &long, &self.server).await
    }

    fn attempt(&self, row: &Claimed, plan: Option<&Plan>) -> Attempt {
        Attempt {
            tx_id: row.id,
            started_at: row.started_at,
            target: Target::Whole,
            number: row.attempts,
            note: plan.and_then(|plan| plan.note.as_deref()).map(Arc::from),
            in_doubt: row.in_doubt_policy.as_deref().and_then(InDoubt::from_name),
            sent_at: None,
            server: Arc::clone(&self.server),
        }
    }

    async fn submit(&self, row: &Claimed, submit_sm: SubmitSm, token: Attempt) {
        let submission = Submission {
            submit_sm,
            token,
            expires: row.expires_in.map(|left| expires(left, self.asked)),
        };
        // There is room but for the last parts of many long messages; they wait for it here.
        if let Err(mpsc::error::SendError(back)) =
            pulse::idle(self.submissions.send(submission)).await
        {
            // The session ended meanwhile.
            self.settle(back.token, Outcome::Unwritten).await;
        }
    }

    async fn settle(&self, attempt: Attempt, outcome: Outcome) {
        send(&self.outcomes, Recorded { attempt, outcome }).await;
    }
}

/// Hands an outcome to the recorder.
pub(super) async fn send(outcomes: &mpsc::Sender<Recorded>, recorded: Recorded) {
    if let Err(unsent) = pulse::idle(outcomes.send(recorded)).await {
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
    fn a_row_expires_when_the_database_says_so_and_no_later() {
        let asked = Instant::now();
        assert_eq!(expires(2.5, asked), asked + Duration::from_millis(2500));
        assert_eq!(expires(-1.0, asked), asked);
        assert_eq!(expires(1e300, asked), asked + Duration::from_hours(24));
    }
}
