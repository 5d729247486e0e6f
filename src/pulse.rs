//! Whether the work of the daemon moves.
//!
//! Each long-running task holds a [`Pulse`] and beats when its loop comes round. A task that waits for something to do
//! beats by a timer meanwhile ([`Pulse::idle`]), and one that tries again and again to reach a database that is away beats
//! with each attempt: both move. One that sits in a deadlock, or in an await that never ends, does not, nor does any on a
//! blocked runtime; [`Pulses::stuck`] names it. The watchdog of systemd and `/health` go by that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often a task beats that has nothing to do.
pub const BEAT: Duration = Duration::from_secs(1);

/// So long a task may take for one turn that waits for nobody else.
pub const QUICK: Duration = Duration::from_secs(20);

/// So long a task may take for one turn that waits for PostgreSQL: a connection that is silent is given up after a minute,
/// and a new one may take some more seconds at each of several hosts.
pub const DATABASE: Duration = Duration::from_secs(150);

/// The pulses of all tasks. Clones share them.
#[derive(Debug, Clone)]
pub struct Pulses {
    since: Instant,
    all: Arc<Mutex<Vec<Arc<Last>>>>,
}

/// When a task beat last.
#[derive(Debug)]
struct Last {
    task: &'static str,
    patience: Duration,
    /// Milliseconds since [`Pulses`] were made.
    beat: AtomicU64,
}

impl Default for Pulses {
    fn default() -> Self {
        Self::since(Instant::now())
    }
}

impl Pulses {
    /// No tasks yet; the clock is at `now`.
    #[must_use]
    pub fn since(now: Instant) -> Self {
        Self {
            since: now,
            all: Arc::default(),
        }
    }

    /// A pulse for a task that takes at most `patience` for one turn of its loop. The task keeps it as long as it runs:
    /// with the pulse it is forgotten.
    #[must_use]
    pub fn start(&self, task: &'static str, patience: Duration) -> Pulse {
        self.start_at(task, patience, Instant::now())
    }

    fn start_at(&self, task: &'static str, patience: Duration, now: Instant) -> Pulse {
        let last = Arc::new(Last {
            task,
            patience,
            beat: AtomicU64::new(0),
        });
        let pulse = Pulse {
            pulses: self.clone(),
            last: Arc::clone(&last),
        };
        pulse.beat_at(now);
        self.all().push(last);
        pulse
    }

    /// The task that has not beaten for longer than it may, and for the longest time beyond it; `None` while all move.
    #[must_use]
    pub fn stuck(&self) -> Option<&'static str> {
        self.stuck_at(Instant::now())
    }

    /// The same at a given time.
    #[must_use]
    pub fn stuck_at(&self, now: Instant) -> Option<&'static str> {
        let now = self.millis(now);
        self.all()
            .iter()
            .filter_map(|last| {
                let beat = Duration::from_millis(last.beat.load(Ordering::Relaxed));
                let overdue = now.checked_sub(beat)?.checked_sub(last.patience)?;
                (!overdue.is_zero()).then_some((overdue, last.task))
            })
            .max()
            .map(|(_, task)| task)
    }

    fn millis(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Last>>> {
        // Nothing in here panics half-way through a change.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One task's pulse.
#[derive(Debug)]
pub struct Pulse {
    pulses: Pulses,
    last: Arc<Last>,
}

impl Pulse {
    /// A pulse that nobody feels: for a task that runs by itself.
    #[must_use]
    pub fn unfelt() -> Self {
        Pulses::default().start("", Duration::MAX)
    }

    /// The loop came round.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    fn beat_at(&self, now: Instant) {
        let millis = self.pulses.millis(now).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.last.beat.store(millis, Ordering::Relaxed);
    }

    /// Waits for something to do, beating meanwhile. Only for waits that may rightly last for ever: what does the work is
    /// not to be awaited in here.
    pub async fn idle<F: Future>(&self, wait: F) -> F::Output {
        tokio::pin!(wait);
        loop {
            self.beat();
            tokio::select! {
                done = &mut wait => {
                    self.beat();
                    return done;
                }
                () = sleep(BEAT) => {}
            }
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.pulses
            .all()
            .retain(|last| !Arc::ptr_eq(last, &self.last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_beats_in_time_is_not_stuck() {
        let begin = Instant::now();
        let pulses = Pulses::since(begin);
        assert_eq!(pulses.stuck_at(begin + 1000 * SECOND), None);
        let feeder = pulses.start_at("feeder", 5 * SECOND, begin);
        for second in 1..100 {
            let now = begin + second * 5 * SECOND;
            assert_eq!(pulses.stuck_at(now), None);
            feeder.beat_at(now);
        }
    }

    #[test]
    fn who_stops_is_named_when_its_patience_is_over_and_forgotten_when_it_goes_on() {
        let begin = Instant::now();
        let pulses = Pulses::since(begin);
        let feeder = pulses.start_at("feeder", 5 * SECOND, begin);
        let recorder = pulses.start_at("recorder", 50 * SECOND, begin);
        assert_eq!(pulses.stuck_at(begin + 5 * SECOND), None);
        assert_eq!(pulses.stuck_at(begin + 6 * SECOND), Some("feeder"));
        feeder.beat_at(begin + 6 * SECOND);
        assert_eq!(pulses.stuck_at(begin + 6 * SECOND), None);
        feeder.beat_at(begin + 51 * SECOND);
        assert_eq!(pulses.stuck_at(begin + 51 * SECOND), Some("recorder"));
        // Of two, the one that is overdue for longer.
        assert_eq!(pulses.stuck_at(begin + 60 * SECOND), Some("recorder"));
        recorder.beat_at(begin + 55 * SECOND);
        assert_eq!(pulses.stuck_at(begin + 60 * SECOND), Some("feeder"));
    }

    #[test]
    fn a_task_that_has_ended_is_not_missed() {
        let begin = Instant::now();
        let pulses = Pulses::since(begin);
        let first = pulses.start_at("line", SECOND, begin);
        let second = pulses.start_at("line", SECOND, begin + 10 * SECOND);
        assert_eq!(pulses.stuck_at(begin + 10 * SECOND), Some("line"));
        drop(first);
        assert_eq!(pulses.stuck_at(begin + 10 * SECOND), None);
        assert_eq!(pulses.stuck_at(begin + 12 * SECOND), Some("line"));
        drop(second);
        assert_eq!(pulses.stuck_at(begin + 100 * SECOND), None);
    }

    #[test]
    fn a_task_that_panics_is_no_longer_felt_and_harms_nobody() {
        let begin = Instant::now();
        let pulses = Pulses::since(begin);
        let pulse = pulses.start_at("line", SECOND, begin);
        let panicked = std::thread::spawn(move || {
            let _pulse = pulse;
            panic!("a defect");
        });
        assert!(panicked.join().is_err());
        assert_eq!(pulses.stuck_at(begin + 100 * SECOND), None);
    }

    #[tokio::test(start_paused = true)]
    async fn idling_beats_by_a_timer_and_ends_with_the_wait() {
        let pulses = Pulses::default();
        let pulse = pulses.start("feeder", QUICK);
        let beats = |pulse: &Pulse| pulse.last.beat.load(Ordering::Relaxed);
        // The clock of the runtime moves, that of the pulses does not: what it says is set wrong by hand.
        let wait = pulse.idle(async {
            for _ in 0..3 {
                pulse.last.beat.store(u64::MAX, Ordering::Relaxed);
                sleep(BEAT + Duration::from_millis(1)).await;
                assert_ne!(beats(&pulse), u64::MAX);
            }
            "there is work"
        });
        assert_eq!(wait.await, "there is work");
    }
}
