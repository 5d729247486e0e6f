//! Field types and how they are read and written (SMPP 3.4, 3.1).

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::CommandId;

/// What a [`Warning`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A C-octet string is longer than its field.
    TooLong,
    /// A C-octet string ends with the PDU instead of a NUL.
    MissingNul,
    /// An address or id has octets that are not ASCII.
    NotAscii,
    /// sm_length says more octets than there are.
    SmLengthPastEnd,
    /// sm_length is above 254.
    SmLengthAbove254,
    /// The PDU ends inside the header of a TLV.
    TruncatedTlvHeader,
    /// A TLV says more octets than there are.
    TlvLengthPastEnd,
    /// A TLV's value does not have the size or form of its type.
    TlvMalformed,
    /// A TLV occurs more than once.
    TlvRepeated,
    /// Octets behind the last field.
    TrailingOctets,
    /// A response has an error status and a body all the same.
    BodyDespiteError,
    /// A response with status 0 lacks its body.
    MissingBody,
    /// command_status of a request is not 0.
    StatusInRequest,
    /// sequence_number is 0 or above 0x7FFFFFFF.
    SequenceOutOfRange,
    /// short_message and message_payload are both there.
    TwoTexts,
    /// The UDH indicator is set, but there is no complete UDH.
    BrokenUdh,
    /// A text could not be decoded by its data_coding.
    Undecodable,
}

/// Something that breaks the letter of the specification but can be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The kind of fault.
    pub fault: Fault,
    /// In words, with the name of the field.
    pub message: String,
}

impl Warning {
    /// A warning in words.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The body can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No such command in SMPP 3.4 or 5.0.
    #[error("unknown command_id 0x{:08x}", .0.0)]
    UnknownCommand(CommandId),
    /// The PDU ends before a mandatory field.
    #[error("the PDU ends before {field}, at octet {at} of the body")]
    Truncated {
        /// Name of the specification.
        field: &'static str,
        /// Offset in the body.
        at: usize,
    },
    /// dest_flag of submit_multi is neither 1 nor 2.
    #[error("dest_flag {0} is neither 1 (SME address) nor 2 (distribution list)")]
    BadDestFlag(u8),
}

/// A PDU can't be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A C-octet string can't hold a NUL.
    #[error("{0} contains a NUL octet")]
    NulInString(&'static str),
    /// sm_length is one octet.
    #[error("short_message has {0} octets; its length field can say 255 at most")]
    ShortMessageTooLong(usize),
    /// A TLV's length field has two octets.
    #[error("TLV 0x{tag:04x} has {octets} octets; its length field can say 65535 at most")]
    TlvTooLong {
        /// Its tag.
        tag: u16,
        /// Its length.
        octets: usize,
    },
    /// A list's count is one octet.
    #[error("{field} has {count} entries; its count can say 255 at most")]
    TooMany {
        /// Name of the list.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// A PDU's length must fit into 32 bits.
    #[error("the PDU is longer than command_length can say")]
    PduTooLong,
}

/// Reads a body field by field and collects warnings.
#[derive(Debug)]
pub(super) struct Reader {
    rest: Bytes,
    length: usize,
    warnings: Vec<Warning>,
}

impl Reader {
    pub(super) fn new(body: Bytes) -> Self {
        Self {
            length: body.len(),
            rest: body,
            warnings: Vec::new(),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }

    pub(super) fn warn(&mut self, fault: Fault, message: impl Into<String>) {
        self.warnings.push(Warning::new(fault, message));
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn truncated(&self, field: &'static str) -> DecodeError {
        DecodeError::Truncated {
            field,
            at: self.length - self.rest.len(),
        }
    }

    pub(super) fn octet(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        if self.rest.is_empty() {
            return Err(self.truncated(field));
        }
        Ok(self.rest.get_u8())
    }

    pub(super) fn take(&mut self, octets: usize) -> Bytes {
        self.rest.split_to(octets.min(self.rest.len()))
    }

    /// Everything up to a NUL, which is dropped; to the end of the body where there is none.
    fn c_string(&mut self, field: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        if self.rest.is_empty() {
            return Err(self.truncated(field));
        }
        let value = if let Some(at) = self.rest.iter().position(|&octet| octet == 0) {
            let value = self.rest.split_to(at);
            self.rest.advance(1);
            value
        } else {
            self.warn(Fault::MissingNul, format!("{field} has no terminating NUL"));
            self.take(self.rest.len())
        };
        if value.len() >= max {
            self.warn(
                Fault::TooLong,
                format!(
                    "{field} has {} octets, more than the {} of its field",
                    value.len(),
                    max - 1
                ),
            );
        }
        if !value.is_ascii() {
            self.warn(
                Fault::NotAscii,
                format!("{field} has octets that are not ASCII"),
            );
        }
        Ok(value)
    }
}

/// A type that stands as a field in a body.
pub(super) trait Field: Sized {
    fn read(reader: &mut Reader, name: &'static str) -> Result<Self, DecodeError>;
    fn write(&self, out: &mut BytesMut, name: &'static str) -> Result<(), EncodeError>;
}

impl Field for u8 {
    fn read(reader: &mut Reader, name: &'static str) -> Result<Self, DecodeError> {
        reader.octet(name)
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        out.put_u8(*self);
        Ok(())
    }
}

impl Field for u32 {
    fn read(reader: &mut Reader, name: &'static str) -> Result<Self, DecodeError> {
        if reader.remaining() < 4 {
            return Err(reader.truncated(name));
        }
        Ok(reader.rest.get_u32())
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        out.put_u32(*self);
        Ok(())
    }
}

/// A C-octet string of a field of `MAX` octets, the NUL included. Holds the octets without the NUL.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CString<const MAX: usize>(Bytes);

impl<const MAX: usize> CString<MAX> {
    /// Octets that the field can hold, without the NUL.
    pub const CAPACITY: usize = MAX - 1;

    /// The octets, without the NUL.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// As text; octets that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Whether there is anything in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> From<String> for CString<MAX> {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl<const MAX: usize> From<&str> for CString<MAX> {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl<const MAX: usize> From<Bytes> for CString<MAX> {
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl<const MAX: usize> fmt::Debug for CString<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<const MAX: usize> Field for CString<MAX> {
    fn read(reader: &mut Reader, name: &'static str) -> Result<Self, DecodeError> {
        reader.c_string(name, MAX).map(Self)
    }

    fn write(&self, out: &mut BytesMut, name: &'static str) -> Result<(), EncodeError> {
        if self.0.contains(&0) {
            return Err(EncodeError::NulInString(name));
        }
        out.put_slice(&self.0);
        out.put_u8(0);
        Ok(())
    }
}

/// sm_length and short_message as one field: at most 255 octets on the wire (254 by SMPP 3.4).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ShortMessage(pub Bytes);

impl fmt::Debug for ShortMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text must not reach a log by way of Debug.
        write!(f, "ShortMessage({} octets)", self.0.len())
    }
}

impl Field for ShortMessage {
    fn read(reader: &mut Reader, _name: &'static str) -> Result<Self, DecodeError> {
        let length = usize::from(reader.octet("sm_length")?);
        if length > 254 {
            reader.warn(
                Fault::SmLengthAbove254,
                format!("sm_length {length} is above 254"),
            );
        }
        let left = reader.remaining();
        if length > left {
            reader.warn(
                Fault::SmLengthPastEnd,
                format!("sm_length says {length} octets, {left} are left"),
            );
        }
        Ok(Self(reader.take(length)))
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        let length = u8::try_from(self.0.len())
            .map_err(|_| EncodeError::ShortMessageTooLong(self.0.len()))?;
        out.put_u8(length);
        out.put_slice(&self.0);
        Ok(())
    }
}
