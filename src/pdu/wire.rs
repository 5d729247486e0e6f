//! Field types and how they are read and written (SMPP 3.4, 3.1).

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::fault::{DecodeError, EncodeError, Fault, Warning};
use super::fields::{FieldValue, Fields};

/// Most warnings kept of one PDU: thousands of broken TLVs fit into one, and the first ones say enough.
const MAX_WARNINGS: usize = 50;

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
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning::new(fault, message));
        }
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
    /// Adds itself under its name, with everything that it holds.
    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str);
}

/// Octets as text: UTF-8 where they are that, otherwise each octet as Latin-1, so that two strings
/// that differ on the wire differ as text too.
pub(super) fn text_of(octets: &[u8]) -> String {
    std::str::from_utf8(octets).map_or_else(
        |_| octets.iter().copied().map(char::from).collect(),
        str::to_owned,
    )
}

impl Field for u8 {
    fn read(reader: &mut Reader, name: &'static str) -> Result<Self, DecodeError> {
        reader.octet(name)
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        out.put_u8(*self);
        Ok(())
    }

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        fields.push((name, FieldValue::Integer(u32::from(*self))));
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

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        fields.push((name, FieldValue::Integer(*self)));
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

    /// As text: UTF-8 where the octets are that, otherwise each octet as Latin-1.
    #[must_use]
    pub fn to_text(&self) -> String {
        text_of(&self.0)
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

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        fields.push((name, FieldValue::Text(&self.0)));
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

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        fields.push(("sm_length", FieldValue::count(self.0.len())));
        fields.push((name, FieldValue::Octets(&self.0)));
    }
}
