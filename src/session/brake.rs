//! What slows the session down, for people: told at its beginning and at its end, not in between.

use std::time::{Duration, Instant};

use crate::pdu::CommandStatus;

/// Throttling by the SMSC is over when nothing was refused for so long after a pause: where it goes
/// on and off by the second, that is one overload.
const CALM: Duration = Duration::from_secs(3);

/// It is over as well when nothing has left for so long after the last pause.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// For how much longer than not the rate has to hold submits back before that is told.
const HELD: Duration = Duration::from_secs(1);

/// For how much longer than held back submits have to be free before the end is told.
const FREE: Duration = Duration::from_secs(2);

/// While submits may wait for the rate, it is looked so often whether any does.
const LOOK: Duration = Duration::from_millis(250);

/// Who slows the session down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Smsc(CommandStatus),
    Rate,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Began(Cause),
    Ended,
}

/// How rate and queue stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Submits wait, and it is the rate that they wait for.
    Held,
    /// The rate lets none leave now, and none waited at the last look.
    Unknown,
    /// Something else holds them back as well, or one leaves just now.
    Neither,
    /// The rate would let one leave.
    Free,
}

/// Adds up both causes to one state.
#[derive(Debug, Clone)]
pub(super) struct Brake {
    smsc: Option<CommandStatus>,
    /// When that is over.
    calm_at: Instant,
    rate: Rate,
    told: Option<Cause>,
}

/// Whether the rate holds submits back: time in which it does counts up, time in which it does not
/// counts down.
#[derive(Debug, Clone)]
struct Rate {
    flow: Flow,
    since: Instant,
    /// When it was last looked, or time for it.
    looked: Instant,
    score: Duration,
    held: bool,
}

impl Brake {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            smsc: None,
            calm_at: now,
            rate: Rate {
                flow: Flow::Free,
                since: now,
                looked: now,
                score: Duration::ZERO,
                held: false,
            },
            told: None,
        }
    }

    /// The SMSC refused a submit, and the session pauses until this time.
    pub(super) fn refused(&mut self, status: CommandStatus, until: Instant) -> Option<Change> {
        self.smsc = Some(status);
        self.calm_at = until + FORGOTTEN;
        self.change()
    }

    /// The SMSC accepted the first submit after a pause.
    pub(super) fn accepted(&mut self, now: Instant) {
        self.calm_at = now + CALM;
    }

    /// How it is from now on; `waiting`: a submit waits, and may have waited since the last look.
    pub(super) fn look(&mut self, flow: Flow, waiting: bool, now: Instant) -> Option<Change> {
        self.rate.look(flow, waiting, now);
        self.change()
    }

    /// There is no rate any more.
    pub(super) fn unlimited(&mut self, now: Instant) -> Option<Change> {
        self.rate.score = Duration::ZERO;
        self.rate.held = false;
        self.rate.flow = Flow::Free;
        self.rate.since = now;
        self.change()
    }

    /// When [`Brake::handle_timeout`] has something to do, or a look is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let calm = self.smsc.map(|_| self.calm_at);
        calm.into_iter().chain(self.rate.next()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        if self.smsc.is_some() && self.calm_at <= now {
            self.smsc = None;
        }
        self.rate.looked = now;
        // What passed between two looks is for the next look to tell.
        if self.rate.flow != Flow::Unknown {
            self.rate.pass(self.rate.flow, now);
        }
        self.change()
    }

    fn change(&mut self) -> Option<Change> {
        let held = self.rate.held.then_some(Cause::Rate);
        let is = self.smsc.map(Cause::Smsc).or(held);
        let told = self.told;
        let same = match (told, is) {
            // One overload may be told by both statuses.
            (Some(Cause::Smsc(_)), Some(Cause::Smsc(_))) => true,
            _ => told == is,
        };
        if same {
            return None;
        }
        self.told = is;
        Some(is.map_or(Change::Ended, Change::Began))
    }
}

impl Rate {
    fn look(&mut self, flow: Flow, waiting: bool, now: Instant) {
        let passed = match self.flow {
            // What waits now came between two looks: it is taken for having waited since the first.
            Flow::Unknown if waiting => Flow::Held,
            known => known,
        };
        self.pass(passed, now);
        self.flow = flow;
        self.looked = now;
    }

    fn pass(&mut self, flow: Flow, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        self.since = self.since.max(now);
        match flow {
            Flow::Held => self.score = (self.score + passed).min(FREE),
            Flow::Free => self.score = self.score.saturating_sub(passed),
            Flow::Unknown | Flow::Neither => {}
        }
        if self.score >= HELD && !self.held {
            self.held = true;
            self.score = FREE;
        } else if self.score.is_zero() {
            self.held = false;
        }
    }

    fn next(&self) -> Option<Instant> {
        match self.flow {
            Flow::Held if !self.held => Some(self.since + (HELD - self.score)),
            Flow::Free if self.held => Some(self.since + self.score),
            Flow::Unknown | Flow::Neither => Some(self.looked + LOOK),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROTTLED: CommandStatus = CommandStatus::ESME_RTHROTTLED;
    const FULL: CommandStatus = CommandStatus::ESME_RMSGQFUL;
    const BY_SMSC: Change = Change::Began(Cause::Smsc(THROTTLED));
    const BY_RATE: Change = Change::Began(Cause::Rate);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A brake under a clock that jumps, and what it told, by milliseconds from the start.
    struct Stage {
        brake: Brake,
        start: Instant,
        now: Instant,
        told: Vec<(u64, Change)>,
    }

    impl Stage {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                brake: Brake::new(now),
                start: now,
                now,
                told: Vec::new(),
            }
        }

        fn note(&mut self, change: Option<Change>) {
            let at = u64::try_from((self.now - self.start).as_millis()).unwrap();
            self.told.extend(change.map(|change| (at, change)));
        }

        fn pass(&mut self, milliseconds: u64) {
            let until = self.now + ms(milliseconds);
            while let Some(next) = self.brake.poll_timeout()
                && next <= until
            {
                self.now = self.now.max(next);
                let change = self.brake.handle_timeout(self.now);
                self.note(change);
                assert!(self.brake.poll_timeout().is_none_or(|it| it > self.now));
            }
            self.now = until;
        }

        fn look(&mut self, flow: Flow, waiting: bool) {
            let change = self.brake.look(flow, waiting, self.now);
            self.note(change);
        }

        fn refuse(&mut self, status: CommandStatus, pause: u64) {
            let change = self.brake.refused(status, self.now + ms(pause));
            self.note(change);
        }

        /// Every so many milliseconds one leaves; the next waits from so many later on.
        fn queue(&mut self, count: u32, interval: u64, claim: u64) {
            for _ in 0..count {
                self.look(Flow::Neither, true);
                self.look(Flow::Unknown, false);
                self.pass(claim);
                self.look(Flow::Held, true);
                self.pass(interval - claim);
            }
            // The last leaves, and then the rate would let another.
            self.look(Flow::Neither, true);
            self.look(Flow::Unknown, false);
            self.pass(interval);
            self.look(Flow::Free, false);
        }
    }

    #[test]
    fn a_steady_queue_is_told_at_its_begin_and_at_its_end() {
        for (interval, claim) in [(50, 0), (50, 5), (20, 15), (1000, 5), (2, 0)] {
            let mut stage = Stage::new();
            let count = u32::try_from(20_000 / interval).unwrap();
            stage.queue(count, interval, claim);
            stage.pass(60_000);
            let [(began, BY_RATE), (ended, Change::Ended)] = stage.told[..] else {
                panic!("{interval}, {claim}: {:?}", stage.told);
            };
            assert!((1000..2100).contains(&began), "{began}");
            assert_eq!(ended, 20_000 + interval + 2000);
        }
    }

    #[test]
    fn what_is_seen_only_when_it_leaves_waited_as_well() {
        let mut stage = Stage::new();
        for _ in 0..100 {
            stage.look(Flow::Neither, true);
            stage.look(Flow::Unknown, false);
            stage.pass(20);
        }
        assert_eq!(stage.told, [(1000, BY_RATE)]);
    }

    #[test]
    fn short_bursts_are_not_told() {
        let mut stage = Stage::new();
        for _ in 0..100 {
            stage.queue(10, 50, 0);
            stage.pass(600);
            stage.look(Flow::Free, false);
        }
        assert_eq!(stage.told, []);
    }

    #[test]
    fn a_pause_for_breath_does_not_end_it() {
        let mut stage = Stage::new();
        for _ in 0..10 {
            stage.queue(100, 50, 0);
            stage.pass(1900);
            stage.look(Flow::Free, false);
        }
        assert_eq!(stage.told.len(), 1, "{:?}", stage.told);
        stage.pass(100);
        assert_eq!(stage.told.len(), 2, "{:?}", stage.told);
    }

    #[test]
    fn one_that_waits_long_for_a_slow_rate_is_told_while_it_waits() {
        let mut stage = Stage::new();
        stage.look(Flow::Neither, true);
        for _ in 0..36 {
            stage.look(Flow::Unknown, false);
            stage.pass(250);
        }
        // Another comes, since the last look perhaps, and waits on.
        stage.look(Flow::Held, true);
        stage.pass(1000);
        assert_eq!(stage.told, [(9750, BY_RATE)]);
    }

    #[test]
    fn without_a_rate_nothing_is_held() {
        let mut stage = Stage::new();
        stage.queue(100, 50, 0);
        let change = stage.brake.unlimited(stage.now);
        assert_eq!(change, Some(Change::Ended));
        assert_eq!(stage.brake.poll_timeout(), None);
    }

    #[test]
    fn throttling_that_goes_on_and_off_by_the_second_is_one_overload() {
        let mut stage = Stage::new();
        for status in [THROTTLED, FULL].repeat(50) {
            stage.refuse(status, 1000);
            stage.pass(1000);
            stage.brake.accepted(stage.now);
            stage.pass(100);
        }
        stage.pass(60_000);
        // The last was accepted 100 ms before the passing.
        let end = 50 * 2 * 1100 - 100 + 3000;
        assert_eq!(stage.told, [(0, BY_SMSC), (end, Change::Ended)]);
    }

    #[test]
    fn throttling_that_nobody_tests_any_more_is_forgotten() {
        let mut stage = Stage::new();
        stage.refuse(THROTTLED, 1000);
        stage.pass(600_000);
        assert_eq!(stage.told, [(0, BY_SMSC), (61_000, Change::Ended)]);
    }

    #[test]
    fn the_last_that_was_told_is_how_it_is() {
        let mut stage = Stage::new();
        stage.queue(100, 50, 0);
        stage.refuse(FULL, 1000);
        stage.pass(1000);
        stage.brake.accepted(stage.now);
        // The rate has been holding all the time but for the pause.
        stage.queue(100, 50, 0);
        stage.pass(60_000);
        let kinds: Vec<Change> = stage.told.iter().map(|&(_, change)| change).collect();
        let by_full = Change::Began(Cause::Smsc(FULL));
        assert_eq!(kinds, [BY_RATE, by_full, BY_RATE, Change::Ended]);
    }
}
