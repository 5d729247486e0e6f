//! How the simulator behaves; every setting can be changed while sessions run.

use std::time::Duration;

use bytes::BytesMut;

use crate::pdu::CommandStatus;

/// The settings of a running simulator; changed by [`Sim::behave`](super::Sim::behave).
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The only system_id and password that may bind; `None`: any.
    pub credentials: Option<(String, String)>,
    /// Every bind is answered with this status.
    pub bind_status: Option<CommandStatus>,
    /// Every bind_receiver is answered with this status.
    pub receiver_bind_status: Option<CommandStatus>,
    /// Every submit is answered with this status, whatever its destination.
    pub submit_status: Option<CommandStatus>,
    /// From a submit to its response.
    pub response_delay: Duration,
    /// The same for a destination whose outcome is a slow answer.
    pub slow_response_delay: Duration,
    /// From the response to the receipt.
    pub receipt_delay: Duration,
    /// Where a receipt says what it says.
    pub receipts: ReceiptStyle,
    /// How the message_id of the response and the id of the receipt are written.
    pub ids: IdStyle,
    /// Send each receipt before the response, as destinations with digits 06 always do. The response
    /// then waits until the receipt is sent; where no receiver is bound it does not wait.
    pub receipt_before_response: bool,
    /// Most unanswered deliver_sm in a session; the rest waits.
    pub deliver_window: usize,
    /// From a temporary error in a deliver_sm_resp to the next attempt.
    pub redelivery_delay: Duration,
    /// Attempts after which a delivery that meets temporary errors is given up.
    pub redelivery_attempts: u32,
    /// What stays without an answer.
    pub mute: Mute,
    /// The submit with this number (counted in each session, from 1) is recorded, but instead of an
    /// answer the connection is reset.
    pub drop_after: Option<u64>,
    /// Connections are accepted and reset at once. For a closed port see [`Sim::stop`](super::Sim::stop).
    pub refuse_connections: bool,
    /// Most submits that a session may send within any second; ESME_RTHROTTLED above.
    pub throttle: Option<u32>,
    /// Most unanswered submits of a session; ESME_RTHROTTLED and a recorded violation above.
    pub max_window: Option<u32>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            credentials: None,
            bind_status: None,
            receiver_bind_status: None,
            submit_status: None,
            response_delay: Duration::ZERO,
            slow_response_delay: Duration::from_secs(7),
            receipt_delay: Duration::ZERO,
            receipts: ReceiptStyle::Both,
            ids: IdStyle::Same,
            receipt_before_response: false,
            deliver_window: 100,
            redelivery_delay: Duration::from_millis(200),
            redelivery_attempts: 100,
            mute: Mute::default(),
            drop_after: None,
            refuse_connections: false,
            throttle: None,
            max_window: None,
        }
    }
}

/// What stays without an answer. What came in while mute is not answered later either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mute {
    /// Nothing at all is sent, no receipts and messages either; those wait.
    pub all: bool,
    /// submit_sm and data_sm.
    pub submits: bool,
    /// enquire_link.
    pub enquire_links: bool,
    /// The binds.
    pub binds: bool,
    /// unbind.
    pub unbinds: bool,
}

/// Where a receipt says what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReceiptStyle {
    /// In receipted_message_id, message_state and network_error_code; the text is empty.
    Tlv,
    /// In the text of SMPP 3.4, Appendix B.
    Text,
    /// In both.
    #[default]
    Both,
}

/// How one message's id is written in the response and in the receipt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum IdStyle {
    /// Decimal in both.
    #[default]
    Same,
    /// Hexadecimal in the response, decimal in the receipt.
    RespHex,
    /// Decimal in the response, hexadecimal in the receipt.
    ReceiptHex,
    /// Hexadecimal in both: upper case with leading zeros in the response, lower case in the receipt.
    MixedCase,
}

impl IdStyle {
    /// Appends the message_id of a response.
    pub(super) fn put_response(self, number: u64, out: &mut BytesMut) {
        match self {
            Self::Same | Self::ReceiptHex => put(out, format_args!("{number}")),
            Self::RespHex => put(out, format_args!("{number:X}")),
            Self::MixedCase => put(out, format_args!("{number:016X}")),
        }
    }

    /// Appends the id of a receipt.
    pub(super) fn put_receipt(self, number: u64, out: &mut BytesMut) {
        match self {
            Self::Same | Self::RespHex => put(out, format_args!("{number}")),
            Self::ReceiptHex | Self::MixedCase => put(out, format_args!("{number:x}")),
        }
    }

    /// The message_id of a response.
    pub(super) fn response(self, number: u64) -> String {
        text(|out| self.put_response(number, out))
    }

    /// The id of a receipt.
    pub(super) fn receipt(self, number: u64) -> String {
        text(|out| self.put_receipt(number, out))
    }

    /// The number behind a message_id that a client sends back.
    pub(super) fn parse_response(self, id: &[u8]) -> Option<u64> {
        let id = std::str::from_utf8(id).ok()?;
        match self {
            Self::Same | Self::ReceiptHex => id.parse().ok(),
            Self::RespHex | Self::MixedCase => u64::from_str_radix(id, 16).ok(),
        }
    }
}

/// Writes formatted text to a buffer, which grows as needed.
pub(super) fn put(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // Writing to BytesMut fails only past usize::MAX octets.
    let _ = std::fmt::Write::write_fmt(out, text);
}

fn text(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_response_and_receipt() {
        for (style, response, receipt) in [
            (IdStyle::Same, "703710", "703710"),
            (IdStyle::RespHex, "ABCDE", "703710"),
            (IdStyle::ReceiptHex, "703710", "abcde"),
            (IdStyle::MixedCase, "00000000000ABCDE", "abcde"),
        ] {
            assert_eq!(style.response(703_710), response);
            assert_eq!(style.receipt(703_710), receipt);
            assert_eq!(style.parse_response(response.as_bytes()), Some(703_710));
        }
    }
}
