//! Tells the outlet what the session says.

use super::{
    Delivery, Driver, MAX_UNANSWERED_DELIVERIES, MAX_UNANSWERED_OCTETS, Notice, Outlet, Received,
    SubmitOutcome, clock,
};
use crate::pdu::{CommandStatus, Frame};
use crate::session::{Event, Leftover};

impl<O: Outlet> Driver<'_, O> {
    /// What has happened, as far as nobody was told.
    pub(super) fn dispatch(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Bound { system_id } => self.outlet.notice(Notice::Bound(system_id)),
                Event::Answered {
                    token,
                    status,
                    class,
                    message_id,
                } => {
                    let answered = SubmitOutcome::Answered {
                        status,
                        class,
                        message_id,
                    };
                    self.outlet.outcome(token, answered);
                }
                Event::Unanswered { token } => {
                    self.outlet.outcome(token, SubmitOutcome::Unanswered);
                }
                Event::Delivery(frame) => self.deliver(frame),
                Event::Notice(frame) => self.keep(Received::Pdu(frame)),
                Event::Garbage(octets) => self.keep(Received::Garbage(octets)),
                Event::Throttled(status) => self.outlet.notice(Notice::Throttled(status)),
                Event::HeldByRate => self.outlet.notice(Notice::HeldByRate),
                Event::ThrottleEnded => self.outlet.notice(Notice::ThrottleEnded),
                Event::StrayResponse(command_id) => {
                    self.outlet.notice(Notice::StrayResponse(command_id));
                }
            }
        }
        // Before what has the feeder look for room.
        let throttled = self.session.throttled_until();
        if throttled != self.told_throttled {
            self.told_throttled = throttled;
            self.outlet.throttled_until(throttled);
        }
        let in_flight = self.session.in_flight();
        if in_flight != self.told_in_flight {
            self.told_in_flight = in_flight;
            self.outlet.in_flight(in_flight);
        }
    }

    fn deliver(&mut self, frame: Frame) {
        let header = frame.header;
        let octets = frame.octets.len();
        let delivery = Delivery {
            received: Received::Pdu(frame),
            answer: Some(self.answers.clone()),
        };
        let taken = self.unanswered_deliveries < MAX_UNANSWERED_DELIVERIES
            && self.unanswered_octets + octets <= MAX_UNANSWERED_OCTETS
            && self.outlet.delivery(delivery).is_ok();
        if taken {
            self.unanswered_deliveries += 1;
            self.unanswered_octets += octets;
        } else {
            self.outlet.refused();
            self.session.answer_delivery(
                header.command_id,
                header.sequence_number,
                CommandStatus::ESME_RX_T_APPN,
                clock(),
            );
        }
    }

    /// Has something stored that the SMSC awaits no answer for; it is lost where there is no room,
    /// which only a peer that floods us with nonsense can bring about.
    fn keep(&mut self, received: Received) {
        let delivery = Delivery {
            received,
            answer: None,
        };
        if self.outlet.delivery(delivery).is_err() && !std::mem::replace(&mut self.told_full, true)
        {
            tracing::warn!(
                "a PDU that wants no answer was not stored: too many are waiting; of this session no further one is told"
            );
        }
    }

    /// What became of the submits that are left.
    pub(super) fn finish(self) {
        for (token, leftover) in self.session.into_leftovers() {
            let outcome = match leftover {
                Leftover::InDoubt => SubmitOutcome::Unanswered,
                Leftover::Unwritten => SubmitOutcome::Unwritten,
            };
            self.outlet.outcome(token, outcome);
        }
        self.outlet.in_flight(0);
    }
}
