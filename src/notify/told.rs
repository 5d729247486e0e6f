//! What the service manager is to be told, and what it was.

use super::reload::Reload;
use super::{Phase, as_status};

/// While the daemon ends and moves, it asks for so much more time: `drain_timeout` may be longer than the unit's
/// `TimeoutStopSec`.
const MORE_TIME: &str = "EXTEND_TIMEOUT_USEC=30000000";

/// Something that is told once, when the time has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Once {
    #[default]
    Later,
    Now,
    Told,
}

impl Once {
    pub(super) fn want(&mut self) {
        if *self == Self::Later {
            *self = Self::Now;
        }
    }

    fn taken(&mut self) {
        if *self == Self::Now {
            *self = Self::Told;
        }
    }
}

/// How the work goes, as it was looked at just now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) stuck: Option<&'static str>,
    pub(super) watched: bool,
}

/// What is to be told, and what was.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) phase: Phase,
    pub(super) ready: Once,
    pub(super) stopping: Once,
    pub(super) reload: Reload,
    stuck: Option<&'static str>,
    /// As the manager knows it.
    status: String,
    /// As it was sent just now.
    sent_status: String,
}

impl Told {
    /// What is to be told now.
    pub(super) fn next(&mut self, look: Option<Look>) -> Vec<String> {
        if let Some(Look { stuck, .. }) = look
            && self.stuck != stuck
        {
            match stuck {
                Some(task) => tracing::error!(task, "a task of the daemon is stuck"),
                None => tracing::warn!("no task of the daemon is stuck any more"),
            }
            self.stuck = stuck;
        }
        let mut lines = Vec::new();
        for (once, line) in [(&self.ready, "READY=1"), (&self.stopping, "STOPPING=1")] {
            if *once == Once::Now {
                lines.push(line.to_owned());
            }
        }
        lines.extend(self.reload.next());
        self.sent_status = match self.stuck {
            Some(task) => format!("stuck: the {task} does not move"),
            None => as_status(&self.phase.line()),
        };
        if self.sent_status != self.status {
            lines.push(format!("STATUS={}", self.sent_status));
        }
        if let Some(Look {
            stuck: None,
            watched,
        }) = look
        {
            if watched {
                lines.push("WATCHDOG=1".to_owned());
            }
            if self.phase.is_draining() {
                lines.push(MORE_TIME.to_owned());
            }
        }
        lines
    }

    /// The manager has what was told last.
    pub(super) fn taken(&mut self) {
        self.ready.taken();
        self.stopping.taken();
        self.reload.taken();
        self.status.clone_from(&self.sent_status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves(stuck: Option<&'static str>) -> Option<Look> {
        let watched = true;
        Some(Look { stuck, watched })
    }

    /// What is told, and taken.
    fn say(told: &mut Told, look: Option<Look>) -> Vec<String> {
        let lines = told.next(look);
        told.taken();
        lines
    }

    #[test]
    fn the_watchdog_is_fed_only_while_nothing_is_stuck() {
        let mut told = Told {
            phase: Phase::StandingBy("db1/12".to_owned()),
            ..Told::default()
        };
        let standing_by = "STATUS=standing by: db1/12 serves the lane";
        assert_eq!(say(&mut told, moves(None)), [standing_by, "WATCHDOG=1"]);
        assert_eq!(say(&mut told, moves(None)), ["WATCHDOG=1"]);
        let stuck = "STATUS=stuck: the recorder does not move";
        assert_eq!(say(&mut told, moves(Some("recorder"))), [stuck]);
        assert!(say(&mut told, moves(Some("recorder"))).is_empty());
        // Another word in between feeds nothing.
        assert!(say(&mut told, None).is_empty());
        assert_eq!(say(&mut told, moves(None)), [standing_by, "WATCHDOG=1"]);
    }

    #[test]
    fn what_the_manager_did_not_take_is_told_again() {
        let mut told = Told::default();
        told.ready.want();
        let all = ["READY=1", "STATUS=connecting to the database"];
        assert_eq!(told.next(None), all);
        assert_eq!(told.next(None), all);
        told.taken();
        told.ready.want();
        assert!(told.next(None).is_empty());
    }

    #[test]
    fn a_drain_that_moves_gets_more_time() {
        let mut told = Told::default();
        told.stopping.want();
        told.phase = Phase::Draining;
        assert_eq!(
            say(&mut told, None),
            [
                "STOPPING=1",
                "STATUS=draining: what is under way is awaited"
            ]
        );
        assert_eq!(say(&mut told, moves(None)), ["WATCHDOG=1", MORE_TIME]);
        let stuck = say(&mut told, moves(Some("session")));
        assert_eq!(stuck, ["STATUS=stuck: the session does not move"]);
    }
}
