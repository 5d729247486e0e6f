//! Every request but submits: binds, unbind, enquire_link, query_sm, cancel_sm, and the unknown.

use std::time::SystemTime;

use tokio::time::Instant;
use tracing::info;

use super::ledger::Records;
use super::outcome::State;
use super::records::BindRecord;
use super::session::{Bound, Phase, Session};
use crate::pdu::{
    Bind, BindResp, CommandId, CommandStatus, Frame, Header, Pdu, QuerySm, QuerySmResp, Tag, Tlvs,
};

/// system_id of the simulator in its bind responses.
const SYSTEM_ID: &str = "esmed-sim";
const INTERFACE_VERSION: u8 = 0x34;

impl Session {
    pub(super) fn request(&mut self, frame: &Frame, records: &mut Records, now: Instant) {
        let header = frame.header;
        let sequence = header.sequence_number;
        let pdu = match frame.decode() {
            Ok(decoded) => decoded.pdu,
            Err(error) => {
                records.violation(self.number, error);
                if !header.command_id.is_response() {
                    self.nack(header);
                }
                return;
            }
        };
        match pdu {
            Pdu::BindTransmitter(bind) | Pdu::BindReceiver(bind) | Pdu::BindTransceiver(bind) => {
                self.bind(header, &bind, records);
            }
            Pdu::EnquireLink => {
                records.counts.enquire_links += 1;
                if !self.behaviour.mute.enquire_links {
                    self.put_header(
                        CommandId::ENQUIRE_LINK_RESP,
                        CommandStatus::ESME_ROK,
                        sequence,
                    );
                }
            }
            Pdu::EnquireLinkResp if self.enquiries > 0 => {
                self.enquiries -= 1;
                records.counts.enquire_links_answered += 1;
            }
            Pdu::Unbind => {
                records.counts.unbinds += 1;
                if !self.behaviour.mute.all && !self.behaviour.mute.unbinds {
                    info!(session = self.number, "unbind");
                    self.put_header(CommandId::UNBIND_RESP, CommandStatus::ESME_ROK, sequence);
                    self.phase = Phase::Closing;
                }
            }
            Pdu::UnbindResp if self.unbind_sent => {
                records.counts.unbinds_answered += 1;
                info!(session = self.number, "unbound");
                self.phase = Phase::Closing;
            }
            Pdu::QuerySm(query) => self.query(&query, sequence, records, now),
            Pdu::CancelSm(cancel) => {
                let status = self.cancel(cancel.message_id.octets(), records, now);
                self.put_header(CommandId::CANCEL_SM_RESP, status, sequence);
            }
            Pdu::ReplaceSm(_) => {
                let status = CommandStatus::ESME_RREPLACEFAIL;
                self.put_header(CommandId::REPLACE_SM_RESP, status, sequence);
            }
            other if header.command_id.is_response() => {
                let text = format_args!("{} {sequence} answers nothing", other.command_id());
                records.violation(self.number, text);
            }
            _ => {
                records.violation(
                    self.number,
                    format_args!("{} is not supported", header.command_id),
                );
                self.nack(header);
            }
        }
    }

    fn nack(&mut self, header: Header) {
        self.put_header(
            CommandId::GENERIC_NACK,
            CommandStatus::ESME_RINVCMDID,
            header.sequence_number,
        );
    }

    fn bind(&mut self, header: Header, bind: &Bind, records: &mut Records) {
        let (credentials, password_ok) = self.check_credentials(bind);
        let status = if self.bound.is_some() {
            CommandStatus::ESME_RALYBND
        } else {
            let of_receivers = self.behaviour.receiver_bind_status;
            of_receivers
                .filter(|_| header.command_id == CommandId::BIND_RECEIVER)
                .or(self.behaviour.bind_status)
                .unwrap_or(credentials)
        };
        let mute = self.behaviour.mute.all || self.behaviour.mute.binds;
        let system_id = bind.system_id.to_text();
        records.counts.binds += 1;
        records.add_bind(BindRecord {
            session: self.number,
            system_id: system_id.clone(),
            password_ok,
            mode: header.command_id,
            interface_version: bind.interface_version,
            system_type: bind.system_type.to_text(),
            status: (!mute).then_some(status),
            at: SystemTime::now(),
        });
        info!(session = self.number, system_id, answer = %status, mute, "{}", header.command_id);
        if mute {
            return;
        }
        let accepted = status == CommandStatus::ESME_ROK;
        if accepted {
            records.counts.bound_sessions += 1;
            let bound = Bound {
                system_id: bind.system_id.octets().into(),
                transmits: header.command_id != CommandId::BIND_RECEIVER,
                receives: header.command_id != CommandId::BIND_TRANSMITTER,
            };
            self.shared
                .set_bound(self.number, &bound.system_id, bound.receives);
            self.bound = Some(bound);
        } else {
            records.counts.binds_refused += 1;
        }
        let body = accepted.then(|| {
            let mut tlvs = Tlvs::default();
            tlvs.push(Tag::SC_INTERFACE_VERSION, vec![INTERFACE_VERSION]);
            BindResp {
                system_id: SYSTEM_ID.into(),
                tlvs,
            }
        });
        let response = match header.command_id {
            CommandId::BIND_TRANSMITTER => Pdu::BindTransmitterResp(body),
            CommandId::BIND_RECEIVER => Pdu::BindReceiverResp(body),
            _ => Pdu::BindTransceiverResp(body),
        };
        self.put(&response, status, header.sequence_number);
    }

    fn check_credentials(&self, bind: &Bind) -> (CommandStatus, bool) {
        let Some((system_id, password)) = &self.behaviour.credentials else {
            return (CommandStatus::ESME_ROK, true);
        };
        let password_ok = bind.password.octets() == password.as_bytes();
        let status = if bind.system_id.octets() != system_id.as_bytes() {
            CommandStatus::ESME_RINVSYSID
        } else if password_ok {
            CommandStatus::ESME_ROK
        } else {
            CommandStatus::ESME_RINVPASWD
        };
        (status, password_ok)
    }

    /// Answers from the ledger; without a full one nothing is known.
    fn query(&mut self, query: &QuerySm, sequence: u32, records: &mut Records, now: Instant) {
        let id = query.message_id.octets();
        let number = self.behaviour.ids.parse_response(id);
        let Some(record) = number.and_then(|number| records.accepted_mut(number)) else {
            let status = CommandStatus::ESME_RQUERYFAIL;
            self.put(&Pdu::QuerySmResp(None), status, sequence);
            return;
        };
        let fate = record.fate;
        let state = if fate.final_at <= now {
            fate.state
        } else {
            State::Enroute
        };
        let body = QuerySmResp {
            message_id: query.message_id.clone(),
            message_state: state.code(),
            error_code: u8::try_from(state.error()).unwrap_or(u8::MAX),
            ..QuerySmResp::default()
        };
        self.put(
            &Pdu::QuerySmResp(Some(body)),
            CommandStatus::ESME_ROK,
            sequence,
        );
    }

    /// A message can be cancelled until its final state.
    fn cancel(&mut self, id: &[u8], records: &mut Records, now: Instant) -> CommandStatus {
        let (Some(number), Some(bound)) = (self.behaviour.ids.parse_response(id), &self.bound)
        else {
            return CommandStatus::ESME_RINVMSGID;
        };
        let mut cancelled = self.shared.mail().cancel(&bound.system_id, number);
        match records.accepted_mut(number) {
            Some(record) if record.fate.final_at > now => {
                record.fate.state = State::Deleted;
                record.fate.final_at = now;
                cancelled = true;
            }
            Some(_) => {}
            None if !cancelled => return CommandStatus::ESME_RINVMSGID,
            None => {}
        }
        if cancelled {
            CommandStatus::ESME_ROK
        } else {
            CommandStatus::ESME_RCANCELFAIL
        }
    }
}
