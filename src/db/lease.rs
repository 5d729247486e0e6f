//! The lease of a lane in `smpp_status`, and its heartbeat.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio::time::timeout;

use super::{Database, DbError};

const HOLDER: &str = include_str!("../../sql/queries/lease_holder.sql");
const TAKE: &str = include_str!("../../sql/queries/lease_take.sql");
const HEARTBEAT: &str = include_str!("../../sql/queries/heartbeat.sql");
const RELEASE: &str = include_str!("../../sql/queries/lease_release.sql");

/// A heartbeat that takes longer is given up, with its connection.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What the heartbeat writes beside the lease.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// e.g. `bound`
    pub session_state: String,
    /// It has changed since it was told last, and be it there and back: a rebind may take less than a heartbeat.
    pub state_is_new: bool,
    /// For how many seconds it has been so.
    pub state_for: f64,
    /// `smpp_servers.id`
    pub server_id: Option<i64>,
    /// Unanswered submits.
    pub window_in_use: i32,
    /// Most of them.
    pub window_size: i32,
    /// Answered submits a second.
    pub rate: f64,
    /// Rows still to be sent; `None`: as last told.
    pub queue_depth: Option<i64>,
    /// `None`: as last told.
    pub last_error: Option<String>,
}

/// Who holds the lease of a lane, where it has not run out.
///
/// # Errors
/// When the database can't answer.
pub async fn holder(database: &Database, lane: &str) -> Result<Option<String>, DbError> {
    let client = database.client().await?;
    let row = client.query_opt(HOLDER, &[&lane]).await?;
    Ok(row.and_then(|row| {
        let valid: Option<bool> = row.get("valid");
        row.get::<_, Option<String>>("holder")
            .filter(|_| valid == Some(true))
    }))
}

/// Takes the lease where it is free, has run out, or is held by `gone`; returns its epoch.
///
/// # Errors
/// When the database can't do it.
pub async fn take(
    database: &Database,
    lane: &str,
    holder: &str,
    seconds: f64,
    gone: Option<&str>,
) -> Result<Option<i64>, DbError> {
    let client = database.client().await?;
    let version = env!("CARGO_PKG_VERSION");
    let row = client
        .query_opt(TAKE, &[&lane, &holder, &seconds, &gone, &version])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Renews the lease; false when it is another's.
///
/// # Errors
/// When the database can't do it.
pub async fn heartbeat(
    database: &Database,
    lane: &str,
    epoch: i64,
    seconds: f64,
    report: &Report,
) -> Result<bool, DbError> {
    let client = database.client().await?;
    let renew = async {
        let statement = client.prepare_cached(HEARTBEAT).await?;
        let row = client
            .query_opt(
                &statement,
                &[
                    &lane,
                    &epoch,
                    &seconds,
                    &report.session_state,
                    &report.server_id,
                    &report.window_in_use,
                    &report.window_size,
                    &report.rate,
                    &report.queue_depth,
                    &report.last_error,
                    &report.state_is_new,
                    &report.state_for,
                ],
            )
            .await?;
        Ok(row.is_some())
    };
    let renewed = timeout(PATIENCE, renew).await;
    renewed.unwrap_or_else(|_| {
        // Whoever took it next would wait behind this.
        drop(Object::take(client));
        Err(DbError::Away("no answer to the heartbeat".to_owned()))
    })
}

/// Gives the lease back.
///
/// # Errors
/// When the database can't do it.
pub async fn release(database: &Database, lane: &str, epoch: i64) -> Result<(), DbError> {
    let client = database.client().await?;
    client.execute(RELEASE, &[&lane, &epoch]).await?;
    Ok(())
}
