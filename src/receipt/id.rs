//! message_id: the forms in which a response and a receipt name the same message.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hex;

/// Longer ids are not converted. The longest that the specification allows has 64 characters.
const CONVERTED_MAX: usize = 128;

/// How the id in a receipt relates to the id in the response (`esme_message_id_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IdFormat {
    /// The same, but for what [`canonical`] takes off.
    #[default]
    Same,
    /// The response is hexadecimal, the receipt decimal.
    RespHex,
    /// The receipt is hexadecimal, the response decimal.
    ReceiptHex,
    /// A UUID, with hyphens on one side only.
    Uuid,
    /// The receipt has an `@` and more behind the id of the response.
    ReceiptSuffix,
    /// The response is the receipt's id with each character as two hexadecimal digits.
    RespHexString,
}

impl IdFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Same,
        Self::RespHex,
        Self::ReceiptHex,
        Self::Uuid,
        Self::ReceiptSuffix,
        Self::RespHexString,
    ];

    /// The name in `esme_message_id_format`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::RespHex => "resp_hex",
            Self::ReceiptHex => "receipt_hex",
            Self::Uuid => "uuid",
            Self::ReceiptSuffix => "receipt_suffix",
            Self::RespHexString => "resp_hex_string",
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
#[error(
    "unknown message id format '{0}'; known are same, resp_hex, receipt_hex, uuid, receipt_suffix and resp_hex_string"
)]
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

/// The form of an id that is compared: blanks around it, `0x` before a hexadecimal number and
/// leading zeros off, ASCII lower case. `0` for an id of zeros only; an empty id stays empty. The
/// database has the same as a function (`esmed_canonical_id`).
#[must_use]
pub fn canonical(id: &str) -> String {
    let id = id.trim_end_matches(' ');
    let id = id
        .strip_prefix("0x")
        .or_else(|| id.strip_prefix("0X"))
        .filter(|digits| is_number(digits, 16))
        .unwrap_or(id);
    let stripped = id.trim_start_matches(['0', ' ']);
    if stripped.is_empty() && !id.is_empty() {
        return "0".to_owned();
    }
    stripped.to_ascii_lowercase()
}

/// The canonical ids that the response may have had for a receipt with this id, the likeliest
/// first; there is at least one.
///
/// An id that is not of the form that the format says stays as it is, made canonical. The database
/// has the same as a function (`esmed_response_keys`).
#[must_use]
pub fn response_keys(format: IdFormat, receipt_id: &str) -> Vec<String> {
    let same = canonical(receipt_id);
    match format {
        IdFormat::Same => vec![same],
        IdFormat::RespHex => to_hex(same),
        IdFormat::ReceiptHex => to_decimal(same),
        IdFormat::Uuid => with_and_without_hyphens(same),
        IdFormat::ReceiptSuffix => match same.split_once('@') {
            Some((id, _)) => vec![canonical(id), same],
            None => vec![same],
        },
        IdFormat::RespHexString => {
            let id = receipt_id.trim_matches(' ');
            if id.len() > CONVERTED_MAX / 2 {
                return vec![same];
            }
            vec![canonical(&hex::encode(id.as_bytes()))]
        }
    }
}

/// The canonical ids of receipts for a response with this id: the way back of [`response_keys`].
/// What a receipt may have behind them is for [`receipt_prefix`].
#[must_use]
pub fn receipt_keys(format: IdFormat, response_id: &str) -> Vec<String> {
    let same = canonical(response_id);
    match format {
        IdFormat::Same | IdFormat::ReceiptSuffix => vec![same],
        IdFormat::RespHex => to_decimal(same),
        IdFormat::ReceiptHex => to_hex(same),
        IdFormat::Uuid => with_and_without_hyphens(same),
        IdFormat::RespHexString => {
            let text = hex::decode(&same)
                .and_then(|octets| String::from_utf8(octets).ok())
                .filter(|text| text.bytes().all(|octet| octet.is_ascii_graphic()));
            vec![text.map_or(same, |text| canonical(&text))]
        }
    }
}

/// What the canonical ids of receipts for a response with this id may begin with, where the format
/// leaves open how they go on.
#[must_use]
pub fn receipt_prefix(format: IdFormat, response_id: &str) -> Option<String> {
    let same = canonical(response_id);
    (format == IdFormat::ReceiptSuffix && !same.is_empty()).then(|| same + "@")
}

/// A decimal number in hexadecimal, as it is and with an `h` behind it.
fn to_hex(id: String) -> Vec<String> {
    match convert(&id, 10, 16) {
        Some(hex) => vec![hex.clone(), hex + "h"],
        None => vec![id],
    }
}

/// A hexadecimal number, which may have an `h` behind it, in decimal.
fn to_decimal(id: String) -> Vec<String> {
    let digits = id.strip_suffix('h').unwrap_or(&id);
    match convert(digits, 16, 10) {
        Some(decimal) => vec![decimal],
        None => vec![id],
    }
}

/// A UUID in its other form, and as it is. Its leading zeros may be gone.
fn with_and_without_hyphens(id: String) -> Vec<String> {
    let other = if id.contains('-') {
        let groups: Vec<&str> = id.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let digits = groups.concat();
        (matches!(lengths[..], [0..=8, 4, 4, 4, 12]) && is_number(&digits, 16))
            .then(|| canonical(&digits))
    } else {
        (id.len() <= 32 && is_number(&id, 16)).then(|| {
            let id = format!("{id:0>32}");
            let groups = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
            canonical(&groups.join("-"))
        })
    };
    other.into_iter().chain([id]).collect()
}

fn is_number(digits: &str, base: u32) -> bool {
    !digits.is_empty() && digits.chars().all(|ch| ch.is_digit(base))
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

#[cfg(test)]
mod tests;
