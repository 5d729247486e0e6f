//! What is known of the daemon now, and of the last hour.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::db::depth::QueueCount;
use crate::db::events::can_send;

/// Between samples, in seconds, and how many there are: an hour.
pub(super) const SAMPLE_EVERY: u32 = 10;
const SAMPLES: usize = 360;

/// Events that are kept for the page.
const EVENTS: usize = 50;

/// Seconds over which the rate is told.
const RATE_OVER: usize = 5;

/// The lane and this daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The database was not reached yet.
    Starting,
    /// The database has to be migrated first: what is wrong, and what to run.
    Waiting(String),
    /// Another daemon serves the lane.
    StandingBy(String),
    Serving,
    Stopping,
}

/// A row of `smpp_servers`, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ServerView {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// One point of the plots; what was not known is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Sample {
    /// Seconds since 1970.
    pub(super) at: u64,
    pub(super) bound: bool,
    /// Answers a second since the sample before.
    pub(super) rate: Option<f64>,
    pub(super) window_in_use: Option<i64>,
    pub(super) queue: Option<i64>,
}

/// An event, for the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct EventView {
    /// Seconds since 1970.
    pub(super) at: u64,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) status: Option<&'static str>,
    pub(super) message: String,
}

/// What changes seldom, under one lock that is held for moments.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) role: Role,
    pub(super) session: &'static str,
    pub(super) since: SystemTime,
    pub(super) server: Option<ServerView>,
    pub(super) window_size: usize,
    /// Whether the last heartbeat was answered; `None`: not asked yet.
    pub(super) database_up: Option<bool>,
    pub(super) queue: Option<(QueueCount, Instant)>,
    pub(super) history: VecDeque<Sample>,
    pub(super) events: VecDeque<EventView>,
    answered: VecDeque<u64>,
    sampled_answers: u64,
    /// When the clock of the daemon ticked last.
    pub(super) ticked: Instant,
    ticks: u32,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            role: Role::Starting,
            session: "closed",
            since: SystemTime::now(),
            server: None,
            window_size: 0,
            database_up: None,
            queue: None,
            history: VecDeque::with_capacity(SAMPLES),
            events: VecDeque::with_capacity(EVENTS),
            answered: VecDeque::new(),
            sampled_answers: 0,
            ticked: Instant::now(),
            ticks: 0,
        }
    }

    pub(super) fn is_bound(&self) -> bool {
        self.role == Role::Serving && can_send(self.session)
    }

    /// What was counted, where that was not too long ago.
    pub(super) fn known_queue(&self) -> Option<QueueCount> {
        // A long queue is counted every 100 s at least.
        const OLD: std::time::Duration = std::time::Duration::from_secs(120);
        let (count, at) = self.queue?;
        (at.elapsed() < OLD).then_some(count)
    }

    pub(super) fn event(&mut self, event: EventView) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Once a second, with how many answers there were so far; returns the rate.
    pub(super) fn tick(&mut self, answered: u64, window_in_use: i64) -> f64 {
        self.ticked = Instant::now();
        self.answered.push_back(answered);
        while self.answered.len() > RATE_OVER + 1 {
            self.answered.pop_front();
        }
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(SAMPLE_EVERY) {
            self.sample(answered, window_in_use);
        }
        self.rate()
    }

    /// Answers a second.
    pub(super) fn rate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.answered.front(), self.answered.back()) else {
            return 0.0;
        };
        let seconds = self.answered.len().saturating_sub(1).max(1);
        last.saturating_sub(*first) as f64 / seconds as f64
    }

    fn sample(&mut self, answered: u64, window_in_use: i64) {
        let serving = self.role == Role::Serving;
        let answers = answered.saturating_sub(self.sampled_answers);
        self.sampled_answers = answered;
        if self.history.len() == SAMPLES {
            self.history.pop_front();
        }
        let bound = self.is_bound();
        let queue = self.known_queue().map(|count| count.depth());
        self.history.push_back(Sample {
            at: seconds(SystemTime::now()),
            bound,
            rate: serving.then(|| answers as f64 / f64::from(SAMPLE_EVERY)),
            window_in_use: serving.then_some(window_in_use),
            queue,
        });
    }
}

/// Since 1970.
pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut state = State::new();
        for second in 0..(3600 + 600) {
            state.tick(second, 3);
        }
        assert_eq!(state.history.len(), SAMPLES);
        // Not serving, so nothing is known rather than 0.
        assert!(state.history.iter().all(|it| it.rate.is_none()));
        assert!(state.history.iter().all(|it| it.queue.is_none()));
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut state = State::new();
        state.role = Role::Serving;
        assert_eq!(state.tick(0, 0), 0.0);
        assert_eq!(state.tick(100, 0), 100.0);
        for second in 2..20 {
            state.tick(second * 100, 0);
        }
        assert_eq!(state.rate(), 100.0);
        assert_eq!(state.history[0].rate, Some(90.0));
        for _ in 0..RATE_OVER {
            state.tick(1900, 0);
        }
        assert_eq!(state.rate(), 0.0);
    }

    #[test]
    fn few_events_are_kept_and_the_last_ones() {
        let mut state = State::new();
        for at in 0..80 {
            state.event(EventView {
                at,
                kind: "bound",
                status: None,
                message: String::new(),
            });
        }
        assert_eq!(state.events.len(), EVENTS);
        assert_eq!(state.events.back().unwrap().at, 79);
    }
}
