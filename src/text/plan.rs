//! How a text leaves: its coding, and the parts that it takes.

use bytes::Bytes;

use super::{Alphabet, Coding, Limit, TextError, encode, encode_as, fits_single};

/// What becomes of a text that does not fit into one message (`esme_long_message`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LongMessage {
    /// Parts with a user data header and a reference of 8 bits (GSM 03.40, 9.2.3.24.1).
    #[default]
    Udh,
    /// Parts with a user data header and a reference of 16 bits (GSM 03.40, 9.2.3.24.8).
    Udh16,
    /// Parts by the TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum.
    Sar,
    /// One submit with the TLV message_payload.
    Payload,
    /// It is refused.
    Reject,
    /// One submit of up to 254 octets, which the SMSC splits.
    None,
}

impl LongMessage {
    /// Every way.
    pub const ALL: [Self; 6] = [
        Self::Udh,
        Self::Udh16,
        Self::Sar,
        Self::Payload,
        Self::Reject,
        Self::None,
    ];

    /// The name in `esme_long_message`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udh => "udh",
            Self::Udh16 => "udh16",
            Self::Sar => "sar",
            Self::Payload => "payload",
            Self::Reject => "reject",
            Self::None => "none",
        }
    }

    /// By its name in `esme_long_message`; `None` for any other.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// How texts are sent by a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Style {
    /// `esme_default_alphabet`
    pub alphabet: Alphabet,
    /// `esme_transliterate`
    pub transliterate: bool,
    /// `esme_long_message`
    pub long_message: LongMessage,
    /// `esme_max_parts`
    pub max_parts: u8,
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Wanted {
    /// `smpp_data_coding`
    pub data_coding: Option<u8>,
    /// `smpp_message_class`, 0 to 3.
    pub message_class: Option<u8>,
}

/// A text ready to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// data_coding of every part.
    pub data_coding: u8,
    /// How the octets came about.
    pub coding: Coding,
    /// The length of the whole text: see [`Coding::unit`].
    pub units: usize,
    /// The octets of each part without its header: one, or 2 to 255.
    pub parts: Vec<Bytes>,
    /// The only part goes into message_payload, not into short_message.
    pub payload: bool,
    /// For `submission_info`: what was done to the text.
    pub note: Option<String>,
}

/// Encodes and splits a text.
///
/// # Errors
/// Why it can't be sent.
pub fn plan(text: &str, wanted: Wanted, style: &Style) -> Result<Plan, TextError> {
    let encoded = match wanted.data_coding {
        Some(data_coding) => encode_as(text, data_coding, style.alphabet)?,
        None => encode(text, style.alphabet),
    };
    let limit = match style.long_message {
        LongMessage::None => Limit::Submit,
        _ => Limit::Message,
    };
    fits_single(&encoded, limit)?;
    Ok(Plan {
        data_coding: encoded.data_coding,
        coding: encoded.coding,
        units: encoded.units,
        parts: vec![encoded.octets],
        payload: false,
        note: None,
    })
}

/// The octets of the user data header that goes before a part; none for parts by TLVs.
#[must_use]
pub fn concat_header(way: LongMessage, reference: u16, total: u8, part: u8) -> Vec<u8> {
    let [high, low] = reference.to_be_bytes();
    match way {
        LongMessage::Udh => vec![5, 0x00, 3, low, total, part],
        LongMessage::Udh16 => vec![6, 0x08, 4, high, low, total, part],
        _ => Vec::new(),
    }
}
