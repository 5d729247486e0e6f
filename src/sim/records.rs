//! The entries of the ledger.

use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use super::outcome::State;
use super::segment::Segment;
use crate::pdu::{CommandId, CommandStatus, Tlvs};

/// A submit_sm or data_sm as it came in.
#[derive(Debug, Clone)]
pub struct SubmitRecord {
    /// Number of the session, from 1 in the order of connections.
    pub session: u64,
    /// submit_sm or data_sm.
    pub command_id: CommandId,
    /// Of the request.
    pub sequence_number: u32,
    /// source_addr
    pub source: String,
    /// destination_addr
    pub destination: String,
    /// short_message, or message_payload where that is empty.
    pub octets: Bytes,
    /// The same without the user data header, where there is one.
    pub text: Bytes,
    /// Whether they are from message_payload.
    pub payload: bool,
    /// Which part of a long message it is; `None` for a message of its own.
    pub segment: Option<Segment>,
    /// data_coding
    pub data_coding: u8,
    /// esm_class
    pub esm_class: u8,
    /// registered_delivery
    pub registered_delivery: u8,
    /// The optional parameters.
    pub tlvs: Tlvs,
    /// The whole PDU.
    pub pdu: Bytes,
    /// What it was answered with; `None` while unanswered.
    pub status: Option<CommandStatus>,
    /// message_id of the response, where it was accepted.
    pub message_id: Option<String>,
    /// When it came.
    pub at: SystemTime,
    pub(super) fate: Fate,
}

/// What query_sm and cancel_sm need to know of an accepted submit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) number: u64,
    pub(super) state: State,
    pub(super) final_at: Instant,
}

/// What a deliver_sm carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// A delivery receipt.
    Receipt,
    /// An intermediate notification.
    Intermediate,
    /// A message from a phone.
    Message,
}

/// A deliver_sm as it was sent; each attempt is one record.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// Number of the session.
    pub session: u64,
    /// Of the request.
    pub sequence_number: u32,
    /// What it carried.
    pub kind: DeliveryKind,
    /// The id in a receipt.
    pub message_id: Option<String>,
    /// The state in a receipt.
    pub state: Option<State>,
    /// source_addr
    pub source: String,
    /// destination_addr
    pub destination: String,
    /// The text of a message.
    pub octets: Bytes,
    /// Which attempt it was after temporary errors, from 1.
    pub attempt: u32,
    /// What it was answered with; `None` while unanswered.
    pub status: Option<CommandStatus>,
    /// When it was sent.
    pub at: SystemTime,
}

/// A bind as it came in.
#[derive(Debug, Clone)]
pub struct BindRecord {
    /// Number of the session.
    pub session: u64,
    /// system_id
    pub system_id: String,
    /// Whether the password was right.
    pub password_ok: bool,
    /// bind_transmitter, bind_receiver or bind_transceiver.
    pub mode: CommandId,
    /// interface_version
    pub interface_version: u8,
    /// system_type
    pub system_type: String,
    /// What it was answered with; `None` while unanswered.
    pub status: Option<CommandStatus>,
    /// When it came.
    pub at: SystemTime,
}

/// A connection, bound or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Number of the session.
    pub session: u64,
    /// Submits received.
    pub submits: u64,
    /// Most submits that were unanswered at once. A submit that is never answered counts to the end
    /// of the session, also after the client has given it up.
    pub peak_window: u32,
    /// Whether the connection still stands.
    pub open: bool,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }

        impl Counts {
            /// Name and value of each counter.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counts! {
    /// Connections accepted.
    connections,
    /// Connections that stand.
    open_sessions,
    /// Sessions that are bound.
    bound_sessions,
    /// Binds received.
    binds,
    /// Binds refused.
    binds_refused,
    /// unbind received.
    unbinds,
    /// unbind sent and answered.
    unbinds_answered,
    /// enquire_link received.
    enquire_links,
    /// enquire_link sent and answered.
    enquire_links_answered,
    /// submit_sm and data_sm received.
    submits,
    /// Those answered with ESME_ROK.
    accepted,
    /// Those answered with ESME_RTHROTTLED or ESME_RMSGQFUL.
    throttled,
    /// Those answered with another error.
    refused,
    /// generic_nack received.
    generic_nacks,
    /// What broke the protocol.
    violations,
    /// Receipts and intermediate notifications sent, repeated ones included.
    receipts,
    /// Messages from phones sent, repeated ones included.
    messages,
    /// Deliveries answered with ESME_ROK.
    acknowledged,
    /// Deliveries answered with an error.
    delivery_errors,
    /// Deliveries given up after an error.
    given_up,
    /// Receipts and messages dropped because too many waited.
    dropped,
}
