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
mod frame;
mod status;
mod tlv;
mod wire;

pub use body::{
    AlertNotification, Bind, BindResp, BroadcastSm, CancelBroadcastSm, CancelSm, DataSm, DeliverSm,
    DestAddress, DestAddresses, MessageIdResp, Outbind, Pdu, QueryBroadcastSm,
    QueryBroadcastSmResp, QuerySm, QuerySmResp, ReplaceSm, SubmitMulti, SubmitMultiResp, SubmitSm,
    UnsuccessSme, UnsuccessSmes,
};
pub use command::CommandId;
pub use frame::{DEFAULT_MAX_LENGTH, Frame, FrameDecoder, FrameError, HEADER_LENGTH, Header};
pub use status::{CommandStatus, StatusClass};
pub use tlv::{Tag, Tlv, Tlvs};
pub use wire::{CString, DecodeError, EncodeError, Fault, ShortMessage, Warning};

/// What a body was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The body, as far as it could be read.
    pub pdu: Pdu,
    /// What breaks the letter of the specification; empty for an exact PDU.
    pub warnings: Vec<Warning>,
}
