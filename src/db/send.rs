//! Queues one message and looks what becomes of it, as an application does.

use super::{Database, DbError};

const SEND: &str = include_str!("../../sql/queries/send.sql");
const OF_CLIENT_REF: &str = include_str!("../../sql/queries/of_client_ref.sql");
const MAY_SEND: &str = include_str!("../../sql/queries/may_send.sql");
const PROGRESS: &str = include_str!("../../sql/queries/progress.sql");
const RECEIPT_IDS: &str = include_str!("../../sql/queries/receipt_ids.sql");
const ID_FORMATS: &str = include_str!("../../sql/queries/id_formats.sql");

/// A row for `smpp_tx_queue`. It has no `Debug`, for that might print text and number.
#[derive(Clone, Default)]
pub struct Message {
    /// `lane`
    pub lane: String,
    /// `smpp_destination_addr`
    pub destination: String,
    /// `smpp_short_message`
    pub text: String,
    /// `smpp_source_addr`
    pub source: Option<String>,
    /// `smpp_priority_flag`, 0 to 3
    pub priority: u8,
    /// `smpp_registered_delivery`
    pub receipt: Receipt,
    /// `smpp_message_class`
    pub class: Option<u8>,
    /// `smpp_data_coding`
    pub data_coding: Option<u8>,
    /// `send_after`, in seconds from now
    pub send_in: Option<f64>,
    /// `expires_at`, in seconds from now
    pub expires_in: Option<f64>,
    /// `client_ref`
    pub client_ref: Option<String>,
}

/// Which receipt is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Receipt {
    /// As the server says.
    #[default]
    None,
    /// For each outcome.
    Always,
    /// Only for a failure.
    Failure,
}

impl Receipt {
    fn column(self) -> &'static str {
        match self {
            Self::None => "NO_SMSC_DELIVERY_RECEIPT_REQUESTED",
            Self::Always => "SMSC_DELIVERY_RECEIPT_REQUESTED",
            Self::Failure => "SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE",
        }
    }
}

/// A row that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Its number.
    pub id: i64,
    /// `false`: it was there already, under the same `client_ref`.
    pub is_new: bool,
}

/// The role of a connection, and whether it may queue messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its name.
    pub role: String,
    /// The same as SQL takes it.
    pub quoted: String,
    /// Whether it is the role of daemons.
    pub is_daemon: bool,
    /// The database.
    pub database: String,
    /// INSERT and SELECT on `smpp_tx_queue`, with its sequence.
    pub may: bool,
}

/// What a message has come to: its row of `smpp_tx_report`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// As in `smpp_tx_status`.
    pub status: String,
    /// `smpp_message_id`
    pub message_id: Option<String>,
    /// `smpp_message_state`
    pub state: Option<String>,
    /// `message_parts`
    pub parts: Option<i16>,
    /// `submission_attempts`
    pub attempts: i32,
    /// `submission_info`
    pub info: Option<String>,
    /// `smpp_error_code`
    pub error_code: Option<String>,
    /// By `smpp_error_codes`.
    pub error_meaning: Option<String>,
}

/// How well a format would match the ids of unmatched receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatMatches {
    /// As in `esme_message_id_format`.
    pub format: String,
    /// So many of them would find a message.
    pub matches: i64,
    /// Of so many.
    pub receipts: i64,
}

/// Who this connection is.
///
/// # Errors
/// When the database can't answer.
pub async fn sender(database: &Database) -> Result<Sender, DbError> {
    let client = database.client().await?;
    let row = client.query_one(MAY_SEND, &[]).await?;
    Ok(Sender {
        role: row.get("role"),
        quoted: row.get("quoted"),
        is_daemon: row.get("is_daemon"),
        database: row.get("database"),
        may: row.get("may"),
    })
}

/// Queues a message; committed when this returns.
///
/// # Errors
/// When the database can't do it or refuses the row.
pub async fn queue(database: &Database, message: &Message) -> Result<Queued, DbError> {
    let client = database.client().await?;
    let priority = format!("LEVEL_{}", message.priority);
    let row = client
        .query_opt(
            SEND,
            &[
                &message.lane,
                &message.destination,
                &message.text,
                &message.source,
                &priority,
                &message.receipt.column(),
                &message.class.map(i16::from),
                &message.data_coding.map(i16::from),
                &message.send_in,
                &message.expires_in,
                &message.client_ref,
            ],
        )
        .await?;
    if let Some(row) = row {
        return Ok(Queued {
            id: row.get("id"),
            is_new: true,
        });
    }
    let row = client
        .query_opt(OF_CLIENT_REF, &[&message.client_ref])
        .await?;
    row.map(|row| Queued {
        id: row.get("id"),
        is_new: false,
    })
    .ok_or_else(|| {
        DbError::Refused(
            "a message with this client_ref was deleted just now; try again".to_owned(),
        )
    })
}

/// What a message has come to; `None`: there is no such row.
///
/// # Errors
/// When the database can't answer.
pub async fn progress(database: &Database, id: i64) -> Result<Option<Progress>, DbError> {
    let client = database.client().await?;
    let row = client.query_opt(PROGRESS, &[&id]).await?;
    Ok(row.map(|row| Progress {
        status: row.get("status"),
        message_id: row.get("smpp_message_id"),
        state: row.get("smpp_message_state"),
        parts: row.get("message_parts"),
        attempts: row.get("submission_attempts"),
        info: row.get("submission_info"),
        error_code: row.get("smpp_error_code"),
        error_meaning: row.get("error_meaning"),
    }))
}

/// The id of a message in the response, and in the last receipt that was matched to it.
///
/// # Errors
/// When the database can't answer.
pub async fn receipt_ids(
    database: &Database,
    id: i64,
) -> Result<Option<(String, String)>, DbError> {
    let client = database.client().await?;
    let row = client.query_opt(RECEIPT_IDS, &[&id]).await?;
    Ok(row.and_then(|row| Some((row.get::<_, Option<String>>(0)?, row.get(1)))))
}

/// How well each format would match the unmatched receipts of a server, the best first.
///
/// # Errors
/// When the database can't answer, or the role may not ask.
pub async fn id_formats(database: &Database, server: i64) -> Result<Vec<FormatMatches>, DbError> {
    let client = database.client().await?;
    let rows = client.query(ID_FORMATS, &[&server]).await?;
    Ok(rows
        .iter()
        .map(|row| FormatMatches {
            format: row.get("format"),
            matches: row.get("matches"),
            receipts: row.get("receipts"),
        })
        .collect())
}
