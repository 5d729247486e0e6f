//! Why a text can't be sent.

use thiserror::Error;

use super::Coding;

/// Why a text can't be sent. Each is one line that names the column to change, and never shows more
/// of the text than one character.
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
    #[error("{}", data_coding_reason(*.0))]
    DataCoding(u8),
    /// A class was asked for together with a data_coding that has no place for it.
    #[error(
        "smpp_message_class {message_class} does not go with smpp_data_coding {data_coding}: only with 0 (the server's default alphabet), 8 (UCS2) and NULL"
    )]
    Class {
        /// The class asked for.
        message_class: u8,
        /// The data_coding asked for.
        data_coding: u8,
    },
    /// There is no such class.
    #[error("smpp_message_class {0} does not exist: it must be 0 (flash), 1, 2 or 3")]
    NoClass(u8),
    /// It takes more parts than are allowed.
    #[error("text too long: {units} {unit} take {parts} parts, and esme_max_parts is {allowed}")]
    Parts {
        /// The length of the text.
        units: usize,
        /// What is counted.
        unit: &'static str,
        /// How many parts it takes.
        parts: usize,
        /// `esme_max_parts`
        allowed: usize,
    },
    /// It takes more than one message, and `esme_long_message` is `reject`.
    #[error(
        "text too long: {units} {unit} take {parts} parts, one message holds {limit}, and esme_long_message is reject"
    )]
    Rejected {
        /// The length of the text.
        units: usize,
        /// What is counted.
        unit: &'static str,
        /// How many parts it would take.
        parts: usize,
        /// What one message holds.
        limit: usize,
    },
    /// It takes more than one submit, and `esme_long_message` is `none`.
    #[error(
        "text too long: {units} {unit} are {octets} octets, one submit holds {limit}, and esme_long_message is none"
    )]
    Submit {
        /// The length of the text.
        units: usize,
        /// What is counted.
        unit: &'static str,
        /// The octets that it takes.
        octets: usize,
        /// The octets that fit.
        limit: usize,
    },
}

fn data_coding_reason(data_coding: u8) -> String {
    let binary = matches!(data_coding, 2 | 4 | 0x14..=0x17 | 0xF4..=0xF7);
    let what = if binary {
        "is for binary data"
    } else {
        "is not known"
    };
    format!(
        "data_coding {data_coding} (0x{data_coding:02X}) {what}: a text can be sent under 0 (the server's default \
         alphabet), 1 (ASCII), 3 (Latin-1), 8 (UCS2), 5 (Shift_JIS), 6 (ISO-8859-5), 7 (ISO-8859-8), 10 (ISO-2022-JP), \
         13 (EUC-JP), 14 (EUC-KR), and with a class or message waiting under 0x10-0x13, 0x18-0x1B, 0xC0-0xEF and \
         0xF0-0xF3"
    )
}
