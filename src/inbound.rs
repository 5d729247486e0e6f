//! A received PDU becomes a row of `smpp_rx_queue`. Pure.

use bytes::Bytes;
use serde_json::Value;

use crate::hex;
use crate::pdu::{
    DataSm, DecodeError, Decoded, DeliverSm, Frame, Pdu, Tag, TextView, Tlvs, error_to_json,
    to_json,
};
use crate::reassembly::{Key, Part, Piece, Reference};
use crate::receipt::{self, Kind, MessageState, Receipt, ReceiptTlvs};
use crate::server::Server;
use crate::session::driver::Received;
use crate::text::{self, Concat, UDH_INDICATOR, Udh, split_udh};

/// What a receipt changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptFacts {
    /// The message id as received.
    pub message_id: String,
    /// Canonical ids that the message may have, the likeliest first.
    pub keys: Vec<String>,
    /// Only its text says that it is a receipt, so it counts only where it comes from the number that
    /// the message went to.
    pub by_text: bool,
    /// What it says of the message; `None` when it says nothing that can be understood.
    pub state: Option<MessageState>,
    /// `err:` as received.
    pub error_code: Option<String>,
    /// network_error_code in hex.
    pub network_error_code: Option<String>,
}

/// A row of `smpp_rx_queue` to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// Lower-case hex of the whole PDU.
    pub pdu_raw: String,
    /// The PDU as JSON.
    pub pdu_parsed: Value,
    /// source_addr
    pub source_addr: Option<String>,
    /// destination_addr
    pub destination_addr: Option<String>,
    /// The decoded text.
    pub short_message: Option<String>,
    /// Where it came from.
    pub server_id: i64,
    /// What it is.
    pub kind: Kind,
    /// What it says, where it is a receipt with an id.
    pub receipt: Option<ReceiptFacts>,
    /// Which part it is, where it is one of a long message from a phone.
    pub part: Option<Part>,
}

impl Inbound {
    /// Reads a received PDU as this server means it.
    #[must_use]
    pub fn read(received: &Received, server: &Server) -> Self {
        let frame = match received {
            Received::Pdu(frame) => frame,
            Received::Garbage(octets) => {
                return Self::undecoded(
                    octets,
                    error_to_json(None, &"these octets are no SMPP PDU; the session was ended"),
                    server,
                );
            }
        };
        let decoded = frame.decode();
        let message = match &decoded {
            Ok(Decoded {
                pdu: Pdu::DeliverSm(body),
                ..
            }) => Message::of_deliver_sm(body),
            Ok(Decoded {
                pdu: Pdu::DataSm(body),
                ..
            }) => Message::of_data_sm(body),
            _ => return Self::other(frame, &decoded, server),
        };
        message.read(frame, &decoded, server)
    }

    /// The same PDU with nothing but its hex and the reason why there is no more.
    #[must_use]
    pub fn bare(received: &Received, server: &Server, reason: &str) -> Self {
        match received {
            Received::Pdu(frame) => Self::undecoded(
                &frame.octets,
                error_to_json(Some(&frame.header), &reason),
                server,
            ),
            Received::Garbage(octets) => {
                Self::undecoded(octets, error_to_json(None, &reason), server)
            }
        }
    }

    /// What the parts of its message have in common, where it is a part.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        let part = self.part.as_ref()?;
        Some(Key {
            server_id: self.server_id,
            source: self.source_addr.clone()?,
            destination: self.destination_addr.clone()?,
            kind: part.kind,
            reference: part.reference,
            total: part.total,
        })
    }

    fn undecoded(octets: &[u8], pdu_parsed: Value, server: &Server) -> Self {
        Self {
            pdu_raw: hex::encode(octets),
            pdu_parsed,
            source_addr: None,
            destination_addr: None,
            short_message: None,
            server_id: server.account.id,
            kind: Kind::Other,
            receipt: None,
            part: None,
        }
    }

    fn other(frame: &Frame, decoded: &Result<Decoded, DecodeError>, server: &Server) -> Self {
        let mut row = Self::undecoded(&frame.octets, to_json(frame, decoded, None), server);
        if let Ok(Decoded {
            pdu: Pdu::AlertNotification(body),
            ..
        }) = decoded
        {
            row.source_addr = Some(without_nul(&body.source_addr.to_text()));
            row.destination_addr = Some(without_nul(&body.esme_addr.to_text()));
        }
        row
    }
}

/// What the PDU of a part brings of the text; `None` where it can't be read.
#[must_use]
pub fn piece(frame: &Frame) -> Option<Piece> {
    let decoded = frame.decode().ok()?;
    let message = match &decoded.pdu {
        Pdu::DeliverSm(body) => Message::of_deliver_sm(body),
        Pdu::DataSm(body) => Message::of_data_sm(body),
        _ => return None,
    };
    Some(message.piece(message.udh().as_ref()))
}

/// What deliver_sm and data_sm have in common.
struct Message<'a> {
    source_addr: String,
    destination_addr: String,
    esm_class: u8,
    data_coding: u8,
    octets: Bytes,
    tlvs: &'a Tlvs,
}

impl<'a> Message<'a> {
    fn of_deliver_sm(body: &'a DeliverSm) -> Self {
        let payload = body.tlvs.get(Tag::MESSAGE_PAYLOAD);
        Self {
            source_addr: body.source_addr.to_text(),
            destination_addr: body.destination_addr.to_text(),
            esm_class: body.esm_class,
            data_coding: body.data_coding,
            octets: match payload {
                Some(payload) if body.short_message.0.is_empty() => payload.clone(),
                _ => body.short_message.0.clone(),
            },
            tlvs: &body.tlvs,
        }
    }

    fn of_data_sm(body: &'a DataSm) -> Self {
        Self {
            source_addr: body.source_addr.to_text(),
            destination_addr: body.destination_addr.to_text(),
            esm_class: body.esm_class,
            data_coding: body.data_coding,
            octets: body
                .tlvs
                .get(Tag::MESSAGE_PAYLOAD)
                .cloned()
                .unwrap_or_default(),
            tlvs: &body.tlvs,
        }
    }

    fn read(
        self,
        frame: &Frame,
        decoded: &Result<Decoded, DecodeError>,
        server: &Server,
    ) -> Inbound {
        let (udh, text) = text::decode_message(
            &self.octets,
            self.esm_class,
            self.data_coding,
            server.style.alphabet,
        );
        let receipted_message_id = self.tlvs.receipted_message_id();
        let tlvs = ReceiptTlvs {
            receipted_message_id: receipted_message_id.as_deref(),
            message_state: self.tlvs.message_state(),
            network_error_code: self.tlvs.network_error_code().map(|octets| &octets[..]),
        };
        // The fields of a receipt are read by their own rules: data_coding is often wrong there.
        let receipt_text = receipt::text(&self.octets, self.data_coding, server.style.alphabet);
        let (kind, receipt) = receipt::classify(
            self.esm_class,
            &receipt_text,
            &tlvs,
            server.receipts_without_esm_class,
        );
        let part = (kind == Kind::Message)
            .then(|| self.part(udh.as_ref()))
            .flatten();
        let text_view = TextView {
            text: text.text.clone(),
            udh: udh.as_ref().map(text::Udh::to_json),
            receipt: receipt.as_ref().map(Receipt::to_json),
            warnings: text.warning.into_iter().collect(),
        };
        let short_message = match kind {
            Kind::Receipt | Kind::Intermediate => Some(receipt_text),
            Kind::Message | Kind::Other => text.text,
        };
        Inbound {
            pdu_raw: hex::encode(&frame.octets),
            pdu_parsed: to_json(frame, decoded, Some(&text_view)),
            source_addr: Some(without_nul(&self.source_addr)),
            destination_addr: Some(without_nul(&self.destination_addr)),
            short_message: short_message.map(|text| without_nul(&text)),
            server_id: server.account.id,
            kind,
            receipt: receipt.and_then(|receipt| {
                let by_text = Kind::from_esm_class(self.esm_class) == Kind::Message;
                facts(&receipt, by_text, server)
            }),
            part,
        }
    }

    fn udh(&self) -> Option<Udh> {
        if self.esm_class & UDH_INDICATOR == 0 {
            return None;
        }
        split_udh(&self.octets).ok().map(|(udh, _)| udh)
    }

    fn piece(&self, udh: Option<&Udh>) -> Piece {
        Piece {
            data_coding: self.data_coding,
            // The header is never longer than the octets that it was read from.
            octets: self.octets.slice(udh.map_or(0, |udh| udh.length)..),
            fill_bits: udh.map_or(0, Udh::fill_bits),
        }
    }

    /// Which part of a long message it is: by the user data header, else by the TLVs
    /// sar_msg_ref_num, sar_total_segments and sar_segment_seqnum (SMPP 3.4, 5.3.2.22 to 24). A
    /// message of one part is none.
    fn part(&self, udh: Option<&Udh>) -> Option<Part> {
        let (kind, reference, number, total) = match udh.and_then(|udh| udh.concat) {
            Some(Concat {
                reference,
                part,
                total,
                wide,
            }) => {
                let kind = if wide {
                    Reference::Udh16
                } else {
                    Reference::Udh8
                };
                (kind, reference, part, total)
            }
            None => self.sar()?,
        };
        (total > 1).then(|| Part {
            kind,
            reference,
            number,
            total,
            piece: self.piece(udh),
        })
    }

    fn sar(&self) -> Option<(Reference, u16, u8, u8)> {
        let &[high, low] = &self.tlvs.get(Tag::SAR_MSG_REF_NUM)?[..] else {
            return None;
        };
        let &[total] = &self.tlvs.get(Tag::SAR_TOTAL_SEGMENTS)?[..] else {
            return None;
        };
        let &[number] = &self.tlvs.get(Tag::SAR_SEGMENT_SEQNUM)?[..] else {
            return None;
        };
        (1..=total).contains(&number).then_some((
            Reference::Sar,
            u16::from_be_bytes([high, low]),
            number,
            total,
        ))
    }
}

fn facts(receipt: &Receipt, by_text: bool, server: &Server) -> Option<ReceiptFacts> {
    let keys = receipt.response_keys(server.id_format);
    let message_id = receipt
        .id
        .clone()
        .or_else(|| receipt.candidate_ids.first().cloned())?;
    Some(ReceiptFacts {
        message_id: without_nul(&message_id),
        keys: keys.iter().map(|key| without_nul(key)).collect(),
        by_text,
        state: receipt.state,
        error_code: receipt.err.as_deref().map(without_nul),
        network_error_code: receipt.network_error_code.clone(),
    })
}

/// PostgreSQL takes no U+0000.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
