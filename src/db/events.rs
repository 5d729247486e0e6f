//! `smpp_events`, and what `esmed status` shows.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio_postgres::error::SqlState;

use super::{Database, DbError};

const INSERT_EVENT: &str = include_str!("../../sql/queries/insert_event.sql");
const STATUS: &str = include_str!("../../sql/queries/status.sql");
const SERVER_PLACE: &str = include_str!("../../sql/queries/server_place.sql");
const LAST_EVENTS: &str = include_str!("../../sql/queries/last_events.sql");
const LIST_EVENTS: &str = include_str!("../../sql/queries/list_events.sql");
const EVENTS_AFTER: &str = include_str!("../../sql/queries/events_after.sql");
const UNENDED_EVENTS: &str = include_str!("../../sql/queries/unended_events.sql");

/// Something that happened: a row of `smpp_events`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it is about, e.g. `smpp`.
    pub component: &'static str,
    /// e.g. `bound`
    pub kind: &'static str,
    /// `down`, `degraded` or `ok`; `None` where it says nothing about that.
    pub status: Option<&'static str>,
    /// `smpp_servers.id`
    pub server_id: Option<i64>,
    /// One sentence for people.
    pub message: String,
    /// More, for programs.
    pub details: Option<Value>,
}

/// Stores an event, without its status where the lease of the lane is not that of `epoch` any more.
///
/// # Errors
/// When the database can't do it.
pub async fn insert(
    database: &Database,
    lane: &str,
    epoch: Option<i64>,
    event: &Event,
) -> Result<(), DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(INSERT_EVENT).await?;
    client
        .execute(
            &statement,
            &[
                &lane,
                &event.server_id,
                &event.component,
                &event.kind,
                &event.status,
                &event.message,
                &event.details,
                &epoch,
            ],
        )
        .await?;
    Ok(())
}

/// How a lane is doing: its row of `smpp_status`.
#[derive(Debug, Clone, serde::Serialize)]
#[allow(missing_docs)]
pub struct Status {
    pub lane: String,
    pub session_state: String,
    pub server_id: Option<i64>,
    pub server_name: Option<String>,
    pub host: Option<String>,
    pub port: Option<i32>,
    pub submit_paused: Option<bool>,
    pub bind_mode: Option<String>,
    pub since_seconds: Option<f64>,
    pub window_in_use: i32,
    pub window_size: i32,
    pub rate: f64,
    pub queue_depth: i64,
    pub last_error: Option<String>,
    pub last_error_seconds: Option<f64>,
    pub version: Option<String>,
    pub heartbeat_seconds: Option<f64>,
    pub holder: Option<String>,
    pub alive: bool,
}

/// Whether a session in this state (`smpp_status.session_state`) takes submits.
#[must_use]
pub fn can_send(state: &str) -> bool {
    matches!(state, "bound" | "throttled" | "transmitter_only")
}

impl Status {
    /// Whether a daemon serves the lane and has a session that takes submits; a bind as receiver is not told apart.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.alive && can_send(&self.session_state)
    }
}

/// The status of a lane; `None` when no daemon ever served it. Without the right to read `smpp_servers`, which holds
/// passwords, it has the number of the server only.
///
/// # Errors
/// When the database can't answer.
pub async fn status(database: &Database, lane: &str) -> Result<Option<Status>, DbError> {
    let client = database.client().await?;
    let Some(row) = client.query_opt(STATUS, &[&lane]).await? else {
        return Ok(None);
    };
    let server_id: Option<i64> = row.get("server_id");
    let place = match client.query_opt(SERVER_PLACE, &[&server_id]).await {
        Ok(place) => place,
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Status {
        lane: lane.to_owned(),
        session_state: row.get("session_state"),
        server_id,
        server_name: place.as_ref().and_then(|place| place.get("name")),
        host: place.as_ref().map(|place| place.get("host")),
        port: place.as_ref().map(|place| place.get("port")),
        submit_paused: place.as_ref().map(|place| place.get("submit_paused")),
        bind_mode: place.as_ref().map(|place| place.get("bind_mode")),
        since_seconds: row.get("since_seconds"),
        window_in_use: row.get("window_in_use"),
        window_size: row.get("window_size"),
        rate: row.get("rate"),
        queue_depth: row.get("queue_depth"),
        last_error: row.get("last_error"),
        last_error_seconds: row.get("last_error_seconds"),
        version: row.get("version"),
        heartbeat_seconds: row.get("heartbeat_seconds"),
        holder: row.get("holder"),
        alive: row.get("alive"),
    }))
}

/// The last `limit` events of a lane, newest first: when, type, status, message.
///
/// # Errors
/// When the database can't answer.
pub async fn last(
    database: &Database,
    lane: &str,
    limit: i64,
) -> Result<Vec<(DateTime<Utc>, String, Option<String>, String)>, DbError> {
    let client = database.client().await?;
    let rows = client.query(LAST_EVENTS, &[&lane, &limit]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect())
}

/// An event as it was stored.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Stored {
    pub id: i64,
    #[serde(serialize_with = "rfc3339")]
    pub at: DateTime<Utc>,
    /// How long ago that was.
    #[serde(skip)]
    pub seconds: f64,
    pub lane: String,
    pub server_id: Option<i64>,
    pub component: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub status: Option<String>,
    pub message: String,
    pub details: Option<Value>,
}

/// `2026-11-21T13:40:00.123456Z`
fn rfc3339<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn read(row: &tokio_postgres::Row) -> Stored {
    Stored {
        id: row.get("id"),
        at: row.get("at"),
        seconds: row.get("seconds"),
        lane: row.get("lane"),
        server_id: row.get("server_id"),
        component: row.get("component"),
        kind: row.get("type"),
        status: row.get("status"),
        message: row.get("message"),
        details: row.get("details"),
    }
}

/// The last `limit` events of a lane, oldest first; of some types, and of the last so many seconds, where these are given.
///
/// # Errors
/// When the database can't answer.
pub async fn list(
    database: &Database,
    lane: &str,
    limit: i64,
    kinds: Option<&[String]>,
    since: Option<f64>,
) -> Result<Vec<Stored>, DbError> {
    let client = database.client().await?;
    let rows = client
        .query(LIST_EVENTS, &[&lane, &limit, &kinds, &since])
        .await?;
    Ok(rows.iter().rev().map(read).collect())
}

/// The first `limit` events of a lane with a number above `after`.
///
/// # Errors
/// When the database can't answer.
pub async fn after(
    database: &Database,
    lane: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Stored>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(EVENTS_AFTER).await?;
    let rows = client.query(&statement, &[&lane, &after, &limit]).await?;
    Ok(rows.iter().map(read).collect())
}

/// A trouble that may have been told: the types of event that begin and end it, and the table that they are about, where
/// there are several.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    /// e.g. `claims_stopped`
    pub begins: &'static str,
    /// e.g. `claims_resumed`
    pub ends: &'static str,
    /// `table` in the details of both.
    pub table: Option<&'static str>,
}

/// A trouble that was told, and its end was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unended {
    /// The type of the event that told it.
    pub kind: String,
    /// The table that was sought.
    pub table: Option<String>,
    /// How the component was then.
    pub status: String,
}

/// Those of the troubles of a lane whose end was not told.
///
/// # Errors
/// When the database can't answer.
pub async fn unended(
    database: &Database,
    lane: &str,
    sought: &[Sought],
) -> Result<Vec<Unended>, DbError> {
    let begins: Vec<&str> = sought.iter().map(|it| it.begins).collect();
    let ends: Vec<&str> = sought.iter().map(|it| it.ends).collect();
    let tables: Vec<Option<&str>> = sought.iter().map(|it| it.table).collect();
    let client = database.client().await?;
    let rows = client
        .query(UNENDED_EVENTS, &[&lane, &begins, &ends, &tables])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Unended {
            kind: row.get("type"),
            table: row.get("table"),
            status: row.get("status"),
        })
        .collect())
}
