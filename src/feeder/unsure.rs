//! Attempts of which nobody knows whether their parts were started: the answer to the commit was lost.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;

use super::RETRY;
use super::dispatch::send;
use super::orphans::open_parts;
use crate::db::{Database, DbError, parts, queue};
use crate::outbox::{Attempt, Outcome, RowUpdate, resolve};
use crate::recorder::Recorded;

/// Hands attempts back of which nothing was sent, when it is known how they stand.
#[derive(Debug, Clone)]
pub(super) struct Unsure {
    pub(super) database: Database,
    pub(super) outcomes: mpsc::Sender<Recorded>,
    /// However many commits were lost, they take one connection.
    pub(super) one_at_a_time: Arc<Mutex<()>>,
}

impl Unsure {
    /// Looks until all are settled, or nobody takes outcomes any more: then the next start finds them.
    ///
    /// The rows stay in flight meanwhile, so that nobody else gives them an outcome. It is to be a task of its own:
    /// who has locked a row, or the commit itself if it goes on without us, delays no other message.
    pub(super) async fn hand_back(self, mut attempts: Vec<Attempt>) {
        while !attempts.is_empty() && !self.outcomes.is_closed() {
            let looked = {
                let _turn = self.one_at_a_time.lock().await;
                self.look(&attempts).await
            };
            match looked {
                Ok((settled, locked)) => {
                    for attempt in settled {
                        let outcome = Outcome::Unwritten;
                        send(&self.outcomes, Recorded { attempt, outcome }).await;
                    }
                    attempts.retain(|attempt| locked.contains(&attempt.tx_id));
                }
                Err(error) => {
                    tracing::debug!(%error, "how parts stand could not be looked for");
                }
            }
            if !attempts.is_empty() {
                sleep(RETRY).await;
            }
        }
    }

    /// What is open of these attempts, and the rows of which that can't be told yet.
    ///
    /// Whoever starts parts holds the row until its transaction ends. So one that can be locked, or whose attempt is
    /// another by now, shows how it ended; nothing can start these attempts later.
    async fn look(&self, attempts: &[Attempt]) -> Result<(Vec<Attempt>, HashSet<i64>), DbError> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        let keys: Vec<_> = attempts
            .iter()
            .map(|it| (it.tx_id, it.started_at))
            .collect();
        let held = parts::hold_attempts(&transaction, &keys).await?;
        let missing: Vec<RowUpdate> = attempts
            .iter()
            .filter(|attempt| !held.contains(&attempt.tx_id))
            .map(|attempt| resolve(attempt, &Outcome::Unwritten, 0.0))
            .collect();
        let missing: Vec<&RowUpdate> = missing.iter().collect();
        let locked = queue::still_open(&transaction, &missing).await?;
        let locked: HashSet<i64> = locked.into_iter().collect();
        let known = || attempts.iter().filter(|it| !locked.contains(&it.tx_id));
        let ids: Vec<i64> = known().map(|attempt| attempt.tx_id).collect();
        let stored = parts::of(&transaction, &ids).await?;
        // Awaited: the recorder would else meet its locks.
        transaction.rollback().await?;
        let settled = known().flat_map(|attempt| {
            let stored = stored.get(&attempt.tx_id).map_or(&[][..], Vec::as_slice);
            let open = open_parts(attempt, stored);
            if open.is_empty() {
                vec![attempt.clone()]
            } else {
                open
            }
        });
        Ok((settled.collect(), locked))
    }
}
