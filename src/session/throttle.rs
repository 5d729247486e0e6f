//! The pause after ESME_RTHROTTLED and ESME_RMSGQFUL.

use std::time::{Duration, Instant};

/// The delay stops growing here, or at the configured delay where that is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// When submits may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Now,
    At(Instant),
}

/// Whether the session pauses, and for how long.
///
/// The answers of one window tell of one overload, so only one pause comes of them. After it a single
/// submit leaves as a probe: a whole window would only be refused again. When the probe is refused
/// the next pause is twice as long; when it is accepted, or fails for a reason of its own, all is as before.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    delay: Duration,
    next: Duration,
    paused_until: Option<Instant>,
    probe: Option<Probe>,
}

/// The submit that is to show whether the SMSC takes any.
#[derive(Debug, Clone, Copy)]
struct Probe {
    sequence_number: u32,
    /// When its answer is overdue, and another submit is tried.
    due: Instant,
}

impl Throttle {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            next: delay,
            paused_until: None,
            probe: None,
        }
    }

    /// A longer delay holds from the next pause on, a shorter one at once.
    pub(super) fn set_delay(&mut self, delay: Duration, now: Instant) {
        if delay != self.delay {
            self.delay = delay;
            self.next = delay;
            self.paused_until = self.paused_until.map(|until| until.min(now + delay));
        }
    }

    /// Until when the pause lasts; `None` where there is none. One whose time is over lasts until a
    /// submit is accepted.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Whether nothing may leave for the pause's own sake, probe or not.
    pub(super) fn is_pausing(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    pub(super) fn leave(&self, now: Instant) -> Leave {
        let probe = self.probe.map(|probe| probe.due);
        match self.paused_until.max(probe) {
            Some(until) if now < until => Leave::At(until),
            _ => Leave::Now,
        }
    }

    /// A submit leaves whose answer is due at this time.
    pub(super) fn left(&mut self, sequence_number: u32, due: Instant) {
        if self.paused_until.is_some() {
            self.probe = Some(Probe {
                sequence_number,
                due,
            });
        }
    }

    /// ESME_RTHROTTLED or ESME_RMSGQFUL for the submit with this number. When that begins a pause,
    /// the first or a further one: until when it lasts.
    pub(super) fn refused(&mut self, sequence_number: u32, now: Instant) -> Option<Instant> {
        // Answers to what was sent before the pause tell of the overload that is known.
        if self.paused_until.is_some() && !self.settles_probe(sequence_number) {
            return None;
        }
        let until = now + self.next;
        self.paused_until = Some(until);
        self.next = (self.next * 2).min(LONGEST.max(self.delay));
        Some(until)
    }

    /// The submit with this number was accepted, or refused for a reason of its own. Whether that is the end of a pause.
    pub(super) fn accepted(&mut self, sequence_number: u32) -> bool {
        // Answers to what was sent before the pause say nothing of its end.
        if !self.settles_probe(sequence_number) {
            return false;
        }
        self.paused_until = None;
        self.next = self.delay;
        true
    }

    /// A temporary error: it says nothing of the load, and the next submit is the probe.
    pub(super) fn answered(&mut self, sequence_number: u32) {
        self.settles_probe(sequence_number);
    }

    fn settles_probe(&mut self, sequence_number: u32) -> bool {
        let settled = self
            .probe
            .take_if(|probe| probe.sequence_number == sequence_number);
        settled.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Lets a probe leave once it may, and returns how long that took.
    fn probe(throttle: &mut Throttle, number: u32, now: &mut Instant) -> Duration {
        let before = *now;
        if let Leave::At(until) = throttle.leave(*now) {
            *now = until;
        }
        assert_eq!(throttle.leave(*now), Leave::Now);
        throttle.left(number, *now + MINUTE);
        *now - before
    }

    #[test]
    fn one_overload_is_one_pause() {
        let now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        assert_eq!(throttle.refused(1, now), Some(now + SECOND));
        assert_eq!(throttle.refused(2, now), None);
        assert_eq!(throttle.refused(3, now + 3 * SECOND), None, "sent before");
        assert_eq!(throttle.leave(now), Leave::At(now + SECOND));
    }

    #[test]
    fn pauses_double_to_a_limit_and_recover() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        throttle.refused(0, now);
        let mut waited = Vec::new();
        for number in 1..=8 {
            waited.push(probe(&mut throttle, number, &mut now).as_secs());
            throttle.refused(number, now);
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 32, 60, 60]);
        probe(&mut throttle, 9, &mut now);
        assert!(throttle.accepted(9));
        assert!(!throttle.accepted(9));
        assert_eq!(throttle.refused(10, now), Some(now + SECOND));
    }

    #[test]
    fn a_delay_over_the_limit_is_kept() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(2 * MINUTE);
        throttle.refused(0, now);
        for number in 1..=2 {
            assert_eq!(probe(&mut throttle, number, &mut now), 2 * MINUTE);
            throttle.refused(number, now);
        }
    }

    #[test]
    fn late_answers_do_not_end_the_pause() {
        let now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        throttle.refused(1, now);
        assert!(!throttle.accepted(2));
        assert_eq!(throttle.leave(now), Leave::At(now + SECOND));
    }

    #[test]
    fn one_probe_at_a_time() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        throttle.refused(0, now);
        probe(&mut throttle, 1, &mut now);
        assert_eq!(throttle.leave(now), Leave::At(now + MINUTE));
        // One that fails for a reason of its own makes room for the next.
        throttle.answered(1);
        assert_eq!(probe(&mut throttle, 2, &mut now), Duration::ZERO);
        // And so does one whose answer is overdue.
        assert_eq!(probe(&mut throttle, 3, &mut now), MINUTE);
        assert!(!throttle.accepted(2), "it is not the probe any more");
        assert!(throttle.accepted(3));
        assert_eq!(throttle.leave(now), Leave::Now);
    }
}
