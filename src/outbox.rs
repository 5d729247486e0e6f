//! Outcomes of attempts become updates of their rows. Pure.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::pdu::{CommandStatus, StatusClass};
use crate::receipt::IdFormat;
use crate::server::{InDoubt, Server};
use crate::session::driver::SubmitOutcome;

/// The longest that a row waits for its next attempt.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(3600);

/// One attempt at one row, from its claim to its outcome.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// `submission_started_at`: an outcome counts only for the attempt that the row still has open.
    pub started_at: DateTime<Utc>,
    /// `submission_attempts`, this one included.
    pub number: i32,
    /// The row's own policy; `None`: the server's.
    pub in_doubt: Option<InDoubt>,
    /// The server as it was at the claim.
    pub server: Arc<Server>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// See [`SubmitOutcome::Answered`].
    Answered {
        /// Its status.
        status: CommandStatus,
        /// The id it gave; empty where it gave none.
        message_id: String,
    },
    /// The SMSC may have it.
    Unanswered,
    /// The SMSC can't have it.
    Unwritten,
    /// The row can't be sent at all, for this reason.
    Invalid(String),
}

impl From<SubmitOutcome> for Outcome {
    fn from(outcome: SubmitOutcome) -> Self {
        match outcome {
            SubmitOutcome::Answered { status, message_id } => Self::Answered { status, message_id },
            SubmitOutcome::Unanswered => Self::Unanswered,
            SubmitOutcome::Unwritten => Self::Unwritten,
            SubmitOutcome::Unencodable(reason) => Self::Invalid(reason),
        }
    }
}

/// How a row is to be updated.
#[derive(Debug, Clone, PartialEq)]
pub struct RowUpdate {
    /// Which row.
    pub tx_id: i64,
    /// Only where its open attempt is this one.
    pub started_at: DateTime<Utc>,
    /// The SMSC answered, so that there is a submission_timestamp.
    pub answered: bool,
    /// submission_done
    pub done: bool,
    /// submission_failed
    pub failed: bool,
    /// smpp_message_id, where done.
    pub message_id: Option<String>,
    /// submission_info
    pub info: Option<String>,
    /// Attempts that do not count after all: 0 or 1.
    pub uncounted: i32,
    /// Until the next attempt.
    pub retry_after: Option<Duration>,
    /// in_doubt
    pub in_doubt: bool,
    /// Sets possible_duplicate.
    pub possible_duplicate: bool,
    /// By which server; not written.
    pub server_id: i64,
    /// How its receipts name messages; not written.
    pub id_format: IdFormat,
}

/// What the outcome of an attempt makes of its row. `jitter` is from 0 to 1.
#[must_use]
pub fn resolve(attempt: &Attempt, outcome: &Outcome, jitter: f64) -> RowUpdate {
    let open = RowUpdate {
        tx_id: attempt.tx_id,
        started_at: attempt.started_at,
        answered: false,
        done: false,
        failed: false,
        message_id: None,
        info: None,
        uncounted: 0,
        retry_after: None,
        in_doubt: false,
        possible_duplicate: false,
        server_id: attempt.server.account.id,
        id_format: attempt.server.id_format,
    };
    match outcome {
        Outcome::Answered { status, message_id } => {
            answered(attempt, *status, message_id, jitter, open)
        }
        Outcome::Unanswered => unanswered(attempt, open),
        Outcome::Unwritten => RowUpdate {
            uncounted: 1,
            ..open
        },
        Outcome::Invalid(reason) => RowUpdate {
            failed: true,
            uncounted: 1,
            info: Some(reason.clone()),
            ..open
        },
    }
}

fn answered(
    attempt: &Attempt,
    status: CommandStatus,
    message_id: &str,
    jitter: f64,
    open: RowUpdate,
) -> RowUpdate {
    let open = RowUpdate {
        answered: true,
        info: Some(status.to_string()),
        ..open
    };
    let last = attempt.number >= attempt.server.max_submission_attempts;
    match status.class() {
        StatusClass::Ok => RowUpdate {
            done: true,
            message_id: Some(without_nul(message_id)).filter(|id| !id.is_empty()),
            info: None,
            ..open
        },
        // The session pauses; the row may be the first to leave when it goes on.
        StatusClass::Throttled => RowUpdate {
            uncounted: 1,
            ..open
        },
        StatusClass::Temporary | StatusClass::SessionFatal if !last => RowUpdate {
            retry_after: Some(retry_delay(attempt, jitter)),
            ..open
        },
        StatusClass::Temporary | StatusClass::SessionFatal => RowUpdate {
            failed: true,
            info: Some(format!("{status}, after {} attempts", attempt.number)),
            ..open
        },
        StatusClass::Permanent => RowUpdate {
            failed: true,
            ..open
        },
    }
}

fn unanswered(attempt: &Attempt, open: RowUpdate) -> RowUpdate {
    let policy = attempt.in_doubt.unwrap_or(attempt.server.in_doubt);
    let last = attempt.number >= attempt.server.max_submission_attempts;
    match policy {
        InDoubt::Resend if !last => RowUpdate {
            possible_duplicate: true,
            info: Some("no answer; sent again, perhaps twice".to_owned()),
            ..open
        },
        InDoubt::Resend => RowUpdate {
            failed: true,
            in_doubt: true,
            info: Some(format!(
                "no answer to attempt {}, the last; the SMSC may have it",
                attempt.number
            )),
            ..open
        },
        InDoubt::Fail => RowUpdate {
            failed: true,
            in_doubt: true,
            info: Some("no answer; the SMSC may have it".to_owned()),
            ..open
        },
        InDoubt::Hold => RowUpdate {
            in_doubt: true,
            info: Some("no answer; the SMSC may have it: held until somebody decides".to_owned()),
            ..open
        },
    }
}

/// The server's delay, doubled for each attempt before this one, less up to a quarter by chance.
fn retry_delay(attempt: &Attempt, jitter: f64) -> Duration {
    let doublings = u32::try_from(attempt.number - 1)
        .unwrap_or_default()
        .min(20);
    let delay = attempt
        .server
        .retry_delay
        .saturating_mul(1 << doublings)
        .min(LONGEST_RETRY_DELAY.max(attempt.server.retry_delay));
    delay.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

/// PostgreSQL takes no U+0000.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
