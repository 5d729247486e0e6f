//! message_state (SMPP 3.4, 5.2.28) and how states follow on each other.

use std::fmt;

/// What became of a message (`smpp_message_state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// On its way.
    Enroute,
    /// Delivered.
    Delivered,
    /// Its validity period is over.
    Expired,
    /// Deleted or cancelled.
    Deleted,
    /// Can't be delivered.
    Undeliverable,
    /// Taken over by someone on the way.
    Accepted,
    /// The SMSC does not know.
    Unknown,
    /// Refused.
    Rejected,
}

impl MessageState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Enroute,
        Self::Delivered,
        Self::Expired,
        Self::Deleted,
        Self::Undeliverable,
        Self::Accepted,
        Self::Unknown,
        Self::Rejected,
    ];

    /// The name in `smpp_message_state`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVERED",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIVERABLE",
            Self::Accepted => "ACCEPTED",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTED",
        }
    }

    /// The state with this name in `smpp_message_state`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of a message_state TLV or field; `None` where the number is reserved or the
    /// vendor's own. SCHEDULED (0) and SKIPPED (9) are SMPP 5.0, 4.7.15.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0 | 1 => Self::Enroute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 | 9 => Self::Undeliverable,
            6 => Self::Accepted,
            7 => Self::Unknown,
            8 => Self::Rejected,
            _ => return None,
        })
    }

    /// The state of a `stat:` word (SMPP 3.4, appendix B) in any case, and of the words beside
    /// the specification whose meaning is known; `None` for any other.
    #[must_use]
    pub fn from_stat_word(word: &str) -> Option<Self> {
        let word = word.trim();
        WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map(|&(_, state)| state)
    }

    /// The state of a `stat:` word that was cut off: at least four letters that begin the words of
    /// one state only.
    pub(super) fn from_cut_word(word: &str) -> Option<Self> {
        if word.len() < 4 {
            return None;
        }
        let mut states = WORDS
            .iter()
            .filter(|(known, _)| {
                known
                    .get(..word.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(word))
            })
            .map(|&(_, state)| state);
        let first = states.next()?;
        states.all(|state| state == first).then_some(first)
    }

    /// Whether nothing comes after this state. ENROUTE, ACCEPTED and UNKNOWN are intermediate.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Enroute | Self::Accepted | Self::Unknown)
    }
}

impl fmt::Display for MessageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a state just received takes the place of the current one.
///
/// The first final state stays. Among intermediate ones the latest counts; the same state again is
/// nothing new.
#[must_use]
pub fn replaces(current: Option<MessageState>, new: MessageState) -> bool {
    current.is_none_or(|current| !current.is_final() && current != new)
}

const WORDS: [(&str, MessageState); 23] = [
    ("DELIVRD", MessageState::Delivered),
    ("DELIVERD", MessageState::Delivered),
    ("DELIVERED", MessageState::Delivered),
    ("EXPIRED", MessageState::Expired),
    ("DELETED", MessageState::Deleted),
    ("UNDELIV", MessageState::Undeliverable),
    ("UNDELIVRD", MessageState::Undeliverable),
    ("UNDELIVERABLE", MessageState::Undeliverable),
    ("FAILED", MessageState::Undeliverable),
    ("SKIPPED", MessageState::Undeliverable),
    ("ACCEPTD", MessageState::Accepted),
    ("ACCEPTED", MessageState::Accepted),
    ("ACKED", MessageState::Accepted),
    ("UNKNOWN", MessageState::Unknown),
    ("REJECTD", MessageState::Rejected),
    ("REJECTED", MessageState::Rejected),
    ("DND_REJECTED", MessageState::Rejected),
    ("ENROUTE", MessageState::Enroute),
    ("BUFFRED", MessageState::Enroute),
    ("BUFFERD", MessageState::Enroute),
    ("BUFFERED", MessageState::Enroute),
    ("SCHEDLD", MessageState::Enroute),
    ("SCHEDULED", MessageState::Enroute),
];
