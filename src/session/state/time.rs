//! The timers: when each fires, and what it does.

use std::time::Instant;

use super::super::event::{CloseReason, Event};
use super::{Request, Session, State};
use crate::pdu::Pdu;

impl<T> Session<T> {
    /// When [`Session::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let timers = &self.config.timers;
        let open = (self.state == State::Open).then_some(self.bind.due);
        let bound = self.state != State::Open;
        let ask = timers
            .enquire_link
            .filter(|_| bound && self.enquire_link.is_none() && self.unbind.is_none())
            .map(|after| self.last_received + after);
        let dead = timers
            .inactivity
            .filter(|_| bound)
            .map(|after| self.last_received + after);
        let drain = match self.state {
            State::Draining(until) | State::PeerUnbinding(_, until) | State::Failing(_, until) => {
                Some(until)
            }
            _ => None,
        };
        [
            open,
            ask,
            dead,
            drain,
            self.enquire_link.map(|it| it.due),
            self.unbind.map(|it| it.due),
            self.window.next_due(),
            self.brake
                .poll_timeout()
                .filter(|_| self.state == State::Bound),
            self.partial_since.map(|since| since + timers.pdu_read),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does whatever is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        let timers = self.config.timers;
        for token in self.window.expire(now) {
            self.events.push_back(Event::Unanswered { token });
        }
        if self.state == State::Bound {
            let change = self.brake.handle_timeout(now);
            self.tell(change);
        }
        if self.state == State::Open && self.bind.due <= now {
            self.close(CloseReason::BindTimeout);
        } else if self
            .partial_since
            .is_some_and(|since| since + timers.pdu_read <= now)
        {
            self.close(CloseReason::PduReadTimeout);
        } else if self.unbind.is_some_and(|it| it.due <= now) {
            self.close(CloseReason::Unbound);
        } else if self.enquire_link.is_some_and(|it| it.due <= now) {
            self.close(CloseReason::EnquireLinkTimeout);
        } else if self.state != State::Open {
            self.keep_alive(now);
        }
        self.after_window_change(now);
    }

    /// Whether nothing can leave any more, and nothing is awaited that still has time: a window made
    /// smaller may hold more than its places.
    pub(super) fn every_place_overdue(&self) -> bool {
        let overdue = self.window.overdue();
        overdue > 0 && overdue >= self.config.settings.window && overdue == self.window.len()
    }

    fn keep_alive(&mut self, now: Instant) {
        let silent = now.saturating_duration_since(self.last_received);
        let timers = self.config.timers;
        if timers.inactivity.is_some_and(|limit| silent >= limit) {
            self.close(CloseReason::Inactive);
        } else if timers.enquire_link.is_some_and(|after| silent >= after)
            && self.enquire_link.is_none()
            && self.unbind.is_none()
            && let Ok(sequence_number) = self.request(&Pdu::EnquireLink)
        {
            self.enquire_link = Some(Request {
                sequence_number,
                due: now + timers.response,
            });
        }
    }
}
