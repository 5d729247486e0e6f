//! Claimed rows on their way to the session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::db::queue::Claimed;
use crate::outbox::{Attempt, Outcome};
use crate::recorder::Recorded;
use crate::server::{InDoubt, Server};
use crate::session::driver::Submission;
use crate::submission;

/// When a row expires that had so many seconds left when it was claimed.
fn expires(left: f64, asked: Instant) -> Instant {
    // No row waits for a day between claim and socket.
    asked + Duration::from_secs_f64(left.clamp(0.0, 86_400.0))
}

/// Hands a claimed row to the session, or its outcome to the recorder.
pub(super) async fn dispatch(
    row: &Claimed,
    server: &Arc<Server>,
    asked: Instant,
    submissions: &mpsc::Sender<Submission<Attempt>>,
    outcomes: &mpsc::Sender<Recorded>,
) {
    let attempt = Attempt {
        tx_id: row.id,
        started_at: row.started_at,
        number: row.attempts,
        in_doubt: row.in_doubt_policy.as_deref().and_then(InDoubt::from_name),
        server: Arc::clone(server),
    };
    let recorded = match submission::build(row, server) {
        Ok(submit_sm) => {
            let submission = Submission {
                submit_sm,
                token: attempt,
                expires: row.expires_in.map(|left| expires(left, asked)),
            };
            match submissions.try_send(submission) {
                Ok(()) => return,
                // The session ended meanwhile.
                Err(
                    mpsc::error::TrySendError::Closed(back) | mpsc::error::TrySendError::Full(back),
                ) => Recorded {
                    attempt: back.token,
                    outcome: Outcome::Unwritten,
                },
            }
        }
        Err(reason) => Recorded {
            attempt,
            outcome: Outcome::Invalid(reason),
        },
    };
    send(outcomes, recorded).await;
}

/// Hands an outcome to the recorder.
pub(super) async fn send(outcomes: &mpsc::Sender<Recorded>, recorded: Recorded) {
    if let Err(unsent) = outcomes.send(recorded).await {
        // Only while the process ends without its recorder: the row stays started, and the next
        // start resolves it.
        tracing::error!(
            tx_id = unsent.0.attempt.tx_id,
            "an outcome found no recorder"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_expires_when_the_database_says_so_and_no_later() {
        let asked = Instant::now();
        assert_eq!(expires(2.5, asked), asked + Duration::from_millis(2500));
        assert_eq!(expires(-1.0, asked), asked);
        assert_eq!(expires(1e300, asked), asked + Duration::from_hours(24));
    }
}
