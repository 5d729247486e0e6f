//! Long messages from phones: the parts in `smpp_rx_queue`, and what they become in `smpp_inbox`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::DbError;
use crate::reassembly::{APART_AT_MOST, Held, Key, Reference, SETS_AT_MOST, Set};
use crate::text::Alphabet;

const SETS_OF_KEYS: &str = include_str!("../../sql/queries/sets_of_keys.sql");
const PDUS_OF: &str = include_str!("../../sql/queries/pdus_of.sql");
const OVERDUE_SETS: &str = include_str!("../../sql/queries/overdue_sets.sql");
const WAITING_SETS: &str = include_str!("../../sql/queries/waiting_sets.sql");
const LOCK_SETS: &str = include_str!("../../sql/queries/lock_sets.sql");
const LOCK_INBOX: &str = include_str!("../../sql/queries/lock_inbox.sql");
const INSERT_LONG: &str = include_str!("../../sql/queries/insert_long.sql");
const UPDATE_LONG: &str = include_str!("../../sql/queries/update_long.sql");
const TIE_PARTS: &str = include_str!("../../sql/queries/tie_parts.sql");

/// Where a walk through the parts that wait has come to: the time and id of the last one.
pub type Cursor = (DateTime<Utc>, i64);

/// One page of the parts that wait.
#[derive(Debug)]
pub struct Page {
    /// Sets that could go into the inbox, with their total.
    pub ready: Vec<(i64, u8)>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

/// A stored part, locked until the transaction ends.
#[derive(Debug)]
pub struct StoredPart {
    /// [`Set::id`]
    pub set: i64,
    /// Rows that the set has, locked by others or not.
    pub rows: usize,
    /// `smpp_rx_queue.id`
    pub rx_id: i64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// Hex of the PDU.
    pub pdu_raw: Option<String>,
    /// Its number, from 1.
    pub number: u8,
    /// The part that it repeats: [`Held::first`].
    pub repeats: Option<i64>,
    /// What the parts have in common; `None` where the row does not say.
    pub key: Option<Key>,
    /// The row of `smpp_inbox` that it belongs to.
    pub inbox_id: Option<i64>,
    /// It was stored longer ago than the reassembly timeout.
    pub overdue: bool,
    /// It was stored longer ago than [`APART_AT_MOST`].
    pub settled: bool,
    /// What data_coding 0 means for the server.
    pub alphabet: Alphabet,
}

/// A row of the inbox that late parts belong to.
#[derive(Debug)]
pub struct Shown {
    /// `smpp_inbox.id`
    pub id: i64,
    /// Its PDUs; `None` where somebody else has the row locked.
    pub rx_ids: Option<Vec<i64>>,
    /// Nothing is missing.
    pub complete: bool,
}

/// A part, and where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Tie {
    /// `smpp_rx_queue.id`
    pub rx_id: i64,
    /// `smpp_inbox.id`
    pub inbox_id: i64,
    /// [`Set::id`]
    pub set: i64,
}

/// A message that was put together.
#[derive(Debug)]
pub struct Long {
    /// What its parts have in common.
    pub key: Key,
    /// When its first part was stored.
    pub received_at: DateTime<Utc>,
    /// The text; `None` for binary data.
    pub message: Option<String>,
    /// Nothing is missing.
    pub complete: bool,
    /// Its PDUs in the order of the parts.
    pub rx_ids: Vec<i64>,
    /// The same parts have come before.
    pub again: bool,
}

/// The sets of parts that began within the last day and the reassembly `timeout`, [`SETS_AT_MOST`] of each key, the oldest first,
/// each with the place of its key in `keys`.
///
/// # Errors
/// When the database can't answer.
pub async fn sets_of_keys<C: GenericClient>(
    client: &C,
    keys: &[&Key],
    timeout: Duration,
) -> Result<Vec<(usize, Set)>, DbError> {
    let server_ids: Vec<_> = keys.iter().map(|key| key.server_id).collect();
    let sources: Vec<_> = keys.iter().map(|key| key.source.as_str()).collect();
    let destinations: Vec<_> = keys.iter().map(|key| key.destination.as_str()).collect();
    let kinds: Vec<_> = keys.iter().map(|key| key.kind.name()).collect();
    let references: Vec<_> = keys.iter().map(|key| i32::from(key.reference)).collect();
    let totals: Vec<_> = keys.iter().map(|key| i16::from(key.total)).collect();
    let most = i64::try_from(SETS_AT_MOST).unwrap_or(i64::MAX);
    let statement = client.prepare_cached(SETS_OF_KEYS).await?;
    let rows = client
        .query(
            &statement,
            &[
                &server_ids,
                &sources,
                &destinations,
                &kinds,
                &references,
                &totals,
                &most,
                &timeout.as_secs_f64(),
            ],
        )
        .await?;
    let set = |row: &tokio_postgres::Row| {
        let ordinal: i32 = row.get("ordinal");
        let numbers: Vec<i16> = row.get("numbers");
        let rx_ids: Vec<i64> = row.get("rx_ids");
        let firsts: Vec<i64> = row.get("firsts");
        let mut set = Set {
            id: row.get("id"),
            inbox_id: row.get("inbox_id"),
            overdue: row.get("overdue"),
            parts: BTreeMap::new(),
        };
        for ((number, rx_id), first) in numbers.into_iter().zip(rx_ids).zip(firsts) {
            let held = Held { rx_id, first };
            let known = set.parts.entry(total(number)).or_insert(held);
            if rx_id < known.rx_id {
                *known = held;
            }
        }
        Some((usize::try_from(ordinal).ok()?.checked_sub(1)?, set))
    };
    Ok(rows.iter().filter_map(set).collect())
}

/// The hex of stored PDUs, by `smpp_rx_queue.id`.
///
/// # Errors
/// When the database can't answer.
pub async fn pdus_of<C: GenericClient>(
    client: &C,
    rx_ids: &[i64],
) -> Result<Vec<(i64, String)>, DbError> {
    let statement = client.prepare_cached(PDUS_OF).await?;
    let rows = client.query(&statement, &[&rx_ids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Sets with a part that has waited for longer than `timeout`, with their total: those of the `most` oldest such parts,
/// without the sets that are `put_off`.
///
/// # Errors
/// When the database can't answer.
pub async fn overdue_sets<C: GenericClient>(
    client: &C,
    timeout: Duration,
    put_off: &[i64],
    most: i64,
) -> Result<Vec<(i64, u8)>, DbError> {
    let statement = client.prepare_cached(OVERDUE_SETS).await?;
    let rows = client
        .query(&statement, &[&timeout.as_secs_f64(), &put_off, &most])
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), total(row.get(1))))
        .collect())
}

/// The next `most` of the parts that wait, from the newest to the oldest.
///
/// # Errors
/// When the database can't answer.
pub async fn waiting_sets<C: GenericClient>(
    client: &C,
    from: Option<Cursor>,
    most: i64,
) -> Result<Page, DbError> {
    let (at, id) = from.unzip();
    let statement = client.prepare_cached(WAITING_SETS).await?;
    let apart = APART_AT_MOST.as_secs_f64();
    let rows = client.query(&statement, &[&at, &id, &most, &apart]).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= most);
    let mut ready: Vec<_> = rows
        .iter()
        .filter(|row| row.get("ready"))
        .map(|row| {
            (
                row.get("concat_set"),
                row.get::<_, Option<i16>>("concat_total").map_or(0, total),
            )
        })
        .collect();
    ready.sort_unstable();
    ready.dedup();
    let last = rows.last().filter(|_| full);
    Ok(Page {
        ready,
        next: last.map(|row| (row.get("insert_timestamp"), row.get("id"))),
    })
}

/// Locks the parts of sets, those of one set behind each other in the order in which they came. A row that somebody else
/// has locked is left out; the set has more `rows` then.
///
/// # Errors
/// When the database can't do it.
pub async fn lock_sets<C: GenericClient>(
    client: &C,
    sets: &[i64],
    timeout: Duration,
) -> Result<Vec<StoredPart>, DbError> {
    let statement = client.prepare_cached(LOCK_SETS).await?;
    let rows = client
        .query(
            &statement,
            &[&sets, &timeout.as_secs_f64(), &APART_AT_MOST.as_secs_f64()],
        )
        .await?;
    Ok(rows.iter().map(stored_part).collect())
}

fn stored_part(row: &tokio_postgres::Row) -> StoredPart {
    let count: i64 = row.get("rows");
    let alphabet: Option<&str> = row.get("esme_default_alphabet");
    StoredPart {
        set: row.get("concat_set"),
        rows: usize::try_from(count).unwrap_or(usize::MAX),
        rx_id: row.get("id"),
        stored_at: row.get("stored_at"),
        pdu_raw: row.get("pdu_raw"),
        number: total(row.get("concat_part")),
        repeats: row.get("concat_repeats"),
        key: key_of(row),
        inbox_id: row.get("inbox_id"),
        overdue: row.get("overdue"),
        settled: row.get("settled"),
        alphabet: alphabet
            .and_then(|name| name.parse().ok())
            .unwrap_or_default(),
    }
}

fn key_of(row: &tokio_postgres::Row) -> Option<Key> {
    let kind: Option<&str> = row.get("concat_kind");
    let reference: Option<i32> = row.get("concat_ref");
    Some(Key {
        server_id: row.get::<_, Option<i64>>("smpp_server_id")?,
        source: row.get::<_, Option<String>>("smpp_source_addr")?,
        destination: row.get::<_, Option<String>>("smpp_destination_addr")?,
        kind: Reference::from_name(kind?)?,
        reference: u16::try_from(reference?).ok()?,
        total: total(row.get("concat_total")),
    })
}

/// The check of the column says that it is from 0 to 255.
fn total(number: i16) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

/// Locks rows of the inbox, those that are still there.
///
/// # Errors
/// When the database can't do it.
pub async fn lock_inbox<C: GenericClient>(client: &C, ids: &[i64]) -> Result<Vec<Shown>, DbError> {
    let statement = client.prepare_cached(LOCK_INBOX).await?;
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows
        .iter()
        .map(|row| Shown {
            id: row.get(0),
            rx_ids: row.get(1),
            complete: row.get::<_, Option<bool>>(2).unwrap_or_default(),
        })
        .collect())
}

/// Puts messages into the inbox; returns the ids there, each with the first of its PDUs.
///
/// # Errors
/// When the database can't do it.
pub async fn insert_long<C: GenericClient>(
    client: &C,
    messages: &[&Long],
) -> Result<Vec<(i64, i64)>, DbError> {
    let received: Vec<_> = messages.iter().map(|it| it.received_at).collect();
    let sources: Vec<_> = messages.iter().map(|it| it.key.source.as_str()).collect();
    let destinations: Vec<_> = messages
        .iter()
        .map(|it| it.key.destination.as_str())
        .collect();
    let texts: Vec<_> = messages.iter().map(|it| it.message.as_deref()).collect();
    let server_ids: Vec<_> = messages.iter().map(|it| it.key.server_id).collect();
    let parts: Vec<_> = messages.iter().map(|it| i16::from(it.key.total)).collect();
    let complete: Vec<_> = messages.iter().map(|it| it.complete).collect();
    let rx_ids: Vec<_> = messages.iter().map(|it| array(&it.rx_ids)).collect();
    let again: Vec<_> = messages.iter().map(|it| it.again).collect();
    let statement = client.prepare_cached(INSERT_LONG).await?;
    let rows = client
        .query(
            &statement,
            &[
                &received,
                &sources,
                &destinations,
                &texts,
                &server_ids,
                &parts,
                &complete,
                &rx_ids,
                &again,
            ],
        )
        .await?;
    let first = |row: &tokio_postgres::Row| {
        let rx_ids: Vec<i64> = row.get(1);
        Some((row.get(0), *rx_ids.first()?))
    };
    Ok(rows.iter().filter_map(first).collect())
}

/// Writes what late parts add to rows of the inbox.
///
/// # Errors
/// When the database can't do it.
pub async fn update_long<C: GenericClient>(
    client: &C,
    messages: &[(i64, &Long)],
) -> Result<(), DbError> {
    let ids: Vec<_> = messages.iter().map(|(id, _)| *id).collect();
    let texts: Vec<_> = messages
        .iter()
        .map(|(_, it)| it.message.as_deref())
        .collect();
    let complete: Vec<_> = messages.iter().map(|(_, it)| it.complete).collect();
    let rx_ids: Vec<_> = messages.iter().map(|(_, it)| array(&it.rx_ids)).collect();
    let statement = client.prepare_cached(UPDATE_LONG).await?;
    client
        .execute(&statement, &[&ids, &texts, &complete, &rx_ids])
        .await?;
    Ok(())
}

/// Ties parts to rows of the inbox and to their sets.
///
/// # Errors
/// When the database can't do it.
pub async fn tie_parts<C: GenericClient>(client: &C, ties: &[Tie]) -> Result<(), DbError> {
    let rx_ids: Vec<_> = ties.iter().map(|tie| tie.rx_id).collect();
    let inbox_ids: Vec<_> = ties.iter().map(|tie| tie.inbox_id).collect();
    let sets: Vec<_> = ties.iter().map(|tie| tie.set).collect();
    let statement = client.prepare_cached(TIE_PARTS).await?;
    client
        .execute(&statement, &[&rx_ids, &inbox_ids, &sets])
        .await?;
    Ok(())
}

/// An array of PostgreSQL in its text form, for arrays of different lengths in one parameter.
fn array(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
