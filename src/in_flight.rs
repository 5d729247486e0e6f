//! The rows that are claimed and not yet recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

/// Shared by feeder, which adds, and recorder, which removes. It bounds what can be in doubt after a
/// crash, and tells a row that is being worked at from one that nobody works at.
#[derive(Debug, Clone)]
pub struct InFlight {
    limit: usize,
    rows: Arc<Mutex<Rows>>,
    /// Rang whenever there may be room for more.
    progress: Arc<Notify>,
}

/// By id, with the start of the attempt, for a row that was reset by hand may have a newer one open
/// than the one that is recorded; and with the submits that it takes.
#[derive(Debug, Default)]
struct Rows {
    by_id: HashMap<i64, (DateTime<Utc>, usize)>,
    submits: usize,
}

impl Rows {
    fn add(&mut self, id: i64, started_at: DateTime<Utc>, submits: usize) {
        self.submits += submits;
        if let Some((_, before)) = self.by_id.insert(id, (started_at, submits)) {
            self.submits -= before;
        }
    }

    fn remove(&mut self, id: i64, started_at: DateTime<Utc>) {
        if self.by_id.get(&id).is_some_and(|it| it.0 == started_at)
            && let Some((_, submits)) = self.by_id.remove(&id)
        {
            self.submits -= submits;
        }
    }
}

impl InFlight {
    /// At most `limit` submits, or a window where that is larger.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Arc::default(),
            progress: Arc::default(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Nothing in here panics half-way through a change.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more submits may be claimed under this window.
    #[must_use]
    pub fn room(&self, window: usize) -> usize {
        self.limit.max(window).saturating_sub(self.rows().submits)
    }

    /// Adds claimed rows: ids, when their attempts started, and how many submits they take.
    pub fn add(&self, rows: impl IntoIterator<Item = (i64, DateTime<Utc>, usize)>) {
        let mut all = self.rows();
        for (id, started_at, submits) in rows {
            all.add(id, started_at, submits);
        }
    }

    /// Takes rows out whose attempts are recorded.
    pub fn remove(&self, rows: impl IntoIterator<Item = (i64, DateTime<Utc>)>) {
        let mut all = self.rows();
        for (id, started_at) in rows {
            all.remove(id, started_at);
        }
        drop(all);
        self.made_progress();
    }

    /// The ids of all of them.
    #[must_use]
    pub fn snapshot(&self) -> Vec<i64> {
        self.rows().by_id.keys().copied().collect()
    }

    /// Rings for whoever waits for room.
    pub fn made_progress(&self) {
        self.progress.notify_one();
    }

    /// Waits until there may be room.
    pub async fn progress(&self) {
        self.progress.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_not_claimed() {
        let in_flight = InFlight::new(10);
        assert_eq!(in_flight.room(5), 10);
        assert_eq!(in_flight.room(50), 50);
        let at = |id| (id, DateTime::UNIX_EPOCH, 1);
        let done = |id| (id, DateTime::UNIX_EPOCH);
        in_flight.add([1, 2, 3].map(at));
        assert_eq!(in_flight.room(5), 7);
        in_flight.remove([2, 9].map(done));
        assert_eq!(in_flight.room(5), 8);
        let mut known = in_flight.snapshot();
        known.sort_unstable();
        assert_eq!(known, [1, 3]);
        in_flight.add((4..30).map(at));
        assert_eq!(in_flight.room(5), 0);
    }

    #[test]
    fn an_older_attempt_does_not_take_a_newer_one_out() {
        let in_flight = InFlight::new(10);
        let first = DateTime::UNIX_EPOCH;
        let second = first + std::time::Duration::from_secs(1);
        in_flight.add([(1, first, 3)]);
        in_flight.add([(1, second, 2)]);
        assert_eq!(in_flight.room(5), 8);
        in_flight.remove([(1, first)]);
        assert_eq!(in_flight.snapshot(), [1]);
        in_flight.remove([(1, second)]);
        assert_eq!(in_flight.room(5), 10);
    }
}
