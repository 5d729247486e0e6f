//! Whether a submit may leave: window, rate, throttling, and what the user says.

use std::time::Instant;

use super::super::brake::{Cause, Change, Flow};
use super::super::config::{BindMode, Settings};
use super::super::event::{Capacity, Event};
use super::super::throttle::Leave;
use super::{Session, State};
use crate::classes::Classes;
use crate::pdu::{CommandStatus, EncodeError, Pdu, StatusClass, SubmitSm};

impl<T> Session<T> {
    /// Changes window, rate, throttle delay and pause without a rebind.
    pub fn set_settings(&mut self, settings: Settings, now: Instant) {
        if settings.rate != self.config.settings.rate {
            self.bucket.set_rate(settings.rate, now);
            if settings.rate.is_none() {
                let change = self.brake.unlimited(now);
                self.tell(change);
            }
        }
        self.throttle.set_delay(settings.throttle_delay, now);
        self.config.settings = settings;
        self.after_window_change(now);
    }

    /// Changes what the answers to submits mean, from the next answer on.
    pub fn set_classes(&mut self, classes: Classes) {
        self.config.classes = classes;
    }

    /// Whether it was told to submit nothing for the time being.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.config.settings.paused
    }

    /// Whether submits that wait are better handed back, so that they leave in the order of then: it
    /// was told to submit nothing, or pauses for throttling.
    #[must_use]
    pub fn holds_back(&self, now: Instant) -> bool {
        self.is_paused() || self.throttle.is_pausing(now)
    }

    /// Until when it pauses for throttling; a time that is over until a submit is accepted.
    #[must_use]
    pub fn throttled_until(&self) -> Option<Instant> {
        self.throttle.paused_until()
    }

    /// Whether a submit may leave now.
    pub fn capacity(&mut self, now: Instant) -> Capacity {
        if !self.submits() || self.window.len() >= self.config.settings.window {
            return Capacity::Blocked;
        }
        let ready = match self.throttle.leave(now) {
            Leave::Now => self.bucket.ready_at(now),
            Leave::At(until) => until.max(self.bucket.ready_at(now)),
        };
        if ready <= now {
            Capacity::Now
        } else {
            Capacity::At(ready)
        }
    }

    /// Whether submits leave at all, sooner or later.
    fn submits(&self) -> bool {
        self.state == State::Bound && !self.is_paused() && self.config.mode != BindMode::Receiver
    }

    /// To be told whenever it may have changed whether a submit waits for this session, and at each
    /// timeout: whether the rate holds any back is an event.
    pub fn look(&mut self, waiting: bool, now: Instant) {
        if !self.bucket.is_limited() {
            return;
        }
        let ready = self.bucket.ready_at(now) <= now;
        let room = self.window.len() < self.config.settings.window;
        let flow = if !self.submits() || self.throttle.leave(now) != Leave::Now {
            Flow::Free
        } else {
            match (ready, waiting, room) {
                (true, true, true) | (false, _, false) => Flow::Neither,
                (true, _, _) => Flow::Free,
                (false, true, true) => Flow::Held,
                (false, false, true) => Flow::Unknown,
            }
        };
        let change = self.brake.look(flow, waiting, now);
        self.tell(change);
    }

    /// An answer of this class came for the submit with this number.
    pub(super) fn heed(
        &mut self,
        class: StatusClass,
        status: CommandStatus,
        sequence_number: u32,
        now: Instant,
    ) {
        match class {
            // An SMSC that looks at the message itself takes messages.
            StatusClass::Ok | StatusClass::Permanent => {
                if self.throttle.accepted(sequence_number) {
                    self.brake.accepted(now);
                }
            }
            StatusClass::Throttled => {
                if let Some(until) = self.throttle.refused(sequence_number, now) {
                    let change = self.brake.refused(status, until);
                    self.tell(change);
                }
            }
            _ => self.throttle.answered(sequence_number),
        }
    }

    pub(super) fn tell(&mut self, change: Option<Change>) {
        self.events.extend(change.map(|change| match change {
            Change::Began(Cause::Smsc(status)) => Event::Throttled(status),
            Change::Began(Cause::Rate) => Event::HeldByRate,
            Change::Ended => Event::ThrottleEnded,
        }));
    }

    /// Takes a submit into the window and queues its octets. Only after [`Capacity::Now`].
    ///
    /// # Errors
    /// When it can't be written; the window is then as it was, and the token comes back.
    pub fn submit(
        &mut self,
        submit_sm: SubmitSm,
        token: T,
        now: Instant,
    ) -> Result<(), (T, EncodeError)> {
        debug_assert_eq!(self.capacity(now), Capacity::Now);
        match self.request(&Pdu::SubmitSm(submit_sm)) {
            Ok(sequence_number) => {
                self.bucket.take();
                let due = now + self.config.timers.response;
                self.throttle.left(sequence_number, due);
                self.submits_queued = self.queued;
                self.window.insert(sequence_number, token, self.queued, now);
                Ok(())
            }
            Err(error) => Err((token, error)),
        }
    }
}
