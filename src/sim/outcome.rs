//! What becomes of a message: chosen by the last two digits of its destination.

use super::segment::Segment;
use crate::pdu::CommandStatus;

/// The table of [`Outcome::of`], as `esmed-sim --help` shows it.
pub const OUTCOMES: &str = "\
Outcome by the last two digits of destination_addr:
  01        receipt UNDELIV, err 001
  02        receipt EXPIRED, err 002
  03        receipt REJECTD, err 003
  04        accepted, never a receipt
  05        first ENROUTE, then DELIVRD
  06        the receipt (DELIVRD) comes before the response
  07        refused for good: ESME_RINVDSTADR
  08        accepted, but the answer is slow (7 s)
  09        recorded, never answered
  11 to 19  n times ESME_RSYSERR, then accepted; 10: always
  21 to 29  n times ESME_RTHROTTLED, then accepted; 20: always
  31 to 39  n times ESME_RMSGQFUL, then accepted; 30: always
  41        of a long message part 2 is refused for good: ESME_RSUBMITFAIL
  42        part 2 is refused once (ESME_RSYSERR), then accepted
  43        the receipts come when all parts are accepted, that of the
            last part first
  44        one receipt (DELIVRD) when all parts are accepted, for the part
            that came last
  45        part 2 ends with the receipt UNDELIV
  46        part 2 is recorded, never answered
  47        part 2 is refused once (ESME_RTHROTTLED), then accepted
  others    accepted, receipt DELIVRD, err 000";

/// What is to be known of [`OUTCOMES`].
pub(super) const OUTCOMES_NOTE: &str = "\
41 to 47 know parts by a user data header or by SAR; other parts and messages are like others. n is the \
last digit, and is counted for each message or part: same source, destination and octets. Receipts are sent only where registered_delivery asks \
for them.";

/// message_state of a receipt (SMPP 3.4, 5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// On its way.
    Enroute = 1,
    /// Delivered.
    Delivered = 2,
    /// Its validity period is over.
    Expired = 3,
    /// Cancelled.
    Deleted = 4,
    /// Can't be delivered.
    Undeliverable = 5,
    /// Refused by the network.
    Rejected = 8,
}

impl State {
    /// The value of the TLV message_state.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// `stat:` of a receipt's text (Appendix B).
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Rejected => "REJECTD",
        }
    }

    /// `err:` of a receipt's text, and the code within the TLV network_error_code.
    #[must_use]
    pub fn error(self) -> u16 {
        match self {
            Self::Enroute | Self::Delivered => 0,
            Self::Undeliverable => 1,
            Self::Expired => 2,
            Self::Rejected => 3,
            Self::Deleted => 4,
        }
    }

    /// Whether a receipt "on failure only" tells of it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Enroute | Self::Delivered)
    }
}

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted; ends in this state.
    Final(State),
    /// Accepted, never a receipt.
    NoReceipt,
    /// Accepted; ENROUTE, then DELIVRD.
    EnrouteFirst,
    /// The receipt comes before the response.
    ReceiptFirst,
    /// Accepted, but the answer is slow.
    Slow,
    /// Recorded, never answered.
    Unanswered,
    /// A part, accepted; the receipts come when all parts are, that of the last part first.
    LastFirst,
    /// A part, accepted; one receipt comes when all parts are, for the part that came last.
    OneReceipt,
    /// Answered with `status` so many `times` (`None`: always), then accepted.
    Refused {
        /// The answer.
        status: CommandStatus,
        /// How often.
        times: Option<u8>,
    },
}

impl Outcome {
    /// The outcome for a destination_addr, by its last two digits, and for a part of a long
    /// message by its number; see [`OUTCOMES`].
    #[must_use]
    pub fn of(destination: &[u8], segment: Option<Segment>) -> Self {
        let [.., tens, units] = destination else {
            return Self::Final(State::Delivered);
        };
        let times = units.checked_sub(b'0').filter(|&digit| digit > 0);
        let refused = |status| Self::Refused { status, times };
        if *tens == b'4' {
            return match segment.filter(Segment::is_of_several) {
                Some(segment) => Self::of_part(*units, segment.part),
                None => Self::Final(State::Delivered),
            };
        }
        match (tens, units) {
            (b'0', b'1') => Self::Final(State::Undeliverable),
            (b'0', b'2') => Self::Final(State::Expired),
            (b'0', b'3') => Self::Final(State::Rejected),
            (b'0', b'4') => Self::NoReceipt,
            (b'0', b'5') => Self::EnrouteFirst,
            (b'0', b'6') => Self::ReceiptFirst,
            (b'0', b'7') => Self::Refused {
                status: CommandStatus::ESME_RINVDSTADR,
                times: None,
            },
            (b'0', b'8') => Self::Slow,
            (b'0', b'9') => Self::Unanswered,
            (b'1', b'0'..=b'9') => refused(CommandStatus::ESME_RSYSERR),
            (b'2', b'0'..=b'9') => refused(CommandStatus::ESME_RTHROTTLED),
            (b'3', b'0'..=b'9') => refused(CommandStatus::ESME_RMSGQFUL),
            _ => Self::Final(State::Delivered),
        }
    }

    fn of_part(units: u8, part: u8) -> Self {
        let refused = |status, times| Self::Refused { status, times };
        match (units, part) {
            (b'1', 2) => refused(CommandStatus::ESME_RSUBMITFAIL, None),
            (b'2', 2) => refused(CommandStatus::ESME_RSYSERR, Some(1)),
            (b'3', _) => Self::LastFirst,
            (b'4', _) => Self::OneReceipt,
            (b'5', 2) => Self::Final(State::Undeliverable),
            (b'6', 2) => Self::Unanswered,
            (b'7', 2) => refused(CommandStatus::ESME_RTHROTTLED, Some(1)),
            _ => Self::Final(State::Delivered),
        }
    }

    /// The state in which an accepted message ends.
    #[must_use]
    pub fn final_state(self) -> State {
        match self {
            Self::Final(state) => state,
            _ => State::Delivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SegmentKind;
    use super::*;

    #[test]
    fn the_last_two_digits_choose() {
        let delivered = Outcome::Final(State::Delivered);
        for (destination, outcome) in [
            ("", delivered),
            ("7", delivered),
            ("27820000000", delivered),
            ("2782000ab", delivered),
            ("278200001", Outcome::Final(State::Undeliverable)),
            ("278200002", Outcome::Final(State::Expired)),
            ("278200003", Outcome::Final(State::Rejected)),
            ("278200004", Outcome::NoReceipt),
            ("278200005", Outcome::EnrouteFirst),
            ("278200006", Outcome::ReceiptFirst),
            ("278200008", Outcome::Slow),
            ("09", Outcome::Unanswered),
            ("278200040", delivered),
            // A message of its own is no part 2.
            ("278200041", delivered),
            ("278200043", delivered),
            ("278200099", delivered),
        ] {
            assert_eq!(
                Outcome::of(destination.as_bytes(), None),
                outcome,
                "{destination}"
            );
        }
    }

    #[test]
    fn refusals_count_by_the_last_digit() {
        for (destination, status, times) in [
            ("278200007", CommandStatus::ESME_RINVDSTADR, None),
            ("278200010", CommandStatus::ESME_RSYSERR, None),
            ("278200013", CommandStatus::ESME_RSYSERR, Some(3)),
            ("278200020", CommandStatus::ESME_RTHROTTLED, None),
            ("278200029", CommandStatus::ESME_RTHROTTLED, Some(9)),
            ("278200031", CommandStatus::ESME_RMSGQFUL, Some(1)),
        ] {
            assert_eq!(
                Outcome::of(destination.as_bytes(), None),
                Outcome::Refused { status, times },
                "{destination}"
            );
        }
    }

    #[test]
    fn parts_of_long_messages() {
        let of = |destination: &str, part, total| {
            let segment = Segment {
                kind: SegmentKind::Sar,
                reference: 7,
                total,
                part,
            };
            Outcome::of(destination.as_bytes(), Some(segment))
        };
        let delivered = Outcome::Final(State::Delivered);
        let refused = |status, times| Outcome::Refused { status, times };
        for (destination, second, others) in [
            (
                "41",
                refused(CommandStatus::ESME_RSUBMITFAIL, None),
                delivered,
            ),
            (
                "42",
                refused(CommandStatus::ESME_RSYSERR, Some(1)),
                delivered,
            ),
            ("43", Outcome::LastFirst, Outcome::LastFirst),
            ("44", Outcome::OneReceipt, Outcome::OneReceipt),
            ("45", Outcome::Final(State::Undeliverable), delivered),
            ("46", Outcome::Unanswered, delivered),
            (
                "47",
                refused(CommandStatus::ESME_RTHROTTLED, Some(1)),
                delivered,
            ),
            ("48", delivered, delivered),
            ("99", delivered, delivered),
        ] {
            assert_eq!(of(destination, 2, 3), second, "{destination}");
            assert_eq!(of(destination, 1, 3), others, "{destination}");
            assert_eq!(of(destination, 3, 3), others, "{destination}");
            assert_eq!(of(destination, 1, 1), delivered, "{destination}");
        }
        // The other numbers do with each part what they do with a message.
        assert_eq!(of("04", 2, 3), Outcome::NoReceipt);
    }
}
