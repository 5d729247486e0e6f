//! Rows of `smpp_tx_queue` whose time comes: to leave, or to end.

use super::inbound::notify;
use super::{Database, DbError, settled};

const RELEASE: &str = include_str!("../../sql/queries/release.sql");
const EXPIRE: &str = include_str!("../../sql/queries/expire.sql");
const NEXT_DUE: &str = include_str!("../../sql/queries/next_due.sql");
const NEXT_LATE: &str = include_str!("../../sql/queries/next_late.sql");
const NEXT_CHANGE: &str = include_str!("../../sql/queries/next_change.sql");

/// A trigger of a user may wait for a lock; claims wait behind this.
const NO_LONG_WAIT: &str = "SET LOCAL lock_timeout TO '50ms'";

/// How long until something is to be done, in seconds; not above zero: now. `None`: nothing is known of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextChange {
    /// Until a row has waited for its time.
    pub due_in: Option<f64>,
    /// Until a row runs out of time.
    pub expires_in: Option<f64>,
}

/// When to look at a lane again, but for the rows of `not_due` and `not_late`.
///
/// # Errors
/// When the database can't answer.
pub async fn next_change(
    database: &Database,
    lane: &str,
    not_due: &[i64],
    not_late: &[i64],
) -> Result<NextChange, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(NEXT_CHANGE).await?;
    let row = client
        .query_one(&statement, &[&lane, &not_due, &not_late])
        .await?;
    Ok(NextChange {
        due_in: row.get("due_in"),
        expires_in: row.get("expires_in"),
    })
}

/// Lets up to `limit` rows go that have waited for their time, but those in `left_out`; returns how many there were. Rows
/// that somebody has locked are passed over.
///
/// # Errors
/// When the database can't do it.
pub async fn release(
    database: &Database,
    lane: &str,
    limit: i64,
    left_out: &[i64],
) -> Result<usize, DbError> {
    let ids = change(database, RELEASE, lane, limit, left_out, None).await?;
    Ok(ids.len())
}

/// Ends up to `limit` rows whose time ran out before they were sent, but those in `left_out`, and tells of them in the same
/// transaction; returns how many there were. Rows that somebody has locked are passed over.
///
/// # Errors
/// When the database can't do it.
pub async fn expire(
    database: &Database,
    lane: &str,
    limit: i64,
    left_out: &[i64],
) -> Result<usize, DbError> {
    let channel = Some("smpp_delivery");
    let ids = change(database, EXPIRE, lane, limit, left_out, channel).await?;
    Ok(ids.len())
}

/// Changes rows in one transaction, which tells `channel` of them; returns their ids. Where it fails it is over as well.
async fn change(
    database: &Database,
    query: &str,
    lane: &str,
    limit: i64,
    left_out: &[i64],
    channel: Option<&str>,
) -> Result<Vec<i64>, DbError> {
    let mut client = database.client().await?;
    let changed = async {
        let transaction = client.transaction().await?;
        transaction.batch_execute(NO_LONG_WAIT).await?;
        let statement = transaction.prepare_cached(query).await?;
        let rows = transaction
            .query(&statement, &[&lane, &limit, &left_out])
            .await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        if let Some(channel) = channel {
            notify(&transaction, channel, &ids).await?;
        }
        transaction.commit().await?;
        Ok(ids)
    }
    .await;
    if changed.is_err() {
        settled(&client).await;
    }
    changed
}

/// The row that [`release`] would take first.
///
/// # Errors
/// When the database can't answer.
pub async fn next_due(
    database: &Database,
    lane: &str,
    left_out: &[i64],
) -> Result<Option<i64>, DbError> {
    first(database, NEXT_DUE, lane, left_out).await
}

/// The row that [`expire`] would take first.
///
/// # Errors
/// When the database can't answer.
pub async fn next_late(
    database: &Database,
    lane: &str,
    left_out: &[i64],
) -> Result<Option<i64>, DbError> {
    first(database, NEXT_LATE, lane, left_out).await
}

async fn first(
    database: &Database,
    query: &str,
    lane: &str,
    left_out: &[i64],
) -> Result<Option<i64>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(query).await?;
    let row = client.query_opt(&statement, &[&lane, &left_out]).await?;
    Ok(row.map(|row| row.get(0)))
}
