//! How many rows may wait in front of the window. Pure.

use std::time::{Duration, Instant};

use super::CLAIM_AT_MOST;
use crate::session::Settings;

/// Rows are claimed ahead of the window for so long a time at the present rate, so that the session
/// has work while a claim commits; an urgent row waits no longer than that, or than one window.
const AHEAD: Duration = Duration::from_millis(20);

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
}

impl Lookahead {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            outcomes: 0,
            per_second: 0.0,
            submits_per_row: 1.0,
        }
    }

    /// A claim brought so many rows, which take so many submits.
    pub(super) fn claimed(&mut self, rows: usize, submits: usize) {
        if rows > 0 {
            self.submits_per_row = (submits as f64 / rows as f64).max(1.0);
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
            Some(rate) => settings.window.min(soon(rate)),
            None => settings.window,
        };
        at_least.max(soon(self.per_second))
    }
}

/// Rows that leave soon at this rate: at least one, and no more than one claim takes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to a small range
fn soon(per_second: f64) -> usize {
    (per_second * AHEAD.as_secs_f64()).clamp(1.0, CLAIM_AT_MOST as f64) as usize
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
        lookahead.claimed(10, 30);
        assert_eq!(lookahead.rows(10), 3);
        assert_eq!(lookahead.rows(2), 1);
        lookahead.claimed(3, 3);
        assert_eq!(lookahead.rows(10), 10);
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
