//! Message texts: alphabets, data_coding (SMPP 3.4, 5.2.19) and the user data header.

mod data_coding;
pub mod gsm7;
mod plan;
mod udh;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use encoding_rs::mem;
use thiserror::Error;

pub use data_coding::{TextDecoded, UDH_INDICATOR, decode, decode_message, decode_parts};
pub use plan::{LongMessage, Plan, Style, Wanted, concat_header, plan};
pub use udh::{Concat, Udh, UdhError, split_udh};

/// data_coding of the SMSC default alphabet.
pub const DATA_CODING_DEFAULT: u8 = 0;
/// data_coding of ASCII (IA5).
pub const DATA_CODING_ASCII: u8 = 1;
/// data_coding of Latin-1 (ISO-8859-1).
pub const DATA_CODING_LATIN1: u8 = 3;
/// data_coding of UCS2 (ISO/IEC-10646), big endian.
pub const DATA_CODING_UCS2: u8 = 8;

/// What data_coding 0 means for a server (`esme_default_alphabet`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Alphabet {
    /// GSM 03.38, an octet a septet.
    #[default]
    Gsm0338,
    /// GSM 03.38, eight septets in seven octets.
    Gsm0338Packed,
    /// ASCII.
    Ascii,
    /// ISO-8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
}

impl Alphabet {
    /// Every alphabet.
    pub const ALL: [Self; 5] = [
        Self::Gsm0338,
        Self::Gsm0338Packed,
        Self::Ascii,
        Self::Latin1,
        Self::Utf8,
    ];

    /// The name in `esme_default_alphabet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm0338 => "GSM0338",
            Self::Gsm0338Packed => "GSM0338_PACKED",
            Self::Ascii => "ASCII",
            Self::Latin1 => "LATIN1",
            Self::Utf8 => "UTF8",
        }
    }

    fn coding(self) -> Coding {
        match self {
            Self::Gsm0338 => Coding::Gsm,
            Self::Gsm0338Packed => Coding::GsmPacked,
            Self::Ascii => Coding::Ascii,
            Self::Latin1 => Coding::Latin1,
            Self::Utf8 => Coding::Utf8,
        }
    }
}

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Alphabet`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown alphabet '{0}'; known are GSM0338, GSM0338_PACKED, ASCII, LATIN1 and UTF8")]
pub struct UnknownAlphabet(pub String);

impl FromStr for Alphabet {
    type Err = UnknownAlphabet;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|alphabet| alphabet.name() == name)
            .ok_or_else(|| UnknownAlphabet(name.to_owned()))
    }
}

/// How the characters of an [`Encoded`] text became octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// GSM 03.38, an octet a septet.
    Gsm,
    /// GSM 03.38, eight septets in seven octets.
    GsmPacked,
    /// ASCII.
    Ascii,
    /// ISO-8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
    /// UTF-16, big endian.
    Ucs2,
}

impl Coding {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm | Self::GsmPacked => "GSM 03.38",
            Self::Ascii => "ASCII",
            Self::Latin1 => "Latin-1",
            Self::Utf8 => "UTF-8",
            Self::Ucs2 => "UCS2",
        }
    }

    /// What [`Encoded::units`] counts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Gsm | Self::GsmPacked => "septets",
            Self::Ascii => "characters",
            Self::Latin1 | Self::Utf8 => "octets",
            Self::Ucs2 => "UCS2 characters",
        }
    }

    /// The units that one message on the air holds: 140 octets, of 7, 8 or 16 bits a unit.
    ///
    /// ASCII travels as septets: the SMSC converts it.
    #[must_use]
    pub fn units_single(self) -> usize {
        match self {
            Self::Gsm | Self::GsmPacked | Self::Ascii => 160,
            Self::Latin1 | Self::Utf8 => 140,
            Self::Ucs2 => 70,
        }
    }
}

/// A text as it goes into short_message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The data_coding to send it under.
    pub data_coding: u8,
    /// The text's octets.
    pub octets: Bytes,
    /// How the octets came about.
    pub coding: Coding,
    /// Septets (escapes counted), octets or UTF-16 units: see [`Coding::unit`].
    pub units: usize,
}

/// Why a text can't be sent under a data_coding.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextError {
    /// A character is not in the alphabet.
    #[error(
        "character {ch:?} (U+{:04X}) at position {position} is not in {}, which data_coding {data_coding} asks for",
        u32::from(*ch),
        coding.name()
    )]
    Character {
        /// The first such character.
        ch: char,
        /// Its place, in characters, from 1.
        position: usize,
        /// The alphabet.
        coding: Coding,
        /// The data_coding asked for.
        data_coding: u8,
    },
    /// Texts can't be sent under this data_coding.
    #[error(
        "data_coding {0}: a text can be sent under 0 (the server's default alphabet), 1 (ASCII), 3 (Latin-1) and 8 (UCS2)"
    )]
    DataCoding(u8),
    /// The text is longer than one message or PDU.
    #[error("text too long: {units} {unit}, {holder} holds {limit}")]
    TooLong {
        /// The length of the text.
        units: usize,
        /// What is counted.
        unit: &'static str,
        /// What the text should have fitted into.
        holder: &'static str,
        /// The length that fits.
        limit: usize,
    },
}

/// Encodes a text: in the default alphabet under data_coding 0 where every character fits,
/// otherwise as UCS2 under 8.
#[must_use]
pub fn encode(text: &str, alphabet: Alphabet) -> Encoded {
    convert(text, DATA_CODING_DEFAULT, alphabet.coding()).unwrap_or_else(|_| ucs2(text))
}

/// Encodes a text under the data_coding asked for: 0 (the default alphabet), 1 (ASCII), 3
/// (Latin-1) or 8 (UCS2).
///
/// # Errors
/// [`TextError::Character`] with the first character that does not fit, [`TextError::DataCoding`]
/// for any other data_coding.
pub fn encode_as(text: &str, data_coding: u8, alphabet: Alphabet) -> Result<Encoded, TextError> {
    let coding = match data_coding {
        DATA_CODING_DEFAULT => alphabet.coding(),
        DATA_CODING_ASCII => Coding::Ascii,
        DATA_CODING_LATIN1 => Coding::Latin1,
        DATA_CODING_UCS2 => Coding::Ucs2,
        other => return Err(TextError::DataCoding(other)),
    };
    convert(text, data_coding, coding).map_err(|ch| TextError::Character {
        ch,
        position: 1 + text.chars().take_while(|&other| other != ch).count(),
        coding,
        data_coding,
    })
}

/// The text in one coding, or the first character that does not fit.
fn convert(text: &str, data_coding: u8, coding: Coding) -> Result<Encoded, char> {
    let (octets, units) = match coding {
        Coding::Gsm => {
            let septets = gsm7::encode(text)?;
            let units = septets.len();
            (Bytes::from(septets), units)
        }
        Coding::GsmPacked => {
            let septets = gsm7::encode(text)?;
            (Bytes::from(gsm7::pack(&septets, 0)), septets.len())
        }
        Coding::Ascii => {
            if let Some(ch) = text.chars().find(|ch| !ch.is_ascii()) {
                return Err(ch);
            }
            (Bytes::copy_from_slice(text.as_bytes()), text.len())
        }
        Coding::Latin1 => {
            // encode_latin1_lossy gives garbage for anything else.
            if !mem::is_str_latin1(text)
                && let Some(ch) = text.chars().find(|&ch| ch > '\u{FF}')
            {
                return Err(ch);
            }
            let octets = mem::encode_latin1_lossy(text).into_owned();
            let units = octets.len();
            (Bytes::from(octets), units)
        }
        Coding::Utf8 => (Bytes::copy_from_slice(text.as_bytes()), text.len()),
        Coding::Ucs2 => return Ok(ucs2(text)),
    };
    Ok(Encoded {
        data_coding,
        octets,
        coding,
        units,
    })
}

/// A text as UCS2: UTF-16 in fact, as telephones read it, with surrogate pairs.
fn ucs2(text: &str) -> Encoded {
    let mut octets = Vec::with_capacity(text.len() * 2);
    for unit in text.encode_utf16() {
        octets.extend_from_slice(&unit.to_be_bytes());
    }
    Encoded {
        data_coding: DATA_CODING_UCS2,
        units: octets.len() / 2,
        octets: Bytes::from(octets),
        coding: Coding::Ucs2,
    }
}

/// What a text that is not split has to fit into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// One message on the air: see [`Coding::units_single`].
    Message,
    /// The short_message of one submit, 254 octets: the SMSC splits (`esme_long_message` `none`).
    Submit,
}

/// The octets that the short_message of one submit holds (SMPP 3.4, 5.2.22).
pub const SHORT_MESSAGE_MAX: usize = 254;

/// Whether a text fits without being split.
///
/// # Errors
/// [`TextError::TooLong`], e.g. "text too long: 161 septets, one message holds 160".
pub fn fits_single(encoded: &Encoded, limit: Limit) -> Result<(), TextError> {
    let (units, unit, holder, limit) = match limit {
        Limit::Message => (
            encoded.units,
            encoded.coding.unit(),
            "one message",
            encoded.coding.units_single(),
        ),
        Limit::Submit => (
            encoded.octets.len(),
            "octets",
            "one submit",
            SHORT_MESSAGE_MAX,
        ),
    };
    if units <= limit {
        return Ok(());
    }
    Err(TextError::TooLong {
        units,
        unit,
        holder,
        limit,
    })
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod vectors;
