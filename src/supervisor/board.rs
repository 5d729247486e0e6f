//! What a line shows of itself to its supervisor.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::failover::Seen;
use crate::feeder::SessionHandle;

/// Which session of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// There is no other.
    Only,
    /// Of a pair, the one that submits.
    Transmitter,
    /// Of a pair, the one that receives.
    Receiver,
}

impl Role {
    /// Of a pair: its name.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Only => None,
            Self::Transmitter => Some("transmitter"),
            Self::Receiver => Some("receiver"),
        }
    }
}

#[derive(Debug)]
struct Shown {
    /// Of the only session, or of the transmitter.
    main: &'static str,
    /// Of the receiver, where there is a pair.
    receiver: Option<&'static str>,
    handle: Option<SessionHandle>,
    failures: u32,
}

impl Shown {
    fn is_bound(&self) -> bool {
        is_bound(self.main)
    }

    fn receives(&self) -> bool {
        self.receiver.is_none_or(is_bound)
    }
}

fn is_bound(state: &str) -> bool {
    matches!(state, "bound" | "throttled")
}

/// Written by the sessions of a line, read by the supervisor, which is rung for each change.
#[derive(Debug)]
pub(super) struct Board {
    shown: Mutex<Shown>,
    bell: Arc<Notify>,
    foremost: AtomicBool,
    stands_in: AtomicBool,
    /// Unanswered submits.
    pub(super) in_flight: AtomicUsize,
}

impl Board {
    pub(super) fn new(bell: Arc<Notify>) -> Self {
        Self {
            shown: Mutex::new(Shown {
                main: "closed",
                receiver: None,
                handle: None,
                failures: 0,
            }),
            bell,
            foremost: AtomicBool::new(false),
            stands_in: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Nothing in here panics half-way through a change.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- by the line

    /// Shows the state of a session: `closed`, `connecting`, `bound`, …
    pub(super) fn show(&self, role: Role, state: &'static str) {
        match role {
            Role::Only | Role::Transmitter => self.shown().main = state,
            Role::Receiver => self.shown().receiver = Some(state),
        }
        self.bell.notify_one();
    }

    /// Offers the session that takes submits, or takes it back.
    pub(super) fn offer(&self, handle: Option<SessionHandle>) {
        self.shown().handle = handle;
        self.bell.notify_one();
    }

    /// An attempt failed, or a session was lost.
    pub(super) fn failed(&self) {
        let mut shown = self.shown();
        shown.failures = shown.failures.saturating_add(1);
        drop(shown);
        self.bell.notify_one();
    }

    /// The status of the line now, for an event; `None` while another line tells how the lane is.
    pub(super) fn status(&self) -> Option<&'static str> {
        let shown = self.shown();
        self.is_foremost().then(|| {
            if !shown.is_bound() {
                "down"
            } else if shown.main == "throttled" || !shown.receives() || self.stands_in() {
                "degraded"
            } else {
                "ok"
            }
        })
    }

    // ---- by the supervisor

    /// The state in a word: that of a pair is `bound` when both are.
    pub(super) fn state(&self) -> &'static str {
        let shown = self.shown();
        match (shown.is_bound(), shown.receiver) {
            (true, Some(receiver)) if !is_bound(receiver) => "transmitter_only",
            (false, Some(receiver)) if is_bound(receiver) => "receiver_only",
            _ => shown.main,
        }
    }

    /// What counts for failover.
    pub(super) fn seen(&self) -> Seen {
        let shown = self.shown();
        Seen {
            bound: shown.is_bound(),
            trying: matches!(shown.main, "connecting" | "binding"),
            failures: shown.failures,
        }
    }

    /// The session that takes submits.
    pub(super) fn handle(&self) -> Option<SessionHandle> {
        self.shown().handle.clone()
    }

    /// Whether its events tell how the lane is.
    pub(super) fn is_foremost(&self) -> bool {
        self.foremost.load(Ordering::Relaxed)
    }

    /// Returns what it was.
    pub(super) fn set_foremost(&self, foremost: bool) -> bool {
        self.foremost.swap(foremost, Ordering::Relaxed)
    }

    fn stands_in(&self) -> bool {
        self.stands_in.load(Ordering::Relaxed)
    }

    pub(super) fn set_stands_in(&self, stands_in: bool) {
        self.stands_in.store(stands_in, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::events::can_send;

    #[test]
    fn a_pair_is_bound_when_both_are() {
        let board = Board::new(Arc::default());
        board.set_foremost(true);
        for (transmitter, receiver, state, status) in [
            ("bound", "bound", "bound", "ok"),
            ("throttled", "bound", "throttled", "degraded"),
            ("bound", "waiting", "transmitter_only", "degraded"),
            ("throttled", "closed", "transmitter_only", "degraded"),
            ("binding", "bound", "receiver_only", "down"),
            ("waiting", "binding", "waiting", "down"),
        ] {
            board.show(Role::Transmitter, transmitter);
            board.show(Role::Receiver, receiver);
            assert_eq!(board.state(), state);
            assert_eq!(board.status(), Some(status), "{transmitter} {receiver}");
            assert_eq!(can_send(state), status != "down", "{state}");
        }
    }

    #[test]
    fn only_the_foremost_tells_and_one_that_stands_in_is_never_ok() {
        let board = Board::new(Arc::default());
        board.show(Role::Only, "bound");
        assert_eq!(board.status(), None);
        board.set_foremost(true);
        assert_eq!(board.status(), Some("ok"));
        board.set_stands_in(true);
        assert_eq!(board.status(), Some("degraded"));
        assert_eq!(board.state(), "bound");
    }
}
