//! Heartbeats that failed, and what is told of them.

use std::mem;

use crate::db::DbError;
use crate::events::{EventLog, Witness};

/// So many heartbeats in a row that found no database are told by an event; one may have met a broken connection.
pub(super) const MISSED: u32 = 2;

/// Heartbeats that failed, one after the other.
#[derive(Default)]
pub(super) struct Misses {
    count: u32,
    /// The database was away at one of them. A backend that does not answer may hold a lock that the next ones meet.
    away: bool,
    /// It was told that the lease ran out.
    told: bool,
}

impl Misses {
    pub(super) fn another(&mut self, error: &DbError, lease_stands: bool, events: &EventLog) {
        self.count += 1;
        self.away |= error.is_away();
        if self.away {
            if self.count >= MISSED {
                events.database_lost(Witness::Heartbeat, error);
            }
        } else if !lease_stands && !mem::replace(&mut self.told, true) {
            let message =
                format!("nothing is sent: the lease of the lane can't be renewed: {error}");
            events.tell("database", "lease_unrenewed", "down", message);
        }
    }

    /// The database has done it, or found it another's. Whether there were any.
    pub(super) fn over(&mut self, events: &EventLog) -> bool {
        events.database_back(Witness::Heartbeat);
        let count = mem::take(self).count;
        // A process before this one may have told it.
        if events.over("lease_unrenewed", None) {
            let message = "the lease of the lane can be renewed";
            events.tell("database", "lease_renewed", "ok", message);
        }
        count > 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::Metrics;

    fn kinds(
        told: &mut tokio::sync::mpsc::Receiver<crate::db::events::Event>,
    ) -> Vec<&'static str> {
        std::iter::from_fn(|| told.try_recv().ok())
            .map(|event| event.kind)
            .collect()
    }

    #[test]
    fn a_lock_behind_a_backend_that_does_not_answer_is_no_other_trouble() {
        let (log, mut told) = EventLog::new(Arc::new(Metrics::new("default")));
        let mut misses = Misses::default();
        misses.another(&DbError::Away("no answer".to_owned()), true, &log);
        assert!(
            kinds(&mut told).is_empty(),
            "one may be a broken connection"
        );
        let locked = DbError::Busy("lock timeout".to_owned());
        misses.another(&locked, true, &log);
        misses.another(&locked, false, &log);
        assert_eq!(kinds(&mut told), ["database_lost"]);
        assert!(log.heartbeat_lost());
        misses.over(&log);
        assert_eq!(kinds(&mut told), ["database_back"]);
        assert!(!log.heartbeat_lost());
        // What was away before says nothing of the next.
        misses.another(&locked, true, &log);
        misses.another(&locked, true, &log);
        assert!(kinds(&mut told).is_empty(), "messages are still sent");
        misses.another(&locked, false, &log);
        misses.another(&locked, false, &log);
        assert!(misses.over(&log));
        assert!(!misses.over(&log));
        assert_eq!(kinds(&mut told), ["lease_unrenewed", "lease_renewed"]);
    }
}
