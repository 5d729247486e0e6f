//! A token bucket for submits.

use std::time::{Duration, Instant};

/// A timer fires late: what that costs is made up for, as long as it is no more than this.
const LATENESS: f64 = 0.005;

/// The rate holds for any time of this length rather than of a second: the way to the SMSC is not
/// always equally long, so what leaves within a little more than a second may arrive within one.
const SECOND: f64 = 1.01;

/// Lets through at most `rate` submits in any second, evenly; of a rate that is no whole number, at
/// most the next whole number.
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
        let more = rate * LATENESS;
        Self {
            depth: 1.0 + more,
            refill: (rate - more) / SECOND,
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
        let unlimited = self.limit.is_none();
        self.limit = rate.map(Limit::new);
        if let Some(limit) = self.limit {
            // Without a limit any number may have left just now.
            self.tokens = if unlimited {
                0.0
            } else {
                self.tokens.min(limit.depth)
            };
        }
    }

    fn refill(&mut self, now: Instant) {
        if let Some(limit) = self.limit {
            let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
            self.tokens = (self.tokens + passed * limit.refill).min(limit.depth);
        }
        self.refilled = self.refilled.max(now);
    }

    /// Whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
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
    use proptest::prelude::*;

    use super::*;

    const ONE_SECOND: Duration = Duration::from_secs(1);

    /// When submits leave in so many seconds, if there is always one that waits and the timer is up
    /// to so late.
    fn departures(rate: f64, seconds: u64, late: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let end = start + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(Some(rate), start);
        let mut now = start;
        let mut times = Vec::new();
        loop {
            let ready = bucket.ready_at(now);
            if ready > now {
                now = ready + late;
            }
            if now > end {
                return times;
            }
            assert!(bucket.ready_at(now) <= now, "ready when it said so");
            bucket.take();
            times.push(now - start);
        }
    }

    /// The most that left in any such time, its end not included.
    fn most(times: &[Duration], within: Duration) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, &at) in times.iter().enumerate() {
            while times[first] + within <= at {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }

    #[test]
    fn no_second_sees_more_than_the_rate() {
        for rate in [
            1.0, 2.0, 7.0, 20.0, 99.0, 100.0, 199.0, 250.0, 1000.0, 5000.0,
        ] {
            for late in [0, 1, 3, 40].map(Duration::from_millis) {
                let times = departures(rate, 5, late);
                // A little more than a second, for the jitter on the way.
                let within = most(&times, Duration::from_millis(1009));
                assert!(
                    within as f64 <= rate,
                    "{within} within a second at {rate}/s"
                );
            }
        }
    }

    #[test]
    fn a_rate_that_is_no_whole_number_is_kept_over_the_time_that_makes_it_one() {
        for (rate, seconds, at_most) in [(0.5, 2, 1), (0.1, 10, 1), (2.5, 2, 5), (2.5, 1, 3)] {
            let times = departures(rate, 60, Duration::ZERO);
            let within = most(&times, Duration::from_secs(seconds));
            assert_eq!(within, at_most, "within {seconds} s at {rate}/s");
        }
    }

    #[test]
    fn the_rate_is_nearly_reached_although_timers_are_late() {
        for rate in [1.0, 20.0, 99.0, 199.0, 1000.0, 5000.0] {
            for late in [Duration::ZERO, Duration::from_micros(1500)] {
                let left = departures(rate, 10, late).len() as f64;
                assert!(
                    left >= rate * 9.8 - 1.0,
                    "{left} in ten seconds at {rate}/s, timers {late:?} late"
                );
            }
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
        let mut bucket = Bucket::new(Some(1000.0), start);
        let later = start + ONE_SECOND;
        assert_eq!(bucket.ready_at(later), later);
        bucket.set_rate(None, later);
        assert_eq!(bucket.ready_at(later), later);
        // Whatever left meanwhile is unknown.
        bucket.set_rate(Some(1.0), later);
        assert!(bucket.ready_at(later) >= later + ONE_SECOND);
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// As many as may leave within so many milliseconds.
        Busy(u64),
        Idle(u64),
        Rate(u32),
        Rebind,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1u64..2500).prop_map(Step::Busy),
            3 => (1u64..3000).prop_map(Step::Idle),
            2 => (1u32..300).prop_map(Step::Rate),
            1 => Just(Step::Rebind),
        ]
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config {
            failure_persistence: None,
            ..proptest::test_runner::Config::with_cases(200)
        })]

        /// Over pauses, rebinds and changes, a second sees at most the highest rate that held in it.
        #[test]
        fn no_second_sees_more_whatever_happens(steps in prop::collection::vec(step(), 1..20)) {
            let start = Instant::now();
            let (mut now, mut rate) = (start, 20u32);
            let mut bucket = Bucket::new(Some(f64::from(rate)), now);
            let mut rates = vec![(Duration::ZERO, rate)];
            let mut times = Vec::new();
            for step in steps {
                match step {
                    Step::Busy(milliseconds) => {
                        let end = now + Duration::from_millis(milliseconds);
                        loop {
                            now = now.max(bucket.ready_at(now));
                            if now >= end {
                                now = end;
                                break;
                            }
                            bucket.take();
                            times.push(now - start);
                        }
                    }
                    Step::Idle(milliseconds) => now += Duration::from_millis(milliseconds),
                    Step::Rate(next) => {
                        rate = next;
                        bucket.set_rate(Some(f64::from(rate)), now);
                        rates.push((now - start, rate));
                    }
                    Step::Rebind => bucket = Bucket::new(Some(f64::from(rate)), now),
                }
            }
            for (first, &from) in times.iter().enumerate() {
                let until = from + ONE_SECOND;
                let within = times[first..].iter().take_while(|&&at| at < until).count();
                let ends = rates.iter().skip(1).map(|&(at, _)| at).chain([Duration::MAX]);
                let highest = rates
                    .iter()
                    .zip(ends)
                    .filter(|&(&(at, _), end)| at < until && end >= from)
                    .map(|((_, rate), _)| *rate)
                    .max()
                    .unwrap();
                prop_assert!(within <= highest as usize, "{} at {}/s", within, highest);
            }
        }
    }
}
