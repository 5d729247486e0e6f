//! Rows with an open attempt that nobody works at.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::time::sleep;

use super::dispatch::send;
use super::{CLAIM_AT_MOST, Feeder, LOOK_EVERY, LOOK_SOON, RETRY, Turn};
use crate::db::parts::StoredPart;
use crate::db::queue::Started;
use crate::db::{DbError, parts, queue, servers};
use crate::outbox::{Attempt, Outcome, Target};
use crate::recorder::Recorded;
use crate::server::{InDoubt, Server};

/// Claims of our own for a server whose answers were lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct LostClaim {
    /// For which server they were.
    pub(super) server_id: i64,
    /// Every claim before them was answered, and started its attempts no later than this.
    pub(super) after: DateTime<Utc>,
    /// A look that begins later finds what they started: they can't commit any more.
    pub(super) until: Instant,
}

/// Claims that are remembered at most while lost ones are: then these are forgotten, and what they started is in doubt.
const ANSWERED_AT_MOST: usize = 10_000;

/// All of them that may still commit.
#[derive(Debug, Default)]
pub(super) struct LostClaims {
    /// One for each server.
    lost: Vec<LostClaim>,
    /// The first and last start of attempts by each claim that was answered since. What these started may have been sent;
    /// it may even be open again, with a standby that took over without its outcome.
    answered: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

impl LostClaims {
    /// Remembers one more.
    pub(super) fn add(&mut self, lost: LostClaim) {
        let same = |it: &&mut LostClaim| it.server_id == lost.server_id;
        match self.lost.iter_mut().find(same) {
            Some(known) => {
                known.after = known.after.min(lost.after);
                known.until = known.until.max(lost.until);
            }
            None => self.lost.push(lost),
        }
    }

    /// A claim was answered, and started its attempts between these times.
    pub(super) fn answered(&mut self, first: DateTime<Utc>, last: DateTime<Utc>) {
        if self.answered.len() == ANSWERED_AT_MOST {
            *self = Self::default();
        }
        if !self.lost.is_empty() {
            self.answered.push((first, last));
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.lost.is_empty()
    }

    /// Forgets those of which a look that began at `begun` has found everything.
    pub(super) fn looked(&mut self, begun: Instant) {
        self.lost.retain(|lost| begun <= lost.until);
        if self.lost.is_empty() {
            self.answered.clear();
        }
    }

    /// Whether the attempt is one of theirs, so that nothing of it was sent.
    fn include(&self, row: &Started) -> bool {
        let answered = |&(first, last): &_| (first..=last).contains(&row.started_at);
        self.lost.iter().any(|lost| lost.includes(row)) && !self.answered.iter().any(answered)
    }
}

impl LostClaim {
    /// Whether the attempt may be one of these claims. Any other one may have been sent: by another daemon, or by an
    /// earlier run of this one.
    fn includes(&self, row: &Started) -> bool {
        row.server_id == Some(self.server_id) && row.started_at > self.after
    }
}

impl Feeder {
    /// Looks for rows with an open attempt that nobody works at, and says when to look again.
    pub(super) async fn look_for_open(&self, turn: &mut Turn) {
        let begun = Instant::now();
        turn.told_stopped |= self.adopt_patiently(&turn.lost).await;
        turn.lost.looked(begun);
        turn.look_at = if turn.lost.is_empty() {
            begun + LOOK_EVERY
        } else {
            Instant::now() + LOOK_SOON
        };
    }

    /// Looks until the database has answered. True: an event told that nothing is sent.
    pub(super) async fn adopt_patiently(&self, lost: &LostClaims) -> bool {
        let mut told = false;
        while let Err(error) = self.adopt(lost).await {
            tracing::debug!(%error, "rows with an open attempt could not be looked for");
            // While it is away the recorder tells.
            if !error.is_away() && !told {
                told = true;
                self.tell_stopped(&format!("open attempts can't be looked for: {error}"));
            }
            sleep(RETRY).await;
        }
        told
    }

    /// Gives rows with an open attempt that nobody works at their outcome.
    async fn adopt(&self, lost: &LostClaims) -> Result<(), DbError> {
        loop {
            let known = self.in_flight.snapshot();
            let limit = CLAIM_AT_MOST as i64;
            let rows =
                queue::started(&self.database, &self.lane, &known, limit, self.epoch).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let servers = self.servers_of(&rows).await?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let parts = parts::of(&self.database.client().await?, &ids).await?;
            tracing::info!(
                count = rows.len(),
                "rows with an open attempt and no answer are resolved"
            );
            self.in_flight
                .add(rows.iter().map(|row| (row.id, row.started_at, 1)));
            for row in rows {
                let of_lost = lost.include(&row);
                let outcome = if of_lost {
                    Outcome::Unwritten
                } else {
                    Outcome::Unanswered
                };
                let attempt = Attempt {
                    tx_id: row.id,
                    started_at: row.started_at,
                    target: Target::Whole,
                    number: row.attempts,
                    note: None,
                    in_doubt: row.in_doubt_policy.as_deref().and_then(InDoubt::from_name),
                    sent_at: None,
                    server: servers.of(&row),
                };
                let parts = parts.get(&row.id).map_or(&[][..], Vec::as_slice);
                for attempt in open_attempts(attempt, of_lost, parts) {
                    let outcome = outcome.clone();
                    send(&self.outcomes, Recorded { attempt, outcome }).await;
                }
            }
        }
    }

    async fn servers_of(&self, rows: &[Started]) -> Result<Servers, DbError> {
        let mut ids: Vec<i64> = rows.iter().filter_map(|row| row.server_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = servers::by_id(&self.database, &ids).await?;
        let enabled = servers::enabled(&self.database, &self.lane).await?;
        Ok(Servers {
            known: known.into_iter().map(Arc::new).collect(),
            otherwise: Arc::new(enabled.unwrap_or_else(Server::unknown)),
        })
    }
}

/// The attempts that are open within an attempt at a row: at itself, or at parts of it.
fn open_attempts(attempt: Attempt, of_lost: bool, parts: &[StoredPart]) -> Vec<Attempt> {
    let open = open_parts(&attempt, parts);
    if !open.is_empty() {
        return open;
    }
    // A message that was sent and set back by hand still has the parts of then: they must not end this attempt.
    let before = |part: &StoredPart| part.done && part.answered_at < Some(attempt.started_at);
    if of_lost || parts.iter().all(before) {
        return vec![attempt];
    }
    // It was claimed, and no part of it started; or all were recorded, but not what they add up to.
    vec![Attempt {
        target: Target::Parts,
        ..attempt
    }]
}

/// The attempts at parts that an attempt at their row has open.
pub(super) fn open_parts(attempt: &Attempt, parts: &[StoredPart]) -> Vec<Attempt> {
    parts
        .iter()
        .filter(|part| part.started_at == Some(attempt.started_at))
        .map(|part| Attempt {
            target: Target::Part(part.part.part),
            number: part.attempts,
            ..attempt.clone()
        })
        .collect()
}

/// The servers that rows left by. For one that was deleted the enabled one's policies hold.
struct Servers {
    known: Vec<Arc<Server>>,
    otherwise: Arc<Server>,
}

impl Servers {
    fn of(&self, row: &Started) -> Arc<Server> {
        let known = self
            .known
            .iter()
            .find(|server| Some(server.account.id) == row.server_id);
        Arc::clone(known.unwrap_or(&self.otherwise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn row(server_id: Option<i64>, started_at: i64) -> Started {
        Started {
            id: 1,
            started_at: second(started_at),
            attempts: 1,
            in_doubt_policy: None,
            server_id,
        }
    }

    fn lost(server_id: i64, after: i64, until: Instant) -> LostClaim {
        LostClaim {
            server_id,
            after: second(after),
            until,
        }
    }

    #[test]
    fn only_what_the_lost_claim_can_have_started_was_not_sent() {
        let mut claims = LostClaims::default();
        assert!(!claims.include(&row(Some(7), 101)));
        claims.add(lost(7, 100, Instant::now()));
        assert!(claims.include(&row(Some(7), 101)));
        assert!(!claims.include(&row(Some(7), 100)));
        assert!(!claims.include(&row(Some(8), 101)));
        assert!(!claims.include(&row(None, 101)));
    }

    #[test]
    fn what_was_claimed_since_with_an_answer_may_have_been_sent() {
        let mut claims = LostClaims::default();
        claims.add(lost(7, 100, Instant::now()));
        claims.answered(second(110), second(112));
        claims.add(lost(7, 112, Instant::now()));
        for (started_at, is_theirs) in [
            (101, true),
            (109, true),
            (110, false),
            (111, false),
            (112, false),
            (113, true),
        ] {
            let found = claims.include(&row(Some(7), started_at));
            assert_eq!(found, is_theirs, "{started_at}");
        }
    }

    #[test]
    fn a_lost_claim_is_forgotten_once_a_look_must_have_found_it() {
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(1);
        let mut claims = LostClaims::default();
        claims.add(lost(7, 100, later));
        claims.add(lost(8, 100, now));
        claims.answered(second(110), second(112));
        claims.looked(later);
        assert!(claims.include(&row(Some(7), 101)));
        assert!(!claims.include(&row(Some(8), 101)));
        claims.looked(later + std::time::Duration::from_nanos(1));
        assert!(claims.is_empty() && claims.answered.is_empty());
    }

    #[test]
    fn too_many_answered_claims_have_the_lost_ones_forgotten() {
        let mut claims = LostClaims::default();
        claims.add(lost(7, 100, Instant::now()));
        for at in 0..ANSWERED_AT_MOST {
            let at = second(200 + at as i64);
            claims.answered(at, at);
        }
        assert!(claims.include(&row(Some(7), 101)));
        claims.answered(second(110), second(112));
        assert!(!claims.include(&row(Some(7), 101)));
        assert!(claims.answered.is_empty());
    }
}
