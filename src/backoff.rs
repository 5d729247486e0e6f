//! How long to wait before the next attempt to bind. Pure.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A session that was bound for so long was no failure.
const LIVED: Duration = Duration::from_secs(30);

/// Doubles from 1 s to 60 s, each less up to a quarter by chance, so that not all clients of an SMSC
/// that comes back do so at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: SHORTEST }
    }
}

impl Backoff {
    /// How long to wait now; `jitter` is from 0 to 1.
    pub fn wait(&mut self, jitter: f64) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST);
        jittered(wait, jitter)
    }

    /// The longest wait: nothing will change unless somebody does something.
    #[must_use]
    pub fn longest(jitter: f64) -> Duration {
        jittered(LONGEST, jitter)
    }

    /// A session ended that had been bound for so long.
    pub fn session_lived(&mut self, bound_for: Duration) {
        if bound_for >= LIVED {
            self.next = SHORTEST;
        }
    }
}

fn jittered(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_minute_and_starts_anew_after_a_session_that_lived() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait(0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.session_lived(Duration::from_secs(29));
        assert_eq!(backoff.wait(0.0).as_secs(), 60);
        backoff.session_lived(Duration::from_secs(30));
        assert_eq!(backoff.wait(0.0).as_secs(), 1);
    }

    #[test]
    fn jitter_takes_off_a_quarter_at_most() {
        assert_eq!(Backoff::default().wait(1.0), Duration::from_millis(750));
        assert_eq!(Backoff::longest(0.0), Duration::from_secs(60));
        assert_eq!(Backoff::longest(2.0), Duration::from_secs(45));
    }
}
