//! Message texts: alphabets, data_coding (SMPP 3.4, 5.2.19) and the user data header.

mod coding;
mod data_coding;
mod error;
pub mod gsm7;
mod plan;
mod split;
mod transliterate;
mod udh;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use coding::Coding;
pub use data_coding::{TextDecoded, UDH_INDICATOR, decode, decode_message, decode_parts};
pub use error::TextError;
pub use plan::{LongMessage, Plan, Style, Wanted, concat_header, offending, plan};
pub use transliterate::replacement;
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

/// The octets that the short_message of one submit holds (SMPP 3.4, 5.2.22).
pub const SHORT_MESSAGE_MAX: usize = 254;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod vectors;
