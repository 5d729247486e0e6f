//! What this process may believe of its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Until when the lease of the lane stands, by the monotonic clock of this process.
///
/// Each renewal counts from before it was asked for, so that this never says longer than the
/// database does.
#[derive(Debug, Clone)]
pub struct Lease {
    anchor: Instant,
    /// Nanoseconds since `anchor`; 0: no lease.
    until: Arc<AtomicU64>,
}

impl Lease {
    /// A lease that does not stand yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            anchor: now,
            until: Arc::new(AtomicU64::new(0)),
        }
    }

    /// It stands for `good_for` from `asked` on.
    pub fn extend(&self, asked: Instant, good_for: Duration) {
        let until = (asked + good_for).saturating_duration_since(self.anchor);
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.store(nanos, Ordering::Relaxed);
    }

    /// It stands no more.
    pub fn revoke(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether it stands at this time.
    #[must_use]
    pub fn stands(&self, now: Instant) -> bool {
        let nanos = now.saturating_duration_since(self.anchor).as_nanos();
        nanos < u128::from(self.until.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_from_before_it_was_asked_for() {
        let start = Instant::now();
        let lease = Lease::new(start);
        assert!(!lease.stands(start));
        lease.extend(start, Duration::from_secs(4));
        assert!(lease.stands(start + Duration::from_millis(3999)));
        assert!(!lease.stands(start + Duration::from_secs(4)));
        lease.extend(start + Duration::from_secs(1), Duration::from_secs(4));
        assert!(lease.stands(start + Duration::from_millis(4999)));
        lease.revoke();
        assert!(!lease.stands(start));
    }
}
