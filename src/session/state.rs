//! The session as a state machine (SMPP 3.4, 2.2 to 2.9).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use super::rate::Bucket;
use super::throttle::{Edge, Throttle};
use super::window::{Leftover, Window};
use crate::pdu::{
    Bind, CommandId, CommandStatus, EncodeError, Frame, FrameDecoder, FrameError, MessageIdResp,
    Pdu, StatusClass, SubmitSm,
};

/// A peer that unbinds gets its unbind_resp after our unanswered submits, but no later than this.
const PEER_UNBIND_GRACE: Duration = Duration::from_secs(5);

/// Octets of an unframeable stream that are kept for the record.
const GARBAGE_KEPT: usize = 1024;

/// Which bind is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindMode {
    /// bind_transmitter: submits only.
    Transmitter,
    /// bind_receiver: deliveries only.
    Receiver,
    /// bind_transceiver: both.
    Transceiver,
}

/// The five timers (7.2) and what they guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// From the connection to the bind response.
    pub session_init: Duration,
    /// Without a PDU from the peer for so long: ask with enquire_link. `None`: never ask.
    pub enquire_link: Option<Duration>,
    /// Without a PDU from the peer for so long: the session is dead. `None`: never.
    pub inactivity: Option<Duration>,
    /// From a request to its response.
    pub response: Duration,
    /// From the first octet of a PDU to its last.
    pub pdu_read: Duration,
}

/// What can change while the session lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Most unanswered submits at once.
    pub window: usize,
    /// Most submits a second; `None`: no limit.
    pub rate: Option<f64>,
    /// First pause after ESME_RTHROTTLED or ESME_RMSGQFUL.
    pub throttle_delay: Duration,
}

/// What a session is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which bind is sent.
    pub mode: BindMode,
    /// Its body.
    pub bind: Bind,
    /// The timers.
    pub timers: Timers,
    /// What can change later.
    pub settings: Settings,
    /// Longest PDU accepted, in octets.
    pub max_pdu_length: usize,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The bind was refused.
    #[error("bind refused: {0}")]
    BindRefused(CommandStatus),
    /// No bind response within session_init_timer.
    #[error("no answer to the bind within smpp_session_init_timer")]
    BindTimeout,
    /// No answer to enquire_link within response_timer.
    #[error("no answer to enquire_link within smpp_response_timer")]
    EnquireLinkTimeout,
    /// Nothing received for inactivity_timer.
    #[error("nothing received within smpp_inactivity_timer")]
    Inactive,
    /// Every place of the window is taken by a submit past its response_timer.
    #[error("every submit of the window is without an answer past smpp_response_timer")]
    ResponsesMissing,
    /// A PDU began and did not end within pdu_read_timer.
    #[error("a PDU began and did not end within smpp_pdu_read_timer")]
    PduReadTimeout,
    /// The stream can't be cut into PDUs.
    #[error("the peer's octets are no PDU: {0}")]
    Framing(FrameError),
    /// A submit was answered with a status after which the session can't go on.
    #[error("the SMSC ended the session's right to submit: {0}")]
    Fatal(CommandStatus),
    /// The peer sent unbind.
    #[error("unbind from the SMSC")]
    PeerUnbound,
    /// We sent unbind, and the peer answered or did not within response_timer.
    #[error("unbound")]
    Unbound,
    /// The connection broke, or the peer closed it.
    #[error("connection lost: {0}")]
    Disconnected(String),
    /// The lease is another daemon's.
    #[error("the lease of the lane was lost")]
    LeaseLost,
}

/// What the state machine has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// The bind was accepted.
    Bound {
        /// Of the SMSC, as text.
        system_id: String,
    },
    /// A submit has its answer.
    Answered {
        /// As given to [`Session::submit`].
        token: T,
        /// Of the response, or of the generic_nack in its place.
        status: CommandStatus,
        /// Of the response; empty where it has none.
        message_id: String,
    },
    /// A submit stayed without an answer for twice the response_timer, and its place is free again.
    Unanswered {
        /// As given to [`Session::submit`].
        token: T,
    },
    /// A deliver_sm or data_sm that waits for [`Session::answer_delivery`].
    Delivery(Frame),
    /// An alert_notification or something that could not be understood: to be kept, not answered.
    Notice(Frame),
    /// The beginning of a stream that is no SMPP.
    Garbage(Bytes),
    /// ESME_RTHROTTLED or ESME_RMSGQFUL: submits pause.
    Throttled(CommandStatus),
    /// A submit was accepted after a pause.
    ThrottleEnded,
    /// A response to nothing that waits: later than twice the response_timer, or never asked for.
    StrayResponse(CommandId),
}

/// Whether a submit may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Yes.
    Now,
    /// Not before this time (rate or throttling).
    At(Instant),
    /// Not before something else happens (a full window, not bound, unbinding).
    Blocked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The bind was sent.
    Open,
    Bound,
    /// Submits have stopped; unbind follows when the window is empty, or at this time.
    Draining(Instant),
    /// The peer's unbind waits for our window: its sequence_number, and until when.
    PeerUnbinding(u32, Instant),
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

    /// Changes window, rate and throttle delay without a rebind.
    pub fn set_settings(&mut self, settings: Settings, now: Instant) {
        if settings.rate != self.config.settings.rate {
            self.bucket.set_rate(settings.rate, now);
        }
        self.throttle.set_delay(settings.throttle_delay);
        self.config.settings = settings;
        self.after_window_change(now);
    }

    // ---- submits

    /// Whether a submit may leave now.
    pub fn capacity(&mut self, now: Instant) -> Capacity {
        if self.state != State::Bound
            || self.config.mode == BindMode::Receiver
            || self.window.len() >= self.config.settings.window
        {
            return Capacity::Blocked;
        }
        let ready = self.throttle.ready_at(now).max(self.bucket.ready_at(now));
        if ready <= now {
            Capacity::Now
        } else {
            Capacity::At(ready)
        }
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
                self.submits_queued = self.queued;
                self.window.insert(sequence_number, token, self.queued, now);
                Ok(())
            }
            Err(error) => Err((token, error)),
        }
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
    ) {
        if self.is_closed() {
            return;
        }
        // A message_id in a deliver_sm_resp is unused and set to NULL (4.6.2).
        let body = Some(MessageIdResp::default());
        let response = match request {
            CommandId::DATA_SM => Pdu::DataSmResp(body),
            _ => Pdu::DeliverSmResp(body),
        };
        self.respond(&response, status, sequence_number);
    }

    // ---- octets in

    /// Takes the whole PDUs off the front of `buffer`.
    ///
    /// Answers that came with or behind the PDU that closed the session still count.
    pub fn handle_read(&mut self, buffer: &mut BytesMut, now: Instant) {
        loop {
            match self.frames.next_frame(buffer) {
                Ok(Some(frame)) => {
                    self.partial_since = None;
                    self.last_received = now;
                    let is_answer = matches!(
                        frame.header.command_id,
                        CommandId::SUBMIT_SM_RESP | CommandId::GENERIC_NACK
                    );
                    if is_answer || !self.is_closed() {
                        self.handle_frame(frame, now);
                    }
                }
                Ok(None) => {
                    self.partial_since = match (buffer.is_empty(), self.partial_since) {
                        (true, _) => None,
                        (false, since) => since.or(Some(now)),
                    };
                    return;
                }
                Err(_) if self.is_closed() => return,
                Err(error) => {
                    let kept = buffer.len().min(GARBAGE_KEPT);
                    let garbage = Bytes::copy_from_slice(&buffer[..kept]);
                    self.events.push_back(Event::Garbage(garbage));
                    self.respond(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDLEN, 0);
                    self.close(CloseReason::Framing(error));
                    return;
                }
            }
        }
    }

    fn handle_frame(&mut self, frame: Frame, now: Instant) {
        let header = frame.header;
        let sequence_number = header.sequence_number;
        match header.command_id {
            CommandId::SUBMIT_SM_RESP | CommandId::GENERIC_NACK => self.handle_answer(&frame, now),
            CommandId::DELIVER_SM | CommandId::DATA_SM => match self.state {
                State::Open => self.answer_delivery(
                    header.command_id,
                    sequence_number,
                    CommandStatus::ESME_RINVBNDSTS,
                ),
                _ => self.events.push_back(Event::Delivery(frame)),
            },
            CommandId::ENQUIRE_LINK => {
                self.respond(
                    &Pdu::EnquireLinkResp,
                    CommandStatus::ESME_ROK,
                    sequence_number,
                );
            }
            CommandId::ENQUIRE_LINK_RESP => {
                if self
                    .enquire_link
                    .is_some_and(|it| it.sequence_number == sequence_number)
                {
                    self.enquire_link = None;
                }
            }
            CommandId::BIND_TRANSMITTER_RESP
            | CommandId::BIND_RECEIVER_RESP
            | CommandId::BIND_TRANSCEIVER_RESP => self.handle_bind_resp(&frame),
            CommandId::UNBIND => self.handle_unbind(sequence_number, now),
            CommandId::UNBIND_RESP => {
                if self
                    .unbind
                    .is_some_and(|it| it.sequence_number == sequence_number)
                {
                    self.close(CloseReason::Unbound);
                }
            }
            CommandId::ALERT_NOTIFICATION => self.events.push_back(Event::Notice(frame)),
            // An SMSC that asks to be bound to; we are.
            CommandId::OUTBIND => {}
            command_id if command_id.is_response() => {
                if command_id.name().is_none() {
                    self.events.push_back(Event::Notice(frame));
                } else {
                    self.events.push_back(Event::StrayResponse(command_id));
                }
            }
            _ => {
                self.respond(
                    &Pdu::GenericNack,
                    CommandStatus::ESME_RINVCMDID,
                    sequence_number,
                );
                self.events.push_back(Event::Notice(frame));
            }
        }
    }

    /// A submit_sm_resp, or a generic_nack to any of our requests.
    fn handle_answer(&mut self, frame: &Frame, now: Instant) {
        let header = frame.header;
        let sequence_number = header.sequence_number;
        let nack = header.command_id == CommandId::GENERIC_NACK;
        if nack && self.state == State::Open && sequence_number == self.bind.sequence_number {
            self.close(CloseReason::BindRefused(header.command_status));
            return;
        }
        if nack
            && self
                .enquire_link
                .is_some_and(|it| it.sequence_number == sequence_number)
        {
            // It does not know enquire_link, but it is alive.
            self.enquire_link = None;
            return;
        }
        if nack
            && self
                .unbind
                .is_some_and(|it| it.sequence_number == sequence_number)
        {
            self.close(CloseReason::Unbound);
            return;
        }
        let Some(token) = self.window.remove(sequence_number) else {
            self.events
                .push_back(Event::StrayResponse(header.command_id));
            return;
        };
        // A generic_nack is never an acceptance, whatever its status says.
        let status = if nack && header.command_status == CommandStatus::ESME_ROK {
            CommandStatus::ESME_RUNKNOWNERR
        } else {
            header.command_status
        };
        let message_id = match frame.decode().map(|decoded| decoded.pdu) {
            Ok(Pdu::SubmitSmResp(Some(body))) => body.message_id.to_text(),
            _ => String::new(),
        };
        let edge = match status.class() {
            StatusClass::Ok => self.throttle.accepted(now),
            StatusClass::Throttled => self.throttle.refused(now),
            _ => None,
        };
        self.events.push_back(Event::Answered {
            token,
            status,
            message_id,
        });
        match edge {
            Some(Edge::Started) => self.events.push_back(Event::Throttled(status)),
            Some(Edge::Ended) => self.events.push_back(Event::ThrottleEnded),
            None => {}
        }
        if status.class() == StatusClass::SessionFatal {
            self.close(CloseReason::Fatal(status));
        } else {
            self.after_window_change(now);
        }
    }

    fn handle_bind_resp(&mut self, frame: &Frame) {
        let header = frame.header;
        if self.state != State::Open || header.sequence_number != self.bind.sequence_number {
            self.events
                .push_back(Event::StrayResponse(header.command_id));
            return;
        }
        if header.command_status != CommandStatus::ESME_ROK {
            self.close(CloseReason::BindRefused(header.command_status));
            return;
        }
        let system_id = match frame.decode().map(|decoded| decoded.pdu) {
            Ok(
                Pdu::BindTransmitterResp(Some(body))
                | Pdu::BindReceiverResp(Some(body))
                | Pdu::BindTransceiverResp(Some(body)),
            ) => body.system_id.to_text(),
            _ => String::new(),
        };
        self.state = State::Bound;
        self.events.push_back(Event::Bound { system_id });
    }

    fn handle_unbind(&mut self, sequence_number: u32, now: Instant) {
        let until = match self.state {
            State::PeerUnbinding(_, until) => until,
            _ => now + PEER_UNBIND_GRACE,
        };
        self.state = State::PeerUnbinding(sequence_number, until);
        self.after_window_change(now);
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
            State::Draining(until) if self.window.is_empty() || until <= now => {
                self.send_unbind(now);
            }
            State::PeerUnbinding(sequence_number, until)
                if self.window.is_empty() || until <= now =>
            {
                self.respond(&Pdu::UnbindResp, CommandStatus::ESME_ROK, sequence_number);
                self.close(CloseReason::PeerUnbound);
            }
            State::Bound if self.every_place_overdue() => {
                self.close(CloseReason::ResponsesMissing);
            }
            _ => {}
        }
    }

    fn send_unbind(&mut self, now: Instant) {
        self.state = State::Unbinding;
        if let Ok(sequence_number) = self.request(&Pdu::Unbind) {
            let wait = self.config.timers.response.min(PEER_UNBIND_GRACE);
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

    fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// Every submit without an answer, and whether the SMSC may have it.
    pub fn into_leftovers(self) -> impl Iterator<Item = (T, Leftover)> {
        self.window.into_leftovers(self.written)
    }

    // ---- time

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
            State::Draining(until) | State::PeerUnbinding(_, until) => Some(until),
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
    fn every_place_overdue(&self) -> bool {
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
