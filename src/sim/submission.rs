//! The fields of a submit that decide its fate, read without copying.

use super::mail::Address;
use super::segment::Segment;
use crate::pdu::{CommandId, Tag};

/// An address within a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addr<'a> {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) digits: &'a [u8],
}

impl From<Addr<'_>> for Address {
    fn from(addr: Addr<'_>) -> Self {
        Self {
            ton: addr.ton,
            npi: addr.npi,
            digits: addr.digits.into(),
        }
    }
}

/// A submit_sm or data_sm, as far as the simulator looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submission<'a> {
    pub(super) source: Addr<'a>,
    pub(super) destination: Addr<'a>,
    pub(super) esm_class: u8,
    pub(super) registered_delivery: u8,
    pub(super) data_coding: u8,
    short_message: &'a [u8],
    /// The optional parameters.
    pub(super) optional: &'a [u8],
}

impl<'a> Submission<'a> {
    /// Reads the body of a submit_sm or data_sm; `None` where it is too short.
    pub(super) fn read(command_id: CommandId, body: &'a [u8]) -> Option<Self> {
        let mut rest = Rest(body);
        rest.string()?; // service_type
        let source = rest.address()?;
        let destination = rest.address()?;
        let esm_class = rest.octet()?;
        if command_id == CommandId::DATA_SM {
            return Some(Self {
                source,
                destination,
                esm_class,
                registered_delivery: rest.octet()?,
                data_coding: rest.octet()?,
                short_message: &[],
                optional: rest.0,
            });
        }
        rest.octet()?; // protocol_id
        rest.octet()?; // priority_flag
        rest.string()?; // schedule_delivery_time
        rest.string()?; // validity_period
        let registered_delivery = rest.octet()?;
        rest.octet()?; // replace_if_present_flag
        let data_coding = rest.octet()?;
        rest.octet()?; // sm_default_msg_id
        let length = usize::from(rest.octet()?);
        let (short_message, optional) = rest.0.split_at_checked(length)?;
        Some(Self {
            source,
            destination,
            esm_class,
            registered_delivery,
            data_coding,
            short_message,
            optional,
        })
    }

    /// short_message, or message_payload where that is empty.
    pub(super) fn octets(&self) -> &'a [u8] {
        if !self.short_message.is_empty() {
            return self.short_message;
        }
        tlvs(self.optional)
            .find(|&(tag, _)| tag == Tag::MESSAGE_PAYLOAD)
            .map_or(&[], |(_, value)| value)
    }

    /// Whether the text is in message_payload.
    pub(super) fn is_payload(&self) -> bool {
        self.short_message.is_empty() && !self.octets().is_empty()
    }

    /// Whether a receipt is asked for when the message ends in failure or in success
    /// (SMPP 3.4, 5.2.17; value 3: SMPP 5.0).
    pub(super) fn wants_receipt(&self, failure: bool) -> bool {
        match self.registered_delivery & 3 {
            1 => true,
            2 => failure,
            3 => !failure,
            _ => false,
        }
    }

    /// Whether an intermediate notification is asked for.
    pub(super) fn wants_intermediate(&self) -> bool {
        self.registered_delivery & 0x10 != 0
    }

    /// The begin of the text as a receipt repeats it: 20 characters, where they are readable.
    pub(super) fn receipt_text(&self) -> Box<[u8]> {
        if !matches!(self.data_coding, 0 | 1 | 3) {
            return Box::default();
        }
        let (_, header) = Segment::read(self);
        let text = &self.octets()[header..];
        let readable = |&octet: &u8| {
            if octet == b' ' || octet.is_ascii_graphic() {
                octet
            } else {
                b'?'
            }
        };
        text.iter().take(20).map(readable).collect()
    }
}

/// The TLVs, up to the first that does not fit.
pub(super) fn tlvs(optional: &[u8]) -> impl Iterator<Item = (Tag, &[u8])> {
    let mut rest = Rest(optional);
    std::iter::from_fn(move || rest.tlv())
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (&octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(octet)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&octet| octet == 0)?;
        let (value, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(value)
    }

    fn address(&mut self) -> Option<Addr<'a>> {
        Some(Addr {
            ton: self.octet()?,
            npi: self.octet()?,
            digits: self.string()?,
        })
    }

    fn tlv(&mut self) -> Option<(Tag, &'a [u8])> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let tag = Tag(u16::from_be_bytes([head[0], head[1]]));
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::pdu::{CommandStatus, DataSm, Pdu, ShortMessage, SubmitSm, Tlvs};

    fn body(pdu: &Pdu) -> Vec<u8> {
        let mut out = BytesMut::new();
        pdu.encode(CommandStatus::ESME_ROK, 1, &mut out).unwrap();
        out[16..].to_vec()
    }

    #[test]
    fn reads_the_fields_of_a_submit_sm() {
        let body = body(&Pdu::SubmitSm(SubmitSm {
            service_type: "CMT".into(),
            source_addr_ton: 5,
            source_addr: "esmed".into(),
            dest_addr_ton: 1,
            dest_addr_npi: 1,
            destination_addr: "27820000001".into(),
            esm_class: 0x40,
            validity_period: "000000000500000R".into(),
            registered_delivery: 0x11,
            short_message: ShortMessage(b"\x05\x00\x03\x07\x02\x01hi\n".to_vec().into()),
            ..SubmitSm::default()
        }));
        let read = Submission::read(CommandId::SUBMIT_SM, &body).unwrap();
        assert_eq!(
            read.source,
            Addr {
                ton: 5,
                npi: 0,
                digits: b"esmed"
            }
        );
        assert_eq!(
            read.destination,
            Addr {
                ton: 1,
                npi: 1,
                digits: b"27820000001"
            }
        );
        assert_eq!(read.octets(), b"\x05\x00\x03\x07\x02\x01hi\n");
        assert_eq!(&*read.receipt_text(), b"hi?");
        assert!(read.wants_receipt(true) && read.wants_receipt(false));
        assert!(read.wants_intermediate());
        for end in 0..body.len() {
            assert_eq!(Submission::read(CommandId::SUBMIT_SM, &body[..end]), None);
        }
    }

    #[test]
    fn reads_the_payload_of_a_data_sm() {
        let mut tlvs = Tlvs::default();
        tlvs.push(Tag::SAR_MSG_REF_NUM, &b"\x00\x01"[..]);
        tlvs.push(Tag::MESSAGE_PAYLOAD, &b"text"[..]);
        let body = body(&Pdu::DataSm(DataSm {
            registered_delivery: 2,
            data_coding: 8,
            tlvs,
            ..DataSm::default()
        }));
        let read = Submission::read(CommandId::DATA_SM, &body).unwrap();
        assert_eq!(read.octets(), b"text");
        assert_eq!(read.data_coding, 8);
        assert!(read.receipt_text().is_empty());
        assert!(read.wants_receipt(true) && !read.wants_receipt(false));
    }
}
