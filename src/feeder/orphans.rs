//! Rows with an open attempt that nobody works at.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::sleep;

use super::dispatch::send;
use super::{CLAIM_AT_MOST, Feeder, RETRY};
use crate::db::parts::StoredPart;
use crate::db::queue::Started;
use crate::db::{DbError, parts, queue, servers};
use crate::outbox::{Attempt, Outcome, Target};
use crate::recorder::Recorded;
use crate::server::{InDoubt, Server};

/// A claim of our own whose answer was lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct LostClaim {
    /// For which server it was.
    pub(super) server_id: i64,
    /// Every claim before it was answered, and started its attempts no later than this.
    pub(super) after: DateTime<Utc>,
}

impl LostClaim {
    /// Whether the attempt is one of this claim, so that nothing of it was sent. Any other one may
    /// have been: by another daemon, or by an earlier run of this one.
    fn includes(&self, row: &Started) -> bool {
        row.server_id == Some(self.server_id) && row.started_at > self.after
    }
}

impl Feeder {
    /// Looks until the database has answered. True: an event told that nothing is sent.
    pub(super) async fn adopt_patiently(&self, lost: Option<LostClaim>) -> bool {
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
    async fn adopt(&self, lost: Option<LostClaim>) -> Result<(), DbError> {
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
                let outcome = if lost.is_some_and(|lost| lost.includes(&row)) {
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
                for attempt in of_parts(attempt, parts.get(&row.id)) {
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
fn of_parts(attempt: Attempt, parts: Option<&Vec<StoredPart>>) -> Vec<Attempt> {
    let Some(parts) = parts else {
        return vec![attempt];
    };
    let open = open_parts(&attempt, parts);
    if open.is_empty() {
        // It was claimed, and no part of it started; or all were recorded, but not what they add up to.
        return vec![Attempt {
            target: Target::Parts,
            ..attempt
        }];
    }
    open
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

    #[test]
    fn only_what_the_lost_claim_can_have_started_was_not_sent() {
        let second = |second| DateTime::from_timestamp(second, 0).unwrap();
        let row = |server_id, started_at| Started {
            id: 1,
            started_at,
            attempts: 1,
            in_doubt_policy: None,
            server_id,
        };
        let lost = LostClaim {
            server_id: 7,
            after: second(100),
        };
        assert!(lost.includes(&row(Some(7), second(101))));
        assert!(!lost.includes(&row(Some(7), second(100))));
        assert!(!lost.includes(&row(Some(8), second(101))));
        assert!(!lost.includes(&row(None, second(101))));
    }
}
