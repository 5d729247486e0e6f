//! `smpp_tx_queue`: claims, outcomes, what is left of a crash.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::{Database, DbError, settled};
use crate::outbox::RowUpdate;
use crate::submission::time::Interval;

const CLAIM: &str = include_str!("../../sql/queries/claim.sql");
const NEXT: &str = include_str!("../../sql/queries/next.sql");
const STARTED: &str = include_str!("../../sql/queries/started.sql");
const RECORD: &str = include_str!("../../sql/queries/record.sql");
const STILL_OPEN: &str = include_str!("../../sql/queries/still_open.sql");
const HOLD: &str = include_str!("../../sql/queries/hold_messages.sql");
const LOCK: &str = include_str!("../../sql/queries/lock.sql");

/// Texts with more characters can't be sent in any way.
pub const LONGEST_TEXT: usize = 65_536;

/// A claimed row.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// `id`
    pub id: i64,
    /// `submission_started_at` of this attempt.
    pub started_at: DateTime<Utc>,
    /// `submission_attempts`, this one included.
    pub attempts: i32,
    /// `in_doubt_policy`
    pub in_doubt_policy: Option<String>,
    /// `smpp_destination_addr`
    pub destination_addr: String,
    /// `smpp_short_message`, cut behind [`LONGEST_TEXT`] characters and one.
    pub short_message: String,
    /// `smpp_priority_flag`, e.g. `LEVEL_1`.
    pub priority_flag: String,
    /// `smpp_registered_delivery`
    pub registered_delivery: String,
    /// `smpp_source_addr`
    pub source_addr: Option<String>,
    /// `smpp_source_addr_ton`
    pub source_addr_ton: Option<i16>,
    /// `smpp_source_addr_npi`
    pub source_addr_npi: Option<i16>,
    /// `smpp_dest_addr_ton`
    pub dest_addr_ton: Option<i16>,
    /// `smpp_dest_addr_npi`
    pub dest_addr_npi: Option<i16>,
    /// `smpp_service_type`
    pub service_type: Option<String>,
    /// `smpp_protocol_id`
    pub protocol_id: Option<i16>,
    /// `smpp_esm_class`
    pub esm_class: Option<i16>,
    /// `smpp_data_coding`
    pub data_coding: Option<i16>,
    /// `smpp_message_class`
    pub message_class: Option<i16>,
    /// `message_parts`: more than one where an earlier attempt has split it.
    pub message_parts: Option<i16>,
    /// `smpp_validity_period`
    pub validity_period: Option<Interval>,
    /// `smpp_schedule_delivery_time`
    pub schedule_delivery_time: Option<DateTime<Utc>>,
    /// `smpp_optional_parameters` as text, cut behind [`tlvs::LONGEST`](crate::submission::tlvs::LONGEST) characters and
    /// one.
    pub optional_parameters: Option<String>,
    /// Seconds that were left until `expires_at` when it was claimed.
    pub expires_in: Option<f64>,
    /// The submits that it takes, as far as the claim could tell.
    pub submits: i64,
    /// Since when it could have left, where this is its first attempt. `None` too for a time that nobody means.
    pub ready_since: Option<DateTime<Utc>>,
}

/// How much a claim may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Rows.
    pub rows: usize,
    /// Submits, which it passes by no more than its last row takes, as far as they can be told before the texts are
    /// split.
    pub submits: usize,
}

impl Most {
    /// Whether these rows are all of it, so that there may be more.
    #[must_use]
    pub fn is_reached_by(self, claimed: &[Claimed]) -> bool {
        let submits: i64 = claimed.iter().map(|row| row.submits).sum();
        let most = i64::try_from(self.submits).unwrap_or(i64::MAX);
        claimed.len() >= self.rows || submits >= most
    }
}

/// A row with an open attempt that nobody works at.
#[derive(Debug, Clone)]
pub struct Started {
    /// `id`
    pub id: i64,
    /// `submission_started_at`
    pub started_at: DateTime<Utc>,
    /// `submission_attempts`
    pub attempts: i32,
    /// `in_doubt_policy`
    pub in_doubt_policy: Option<String>,
    /// `submission_server_id`
    pub server_id: Option<i64>,
}

/// Claims up to `most` for a server, but those in `left_out`, in the order in which they leave. Committed when this
/// returns; after an error it may or may not have been.
///
/// # Errors
/// When the database can't answer.
pub async fn claim(
    database: &Database,
    lane: &str,
    server_id: i64,
    most: Most,
    epoch: i64,
    left_out: &[i64],
) -> Result<Vec<Claimed>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(CLAIM).await?;
    let rows = i64::try_from(most.rows).unwrap_or(i64::MAX);
    let submits = i64::try_from(most.submits).unwrap_or(i64::MAX);
    let rows = client
        .query(
            &statement,
            &[&lane, &server_id, &rows, &epoch, &left_out, &submits],
        )
        .await;
    if rows.is_err() {
        settled(&client).await;
    }
    let rows = rows?;
    let mut claimed: Vec<Claimed> = rows
        .iter()
        .map(|row| Claimed {
            id: row.get(0),
            started_at: row.get(1),
            attempts: row.get(2),
            in_doubt_policy: row.get(3),
            destination_addr: row.get(4),
            short_message: row.get(5),
            priority_flag: row.get(6),
            registered_delivery: row.get(7),
            source_addr: row.get(8),
            source_addr_ton: row.get(9),
            source_addr_npi: row.get(10),
            dest_addr_ton: row.get(11),
            dest_addr_npi: row.get(12),
            service_type: row.get(13),
            protocol_id: row.get(14),
            esm_class: row.get(15),
            data_coding: row.get(16),
            message_class: row.get(17),
            message_parts: row.get(18),
            validity_period: row.get(19),
            schedule_delivery_time: row.get(20),
            optional_parameters: row.get(21),
            expires_in: row.get(22),
            submits: row.get(23),
            ready_since: row.get(24),
        })
        .collect();
    // RETURNING keeps no order.
    claimed.sort_unstable_by(|a, b| {
        b.priority_flag
            .cmp(&a.priority_flag)
            .then_with(|| a.id.cmp(&b.id))
    });
    Ok(claimed)
}

/// The row of a lane that would be claimed next, but for those in `left_out`.
///
/// # Errors
/// When the database can't answer.
pub async fn next(
    database: &Database,
    lane: &str,
    left_out: &[i64],
) -> Result<Option<i64>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(NEXT).await?;
    let row = client.query_opt(&statement, &[&lane, &left_out]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// The time of the database.
///
/// # Errors
/// When the database can't answer.
pub async fn clock(database: &Database) -> Result<DateTime<Utc>, DbError> {
    let client = database.client().await?;
    let row = client.query_one("SELECT clock_timestamp()", &[]).await?;
    Ok(row.get(0))
}

/// Up to `limit` rows of a lane with an open attempt, but those in `known`; none when the lease is no
/// longer that of `epoch`.
///
/// # Errors
/// When the database can't answer.
pub async fn started(
    database: &Database,
    lane: &str,
    known: &[i64],
    limit: i64,
    epoch: i64,
) -> Result<Vec<Started>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(STARTED).await?;
    let rows = client
        .query(&statement, &[&lane, &known, &limit, &epoch])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Started {
            id: row.get(0),
            started_at: row.get(1),
            attempts: row.get(2),
            in_doubt_policy: row.get(3),
            server_id: row.get(4),
        })
        .collect())
}

/// Writes outcomes. Returns the ids of the rows that took theirs, and of those the cancelled ones.
///
/// # Errors
/// When the database can't do it.
pub async fn record<C: GenericClient>(
    client: &C,
    updates: &[&RowUpdate],
) -> Result<(Vec<i64>, Vec<i64>), DbError> {
    let column = |f: fn(&RowUpdate) -> bool| updates.iter().map(|it| f(it)).collect::<Vec<_>>();
    let ids: Vec<i64> = updates.iter().map(|it| it.tx_id).collect();
    let started: Vec<_> = updates.iter().map(|it| it.started_at).collect();
    let message_ids: Vec<_> = updates.iter().map(|it| it.message_id.as_deref()).collect();
    let infos: Vec<_> = updates.iter().map(|it| it.info.as_deref()).collect();
    let uncounted: Vec<_> = updates.iter().map(|it| it.uncounted).collect();
    let retry_after: Vec<_> = updates
        .iter()
        .map(|it| it.retry_after.map(|delay| delay.as_secs_f64()))
        .collect();
    let statement = client.prepare_cached(RECORD).await?;
    let rows = client
        .query(
            &statement,
            &[
                &ids,
                &started,
                &column(|it| it.answered),
                &column(|it| it.done),
                &column(|it| it.failed),
                &message_ids,
                &infos,
                &uncounted,
                &retry_after,
                &column(|it| it.in_doubt),
                &column(|it| it.possible_duplicate),
                &updates.iter().map(|it| it.parts).collect::<Vec<_>>(),
            ],
        )
        .await?;
    let written = rows.iter().map(|row| row.get(0)).collect();
    let cancelled = rows
        .iter()
        .filter(|row| row.get::<_, bool>(1))
        .map(|row| row.get(0))
        .collect();
    Ok((written, cancelled))
}

/// Which of these attempts are still open.
///
/// # Errors
/// When the database can't answer.
pub async fn still_open<C: GenericClient>(
    client: &C,
    updates: &[&RowUpdate],
) -> Result<Vec<i64>, DbError> {
    let ids: Vec<i64> = updates.iter().map(|it| it.tx_id).collect();
    let started: Vec<_> = updates.iter().map(|it| it.started_at).collect();
    let statement = client.prepare_cached(STILL_OPEN).await?;
    let rows = client.query(&statement, &[&ids, &started]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Locks rows, and waits for who has locked them.
///
/// # Errors
/// When the database can't answer, or somebody does not let go.
pub async fn hold<C: GenericClient>(client: &C, ids: &[i64]) -> Result<(), DbError> {
    let statement = client.prepare_cached(HOLD).await?;
    client.query(&statement, &[&ids]).await?;
    Ok(())
}

/// Locks those of these rows that nobody else has locked; returns their ids.
///
/// # Errors
/// When the database can't answer.
pub async fn lock<C: GenericClient>(client: &C, ids: &[i64]) -> Result<HashSet<i64>, DbError> {
    let statement = client.prepare_cached(LOCK).await?;
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
