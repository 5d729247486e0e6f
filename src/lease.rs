//! What this process may believe of its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A time since the machine was started. Unlike `Instant` this goes on while the machine is suspended,
/// as the database does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        Self(Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        ))
    }

    fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// Until when the lease of the lane stands, by the clock of this machine.
///
/// Each renewal counts from before it was asked for, so that this never says longer than the
/// database does.
#[derive(Debug, Clone, Default)]
pub struct Lease {
    /// Nanoseconds of a [`Moment`]; 0: no lease.
    until: Arc<AtomicU64>,
}

impl Lease {
    /// It stands for `good_for` from `asked` on.
    pub fn extend(&self, asked: Moment, good_for: Duration) {
        let until = asked + good_for;
        self.until.store(until.nanos(), Ordering::Relaxed);
    }

    /// It stands no more.
    pub fn revoke(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether it stands at this time.
    #[must_use]
    pub fn stands(&self, at: Moment) -> bool {
        at.nanos() < self.until.load(Ordering::Relaxed)
    }

    /// Whether it stands now.
    #[must_use]
    pub fn stands_now(&self) -> bool {
        self.stands(Moment::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_from_before_it_was_asked_for() {
        let start = Moment(Duration::from_secs(1_000_000));
        let lease = Lease::default();
        assert!(!lease.stands(start));
        lease.extend(start, Duration::from_secs(4));
        assert!(lease.stands(start + Duration::from_millis(3999)));
        assert!(!lease.stands(start + Duration::from_secs(4)));
        lease.extend(start + Duration::from_secs(1), Duration::from_secs(4));
        assert!(lease.stands(start + Duration::from_millis(4999)));
        lease.revoke();
        assert!(!lease.stands(start));
    }

    #[test]
    fn the_clock_goes_on() {
        let before = Moment::now();
        let lease = Lease::default();
        lease.extend(before, Duration::from_secs(60));
        assert!(lease.stands_now());
        std::thread::sleep(Duration::from_millis(2));
        assert!(Moment::now() > before + Duration::from_millis(1));
        lease.extend(before, Duration::from_millis(1));
        assert!(!lease.stands_now());
    }
}
