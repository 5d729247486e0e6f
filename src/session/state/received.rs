//! What the peer sends.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::super::event::{CloseReason, Event};
use super::{LEAVING_GRACE, Session, State};
use crate::pdu::{CommandId, CommandStatus, Frame, Pdu, StatusClass};

/// Octets of an unframeable stream that are kept for the record.
const GARBAGE_KEPT: usize = 1024;

impl<T> Session<T> {
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
                State::Open => self.respond_to_delivery(
                    header.command_id,
                    sequence_number,
                    CommandStatus::ESME_RINVBNDSTS,
                ),
                _ if self.refuses_deliveries() => self.respond_to_delivery(
                    header.command_id,
                    sequence_number,
                    CommandStatus::ESME_RX_T_APPN,
                ),
                _ => {
                    self.unanswered_deliveries += 1;
                    self.events.push_back(Event::Delivery(frame));
                }
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
        // A generic_nack is never an acceptance, whatever its status says, here or in the table.
        let status = if nack && header.command_status == CommandStatus::ESME_ROK {
            CommandStatus::ESME_RUNKNOWNERR
        } else {
            header.command_status
        };
        let class = match self.config.classes.class_of(status) {
            StatusClass::Ok if nack => status.class(),
            class => class,
        };
        let message_id = match frame.decode().map(|decoded| decoded.pdu) {
            Ok(Pdu::SubmitSmResp(Some(body))) => body.message_id.to_text(),
            _ => String::new(),
        };
        self.events.push_back(Event::Answered {
            token,
            status,
            class,
            message_id,
        });
        self.heed(class, status, sequence_number, now);
        if class == StatusClass::SessionFatal && self.state == State::Bound {
            self.state = State::Failing(status, now + LEAVING_GRACE);
        }
        self.after_window_change(now);
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
            _ => now + LEAVING_GRACE,
        };
        self.state = State::PeerUnbinding(sequence_number, until);
        self.after_window_change(now);
    }
}
