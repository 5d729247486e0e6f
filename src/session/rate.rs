//! A token bucket for submits.

use std::time::{Duration, Instant};

/// How long a burst may be: this share of a second's submits, but at least one.
const BURST_SHARE: f64 = 0.01;

/// Lets through at most `rate` submits in any second, evenly.
///
/// A bucket of `n` tokens lets `n` more through in a second than it is refilled with, less the one
/// that opens the second; so it is refilled that much slower, and no second ever sees more.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    limit: Option<Limit>,
    tokens: f64,
    refilled: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    depth: f64,
    refill: f64,
}

impl Limit {
    fn new(rate: f64) -> Self {
        let depth = (rate * BURST_SHARE).floor().max(1.0);
        Self {
            depth,
            refill: rate - (depth - 1.0),
        }
    }
}

impl Bucket {
    /// `rate` in submits a second; `None`: no limit. The bucket starts empty: the session before
    /// may have sent all that this second allows.
    pub(super) fn new(rate: Option<f64>, now: Instant) -> Self {
        Self {
            limit: rate.map(Limit::new),
            tokens: 0.0,
            refilled: now,
        }
    }

    /// Changes the rate; tokens at hand above the new depth are lost.
    pub(super) fn set_rate(&mut self, rate: Option<f64>, now: Instant) {
        self.refill(now);
        self.limit = rate.map(Limit::new);
        self.refilled = now;
        if let Some(limit) = self.limit {
            self.tokens = self.tokens.min(limit.depth);
        }
    }

    fn refill(&mut self, now: Instant) {
        if let Some(limit) = self.limit {
            let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
            self.tokens = (self.tokens + passed * limit.refill).min(limit.depth);
        }
        self.refilled = self.refilled.max(now);
    }

    /// When the next submit may leave; `now` or earlier means at once.
    pub(super) fn ready_at(&mut self, now: Instant) -> Instant {
        self.refill(now);
        match self.limit {
            Some(limit) if self.tokens < 1.0 => {
                // Rounded up, or a timer that fires a nanosecond early would spin.
                let wait = (1.0 - self.tokens) / limit.refill + 1e-6;
                now + Duration::from_secs_f64(wait.min(86_400.0))
            }
            _ => now,
        }
    }

    /// Takes one token, after `ready_at` said that there is one.
    pub(super) fn take(&mut self) {
        if self.limit.is_some() {
            self.tokens -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When submits leave in so many seconds, if there is always one that waits.
    fn departures(rate: f64, seconds: u64) -> Vec<Duration> {
        let start = Instant::now();
        let end = start + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(Some(rate), start);
        let mut now = start;
        let mut times = Vec::new();
        loop {
            now = now.max(bucket.ready_at(now));
            if now > end {
                return times;
            }
            assert!(bucket.ready_at(now) <= now, "ready when it said so");
            bucket.take();
            times.push(now - start);
        }
    }

    #[test]
    fn no_second_sees_more_than_the_rate() {
        for rate in [0.5, 1.0, 7.0, 20.0, 99.0, 100.0, 250.0, 1000.0, 5000.0] {
            let times = departures(rate, 5);
            let second = Duration::from_secs(1);
            for (first, &from) in times.iter().enumerate() {
                let within = times[first..]
                    .iter()
                    .take_while(|&&at| at < from + second)
                    .count();
                assert!(
                    within as f64 <= rate.max(1.0),
                    "{within} within a second at {rate}/s"
                );
            }
        }
    }

    #[test]
    fn the_rate_is_nearly_reached() {
        for rate in [1.0, 20.0, 1000.0, 5000.0] {
            let left = departures(rate, 10).len() as f64;
            assert!(
                left >= rate * 9.8 - 1.0,
                "{left} in ten seconds at {rate}/s"
            );
        }
    }

    #[test]
    fn idle_time_gives_no_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Some(20.0), start);
        let later = start + Duration::from_secs(3600);
        assert!(bucket.ready_at(later) <= later);
        bucket.take();
        assert!(bucket.ready_at(later) > later);
    }

    #[test]
    fn no_limit_is_always_ready() {
        let now = Instant::now();
        let mut bucket = Bucket::new(None, now);
        for _ in 0..100_000 {
            assert_eq!(bucket.ready_at(now), now);
            bucket.take();
        }
    }

    #[test]
    fn a_changed_rate_counts_from_now() {
        let start = Instant::now();
        let mut bucket = Bucket::new(None, start);
        bucket.take();
        bucket.set_rate(Some(1.0), start);
        assert!(bucket.ready_at(start) >= start + Duration::from_millis(999));
        bucket.set_rate(None, start);
        assert_eq!(bucket.ready_at(start), start);
    }
}
