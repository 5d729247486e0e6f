//! `smpp_tx_parts`: the parts of long messages.

use std::collections::{HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::DbError;
use crate::outbox::{PartStanding, RowUpdate, Standing};
use crate::pdu::SubmitSm;

const PARTS_OF: &str = include_str!("../../sql/queries/parts_of.sql");
const HOLD_ATTEMPTS: &str = include_str!("../../sql/queries/hold_attempts.sql");
const LOCKED_PARTS: &str = include_str!("../../sql/queries/locked_parts.sql");
const DROP_PARTS: &str = include_str!("../../sql/queries/drop_parts.sql");
const LAST_REFERENCES: &str = include_str!("../../sql/queries/last_references.sql");
const INSERT_PARTS: &str = include_str!("../../sql/queries/insert_parts.sql");
const START_PARTS: &str = include_str!("../../sql/queries/start_parts.sql");
const RECORD_PARTS: &str = include_str!("../../sql/queries/record_parts.sql");
const OPEN_PARTS: &str = include_str!("../../sql/queries/open_parts.sql");
const STANDING: &str = include_str!("../../sql/queries/standing.sql");

/// What is sent of a part, the same in each attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// `part`, from 1.
    pub part: i16,
    /// `total`
    pub total: i16,
    /// `concat_ref`
    pub concat_ref: Option<u16>,
    /// `data_coding`
    pub data_coding: u8,
    /// `esm_class`
    pub esm_class: u8,
    /// `octets`: the short_message, with its user data header where it has one.
    pub octets: Bytes,
    /// The sender.
    pub source: Source,
}

/// The sender of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// `smpp_source_addr`
    pub addr: String,
    /// `smpp_source_addr_ton`
    pub ton: u8,
    /// `smpp_source_addr_npi`
    pub npi: u8,
}

impl Source {
    /// That of a submit_sm.
    #[must_use]
    pub fn of(submit_sm: &SubmitSm) -> Self {
        Self {
            addr: submit_sm.source_addr.to_text(),
            ton: submit_sm.source_addr_ton,
            npi: submit_sm.source_addr_npi,
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text must not reach a log by way of Debug.
        let octets = self.octets.len();
        write!(f, "part {} of {} ({octets} octets)", self.part, self.total)
    }
}

/// A part that was fixed by an earlier attempt.
#[derive(Debug, Clone)]
pub struct StoredPart {
    /// What is sent.
    pub part: Part,
    /// `server_id`: for which server it was made.
    pub server_id: Option<i64>,
    /// `submission_attempts`
    pub attempts: i32,
    /// `submission_done`: the SMSC has accepted it.
    pub done: bool,
    /// The SMSC may have it, or may have it twice.
    pub doubtful: bool,
    /// `submission_started_at`
    pub started_at: Option<DateTime<Utc>>,
    /// `submission_timestamp`
    pub answered_at: Option<DateTime<Utc>>,
}

/// The parts that a message is split into now.
#[derive(Debug)]
pub struct NewParts {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// The attempt that they are made for.
    pub started_at: DateTime<Utc>,
    /// The number of the phone as it is sent.
    pub destination: String,
    /// The sender.
    pub source: Source,
    /// All of them.
    pub parts: Vec<Part>,
}

/// A message whose parts are tried again.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// The attempt.
    pub started_at: DateTime<Utc>,
    /// Attempts are counted from 1 again.
    pub anew: bool,
}

/// Attempts that were started: by message the numbers of its parts, and which attempt at each it is.
pub type StartedParts = HashMap<i64, HashMap<i16, i32>>;

/// The stored parts of messages, by message and in order.
///
/// # Errors
/// When the database can't answer.
pub async fn of<C: GenericClient>(
    client: &C,
    tx_ids: &[i64],
) -> Result<HashMap<i64, Vec<StoredPart>>, DbError> {
    let statement = client.prepare_cached(PARTS_OF).await?;
    let mut parts: HashMap<i64, Vec<StoredPart>> = HashMap::new();
    for row in client.query(&statement, &[&tx_ids]).await? {
        let octets: &[u8] = row.get(6);
        parts.entry(row.get(0)).or_default().push(StoredPart {
            part: Part {
                part: row.get(1),
                total: row.get(2),
                concat_ref: row
                    .get::<_, Option<i32>>(3)
                    .and_then(|reference| u16::try_from(reference).ok()),
                data_coding: octet(row.get(4)),
                esm_class: octet(row.get(5)),
                octets: Bytes::copy_from_slice(octets),
                source: Source {
                    addr: row.get(7),
                    ton: octet(row.get(8)),
                    npi: octet(row.get(9)),
                },
            },
            server_id: row.get(10),
            attempts: row.get(11),
            done: row.get(12),
            doubtful: row.get(13),
            started_at: row.get(14),
            answered_at: row.get(15),
        });
    }
    Ok(parts)
}

/// Locks messages whose attempts are open; returns their ids. Who is missing is locked, deleted or reset.
///
/// # Errors
/// When the database can't answer.
pub async fn hold_attempts<C: GenericClient>(
    client: &C,
    attempts: &[(i64, DateTime<Utc>)],
) -> Result<HashSet<i64>, DbError> {
    let (ids, started): (Vec<_>, Vec<_>) = attempts.iter().copied().unzip();
    let statement = client.prepare_cached(HOLD_ATTEMPTS).await?;
    let rows = client.query(&statement, &[&ids, &started]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Locks the parts of messages; returns the ids of those of which somebody else has locked some.
///
/// # Errors
/// When the database can't answer.
pub async fn locked<C: GenericClient>(client: &C, tx_ids: &[i64]) -> Result<HashSet<i64>, DbError> {
    let statement = client.prepare_cached(LOCKED_PARTS).await?;
    let rows = client.query(&statement, &[&tx_ids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Forgets the parts of messages; the flag says of each whether the SMSC may have some of them.
///
/// # Errors
/// When the database can't do it.
pub async fn drop_all<C: GenericClient>(
    client: &C,
    messages: &[(i64, bool)],
) -> Result<(), DbError> {
    let (ids, sent): (Vec<_>, Vec<_>) = messages.iter().copied().unzip();
    let statement = client.prepare_cached(DROP_PARTS).await?;
    client.execute(&statement, &[&ids, &sent]).await?;
    Ok(())
}

/// The reference of the last long message to each of these numbers.
///
/// # Errors
/// When the database can't answer.
pub async fn last_references<C: GenericClient>(
    client: &C,
    destinations: &[String],
) -> Result<HashMap<String, u16>, DbError> {
    let statement = client.prepare_cached(LAST_REFERENCES).await?;
    let rows = client.query(&statement, &[&destinations]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.get(0), u16::try_from(row.get::<_, i32>(1)).ok()?)))
        .collect())
}

/// Fixes the parts of messages for a server and starts their first attempt.
///
/// # Errors
/// When the database can't do it.
pub async fn insert<C: GenericClient>(
    client: &C,
    messages: &[NewParts],
    server_id: i64,
) -> Result<StartedParts, DbError> {
    let ids: Vec<_> = messages.iter().map(|it| it.tx_id).collect();
    let started: Vec<_> = messages.iter().map(|it| it.started_at).collect();
    let destinations: Vec<_> = messages.iter().map(|it| it.destination.as_str()).collect();
    let senders: Vec<_> = messages.iter().map(|it| it.source.addr.as_str()).collect();
    let tons: Vec<_> = messages.iter().map(|it| i16::from(it.source.ton)).collect();
    let npis: Vec<_> = messages.iter().map(|it| i16::from(it.source.npi)).collect();
    let all: Vec<(i64, &Part)> = messages
        .iter()
        .flat_map(|it| it.parts.iter().map(|part| (it.tx_id, part)))
        .collect();
    let tx_ids: Vec<_> = all.iter().map(|(tx_id, _)| *tx_id).collect();
    let column = |f: fn(&Part) -> i16| all.iter().map(|(_, part)| f(part)).collect::<Vec<_>>();
    let references: Vec<_> = all
        .iter()
        .map(|(_, part)| part.concat_ref.map(i32::from))
        .collect();
    let octets: Vec<&[u8]> = all.iter().map(|(_, part)| &part.octets[..]).collect();
    let statement = client.prepare_cached(INSERT_PARTS).await?;
    let rows = client
        .query(
            &statement,
            &[
                &ids,
                &started,
                &destinations,
                &senders,
                &tons,
                &npis,
                &server_id,
                &tx_ids,
                &column(|part| part.part),
                &column(|part| part.total),
                &references,
                &column(|part| i16::from(part.data_coding)),
                &column(|part| i16::from(part.esm_class)),
                &octets,
            ],
        )
        .await?;
    Ok(started_parts(&rows))
}

/// Starts another attempt at the parts of messages that the SMSC has not accepted.
///
/// # Errors
/// When the database can't do it.
pub async fn start<C: GenericClient>(
    client: &C,
    messages: &[Restart],
) -> Result<StartedParts, DbError> {
    let ids: Vec<_> = messages.iter().map(|it| it.tx_id).collect();
    let started: Vec<_> = messages.iter().map(|it| it.started_at).collect();
    let anew: Vec<_> = messages.iter().map(|it| it.anew).collect();
    let statement = client.prepare_cached(START_PARTS).await?;
    let rows = client.query(&statement, &[&ids, &started, &anew]).await?;
    Ok(started_parts(&rows))
}

fn started_parts(rows: &[tokio_postgres::Row]) -> StartedParts {
    let mut started = StartedParts::new();
    for row in rows {
        let parts = started.entry(row.get(0)).or_default();
        parts.insert(row.get(1), row.get(2));
    }
    started
}

/// Writes outcomes of attempts at parts; returns the messages and numbers of those that took theirs.
///
/// # Errors
/// When the database can't do it.
pub async fn record<C: GenericClient>(
    client: &C,
    updates: &[(&RowUpdate, i16)],
) -> Result<HashSet<(i64, i16)>, DbError> {
    let column = |f: fn(&RowUpdate) -> bool| updates.iter().map(|it| f(it.0)).collect::<Vec<_>>();
    let ids: Vec<_> = updates.iter().map(|(it, _)| it.tx_id).collect();
    let parts: Vec<_> = updates.iter().map(|(_, part)| *part).collect();
    let started: Vec<_> = updates.iter().map(|(it, _)| it.started_at).collect();
    let message_ids: Vec<_> = updates
        .iter()
        .map(|(it, _)| it.message_id.as_deref())
        .collect();
    let infos: Vec<_> = updates.iter().map(|(it, _)| it.info.as_deref()).collect();
    let uncounted: Vec<_> = updates.iter().map(|(it, _)| it.uncounted).collect();
    let retry_after: Vec<_> = updates
        .iter()
        .map(|(it, _)| it.retry_after.map(|delay| delay.as_secs_f64()))
        .collect();
    let statement = client.prepare_cached(RECORD_PARTS).await?;
    let rows = client
        .query(
            &statement,
            &[
                &ids,
                &parts,
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
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The messages of those of these attempts at parts that are still open.
///
/// # Errors
/// When the database can't answer.
pub async fn still_open<C: GenericClient>(
    client: &C,
    updates: &[(&RowUpdate, i16)],
) -> Result<HashSet<i64>, DbError> {
    let ids: Vec<_> = updates.iter().map(|(it, _)| it.tx_id).collect();
    let parts: Vec<_> = updates.iter().map(|(_, part)| *part).collect();
    let started: Vec<_> = updates.iter().map(|(it, _)| it.started_at).collect();
    let statement = client.prepare_cached(OPEN_PARTS).await?;
    let rows = client.query(&statement, &[&ids, &parts, &started]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How the parts of messages stand, by message, as far as these attempts are open.
///
/// # Errors
/// When the database can't answer.
pub async fn standing<C: GenericClient>(
    client: &C,
    attempts: &[(i64, DateTime<Utc>)],
) -> Result<HashMap<i64, Standing>, DbError> {
    let (ids, started): (Vec<_>, Vec<_>) = attempts.iter().copied().unzip();
    let statement = client.prepare_cached(STANDING).await?;
    let mut messages: HashMap<i64, Standing> = HashMap::new();
    for row in client.query(&statement, &[&ids, &started]).await? {
        let message = messages.entry(row.get(0)).or_insert_with(|| Standing {
            attempts: row.get(1),
            parts: Vec::new(),
        });
        message.parts.push(PartStanding {
            part: row.get(2),
            total: row.get(3),
            open: row.get(4),
            done: row.get(5),
            failed: row.get(6),
            message_id: row.get(7),
            info: row.get(8),
            attempts: row.get(9),
            retry_in: row.get(10),
            in_doubt: row.get(11),
            possible_duplicate: row.get(12),
            answered: row.get(13),
        });
    }
    Ok(messages)
}

/// A smallint that a constraint keeps between 0 and 255.
fn octet(value: i16) -> u8 {
    u8::try_from(value).unwrap_or_default()
}
