//! How many rows may wait in front of the window. Pure.

use std::time::{Duration, Instant};

use super::CLAIM_AT_MOST;
use crate::session::Settings;

/// Rows are claimed ahead of the window for so long a time at the present rate, so that the session
/// has work while a claim commits; an urgent row waits no longer than that, or than one window.
const AHEAD: Duration = Duration::from_millis(20);

/// The same where claims take long.
const AHEAD_AT_MOST: Duration = Duration::from_secs(1);

/// So many times as long as a claim takes. One begins when half of what is ahead is left: with two the session would be
/// held at the rate that it has, with more that grows until something else bounds it.
const CLAIMS_AHEAD: u32 = 3;

/// Over how long the present rate is measured.
const RATE_OVER: Duration = Duration::from_millis(50);

/// Measures the rate at which submits have their outcome.
#[derive(Debug)]
pub(super) struct Lookahead {
    since: Instant,
    outcomes: u64,
    per_second: f64,
    /// Submits that a row takes, by the last claim.
    submits_per_row: f64,
    /// How long the last claim took, and the one before: a single slow one says nothing.
    took: [Duration; 2],
}

impl Lookahead {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            outcomes: 0,
            per_second: 0.0,
            submits_per_row: 1.0,
            took: [Duration::ZERO; 2],
        }
    }

    /// A claim brought so many rows, which take so many submits, in so long a time.
    pub(super) fn claimed(&mut self, rows: usize, submits: usize, took: Duration) {
        if rows > 0 {
            self.submits_per_row = (submits as f64 / rows as f64).max(1.0);
            self.took = [took, self.took[0]];
        }
    }

    /// The rows that so many submits are likely to be: at least one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not above `submits`
    pub(super) fn rows(&self, submits: usize) -> usize {
        ((submits as f64 / self.submits_per_row) as usize).max(1)
    }

    /// The limit at `now`, when the session has had `outcomes` in all.
    ///
    /// One window, but no more than the rate of the server lets leave soon; more where the session
    /// is quicker.
    pub(super) fn limit(&mut self, outcomes: u64, settings: &Settings, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.since);
        if passed >= RATE_OVER {
            let done = outcomes.saturating_sub(self.outcomes);
            self.per_second = done as f64 / passed.as_secs_f64();
            self.outcomes = outcomes;
            self.since = now;
        }
        let at_least = match settings.rate {
            Some(rate) => settings.window.min(self.soon(rate)),
            None => settings.window,
        };
        at_least.max(self.soon(self.per_second))
    }

    /// Rows that leave soon at this rate: at least one, and no more than one claim takes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to a small range
    fn soon(&self, per_second: f64) -> usize {
        let [last, before] = self.took;
        let ahead = (CLAIMS_AHEAD * last.min(before)).clamp(AHEAD, AHEAD_AT_MOST);
        (per_second * ahead.as_secs_f64()).clamp(1.0, CLAIM_AT_MOST as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(window: usize, rate: Option<f64>) -> Settings {
        Settings {
            window,
            rate,
            ..crate::server::Server::unknown().settings
        }
    }

    #[test]
    fn one_window_ahead_unless_the_session_is_faster() {
        let ten = settings(10, None);
        let start = Instant::now();
        let mut lookahead = Lookahead::new(start);
        assert_eq!(lookahead.limit(0, &ten, start), 10);
        // 100 a second: two in 20 ms, less than a window.
        let now = start + Duration::from_millis(100);
        assert_eq!(lookahead.limit(10, &ten, now), 10);
        // 10,000 a second: 200 in 20 ms.
        let now = now + Duration::from_millis(100);
        assert_eq!(lookahead.limit(1010, &ten, now), 200);
        // Not measured anew before 50 ms have passed.
        let soon = now + Duration::from_millis(10);
        assert_eq!(lookahead.limit(1010, &ten, soon), 200);
        // Never more than one claim takes, but always a window.
        let now = now + Duration::from_millis(100);
        assert_eq!(lookahead.limit(101_010, &ten, now), CLAIM_AT_MOST);
        let large = settings(5000, None);
        assert_eq!(lookahead.limit(101_010, &large, now), 5000);
    }

    #[test]
    fn long_messages_are_counted_by_their_parts() {
        let mut lookahead = Lookahead::new(Instant::now());
        assert_eq!(lookahead.rows(10), 10);
        lookahead.claimed(10, 30, Duration::ZERO);
        assert_eq!(lookahead.rows(10), 3);
        assert_eq!(lookahead.rows(2), 1);
        lookahead.claimed(3, 3, Duration::ZERO);
        assert_eq!(lookahead.rows(10), 10);
    }

    #[test]
    fn where_claims_take_long_more_is_claimed_ahead() {
        let rate = settings(100, Some(40.0));
        let start = Instant::now();
        let mut lookahead = Lookahead::new(start);
        let (slow, quick) = (Duration::from_millis(150), Duration::from_millis(10));
        assert_eq!(lookahead.limit(0, &rate, start), 1);
        lookahead.claimed(1, 1, slow);
        assert_eq!(lookahead.limit(0, &rate, start), 1);
        // Six leave while a claim is under way, which begins when nine are left.
        lookahead.claimed(1, 1, slow);
        assert_eq!(lookahead.limit(0, &rate, start), 18);
        // No more than one window of what is not measured.
        assert_eq!(lookahead.limit(0, &settings(7, Some(40.0)), start), 7);
        // One that brought nothing says nothing.
        lookahead.claimed(0, 0, quick);
        assert_eq!(lookahead.limit(0, &rate, start), 18);
        lookahead.claimed(6, 6, Duration::from_secs(30));
        lookahead.claimed(6, 6, Duration::from_secs(30));
        assert_eq!(lookahead.limit(0, &rate, start), 40);
        lookahead.claimed(6, 6, quick);
        assert_eq!(lookahead.limit(0, &rate, start), 1);
        // A session that is quicker than its window.
        let ten = settings(10, None);
        lookahead.claimed(6, 6, slow);
        lookahead.claimed(6, 6, slow);
        let now = start + Duration::from_secs(1);
        assert_eq!(lookahead.limit(100, &ten, now), 45);
    }

    #[test]
    fn a_rate_keeps_rows_in_the_table() {
        let start = Instant::now();
        for (window, rate, expected) in [
            (50, 2.0, 1),
            (1000, 20.0, 1),
            (1000, 1000.0, 20),
            (10, 1000.0, 10),
        ] {
            let mut lookahead = Lookahead::new(start);
            let settings = settings(window, Some(rate));
            assert_eq!(lookahead.limit(0, &settings, start), expected, "{rate}/s");
        }
    }
}
