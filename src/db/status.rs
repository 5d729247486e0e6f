//! What a lane has still to do, counted so that a long queue costs little.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Database, DbError};

const QUEUE_COUNTS: &str = include_str!("../../sql/queries/queue_counts.sql");

/// A count for people has to come soon, or not at all.
const TIME_LIMIT: &str = "SET statement_timeout TO '5s'";

/// Messages of a lane that are not done, by status as in `smpp_tx_status`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct QueueCounts {
    /// May leave.
    pub waiting: i64,
    /// `send_after` is ahead.
    pub scheduled: i64,
    /// `next_attempt_at` is ahead.
    pub retrying: i64,
    /// An attempt is open.
    pub started: i64,
    /// In doubt, somebody has to decide.
    pub held: i64,
    /// In doubt altogether, also those that ended so.
    pub in_doubt: i64,
    /// No kind was counted further.
    pub counted_up_to: i64,
    /// Some kind has as many or more.
    pub capped: bool,
    /// The oldest message that may leave.
    pub oldest_id: Option<i64>,
    /// When it was inserted, as RFC 3339 has it.
    pub oldest_at: Option<String>,
    /// How long ago that is.
    pub oldest_seconds: Option<f64>,
}

/// Counts the queue of a lane, each kind of rows up to `at_most`.
///
/// # Errors
/// When the database can't answer within 5 s.
pub async fn queue_counts(
    database: &Database,
    lane: &str,
    at_most: i64,
) -> Result<QueueCounts, DbError> {
    let client = database.client().await?;
    client.batch_execute(TIME_LIMIT).await?;
    let row = client.query_one(QUEUE_COUNTS, &[&lane, &at_most]).await?;
    Ok(QueueCounts {
        waiting: row.get("waiting"),
        scheduled: row.get("scheduled"),
        retrying: row.get("retrying"),
        started: row.get("started"),
        held: row.get("held"),
        in_doubt: row.get("in_doubt"),
        counted_up_to: at_most,
        capped: row.get("capped"),
        oldest_id: row.get("oldest_id"),
        oldest_at: row
            .get::<_, Option<DateTime<Utc>>>("oldest_at")
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        oldest_seconds: row.get("oldest_seconds"),
    })
}
