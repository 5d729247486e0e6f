//! The pause after ESME_RTHROTTLED and ESME_RMSGQFUL.

use std::time::{Duration, Instant};

/// The delay stops growing here, or at the configured delay where that is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// What changed by an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Started,
    Ended,
}

/// Whether the session pauses, and for how long.
///
/// The answers of one window tell of one overload, so only one that comes after a pause doubles the
/// next. The first submit accepted after a pause ends it all.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    delay: Duration,
    next: Duration,
    paused_until: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            next: delay,
            paused_until: None,
        }
    }

    pub(super) fn set_delay(&mut self, delay: Duration) {
        if delay != self.delay {
            self.delay = delay;
            self.next = delay;
        }
    }

    /// Until when the pause lasts; `None` where there is none. One whose time is over lasts until a
    /// submit is accepted.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// When submits may leave again; `now` or earlier means at once.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        self.paused_until.unwrap_or(now)
    }

    pub(super) fn refused(&mut self, now: Instant) -> Option<Edge> {
        if self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        let edge = self.paused_until.is_none().then_some(Edge::Started);
        self.paused_until = Some(now + self.next);
        self.next = (self.next * 2).min(LONGEST.max(self.delay));
        edge
    }

    pub(super) fn accepted(&mut self, now: Instant) -> Option<Edge> {
        // Answers to what was sent before the pause say nothing of its end.
        if self.paused_until.is_none_or(|until| now < until) {
            return None;
        }
        self.paused_until = None;
        self.next = self.delay;
        Some(Edge::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_overload_is_one_pause() {
        let now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        assert_eq!(throttle.refused(now), Some(Edge::Started));
        assert_eq!(throttle.refused(now), None);
        assert_eq!(throttle.ready_at(now), now + SECOND);
    }

    #[test]
    fn pauses_double_to_a_limit_and_recover() {
        let mut now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        let mut waited = Vec::new();
        for _ in 0..8 {
            throttle.refused(now);
            waited.push((throttle.ready_at(now) - now).as_secs());
            now = throttle.ready_at(now);
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(throttle.accepted(now), Some(Edge::Ended));
        assert_eq!(throttle.accepted(now), None);
        assert_eq!(throttle.refused(now), Some(Edge::Started));
        assert_eq!(throttle.ready_at(now), now + SECOND);
    }

    #[test]
    fn late_answers_do_not_end_the_pause() {
        let now = Instant::now();
        let mut throttle = Throttle::new(SECOND);
        throttle.refused(now);
        assert_eq!(throttle.accepted(now + SECOND / 2), None);
        assert_eq!(throttle.ready_at(now), now + SECOND);
    }
}
