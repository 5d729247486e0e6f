//! The value of an optional parameter by the form of its tag, read leniently.

use bytes::Bytes;

use super::wire::text_of;
use super::{Fault, Tlv, TlvKind, Warning};

/// What the octets of an optional parameter mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlvValue {
    /// A number.
    Integer(u32),
    /// The text of a C-octet string, without the NUL.
    Text(String),
    /// Octets that are no more than that, or that do not have the form of their tag.
    Octets(Bytes),
    /// There without a value (alert_on_message_delivery).
    Present,
    /// A state of 5.2.28.
    MessageState(u8),
}

/// The name of a message state (SMPP 3.4, 5.2.28; SMPP 5.0, 4.7.15); `None` for an unknown one.
#[must_use]
pub fn message_state_name(state: u8) -> Option<&'static str> {
    Some(match state {
        0 => "SCHEDULED",
        1 => "ENROUTE",
        2 => "DELIVERED",
        3 => "EXPIRED",
        4 => "DELETED",
        5 => "UNDELIVERABLE",
        6 => "ACCEPTED",
        7 => "UNKNOWN",
        8 => "REJECTED",
        9 => "SKIPPED",
        _ => return None,
    })
}

impl Tlv {
    /// The value by the form of the tag, and a warning where it does not have that form.
    ///
    /// A value of the wrong size is [`TlvValue::Octets`]. All the same are read: a C-octet string
    /// without NUL or too long, and a message_state of more octets of which all but the last are 0.
    #[must_use]
    pub fn read(&self) -> (TlvValue, Option<Warning>) {
        let octets = &self.value[..];
        let as_octets = || TlvValue::Octets(self.value.clone());
        match (self.tag.kind(), octets) {
            (TlvKind::Integer(size), _) => self.integer(size, size),
            (TlvKind::IntegerOf(least, most), _) => self.integer(least, most),
            (TlvKind::Flag, []) => (TlvValue::Present, None),
            (TlvKind::Flag, [flag]) => (TlvValue::Integer(u32::from(*flag)), None),
            (TlvKind::Flag, _) => (as_octets(), self.wrong_size(0, 1)),
            (TlvKind::MessageState, [state]) => (TlvValue::MessageState(*state), None),
            (TlvKind::MessageState, [zeros @ .., state]) if zeros.iter().all(|&zero| zero == 0) => {
                (TlvValue::MessageState(*state), self.wrong_size(1, 1))
            }
            (TlvKind::MessageState, _) => (as_octets(), self.wrong_size(1, 1)),
            (TlvKind::Text(max), _) => self.text(max),
            (TlvKind::Octets(least, most), _) => {
                let fits = (least..=most).contains(&octets.len());
                let warning = if fits {
                    None
                } else {
                    self.wrong_size(least, most)
                };
                (as_octets(), warning)
            }
        }
    }

    /// Big-endian; `most` is 4 at most.
    fn integer(&self, least: usize, most: usize) -> (TlvValue, Option<Warning>) {
        if !(least..=most).contains(&self.value.len()) {
            let octets = TlvValue::Octets(self.value.clone());
            return (octets, self.wrong_size(least, most));
        }
        let number = self
            .value
            .iter()
            .fold(0, |number, &octet| number << 8 | u32::from(octet));
        (TlvValue::Integer(number), None)
    }

    fn text(&self, max: usize) -> (TlvValue, Option<Warning>) {
        let end = self.value.iter().position(|&octet| octet == 0);
        let text = &self.value[..end.unwrap_or(self.value.len())];
        let tag = self.tag;
        let warning = match end {
            None => Some(Warning::new(
                Fault::TlvMalformed,
                format!("TLV {tag} has no terminating NUL"),
            )),
            Some(at) if at + 1 < self.value.len() => Some(Warning::new(
                Fault::TlvMalformed,
                format!("TLV {tag} has octets behind its NUL"),
            )),
            _ if self.value.len() > max => self.wrong_size(1, max),
            _ if !text.is_ascii() => Some(Warning::new(
                Fault::NotAscii,
                format!("TLV {tag} has octets that are not ASCII"),
            )),
            _ => None,
        };
        (TlvValue::Text(text_of(text)), warning)
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands beside None")]
    fn wrong_size(&self, least: usize, most: usize) -> Option<Warning> {
        let (tag, octets) = (self.tag, self.value.len());
        let message = if least == most {
            format!("TLV {tag} has {octets} octets instead of {least}")
        } else {
            format!("TLV {tag} has {octets} octets instead of {least} to {most}")
        };
        Some(Warning::new(Fault::TlvMalformed, message))
    }
}
