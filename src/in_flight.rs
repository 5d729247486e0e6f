//! The rows that are claimed and not yet recorded.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Shared by feeder, which adds, and recorder, which removes. It bounds what can be in doubt after a
/// crash, and tells a row that is being worked at from one that nobody works at.
#[derive(Debug, Clone)]
pub struct InFlight {
    limit: usize,
    ids: Arc<Mutex<HashSet<i64>>>,
    /// Rang whenever there may be room for more.
    progress: Arc<Notify>,
}

impl InFlight {
    /// At most `limit` rows, or a window where that is larger.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ids: Arc::default(),
            progress: Arc::default(),
        }
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<i64>> {
        // Nothing in here panics half-way through a change.
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more may be claimed under this window.
    #[must_use]
    pub fn room(&self, window: usize) -> usize {
        self.limit.max(window).saturating_sub(self.ids().len())
    }

    /// Adds claimed rows.
    pub fn add(&self, ids: impl IntoIterator<Item = i64>) {
        self.ids().extend(ids);
    }

    /// Takes recorded rows out.
    pub fn remove(&self, ids: impl IntoIterator<Item = i64>) {
        let mut all = self.ids();
        for id in ids {
            all.remove(&id);
        }
        drop(all);
        self.made_progress();
    }

    /// All of them.
    #[must_use]
    pub fn snapshot(&self) -> Vec<i64> {
        self.ids().iter().copied().collect()
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
        in_flight.add([1, 2, 3]);
        assert_eq!(in_flight.room(5), 7);
        in_flight.remove([2, 9]);
        assert_eq!(in_flight.room(5), 8);
        let mut known = in_flight.snapshot();
        known.sort_unstable();
        assert_eq!(known, [1, 3]);
        in_flight.add(4..30);
        assert_eq!(in_flight.room(5), 0);
    }
}
