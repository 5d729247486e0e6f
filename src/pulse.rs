//! Whether the work of the daemon moves.
//!
//! Each long-running task runs with a pulse ([`Pulses::felt`]), which beats when its loop comes round and whenever it takes a
//! connection to the database. A task that waits for something to do beats by a timer meanwhile ([`idle`]), and one that
//! tries again and again to reach a database that is away beats with each attempt: both move. One that sits in a deadlock,
//! or in an await that never ends, does not, nor does any on a blocked runtime; [`Pulses::stuck`] names it. The watchdog of
//! systemd and `/health` go by that.
//!
//! A database that hangs, with a COMMIT that waits for its standby, say, answers nobody: whoever finds out ([`excuse`])
//! excuses all who wait for it.
//!
//! The pulse is known to the task that it belongs to, so that what works deep down needs no handle for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often a task beats that has nothing to do.
pub const BEAT: Duration = Duration::from_secs(1);

/// So long a task may take for one turn that waits for nobody else.
pub const QUICK: Duration = Duration::from_secs(20);

/// So long a task may go without another connection to PostgreSQL. A statement is cancelled after 30 s, and a transaction
/// has several; an end that is too early does more harm than one that is late, for it leaves messages in doubt.
pub const DATABASE: Duration = Duration::from_secs(300);

tokio::task_local! {
    static PULSE: Arc<Pulse>;
}

/// Beats the pulse of the task that calls it, where it has one.
pub fn beat() {
    let _ = PULSE.try_with(|pulse| pulse.beat());
}

/// The database does not answer the task that calls it: until [`DATABASE`] from now, those who wait for it are not stuck.
pub fn excuse() {
    let _ = PULSE.try_with(|pulse| pulse.excuse_at(clock()));
}

/// Waits for something to do, beating meanwhile. Only for waits that may rightly last for ever, or as long as another task
/// takes, which has a pulse itself: work of its own is not to be awaited in here.
pub async fn idle<F: Future>(wait: F) -> F::Output {
    tokio::pin!(wait);
    loop {
        beat();
        tokio::select! {
            done = &mut wait => {
                beat();
                return done;
            }
            () = sleep(BEAT) => {}
        }
    }
}

/// Work of this task that is spawned as a task of its own beats its pulse as well.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let pulse = PULSE.try_with(Arc::clone).ok();
    async move {
        match pulse {
            Some(pulse) => PULSE.scope(pulse, work).await,
            None => work.await,
        }
    }
}

/// The clock of the runtime, which tests can move.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The pulses of all tasks. Clones share them.
#[derive(Debug, Clone)]
pub struct Pulses {
    since: Instant,
    all: Arc<Mutex<Vec<Arc<Last>>>>,
    /// When the database was last found not to answer: milliseconds since these were made.
    excused: Arc<AtomicU64>,
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
        Self::since(clock())
    }
}

impl Pulses {
    /// No tasks yet; the clock is at `now`.
    #[must_use]
    pub fn since(now: Instant) -> Self {
        Self {
            since: now,
            all: Arc::default(),
            excused: Arc::default(),
        }
    }

    /// Gives the work of a task, which takes at most `patience` for one turn of its loop, a pulse until it ends.
    pub fn felt<F: Future>(
        &self,
        task: &'static str,
        patience: Duration,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        // Felt from now on: a runtime that never comes to it is as bad as one that hangs later.
        let pulse = Arc::new(self.start_at(task, patience, clock()));
        PULSE.scope(pulse, work)
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
        self.stuck_at(clock())
    }

    /// The same at a given time.
    #[must_use]
    pub fn stuck_at(&self, now: Instant) -> Option<&'static str> {
        let now = self.millis(now);
        self.all()
            .iter()
            .filter_map(|last| {
                let mut beat = last.beat.load(Ordering::Relaxed);
                if last.patience == DATABASE {
                    beat = beat.max(self.excused.load(Ordering::Relaxed));
                }
                let beat = Duration::from_millis(beat);
                let overdue = now.checked_sub(beat)?.checked_sub(last.patience)?;
                (!overdue.is_zero()).then_some((overdue, last.task))
            })
            .max()
            .map(|(_, task)| task)
    }

    fn millis(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    fn whole_millis(&self, now: Instant) -> u64 {
        u64::try_from(self.millis(now).as_millis()).unwrap_or(u64::MAX)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Last>>> {
        // Nothing in here panics half-way through a change.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One task's pulse; with it the task is forgotten.
#[derive(Debug)]
struct Pulse {
    pulses: Pulses,
    last: Arc<Last>,
}

impl Pulse {
    fn beat(&self) {
        self.beat_at(clock());
    }

    fn beat_at(&self, now: Instant) {
        let millis = self.pulses.whole_millis(now);
        self.last.beat.store(millis, Ordering::Relaxed);
    }

    fn excuse_at(&self, now: Instant) {
        let millis = self.pulses.whole_millis(now);
        self.pulses.excused.store(millis, Ordering::Relaxed);
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
    fn who_waits_for_a_database_that_does_not_answer_is_not_stuck() {
        let begin = Instant::now();
        let pulses = Pulses::since(begin);
        let heart = pulses.start_at("heartbeat", DATABASE, begin);
        let _recorder = pulses.start_at("recorder", DATABASE, begin);
        for second in 0..1000 {
            let now = begin + second * SECOND;
            heart.beat_at(now);
            heart.excuse_at(now);
            assert_eq!(pulses.stuck_at(now), None);
        }
        // It answers again: from now on each has its time.
        let back = begin + 999 * SECOND;
        heart.beat_at(back + DATABASE);
        assert_eq!(pulses.stuck_at(back + DATABASE), None);
        let late = back + DATABASE + SECOND;
        assert_eq!(pulses.stuck_at(late), Some("recorder"));
        // No excuse for who does not wait for it.
        let _session = pulses.start_at("session", QUICK, late);
        heart.excuse_at(late + QUICK + SECOND);
        assert_eq!(pulses.stuck_at(late + QUICK + SECOND), Some("session"));
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
    async fn who_idles_beats_by_a_timer_until_it_ends() {
        let pulses = Pulses::default();
        let wait = idle(std::future::pending::<()>());
        let task = tokio::spawn(pulses.felt("feeder", QUICK, wait));
        for _ in 0..10 {
            sleep(QUICK * 10).await;
            assert_eq!(pulses.stuck(), None);
        }
        task.abort();
        assert!(task.await.is_err());
        sleep(QUICK * 10).await;
        assert_eq!(pulses.stuck(), None);
    }

    /// The task waits for a lock that its holder never gives back, while others of the same runtime go on.
    #[tokio::test(start_paused = true)]
    async fn a_deadlock_is_named_although_the_runtime_lives() {
        let pulses = Pulses::default();
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        let held = Arc::clone(&lock).lock_owned().await;
        let stuck = tokio::spawn(pulses.felt("recorder", QUICK, async move {
            let _got = lock.lock().await;
            idle(std::future::pending::<()>()).await;
        }));
        let wait = idle(std::future::pending::<()>());
        let other = tokio::spawn(pulses.felt("feeder", QUICK, wait));
        sleep(QUICK).await;
        assert_eq!(pulses.stuck(), None);
        sleep(BEAT).await;
        assert_eq!(pulses.stuck(), Some("recorder"));
        drop(held);
        sleep(BEAT).await;
        assert_eq!(pulses.stuck(), None);
        stuck.abort();
        other.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_begins_is_stuck_too() {
        let pulses = Pulses::default();
        let never_polled = pulses.felt("feeder", QUICK, async {});
        sleep(QUICK + BEAT).await;
        assert_eq!(pulses.stuck(), Some("feeder"));
        never_polled.await;
        assert_eq!(pulses.stuck(), None);
    }

    #[tokio::test]
    async fn what_a_task_spawns_beats_its_pulse() {
        let pulses = Pulses::default();
        let work = pulses.felt("feeder", QUICK, async {
            let spawned = carried(async { PULSE.with(|pulse| pulse.last.task) });
            tokio::spawn(spawned).await
        });
        assert_eq!(work.await.expect("its end"), "feeder");
        // Who has none may ask all the same.
        beat();
        assert_eq!(carried(async { idle(async { 7 }).await }).await, 7);
    }
}
