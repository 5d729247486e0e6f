//! SMPP 3.4 on the wire: lenient in, exact out.
//!
//! Octets come in through [`FrameDecoder`], which cuts them into [`Frame`]s by
//! `command_length` and keeps each frame as it was received. [`Frame::decode`]
//! then reads the body into a [`Pdu`], with a list of [`Warning`]s for what
//! breaks the letter of the specification but can be understood. What cannot be
//! understood at all yields a [`DecodeError`]; header and octets are still there.
//!
//! Encoding ([`Pdu::encode`]) is strict: what it writes is exactly what the
//! specification asks for, but for strings longer than their field, which exist
//! in the field and are sent as they are.

mod body;
mod command;
mod dests;
mod fault;
mod fields;
mod frame;
mod json;
mod pdus;
mod status;
mod tag;
mod tlv;
mod tlv_value;
mod wire;

pub use body::{
    AlertNotification, Bind, BindResp, BroadcastSm, CancelBroadcastSm, CancelSm, DataSm, DeliverSm,
    MessageIdResp, Outbind, QueryBroadcastSm, QueryBroadcastSmResp, QuerySm, QuerySmResp,
    ReplaceSm, SubmitMulti, SubmitMultiResp, SubmitSm, UnsuccessSme,
};
pub use command::CommandId;
pub use dests::{DestAddress, DestAddresses, UnsuccessSmes};
pub use fault::{DecodeError, EncodeError, Fault, Warning};
pub use fields::{FieldValue, Fields};
pub use frame::{DEFAULT_MAX_LENGTH, Frame, FrameDecoder, FrameError, HEADER_LENGTH, Header};
pub use json::{TextView, error_to_json, to_json};
pub use pdus::Pdu;
pub use status::{CommandStatus, StatusClass};
pub use tag::{Tag, TlvKind};
pub use tlv::{Tlv, Tlvs};
pub use tlv_value::{TlvValue, message_state_name};
pub use wire::{CString, ShortMessage};

/// What a body was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The body, as far as it could be read.
    pub pdu: Pdu,
    /// What breaks the letter of the specification; empty for an exact PDU.
    pub warnings: Vec<Warning>,
}
