//! Outcomes of attempts become updates of their rows. Pure.

#[cfg(test)]
mod retries;
mod standing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::pdu::{CommandStatus, StatusClass};
use crate::receipt::IdFormat;
use crate::server::{InDoubt, Server};
use crate::session::driver::SubmitOutcome;

pub use standing::{PartStanding, Standing, add_up};

/// SMPP allows 64 octets. Much longer ones would not fit into an index.
const LONGEST_MESSAGE_ID: usize = 255;

/// The longest that a row waits for its next attempt.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(3600);

/// What an attempt is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A message of one PDU.
    Whole,
    /// This part of a long message.
    Part(i16),
    /// A long message none of whose parts is under way: they say what becomes of it.
    Parts,
}

/// One attempt at one row or part, from its claim to its outcome.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// `smpp_tx_queue.id`
    pub tx_id: i64,
    /// `submission_started_at`: an outcome counts only for the attempt that the row still has open.
    pub started_at: DateTime<Utc>,
    /// At what of it.
    pub target: Target,
    /// `submission_attempts` of the row, or of the part, this one included.
    pub number: i32,
    /// For `submission_info` of a row that was accepted.
    pub note: Option<Arc<str>>,
    /// The row's own policy; `None`: the server's.
    pub in_doubt: Option<InDoubt>,
    /// When it left; `None` until then.
    pub sent_at: Option<Instant>,
    /// The server as it was at the claim; as it is at the outcome, where a session told that.
    pub server: Arc<Server>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// See [`SubmitOutcome::Answered`].
    Answered {
        /// Its status.
        status: CommandStatus,
        /// What that means with this SMSC.
        class: StatusClass,
        /// The id it gave; empty where it gave none.
        message_id: String,
    },
    /// The SMSC may have it.
    Unanswered,
    /// The SMSC can't have it.
    Unwritten,
    /// The row can't be sent at all, for this reason.
    Invalid(String),
    /// It can't be sent now, for this reason: it was not, and is tried again after so long.
    Postponed(String, Duration),
}

impl From<SubmitOutcome> for Outcome {
    fn from(outcome: SubmitOutcome) -> Self {
        match outcome {
            SubmitOutcome::Answered {
                status,
                class,
                message_id,
            } => Self::Answered {
                status,
                class,
                message_id,
            },
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
    /// What of it.
    pub target: Target,
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
    /// message_parts; `None` leaves it.
    pub parts: Option<i16>,
    /// submission_info once all parts were accepted; not written.
    pub note: Option<String>,
    /// By which server; not written.
    pub server_id: i64,
    /// One receipt of this server stands for all parts; not written.
    pub one_receipt: bool,
    /// How its receipts name messages; not written.
    pub id_format: IdFormat,
}

impl RowUpdate {
    /// The part that it is about, where it is about one.
    #[must_use]
    pub fn part(&self) -> Option<i16> {
        match self.target {
            Target::Part(part) => Some(part),
            Target::Whole | Target::Parts => None,
        }
    }
}

/// What the outcome of an attempt makes of its row. `jitter` is from 0 to 1.
#[must_use]
pub fn resolve(attempt: &Attempt, outcome: &Outcome, jitter: f64) -> RowUpdate {
    let open = RowUpdate {
        tx_id: attempt.tx_id,
        target: attempt.target,
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
        parts: None,
        note: attempt.note.as_deref().map(str::to_owned),
        server_id: attempt.server.account.id,
        one_receipt: attempt.server.one_receipt,
        id_format: attempt.server.id_format,
    };
    match outcome {
        Outcome::Answered {
            status,
            class,
            message_id,
        } => answered(attempt, (*status, *class), message_id, jitter, open),
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
        Outcome::Postponed(reason, delay) => RowUpdate {
            uncounted: 1,
            info: Some(reason.clone()),
            retry_after: Some(*delay),
            ..open
        },
    }
}

fn answered(
    attempt: &Attempt,
    (status, class): (CommandStatus, StatusClass),
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
    match class {
        StatusClass::Ok if message_id.len() > LONGEST_MESSAGE_ID => RowUpdate {
            done: true,
            parts: Some(1),
            info: Some(format!(
                "accepted with a message_id of {} octets, which is not kept",
                message_id.len()
            )),
            ..open
        },
        StatusClass::Ok => RowUpdate {
            done: true,
            message_id: Some(without_nul(message_id)).filter(|id| !id.is_empty()),
            info: accepted_info(attempt, status),
            parts: Some(1),
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

/// The note of the row; and the status, where only `smpp_status_classes` makes it an acceptance: such
/// an answer has no body by SMPP 3.4 (4.4.2), so no id by which a receipt would find the message.
fn accepted_info(attempt: &Attempt, status: CommandStatus) -> Option<String> {
    let note = attempt
        .note
        .as_deref()
        .filter(|_| attempt.target == Target::Whole)
        .map(str::to_owned);
    if status == CommandStatus::ESME_ROK {
        return note;
    }
    let said = format!("accepted with {status}");
    Some(match note {
        Some(note) => format!("{note}; {said}"),
        None => said,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn attempt(number: i32) -> Attempt {
        Attempt {
            tx_id: 7,
            started_at: DateTime::UNIX_EPOCH,
            target: Target::Whole,
            number,
            note: None,
            in_doubt: None,
            sent_at: None,
            server: Arc::new(Server::unknown()),
        }
    }

    /// An answer that means the usual.
    fn answered(status: CommandStatus, number: i32) -> RowUpdate {
        let outcome = Outcome::Answered {
            status,
            class: status.class(),
            message_id: "00AB".to_owned(),
        };
        resolve(&attempt(number), &outcome, 0.0)
    }

    #[test]
    fn accepted_is_done_with_the_id_as_it_came() {
        let update = answered(CommandStatus::ESME_ROK, 1);
        assert!(update.done && update.answered && !update.failed);
        assert_eq!(update.message_id.as_deref(), Some("00AB"));
        assert_eq!(update.uncounted, 0);
    }

    #[test]
    fn a_monstrous_id_is_not_kept() {
        let outcome = Outcome::Answered {
            status: CommandStatus::ESME_ROK,
            class: StatusClass::Ok,
            message_id: "1".repeat(256),
        };
        let update = resolve(&attempt(1), &outcome, 0.0);
        assert!(update.done && !update.failed);
        assert_eq!(update.message_id, None);
        assert!(update.info.unwrap().contains("256 octets"));
    }

    #[test]
    fn an_empty_id_is_none() {
        let outcome = Outcome::Answered {
            status: CommandStatus::ESME_ROK,
            class: StatusClass::Ok,
            message_id: String::new(),
        };
        let update = resolve(&attempt(1), &outcome, 0.0);
        assert!(update.done);
        assert_eq!(update.message_id, None);
    }

    #[test]
    fn permanent_fails_at_once_and_says_why() {
        let update = answered(CommandStatus::ESME_RINVDSTADR, 1);
        assert!(update.failed && !update.done);
        assert_eq!(
            update.info.as_deref(),
            Some("ESME_RINVDSTADR (0x0B): invalid destination address")
        );
    }

    #[test]
    fn throttled_and_unwritten_use_no_attempt() {
        for update in [
            answered(CommandStatus::ESME_RTHROTTLED, 3),
            answered(CommandStatus::ESME_RMSGQFUL, 3),
            resolve(&attempt(3), &Outcome::Unwritten, 0.0),
        ] {
            assert!(!update.done && !update.failed && !update.possible_duplicate);
            assert_eq!((update.uncounted, update.retry_after), (1, None));
        }
    }

    #[test]
    fn unanswered_follows_the_policy_of_the_row_then_of_the_server() {
        let resolve = |in_doubt, number| {
            let attempt = Attempt {
                in_doubt,
                ..attempt(number)
            };
            let it = resolve(&attempt, &Outcome::Unanswered, 0.0);
            (it.failed, it.in_doubt, it.possible_duplicate, it.uncounted)
        };
        assert_eq!(resolve(None, 1), (false, false, true, 0));
        assert_eq!(resolve(Some(InDoubt::Resend), 3), (true, true, false, 0));
        assert_eq!(resolve(Some(InDoubt::Fail), 1), (true, true, false, 0));
        assert_eq!(resolve(Some(InDoubt::Hold), 1), (false, true, false, 0));
        assert_eq!(resolve(Some(InDoubt::Hold), 9), (false, true, false, 0));
    }

    #[test]
    fn what_cannot_be_sent_fails_with_its_reason() {
        let update = resolve(&attempt(1), &Outcome::Invalid("why".to_owned()), 0.0);
        assert!(update.failed && !update.answered);
        assert_eq!(update.info.as_deref(), Some("why"));
        assert_eq!(update.uncounted, 1);
    }
}
