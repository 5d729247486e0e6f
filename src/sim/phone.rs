//! Messages from phones, short and long.

use bytes::Bytes;

use super::segment::UDH_INDICATOR;
use crate::pdu::{Tag, Tlvs};

const DATA_CODING_UCS2: u8 = 8;
/// UCS2 units of one message on the air.
const UNITS_SINGLE: usize = 70;
/// The same behind a user data header of 6 octets.
const UNITS_PART: usize = 67;

/// A message from a phone, to be sent as deliver_sm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhoneMessage {
    /// source_addr: the phone.
    pub source: String,
    /// destination_addr: the number or short code that the phone wrote to.
    pub destination: String,
    /// The text as it goes on the wire; above 254 octets it goes into message_payload.
    pub octets: Bytes,
    /// data_coding
    pub data_coding: u8,
    /// esm_class
    pub esm_class: u8,
    /// Further optional parameters.
    pub tlvs: Tlvs,
}

impl PhoneMessage {
    /// A message with this text: under data_coding 0 where each character has the same octet in
    /// ASCII and in GSM 03.38, as UCS2 otherwise.
    #[must_use]
    pub fn from_text(source: &str, destination: &str, text: &str) -> Self {
        let same_in_gsm = |octet: u8| {
            matches!(octet, b'\n' | b'\r' | b' '..=b'Z' | b'a'..=b'z')
                && !matches!(octet, b'$' | b'@')
        };
        let (octets, data_coding) = if text.bytes().all(same_in_gsm) {
            (text.as_bytes().to_vec(), 0)
        } else {
            (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), 8)
        };
        Self {
            source: source.into(),
            destination: destination.into(),
            octets: octets.into(),
            data_coding,
            ..Self::default()
        }
    }

    /// A text as UCS2, as a phone sends it: up to 70 units in one message, more in parts of up to
    /// 67 units with a reference of 8 bits. No surrogate pair is cut. `None` above 255 parts.
    #[must_use]
    pub fn from_long_text(
        source: &str,
        destination: &str,
        reference: u8,
        text: &str,
    ) -> Option<Vec<Self>> {
        let units = text.encode_utf16().count();
        let limit = if units > UNITS_SINGLE {
            UNITS_PART
        } else {
            UNITS_SINGLE
        };
        let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
        let mut left = limit;
        for character in text.chars() {
            if character.len_utf16() > left {
                parts.push(Vec::new());
                left = limit;
            }
            left -= character.len_utf16();
            if let Some(part) = parts.last_mut() {
                let mut pair = [0; 2];
                let units = character.encode_utf16(&mut pair);
                part.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
            }
        }
        if parts.len() > usize::from(u8::MAX) {
            return None;
        }
        if let [octets] = &mut parts[..] {
            return Some(vec![Self {
                source: source.into(),
                destination: destination.into(),
                octets: std::mem::take(octets).into(),
                data_coding: DATA_CODING_UCS2,
                ..Self::default()
            }]);
        }
        let messages = Self::parts_udh8(source, destination, DATA_CODING_UCS2, reference, &parts);
        Some(messages)
    }

    /// A long message in parts with a user data header and a reference of 8 bits (GSM 03.40,
    /// 9.2.3.24.1). `parts`: the octets of each part as they are under `data_coding`, 255 parts at
    /// most; further ones are left out.
    #[must_use]
    pub fn parts_udh8<P: AsRef<[u8]>>(
        source: &str,
        destination: &str,
        data_coding: u8,
        reference: u8,
        parts: &[P],
    ) -> Vec<Self> {
        Self::parts(source, destination, data_coding, parts, |total, part| {
            (vec![5, 0x00, 3, reference, total, part], Tlvs::default())
        })
    }

    /// The same with a reference of 16 bits (GSM 03.40, 9.2.3.24.8).
    #[must_use]
    pub fn parts_udh16<P: AsRef<[u8]>>(
        source: &str,
        destination: &str,
        data_coding: u8,
        reference: u16,
        parts: &[P],
    ) -> Vec<Self> {
        let [high, low] = reference.to_be_bytes();
        Self::parts(source, destination, data_coding, parts, |total, part| {
            let header = vec![6, 0x08, 4, high, low, total, part];
            (header, Tlvs::default())
        })
    }

    /// The same by the TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum (SMPP 3.4,
    /// 5.3.2.22 to 5.3.2.24).
    #[must_use]
    pub fn parts_sar<P: AsRef<[u8]>>(
        source: &str,
        destination: &str,
        data_coding: u8,
        reference: u16,
        parts: &[P],
    ) -> Vec<Self> {
        Self::parts(source, destination, data_coding, parts, |total, part| {
            let mut tlvs = Tlvs::default();
            tlvs.push(Tag::SAR_MSG_REF_NUM, reference.to_be_bytes().to_vec());
            tlvs.push(Tag::SAR_TOTAL_SEGMENTS, vec![total]);
            tlvs.push(Tag::SAR_SEGMENT_SEQNUM, vec![part]);
            (Vec::new(), tlvs)
        })
    }

    /// `mark` gives header and TLVs by total and part.
    fn parts<P: AsRef<[u8]>>(
        source: &str,
        destination: &str,
        data_coding: u8,
        parts: &[P],
        mark: impl Fn(u8, u8) -> (Vec<u8>, Tlvs),
    ) -> Vec<Self> {
        let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        let message = |(part, octets): (u8, &P)| {
            let (mut all, tlvs) = mark(total, part);
            let esm_class = if all.is_empty() { 0 } else { UDH_INDICATOR };
            all.extend_from_slice(octets.as_ref());
            Self {
                source: source.into(),
                destination: destination.into(),
                octets: all.into(),
                data_coding,
                esm_class,
                tlvs,
            }
        };
        (1..=total).zip(parts).map(message).collect()
    }
}
