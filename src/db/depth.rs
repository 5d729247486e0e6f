//! What waits in the queue, counted.

use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::time::timeout;

use super::{Database, DbError};

const QUEUE_DEPTH: &str = include_str!("../../sql/queries/queue_depth.sql");

/// What waits in the queue of a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct QueueCount {
    /// May leave, and waits for its turn.
    pub waiting: i64,
    /// Claimed.
    pub started: i64,
    /// Waits for its `send_after`.
    pub scheduled: i64,
    /// Waits for its next attempt.
    pub retrying: i64,
    /// In doubt, until somebody decides.
    pub held: i64,
    /// Seconds for which the oldest that waits for its turn could have left; `None` where none waits.
    pub oldest_seconds: Option<f64>,
    /// Rows of `smpp_in_doubt`, up to 100,000.
    pub in_doubt: i64,
    /// Rows of `smpp_inbox` that are not processed, of all lanes, up to 100,000.
    pub inbox_unprocessed: i64,
}

impl QueueCount {
    /// Everything that is still to be sent.
    #[must_use]
    pub fn depth(&self) -> i64 {
        self.waiting + self.started + self.scheduled + self.retrying + self.held
    }
}

/// So long an answer is awaited: the time limit of a statement ends it before, unless the database hangs.
const PATIENCE: Duration = Duration::from_secs(35);

/// Counts what is still to be sent of a lane, up to `limit` rows that may leave and as many that have to wait; with how long
/// the database took.
///
/// # Errors
/// When the database can't answer.
pub async fn count(
    database: &Database,
    lane: &str,
    limit: i64,
) -> Result<(QueueCount, Duration), DbError> {
    let client = database.client().await?;
    let begun = Instant::now();
    let count = async {
        let statement = client.prepare_cached(QUEUE_DEPTH).await?;
        client.query_one(&statement, &[&lane, &limit]).await
    };
    let Ok(row) = timeout(PATIENCE, count).await else {
        // Whoever took it next would wait behind this.
        drop(Object::take(client));
        return Err(DbError::Away("no answer to the count".to_owned()));
    };
    let row = row?;
    let count = QueueCount {
        waiting: row.get("waiting"),
        started: row.get("started"),
        scheduled: row.get("scheduled"),
        retrying: row.get("retrying"),
        held: row.get("held"),
        // Clocks that run apart, or an insert_timestamp ahead of now.
        oldest_seconds: row
            .get::<_, Option<f64>>("oldest_seconds")
            .map(|it| it.max(0.0)),
        in_doubt: row.get("in_doubt"),
        inbox_unprocessed: row.get("inbox_unprocessed"),
    };
    Ok((count, begun.elapsed()))
}
