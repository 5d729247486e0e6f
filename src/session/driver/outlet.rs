//! What goes into a driver and comes out of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::Settings;
use crate::classes::Classes;
use crate::pdu::{CommandId, CommandStatus, Frame, StatusClass, SubmitSm};

/// A submit on its way to the socket.
#[derive(Debug)]
pub struct Submission<T> {
    /// The body.
    pub submit_sm: SubmitSm,
    /// What its sender knows it by.
    pub token: T,
    /// Not to be sent at or after this time.
    pub expires: Option<Instant>,
}

/// What became of a [`Submission`]; each has exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The SMSC answered.
    Answered {
        /// Its status.
        status: CommandStatus,
        /// What that meant when it came: session and table go by the same meaning.
        class: StatusClass,
        /// The id it gave; empty where it gave none.
        message_id: String,
    },
    /// No answer in time, or the session ended: the SMSC may have it.
    Unanswered,
    /// Not sent: the SMSC can't have it.
    Unwritten,
    /// It can't be written as a PDU, for this reason.
    Unencodable(String),
}

/// How a delivery is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryAnswer {
    /// Of the request.
    pub command_id: CommandId,
    /// Of the request.
    pub sequence_number: u32,
    /// ESME_ROK once it is stored.
    pub status: CommandStatus,
    /// How long the request was.
    pub octets: usize,
}

/// A PDU to be stored.
#[derive(Debug)]
pub struct Delivery {
    /// As received.
    pub received: Received,
    /// Where its answer goes; `None` where it wants none.
    pub answer: Option<mpsc::Sender<DeliveryAnswer>>,
}

/// What was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole PDU.
    Pdu(Frame),
    /// The beginning of a stream that is no SMPP.
    Garbage(Bytes),
}

impl Received {
    /// Its octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Pdu(frame) => &frame.octets,
            Self::Garbage(octets) => octets,
        }
    }
}

impl Delivery {
    /// Sends the answer; a session that has ended meanwhile takes none, and the SMSC will repeat.
    pub fn answer(&self, status: CommandStatus) {
        if let (Some(answer), Received::Pdu(frame)) = (&self.answer, &self.received) {
            // The channel is as deep as there are unanswered deliveries, so it is never full.
            let _ = answer.try_send(DeliveryAnswer {
                command_id: frame.header.command_id,
                sequence_number: frame.header.sequence_number,
                status,
                octets: frame.octets.len(),
            });
        }
    }
}

/// What a session tells while it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Bound, to an SMSC that calls itself so.
    Bound(String),
    /// The SMSC throttles, by this status.
    Throttled(CommandStatus),
    /// The rate has held submits back for a while.
    HeldByRate,
    /// Neither SMSC nor rate holds submits back any more.
    ThrottleEnded,
    /// Submits stop, for an unbind that we were asked for.
    Unbinding,
    /// A response to nothing that waits.
    StrayResponse(CommandId),
}

/// Where a session's news go. No method may block.
pub trait Outlet {
    /// What a submit is known by.
    type Token;
    /// A submit has its outcome.
    fn outcome(&mut self, token: Self::Token, outcome: SubmitOutcome);
    /// A PDU is to be stored. Gives it back when it can't be taken now.
    ///
    /// # Errors
    /// The delivery itself, to be refused for the time being.
    fn delivery(&mut self, delivery: Delivery) -> Result<(), Delivery>;
    /// A delivery was not taken, and the SMSC is told so.
    fn refused(&mut self) {}
    /// Something changed.
    fn notice(&mut self, notice: Notice);
    /// A submit is about to leave.
    fn leaves(&mut self, _token: &mut Self::Token, _now: Instant) {}
    /// It is in the window, and its octets are on their way.
    fn submitted(&mut self) {}
    /// How many submits are unanswered, whenever that changed.
    fn in_flight(&mut self, count: usize);
    /// Until when submits pause for throttling, whenever that changed: `None` once one is accepted.
    fn throttled_until(&mut self, until: Option<Instant>);
    /// Whether submits may be written at this time: false when the lane may be another daemon's.
    fn may_submit(&self, now: Instant) -> bool;
}

/// What the session is told to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// In force from now on.
    pub settings: Settings,
    /// In force from now on.
    pub classes: Classes,
    /// Unbind, awaiting answers for so long.
    pub unbind: Option<Duration>,
    /// End at once: the lane is another daemon's.
    pub abandon: bool,
}
