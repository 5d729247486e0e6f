//! message_id: the forms in which a response and a receipt name the same message.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Longer ids are not converted. The longest that the specification allows has 64 characters.
const CONVERTED_MAX: usize = 128;

/// How the id in a receipt relates to the id in the response (`esme_message_id_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IdFormat {
    /// The same, but for case and leading zeros.
    #[default]
    Same,
    /// The response is hexadecimal, the receipt decimal.
    RespHex,
    /// The receipt is hexadecimal, the response decimal.
    ReceiptHex,
}

impl IdFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Same, Self::RespHex, Self::ReceiptHex];

    /// The name in `esme_message_id_format`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::RespHex => "resp_hex",
            Self::ReceiptHex => "receipt_hex",
        }
    }
}

impl fmt::Display for IdFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`IdFormat`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown message id format '{0}'; known are same, resp_hex and receipt_hex")]
pub struct UnknownIdFormat(pub String);

impl FromStr for IdFormat {
    type Err = UnknownIdFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownIdFormat(name.to_owned()))
    }
}

/// The form of an id that is compared: ASCII lower case, leading zeros off, `0` for an id of
/// zeros only. An empty id stays empty. The database has the same as a function.
#[must_use]
pub fn canonical(id: &str) -> String {
    let stripped = id.trim_start_matches('0');
    if stripped.is_empty() && !id.is_empty() {
        return "0".to_owned();
    }
    stripped.to_ascii_lowercase()
}

/// The canonical id that the response must have had for a receipt with this id.
///
/// An id that is not of the base that the format says stays as it is, made canonical.
#[must_use]
pub fn response_key(format: IdFormat, receipt_id: &str) -> String {
    match format {
        IdFormat::Same => None,
        IdFormat::RespHex => convert(receipt_id, 10, 16),
        IdFormat::ReceiptHex => convert(receipt_id, 16, 10),
    }
    .unwrap_or_else(|| canonical(receipt_id))
}

/// The canonical id of a receipt for a response with this id: the way back of [`response_key`].
#[must_use]
pub fn receipt_key(format: IdFormat, response_id: &str) -> String {
    match format {
        IdFormat::Same => None,
        IdFormat::RespHex => convert(response_id, 16, 10),
        IdFormat::ReceiptHex => convert(response_id, 10, 16),
    }
    .unwrap_or_else(|| canonical(response_id))
}

/// A number from one base to another, of any size, without leading zeros and in lower case;
/// `None` if it is not a number in that base or has more than [`CONVERTED_MAX`] digits.
fn convert(id: &str, from: u32, to: u32) -> Option<String> {
    if id.is_empty() || id.len() > CONVERTED_MAX {
        return None;
    }
    // The digits in the new base, the lowest first.
    let mut digits: Vec<u32> = Vec::with_capacity(id.len());
    for ch in id.chars() {
        let mut carry = ch.to_digit(from)?;
        for digit in &mut digits {
            let value = *digit * from + carry;
            *digit = value % to;
            carry = value / to;
        }
        while carry > 0 {
            digits.push(carry % to);
            carry /= to;
        }
    }
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    digits
        .iter()
        .rev()
        .map(|&digit| char::from_digit(digit, to))
        .collect()
}
