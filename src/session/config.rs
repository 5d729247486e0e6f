//! What a session is told before and while it lives.

use std::time::Duration;

use crate::classes::Classes;
use crate::pdu::Bind;

/// Which bind is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindMode {
    /// bind_transmitter: submits only.
    Transmitter,
    /// bind_receiver: deliveries only.
    Receiver,
    /// bind_transceiver: both.
    Transceiver,
}

/// The five timers (7.2) and what they guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// From the connection to the bind response.
    pub session_init: Duration,
    /// Without a PDU from the peer for so long: ask with enquire_link. `None`: never ask.
    pub enquire_link: Option<Duration>,
    /// Without a PDU from the peer for so long: the session is dead. `None`: never.
    pub inactivity: Option<Duration>,
    /// From a request to its response.
    pub response: Duration,
    /// From the first octet of a PDU to its last.
    pub pdu_read: Duration,
}

/// What can change while the session lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Most unanswered submits at once.
    pub window: usize,
    /// Most submits a second; `None`: no limit.
    pub rate: Option<f64>,
    /// First pause after ESME_RTHROTTLED or ESME_RMSGQFUL.
    pub throttle_delay: Duration,
    /// Stay bound, submit nothing.
    pub paused: bool,
}

/// What a session is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which bind is sent.
    pub mode: BindMode,
    /// Its body.
    pub bind: Bind,
    /// The timers.
    pub timers: Timers,
    /// What can change later.
    pub settings: Settings,
    /// What the answers to submits mean; can change later too.
    pub classes: Classes,
    /// Longest PDU accepted, in octets.
    pub max_pdu_length: usize,
}
