//! What can be wrong with a PDU, received or to be written.

use std::fmt;

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
