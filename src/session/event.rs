//! What a session tells.

use std::time::Instant;

use bytes::Bytes;

use crate::pdu::{CommandId, CommandStatus, Frame, FrameError, StatusClass};

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The bind was refused.
    #[error("bind refused: {0}")]
    BindRefused(CommandStatus),
    /// No bind response within session_init_timer.
    #[error("no answer to the bind within smpp_session_init_timer")]
    BindTimeout,
    /// No answer to enquire_link within response_timer.
    #[error("no answer to enquire_link within smpp_response_timer")]
    EnquireLinkTimeout,
    /// Nothing received for inactivity_timer.
    #[error("nothing received within smpp_inactivity_timer")]
    Inactive,
    /// Every place of the window is taken by a submit past its response_timer.
    #[error("every submit of the window is without an answer past smpp_response_timer")]
    ResponsesMissing,
    /// A PDU began and did not end within pdu_read_timer.
    #[error("a PDU began and did not end within smpp_pdu_read_timer")]
    PduReadTimeout,
    /// The stream can't be cut into PDUs.
    #[error("the peer's octets are no PDU: {0}")]
    Framing(FrameError),
    /// A submit was answered with a status after which the session can't go on.
    #[error("the SMSC ended the session's right to submit: {0}")]
    Fatal(CommandStatus),
    /// The peer sent unbind.
    #[error("unbind from the SMSC")]
    PeerUnbound,
    /// We sent unbind, and the peer answered or did not within response_timer.
    #[error("unbound")]
    Unbound,
    /// The connection broke, or the peer closed it.
    #[error("connection lost: {0}")]
    Disconnected(String),
    /// The lease is another daemon's.
    #[error("the lease of the lane was lost")]
    LeaseLost,
}

/// What the state machine has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// The bind was accepted.
    Bound {
        /// Of the SMSC, as text.
        system_id: String,
    },
    /// A submit has its answer.
    Answered {
        /// As given to [`super::Session::submit`].
        token: T,
        /// Of the response, or of the generic_nack in its place.
        status: CommandStatus,
        /// What that means with this SMSC.
        class: StatusClass,
        /// Of the response; empty where it has none.
        message_id: String,
    },
    /// A submit stayed without an answer for twice the response_timer, and its place is free again.
    Unanswered {
        /// As given to [`super::Session::submit`].
        token: T,
    },
    /// A deliver_sm or data_sm that waits for [`super::Session::answer_delivery`].
    Delivery(Frame),
    /// An alert_notification or something that could not be understood: to be kept, not answered.
    Notice(Frame),
    /// The beginning of a stream that is no SMPP.
    Garbage(Bytes),
    /// The SMSC throttles by this status (ESME_RTHROTTLED, ESME_RMSGQFUL). Told once, however many
    /// submits are refused and however many pauses there are.
    Throttled(CommandStatus),
    /// The rate has held submits back for a while. Told once.
    HeldByRate,
    /// Neither SMSC nor rate holds submits back any more.
    ThrottleEnded,
    /// A response to nothing that waits: later than twice the response_timer, or never asked for.
    StrayResponse(CommandId),
}

/// Whether a submit may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Yes.
    Now,
    /// Not before this time (rate or throttling).
    At(Instant),
    /// Not before something else happens (a full window, a pause, not bound, unbinding).
    Blocked,
}
