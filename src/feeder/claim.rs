//! A claim, and its way to the session.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::dispatch::Dispatch;
use super::unsure::Unsure;
use super::{Feeder, SessionHandle};
use crate::db::DbError;
use crate::db::queue::{self, Most};
use crate::pulse;
use crate::server::Server;

/// What a claim brought.
pub(super) struct ClaimedRows {
    pub(super) count: usize,
    /// It brought as much as it was asked for: there may be more.
    pub(super) full: bool,
    /// Submits that they take.
    pub(super) submits: usize,
    /// Why long messages were handed back.
    pub(super) trouble: Option<DbError>,
    /// The first and the last start of their attempts.
    pub(super) starts: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Feeder {
    /// Claims rows and hands them on.
    ///
    /// # Errors
    /// When the claim was refused, or there was no answer to it.
    pub(super) async fn claim_and_dispatch(
        &self,
        handle: &SessionHandle,
        server: Arc<Server>,
        most: Most,
        left_out: Vec<i64>,
        unsure: &Unsure,
    ) -> Result<ClaimedRows, DbError> {
        // A task of its own: being told to stop must not lose the answer to a claim.
        let claim = tokio::spawn(pulse::carried({
            let (database, lane, epoch) = (self.database.clone(), self.lane.clone(), self.epoch);
            let (in_flight, outcomes) = (self.in_flight.clone(), self.outcomes.clone());
            let submissions = handle.submissions.clone();
            let prefixes = self.prefixes.clone();
            let (events, unsure) = (self.events.clone(), unsure.clone());
            async move {
                // Before the time that the database takes: a row may expire early by that, never late.
                let asked = Instant::now();
                let rows =
                    queue::claim(&database, &lane, server.account.id, most, epoch, &left_out).await;
                let count = rows.as_ref().map_or(0, Vec::len);
                events.metrics().batch("claim", count, asked);
                let rows = rows?;
                for row in &rows {
                    if let Some(ready_since) = row.ready_since {
                        events.metrics().waited(ready_since, row.started_at);
                    }
                }
                in_flight.add(rows.iter().map(|row| {
                    let submits = usize::try_from(row.submits).unwrap_or(1);
                    (row.id, row.started_at, submits)
                }));
                let dispatch = Dispatch {
                    database,
                    server,
                    prefixes: prefixes.now().await,
                    submissions,
                    outcomes,
                    asked,
                };
                let dispatched = dispatch.run(&rows).await;
                if !dispatched.unsure.is_empty() {
                    tokio::spawn(unsure.hand_back(dispatched.unsure));
                }
                let starts = || rows.iter().map(|row| row.started_at);
                Ok(ClaimedRows {
                    count: rows.len(),
                    full: most.is_reached_by(&rows),
                    submits: dispatched.submits,
                    trouble: dispatched.trouble,
                    starts: Option::zip(starts().min(), starts().max()),
                })
            }
        }));
        claim
            .await
            .unwrap_or_else(|error| Err(DbError::Away(format!("a claim did not end: {error}"))))
    }
}
