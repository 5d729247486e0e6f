//! The session as a state machine (SMPP 3.4, 2.2 to 2.9).

mod flow;
mod received;
mod time;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::brake::Brake;
use super::config::{BindMode, Config};
use super::event::{CloseReason, Event};
use super::rate::Bucket;
use super::throttle::Throttle;
use super::window::{Leftover, Window};
use crate::pdu::{CommandId, CommandStatus, EncodeError, FrameDecoder, MessageIdResp, Pdu};

/// A peer that unbinds, or that takes no more submits, may answer those that it has for so long.
const LEAVING_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The bind was sent.
    Open,
    Bound,
    /// Submits have stopped; unbind follows when the window is empty, or at this time.
    Draining(Instant),
    /// The peer's unbind waits for our window: its sequence_number, and until when.
    PeerUnbinding(u32, Instant),
    /// The peer takes no more submits, by this status; the end waits for our window, or until this time.
    Failing(CommandStatus, Instant),
    /// Our unbind was sent.
    Unbinding,
    Closed(CloseReason),
}

/// A request of the session itself that waits for its response.
#[derive(Debug, Clone, Copy)]
struct Request {
    sequence_number: u32,
    due: Instant,
}

/// One session, from the connection to its end. `T` is what a submit is known by to its sender.
#[derive(Debug)]
pub struct Session<T> {
    config: Config,
    state: State,
    window: Window<T>,
    bucket: Bucket,
    throttle: Throttle,
    brake: Brake,
    frames: FrameDecoder,
    events: VecDeque<Event<T>>,
    transmit: BytesMut,
    /// Octets ever put into `transmit`, and those of them that were handed to the socket.
    queued: u64,
    written: u64,
    /// Of `queued`, up to the last octet of the last submit.
    submits_queued: u64,
    last_sequence_number: u32,
    bind: Request,
    enquire_link: Option<Request>,
    unbind: Option<Request>,
    last_received: Instant,
    /// Deliveries that were told and not answered yet.
    unanswered_deliveries: usize,
    /// Since when an incomplete PDU waits for its rest.
    partial_since: Option<Instant>,
}

impl<T> Session<T> {
    /// A session on a fresh connection: queues the bind.
    ///
    /// # Errors
    /// When the bind can't be written, e.g. a NUL in the password.
    pub fn new(config: Config, now: Instant) -> Result<Self, EncodeError> {
        let mut session = Self {
            state: State::Open,
            window: Window::new(config.timers.response),
            bucket: Bucket::new(config.settings.rate, now),
            throttle: Throttle::new(config.settings.throttle_delay),
            brake: Brake::new(now),
            frames: FrameDecoder::new(config.max_pdu_length),
            events: VecDeque::new(),
            transmit: BytesMut::new(),
            queued: 0,
            written: 0,
            submits_queued: 0,
            last_sequence_number: 0,
            bind: Request {
                sequence_number: 0,
                due: now + config.timers.session_init,
            },
            enquire_link: None,
            unbind: None,
            last_received: now,
            unanswered_deliveries: 0,
            partial_since: None,
            config,
        };
        let body = session.config.bind.clone();
        let bind = match session.config.mode {
            BindMode::Transmitter => Pdu::BindTransmitter(body),
            BindMode::Receiver => Pdu::BindReceiver(body),
            BindMode::Transceiver => Pdu::BindTransceiver(body),
        };
        session.bind.sequence_number = session.request(&bind)?;
        Ok(session)
    }

    /// Unanswered submits.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.window.len()
    }

    /// Answers a deliver_sm or data_sm, if the connection still takes it.
    pub fn answer_delivery(
        &mut self,
        request: CommandId,
        sequence_number: u32,
        status: CommandStatus,
        now: Instant,
    ) {
        if self.is_closed() {
            return;
        }
        // Nothing keeps a delivery from being answered twice.
        self.unanswered_deliveries = self.unanswered_deliveries.saturating_sub(1);
        self.respond_to_delivery(request, sequence_number, status);
        self.after_window_change(now);
    }

    fn respond_to_delivery(
        &mut self,
        request: CommandId,
        sequence_number: u32,
        status: CommandStatus,
    ) {
        // A message_id in a deliver_sm_resp is unused and set to NULL (4.6.2).
        let body = Some(MessageIdResp::default());
        let response = match request {
            CommandId::DATA_SM => Pdu::DataSmResp(body),
            _ => Pdu::DeliverSmResp(body),
        };
        self.respond(&response, status, sequence_number);
    }

    // ---- unbind and end

    /// Stops submits, and sends unbind when the window is empty, or after `patience`.
    pub fn start_unbind(&mut self, patience: Duration, now: Instant) {
        match self.state {
            State::Bound => {
                self.state = State::Draining(now + patience);
                self.after_window_change(now);
            }
            State::Open => self.send_unbind(now),
            _ => {}
        }
    }

    fn after_window_change(&mut self, now: Instant) {
        match self.state {
            State::Draining(until) if self.owes_nothing() || until <= now => {
                self.send_unbind(now);
            }
            State::PeerUnbinding(sequence_number, until) if self.owes_nothing() || until <= now => {
                self.respond(&Pdu::UnbindResp, CommandStatus::ESME_ROK, sequence_number);
                self.close(CloseReason::PeerUnbound);
            }
            State::Failing(status, until) if self.owes_nothing() || until <= now => {
                self.close(CloseReason::Fatal(status));
            }
            State::Bound if self.every_place_overdue() => {
                self.close(CloseReason::ResponsesMissing);
            }
            _ => {}
        }
    }

    /// Neither side waits for an answer of the other. What the SMSC delivered is answered before the
    /// session ends, or it would come again.
    fn owes_nothing(&self) -> bool {
        self.window.is_empty() && self.unanswered_deliveries == 0
    }

    fn send_unbind(&mut self, now: Instant) {
        self.state = State::Unbinding;
        if let Ok(sequence_number) = self.request(&Pdu::Unbind) {
            let wait = self.config.timers.response.min(LEAVING_GRACE);
            self.unbind = Some(Request {
                sequence_number,
                due: now + wait,
            });
        }
    }

    /// Ends the session; what is queued may still be written, nothing more is read.
    pub fn close(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.state = State::Closed(reason);
        }
    }

    /// Why the session is closed; `None` while it is not.
    #[must_use]
    pub fn closed(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it will never take a submit again.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        !matches!(self.state, State::Open | State::Bound)
    }

    /// Whether nothing more is awaited than the end: what comes now is better delivered again later.
    pub(super) fn refuses_deliveries(&self) -> bool {
        match self.state {
            State::Draining(_) | State::Failing(..) => self.window.is_empty(),
            State::Unbinding => true,
            _ => false,
        }
    }

    fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// Every submit without an answer, and whether the SMSC may have it.
    pub fn into_leftovers(self) -> impl Iterator<Item = (T, Leftover)> {
        self.window.into_leftovers(self.written)
    }

    // ---- octets and events out

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    /// Octets to be written, in one piece.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        &self.transmit
    }

    /// The first `octets` of [`Session::transmit`] were handed to the socket.
    pub fn handle_written(&mut self, octets: usize) {
        self.transmit.advance(octets);
        self.written += octets as u64;
    }

    /// Whether [`Session::transmit`] holds octets of a submit, be it one that has its outcome already.
    #[must_use]
    pub fn has_unwritten_submits(&self) -> bool {
        self.submits_queued > self.written
    }

    fn request(&mut self, pdu: &Pdu) -> Result<u32, EncodeError> {
        let sequence_number = self.next_sequence_number();
        self.encode(pdu, CommandStatus::ESME_ROK, sequence_number)?;
        self.last_sequence_number = sequence_number;
        Ok(sequence_number)
    }

    fn respond(&mut self, pdu: &Pdu, status: CommandStatus, sequence_number: u32) {
        let encoded = self.encode(pdu, status, sequence_number);
        debug_assert!(
            encoded.is_ok(),
            "a response has no field that can't be written"
        );
    }

    fn encode(
        &mut self,
        pdu: &Pdu,
        status: CommandStatus,
        sequence_number: u32,
    ) -> Result<(), EncodeError> {
        let before = self.transmit.len();
        pdu.encode(status, sequence_number, &mut self.transmit)?;
        self.queued += (self.transmit.len() - before) as u64;
        Ok(())
    }

    /// Makes the next request of the session the one behind this number.
    #[cfg(test)]
    pub(super) fn set_last_sequence_number(&mut self, last: u32) {
        self.last_sequence_number = last;
    }

    /// The next number from 1 to 0x7FFFFFFF that no unanswered request has.
    fn next_sequence_number(&self) -> u32 {
        let mut next = self.last_sequence_number;
        loop {
            next = if next >= Pdu::MAX_SEQUENCE_NUMBER {
                1
            } else {
                next + 1
            };
            let mut own = [self.enquire_link, self.unbind].into_iter().flatten();
            if !self.window.contains(next) && own.all(|it| it.sequence_number != next) {
                return next;
            }
        }
    }
}
