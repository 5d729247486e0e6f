//! Reads `smpp_prefixes`.

use super::{Database, DbError};
use crate::submission::address::PrefixRow;

const PREFIXES: &str = include_str!("../../sql/queries/prefixes.sql");

/// Up to `limit` rows, the shortest prefixes first.
///
/// # Errors
/// When the database can't answer.
pub async fn all(database: &Database, limit: usize) -> Result<Vec<PrefixRow>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(PREFIXES).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client.query(&statement, &[&limit]).await?;
    Ok(rows
        .iter()
        .map(|row| PrefixRow {
            prefix: row.get(0),
            source_addr: row.get(1),
            server_id: row.get(2),
        })
        .collect())
}
