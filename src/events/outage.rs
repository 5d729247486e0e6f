//! That the database is away, and back: whoever meets it first tells it, and it is back when all of them have met it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::EventLog;
use crate::db::DbError;

/// Who meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// It has something to write.
    Recorder = 1,
    /// It asks every second.
    Heartbeat = 2,
}

/// Those who have met that the database is away, and not yet that it is back.
#[derive(Debug, Clone, Default)]
pub(super) struct Outage(Arc<AtomicU8>);

impl EventLog {
    /// The database is away.
    pub fn database_lost(&self, witness: Witness, error: &DbError) {
        let met = self.outage.0.fetch_or(witness as u8, Ordering::Relaxed);
        if met == 0 {
            self.tell("database", "database_lost", "down", error.to_string());
        }
    }

    /// Whether the heartbeat has met that the database is away, or does not answer: it does so while others still wait for
    /// an answer.
    #[must_use]
    pub fn heartbeat_lost(&self) -> bool {
        self.outage.0.load(Ordering::Relaxed) & Witness::Heartbeat as u8 != 0
    }

    /// The database answers, and has committed what there was.
    pub fn database_back(&self, witness: Witness) {
        let met = self.outage.0.fetch_and(!(witness as u8), Ordering::Relaxed);
        let all_have = met & !(witness as u8) == 0;
        // A process before this one may have told that it is away.
        if all_have && self.over("database_lost", None) {
            self.tell("database", "database_back", "ok", "the database is back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn it_is_told_once_and_is_back_for_all() {
        let (log, mut told) = EventLog::new(Arc::new(Metrics::new("default")));
        let away = DbError::Away("no answer".to_owned());
        let mut kinds = || {
            let mut kinds = Vec::new();
            while let Ok(event) = told.try_recv() {
                kinds.push(event.kind);
            }
            kinds
        };
        log.database_back(Witness::Heartbeat);
        assert_eq!(kinds(), [""; 0]);
        log.database_lost(Witness::Heartbeat, &away);
        log.database_lost(Witness::Recorder, &away);
        log.database_lost(Witness::Heartbeat, &away);
        assert_eq!(kinds(), ["database_lost"]);
        log.database_back(Witness::Heartbeat);
        log.database_back(Witness::Heartbeat);
        assert_eq!(kinds(), [""; 0]);
        log.database_back(Witness::Recorder);
        assert_eq!(kinds(), ["database_back"]);
    }
}
