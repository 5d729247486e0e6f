//! `smpp_rx_queue`, `smpp_inbox`, and the states that receipts bring.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde_json::Value;

use super::DbError;
use crate::inbound::Inbound;
use crate::reassembly::{Part, Place};
use crate::receipt::Kind;

const EARLY_RECEIPTS: &str = include_str!("../../sql/queries/early_receipts.sql");
const EARLY_BY_PREFIX: &str = include_str!("../../sql/queries/early_receipts_by_prefix.sql");
const MATCH_RECEIPTS: &str = include_str!("../../sql/queries/match_receipts.sql");
const APPLY_STATES: &str = include_str!("../../sql/queries/apply_states.sql");
const APPLY_PART_STATES: &str = include_str!("../../sql/queries/apply_part_states.sql");
const ADD_UP_STATES: &str = include_str!("../../sql/queries/add_up_states.sql");
const INSERT_RX: &str = include_str!("../../sql/queries/insert_rx.sql");
const LINK_RECEIPTS: &str = include_str!("../../sql/queries/link_receipts.sql");
const INSERT_INBOX: &str = include_str!("../../sql/queries/insert_inbox.sql");

/// A message that was just accepted, as its receipt may name it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// Which part of it, where it is a long one.
    pub part: Option<i16>,
    /// By which server.
    pub server_id: i64,
    /// What the canonical id in a receipt would be.
    pub key: String,
    /// Or what it would begin with.
    pub more_may_follow: bool,
    /// Receipts from before this are about other messages.
    pub started_at: DateTime<Utc>,
}

/// A stored receipt that came before its message was recorded.
#[derive(Debug, Clone)]
pub struct EarlyReceipt {
    /// `smpp_rx_queue.id`
    pub rx_id: i64,
    /// Its message.
    pub tx_id: i64,
    /// Which part of it, where it is a long one.
    pub part: Option<i16>,
    /// `pdu_parsed -> 'receipt'`
    pub receipt: Option<Value>,
}

/// What a receipt is looked up by.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Comes back with the hit.
    pub ordinal: i32,
    /// Who sent the receipt.
    pub server_id: i64,
    /// Canonical id of the message.
    pub key: String,
    /// source_addr of the receipt: the message's destination.
    pub source: Option<String>,
    /// A message to another destination is not meant.
    pub only_to_source: bool,
    /// How many parts to look for at most, where all of a message have this id.
    pub wanted: i32,
}

/// The message that a receipt is about.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Of the [`Lookup`].
    pub ordinal: i32,
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// Which part of it, where it is a long one.
    pub part: Option<i16>,
    /// The state of message or part now.
    pub state: Option<String>,
    /// Seconds since the answer to it.
    pub answered_ago: Option<f64>,
}

/// A state to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateUpdate {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// Which part of it, where it is a long one.
    pub part: Option<i16>,
    /// `smpp_message_state`
    pub state: &'static str,
    /// `smpp_error_code`; `None` leaves it.
    pub error_code: Option<String>,
    /// `smpp_network_error_code`; `None` leaves it.
    pub network_error_code: Option<String>,
}

/// Stored receipts about messages that were just accepted.
///
/// # Errors
/// When the database can't answer.
pub async fn early_receipts<C: GenericClient>(
    client: &C,
    accepted: &[Accepted],
) -> Result<Vec<EarlyReceipt>, DbError> {
    let mut found = Vec::new();
    for (statement, more_may_follow) in [(EARLY_RECEIPTS, false), (EARLY_BY_PREFIX, true)] {
        let accepted = || {
            accepted
                .iter()
                .filter(move |it| it.more_may_follow == more_may_follow)
        };
        let tx_ids: Vec<_> = accepted().map(|it| it.tx_id).collect();
        if tx_ids.is_empty() {
            continue;
        }
        let parts: Vec<_> = accepted().map(|it| it.part).collect();
        let server_ids: Vec<_> = accepted().map(|it| it.server_id).collect();
        let keys: Vec<_> = accepted().map(|it| it.key.as_str()).collect();
        let started: Vec<_> = accepted().map(|it| it.started_at).collect();
        let statement = client.prepare_cached(statement).await?;
        let rows = client
            .query(&statement, &[&tx_ids, &parts, &server_ids, &keys, &started])
            .await?;
        found.extend(rows.iter().map(|row| EarlyReceipt {
            rx_id: row.get(0),
            tx_id: row.get(1),
            part: row.get(2),
            receipt: row.get(3),
        }));
    }
    // In the order in which they came.
    found.sort_by_key(|receipt| receipt.rx_id);
    Ok(found)
}

/// The messages that receipts are about; a receipt that matches nothing has no hit.
///
/// # Errors
/// When the database can't answer.
pub async fn match_receipts<C: GenericClient>(
    client: &C,
    lookups: &[Lookup],
) -> Result<Vec<Hit>, DbError> {
    let ordinals: Vec<_> = lookups.iter().map(|it| it.ordinal).collect();
    let server_ids: Vec<_> = lookups.iter().map(|it| it.server_id).collect();
    let keys: Vec<_> = lookups.iter().map(|it| it.key.as_str()).collect();
    let sources: Vec<_> = lookups.iter().map(|it| it.source.as_deref()).collect();
    let only: Vec<_> = lookups.iter().map(|it| it.only_to_source).collect();
    let wanted: Vec<_> = lookups.iter().map(|it| it.wanted).collect();
    let statement = client.prepare_cached(MATCH_RECEIPTS).await?;
    let rows = client
        .query(
            &statement,
            &[&ordinals, &server_ids, &keys, &sources, &only, &wanted],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Hit {
            ordinal: row.get(0),
            tx_id: row.get(1),
            part: row.get(2),
            state: row.get(3),
            answered_ago: row.get(4),
        })
        .collect())
}

/// Writes states; returns the ids of the messages whose state changed.
///
/// # Errors
/// When the database can't do it.
pub async fn apply_states<C: GenericClient>(
    client: &C,
    updates: &[StateUpdate],
) -> Result<Vec<i64>, DbError> {
    let ids: Vec<_> = updates.iter().map(|it| it.tx_id).collect();
    let states: Vec<_> = updates.iter().map(|it| it.state).collect();
    let error_codes: Vec<_> = updates.iter().map(|it| it.error_code.as_deref()).collect();
    let network: Vec<_> = updates
        .iter()
        .map(|it| it.network_error_code.as_deref())
        .collect();
    let statement = client.prepare_cached(APPLY_STATES).await?;
    let rows = client
        .query(&statement, &[&ids, &states, &error_codes, &network])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Writes states to parts of long messages.
///
/// # Errors
/// When the database can't do it.
pub async fn apply_part_states<C: GenericClient>(
    client: &C,
    updates: &[StateUpdate],
) -> Result<(), DbError> {
    let ids: Vec<_> = updates.iter().map(|it| it.tx_id).collect();
    let parts: Vec<_> = updates.iter().map(|it| it.part).collect();
    let states: Vec<_> = updates.iter().map(|it| it.state).collect();
    let error_codes: Vec<_> = updates.iter().map(|it| it.error_code.as_deref()).collect();
    let network: Vec<_> = updates
        .iter()
        .map(|it| it.network_error_code.as_deref())
        .collect();
    let statement = client.prepare_cached(APPLY_PART_STATES).await?;
    client
        .execute(&statement, &[&ids, &parts, &states, &error_codes, &network])
        .await?;
    Ok(())
}

/// Gives long messages the state that their parts add up to; the flag: one receipt stands for all parts.
/// Returns the ids of those whose state changed.
///
/// # Errors
/// When the database can't do it.
pub async fn add_up_states<C: GenericClient>(
    client: &C,
    messages: &BTreeMap<i64, bool>,
) -> Result<Vec<i64>, DbError> {
    let ids: Vec<_> = messages.keys().copied().collect();
    let one: Vec<_> = messages.values().copied().collect();
    let statement = client.prepare_cached(ADD_UP_STATES).await?;
    let rows = client.query(&statement, &[&ids, &one]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// So many new ids for `smpp_rx_queue`.
///
/// # Errors
/// When the database can't answer.
pub async fn next_rx_ids<C: GenericClient>(client: &C, count: usize) -> Result<Vec<i64>, DbError> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let statement = client
        .prepare_cached("SELECT nextval('public.smpp_rx_queue_id_seq') FROM generate_series(1, $1)")
        .await?;
    let rows = client.query(&statement, &[&count]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Stores received PDUs under the given ids, each with the message that it is about and, for a part of a long message, its
/// place.
///
/// # Errors
/// When the database can't do it.
pub async fn insert_rx<C: GenericClient>(
    client: &C,
    ids: &[i64],
    rows: &[&Inbound],
    tx_ids: &[Option<i64>],
    places: &[Option<Place>],
) -> Result<(), DbError> {
    let text = |f: fn(&Inbound) -> Option<&str>| rows.iter().map(|row| f(row)).collect::<Vec<_>>();
    let parsed: Vec<&Value> = rows.iter().map(|row| &row.pdu_parsed).collect();
    let server_ids: Vec<_> = rows.iter().map(|row| row.server_id).collect();
    let part = |f: fn(&Part) -> u8| -> Vec<_> {
        let number = |row: &&Inbound| row.part.as_ref().map(|part| i16::from(f(part)));
        rows.iter().map(number).collect()
    };
    let references: Vec<_> = rows
        .iter()
        .map(|row| row.part.as_ref().map(|part| i32::from(part.reference)))
        .collect();
    let sets: Vec<_> = places.iter().map(|place| (*place)?.set).collect();
    let repeats: Vec<_> = places.iter().map(|place| (*place)?.repeats).collect();
    let statement = client.prepare_cached(INSERT_RX).await?;
    client
        .execute(
            &statement,
            &[
                &ids,
                &text(|row| Some(&row.pdu_raw)),
                &parsed,
                &text(|row| row.source_addr.as_deref()),
                &text(|row| row.destination_addr.as_deref()),
                &text(|row| row.short_message.as_deref()),
                &server_ids,
                &text(|row| Some(row.kind.name())),
                &text(|row| {
                    row.receipt
                        .as_ref()
                        .map(|receipt| receipt.message_id.as_str())
                }),
                &tx_ids,
                &references,
                &part(|part| part.number),
                &part(|part| part.total),
                &text(|row| row.part.as_ref().map(|part| part.kind.name())),
                &sets,
                &repeats,
            ],
        )
        .await?;
    Ok(())
}

/// Ties stored receipts to their messages: pairs of `smpp_rx_queue.id` and `smpp_tx_queue.id`. Those that somebody else
/// has locked are left as they are.
///
/// # Errors
/// When the database can't do it.
pub async fn link_receipts<C: GenericClient>(
    client: &C,
    links: &[(i64, i64)],
) -> Result<(), DbError> {
    let rx_ids: Vec<_> = links.iter().map(|link| link.0).collect();
    let tx_ids: Vec<_> = links.iter().map(|link| link.1).collect();
    let statement = client.prepare_cached(LINK_RECEIPTS).await?;
    client.execute(&statement, &[&rx_ids, &tx_ids]).await?;
    Ok(())
}

/// Puts the messages of one PDU among `rows` into the inbox; returns the ids there.
///
/// # Errors
/// When the database can't do it.
pub async fn insert_inbox<C: GenericClient>(
    client: &C,
    ids: &[i64],
    rows: &[&Inbound],
) -> Result<Vec<i64>, DbError> {
    let messages: Vec<(i64, &Inbound)> = ids
        .iter()
        .copied()
        .zip(rows.iter().copied())
        .filter(|(_, row)| row.kind == Kind::Message && row.part.is_none())
        .collect();
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let text = |f: fn(&Inbound) -> Option<&str>| {
        messages.iter().map(|(_, row)| f(row)).collect::<Vec<_>>()
    };
    let server_ids: Vec<_> = messages.iter().map(|(_, row)| row.server_id).collect();
    let rx_ids: Vec<_> = messages.iter().map(|(id, _)| *id).collect();
    let statement = client.prepare_cached(INSERT_INBOX).await?;
    let rows = client
        .query(
            &statement,
            &[
                &text(|row| row.source_addr.as_deref()),
                &text(|row| row.destination_addr.as_deref()),
                &text(|row| row.short_message.as_deref()),
                &server_ids,
                &rx_ids,
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Notifies `channel` of changed rows: `{"ids":[…]}`, or nothing where that would be too long.
///
/// # Errors
/// When the database can't do it.
pub async fn notify<C: GenericClient>(
    client: &C,
    channel: &str,
    ids: &[i64],
) -> Result<(), DbError> {
    /// PostgreSQL takes less than 8,000 octets.
    const LONGEST: usize = 7900;
    if ids.is_empty() {
        return Ok(());
    }
    let payload = serde_json::json!({ "ids": ids }).to_string();
    let payload = if payload.len() > LONGEST {
        ""
    } else {
        &payload
    };
    let statement = client.prepare_cached("SELECT pg_notify($1, $2)").await?;
    client.execute(&statement, &[&channel, &payload]).await?;
    Ok(())
}
