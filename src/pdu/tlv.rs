//! Optional parameters (SMPP 3.4, 3.2.4 and 5.3).

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::{Field, Reader};
use super::{DecodeError, EncodeError, Fault};

/// The tag of an optional parameter, known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

impl Tag {
    /// receipted_message_id (5.3.2.12)
    pub const RECEIPTED_MESSAGE_ID: Self = Self(0x001E);
    /// message_state (5.3.2.35)
    pub const MESSAGE_STATE: Self = Self(0x0427);
    /// network_error_code (5.3.2.31)
    pub const NETWORK_ERROR_CODE: Self = Self(0x0423);
    /// message_payload (5.3.2.32)
    pub const MESSAGE_PAYLOAD: Self = Self(0x0424);
    /// sar_msg_ref_num (5.3.2.22)
    pub const SAR_MSG_REF_NUM: Self = Self(0x020C);
    /// sar_total_segments (5.3.2.23)
    pub const SAR_TOTAL_SEGMENTS: Self = Self(0x020E);
    /// sar_segment_seqnum (5.3.2.24)
    pub const SAR_SEGMENT_SEQNUM: Self = Self(0x020F);
    /// sc_interface_version (5.3.2.25)
    pub const SC_INTERFACE_VERSION: Self = Self(0x0210);
}

/// One optional parameter: its tag and its octets, until someone asks for a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlv {
    /// Which parameter.
    pub tag: Tag,
    /// The value's octets.
    pub value: Bytes,
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
            let value = reader.take(length);
            if length > left {
                reader.warn(
                    Fault::TlvLengthPastEnd,
                    format!("TLV 0x{:04x} says {length} octets, {left} are left", tag.0),
                );
            } else if tlvs.iter().any(|earlier| earlier.tag == tag) {
                reader.warn(
                    Fault::TlvRepeated,
                    format!("TLV 0x{:04x} occurs more than once", tag.0),
                );
            }
            tlvs.push(Tlv { tag, value });
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
}
