//! Optional parameters (SMPP 3.4, 3.2.4 and 5.3).

use std::collections::HashSet;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{FieldValue, Fields};
use super::wire::{Field, Reader};
use super::{DecodeError, EncodeError, Fault, Tag, TlvValue};

/// One optional parameter: its tag and its octets, until someone asks for a type.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    /// Which parameter.
    pub tag: Tag,
    /// The value's octets.
    pub value: Bytes,
}

impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tag == Tag::MESSAGE_PAYLOAD {
            // A text must not reach a log by way of Debug.
            write!(f, "{}({} octets)", self.tag, self.value.len())
        } else {
            write!(f, "{}({:x})", self.tag, self.value)
        }
    }
}

/// The optional parameters behind the mandatory fields, in the order received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tlvs(pub Vec<Tlv>);

impl Tlvs {
    /// The value of the first parameter with this tag.
    #[must_use]
    pub fn get(&self, tag: Tag) -> Option<&Bytes> {
        self.0
            .iter()
            .find(|tlv| tlv.tag == tag)
            .map(|tlv| &tlv.value)
    }

    /// receipted_message_id (5.3.2.12) as text without its NUL; `None` where it is not there or
    /// empty.
    #[must_use]
    pub fn receipted_message_id(&self) -> Option<String> {
        match self.read(Tag::RECEIPTED_MESSAGE_ID)? {
            TlvValue::Text(id) if !id.is_empty() => Some(id),
            _ => None,
        }
    }

    /// message_state (5.3.2.35) as a number of 5.2.28; `None` where it is not there or can't be
    /// told.
    #[must_use]
    pub fn message_state(&self) -> Option<u8> {
        match self.read(Tag::MESSAGE_STATE)? {
            TlvValue::MessageState(state) => Some(state),
            _ => None,
        }
    }

    /// network_error_code (5.3.2.31): network type (1 octet) and error code (2 octets), of
    /// whatever length it was received.
    #[must_use]
    pub fn network_error_code(&self) -> Option<&Bytes> {
        self.get(Tag::NETWORK_ERROR_CODE)
    }

    /// The first parameter with this tag, read by the form of its tag.
    fn read(&self, tag: Tag) -> Option<TlvValue> {
        self.0
            .iter()
            .find(|tlv| tlv.tag == tag)
            .map(|tlv| tlv.read().0)
    }

    /// Adds a parameter at the end.
    pub fn push(&mut self, tag: Tag, value: impl Into<Bytes>) {
        self.0.push(Tlv {
            tag,
            value: value.into(),
        });
    }
}

impl Field for Tlvs {
    fn read(reader: &mut Reader, _name: &'static str) -> Result<Self, DecodeError> {
        let mut tlvs: Vec<Tlv> = Vec::new();
        // Sets, since a PDU can hold thousands of empty parameters.
        let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
        while reader.remaining() > 0 {
            if reader.remaining() < 4 {
                let left = reader.remaining();
                reader.take(left);
                reader.warn(
                    Fault::TruncatedTlvHeader,
                    format!(
                        "{left} octets behind the last field are less than the header of a TLV"
                    ),
                );
                break;
            }
            let head = reader.take(4);
            let tag = Tag(u16::from_be_bytes([head[0], head[1]]));
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let left = reader.remaining();
            let tlv = Tlv {
                tag,
                value: reader.take(length),
            };
            if length > left {
                reader.warn(
                    Fault::TlvLengthPastEnd,
                    format!("TLV {tag} says {length} octets, {left} are left"),
                );
            } else if let (_, Some(warning)) = tlv.read() {
                reader.warn(warning.fault, warning.message);
            }
            if !seen.insert(tag) && !tag.may_repeat() && repeated.insert(tag) {
                reader.warn(
                    Fault::TlvRepeated,
                    format!("TLV {tag} occurs more than once"),
                );
            }
            tlvs.push(tlv);
        }
        Ok(Self(tlvs))
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        for Tlv { tag, value } in &self.0 {
            let length = u16::try_from(value.len()).map_err(|_| EncodeError::TlvTooLong {
                tag: tag.0,
                octets: value.len(),
            })?;
            out.put_u16(tag.0);
            out.put_u16(length);
            out.put_slice(value);
        }
        Ok(())
    }

    fn show<'a>(&'a self, fields: &mut Fields<'a>, _name: &'static str) {
        fields.push(("optional_parameters", FieldValue::Tlvs(self)));
    }
}
