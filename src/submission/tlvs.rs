//! `smpp_optional_parameters`: a JSON object of optional parameters (SMPP 3.4, 5.3) becomes TLVs. Strict: what a
//! parameter can't hold is refused, not bent.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use crate::pdu::{Tag, Tlv, TlvKind, Tlvs};

/// Most octets that the TLVs of a row may take together, with 4 octets for tag and length of each.
const MOST_OCTETS: usize = 4096;

/// Most characters of the JSON that are read.
pub const LONGEST: usize = 16_384;

/// So much of a name is repeated in a reason.
const SHOWN: usize = 64;

/// What esmed sets itself, and why a row can't.
const RESERVED: [(Tag, &str); 4] = [
    (
        Tag::MESSAGE_PAYLOAD,
        "the text belongs into smpp_short_message, and esme_long_message of the server says whether it is sent there",
    ),
    (Tag::SAR_MSG_REF_NUM, OF_PARTS),
    (Tag::SAR_TOTAL_SEGMENTS, OF_PARTS),
    (Tag::SAR_SEGMENT_SEQNUM, OF_PARTS),
];
const OF_PARTS: &str =
    "it belongs to the parts of a long text, see esme_long_message of the server";

/// The TLVs of a row, in the order of their tags.
///
/// A parameter is named by the specification, in any case, or by a number such as `0x1401`. Its value is a number or a
/// text, by its type; a text for an unknown tag is sent as its UTF-8 octets. `{"hex": "6162"}` gives the octets of any
/// tag, `{"cstring": "text"}` a text with a NUL at its end.
///
/// # Errors
/// What is wrong, naming the parameter and what would be right. Repeats numbers, but no texts.
pub fn read(json: &str) -> Result<Tlvs, String> {
    if json.chars().nth(LONGEST).is_some() {
        return Err(format!(
            "has more than {LONGEST} characters; its TLVs may have {MOST_OCTETS} octets together"
        ));
    }
    let parameters: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| format!("can't be read: {error}"))?;
    let mut tlvs: Vec<(Tlv, &str)> = Vec::with_capacity(parameters.len());
    let mut octets = 0;
    for (key, value) in &parameters {
        let tag = tag_of(key)?;
        if let Some((other, first)) = tlvs.iter().find(|(tlv, _)| tlv.tag == tag) {
            return Err(format!(
                "{} and {} are the same TLV (0x{:04x}); it can be given once",
                shown(first),
                shown(key),
                other.tag.0
            ));
        }
        let value = value_of(tag, value).map_err(|error| format!("{} {error}", shown(key)))?;
        octets += 4 + value.len();
        if octets > MOST_OCTETS {
            return Err(format!(
                "{} is too much: with it the TLVs have {octets} octets together; they may have {MOST_OCTETS}",
                shown(key)
            ));
        }
        tlvs.push((Tlv { tag, value }, key));
    }
    tlvs.sort_unstable_by_key(|(tlv, _)| tlv.tag);
    Ok(Tlvs(tlvs.into_iter().map(|(tlv, _)| tlv).collect()))
}

/// A name as a reason repeats it.
fn shown(key: &str) -> String {
    match key.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &key[..end]),
        None => format!("{key:?}"),
    }
}

fn tag_of(key: &str) -> Result<Tag, String> {
    let tag = Tag::by_name(key).ok_or_else(|| {
        format!(
            "{} is no TLV; it must be a name of the specification, such as user_message_reference, or a number from \
             0x0000 to 0xffff",
            shown(key)
        )
    })?;
    match RESERVED.iter().find(|(reserved, _)| *reserved == tag) {
        Some((_, why)) => Err(format!("{} can't be given: {why}", shown(key))),
        None => Ok(tag),
    }
}

fn value_of(tag: Tag, value: &Value) -> Result<Bytes, String> {
    match value {
        Value::Object(object) => {
            let mut entries = object.iter();
            match (entries.next(), entries.next()) {
                (Some((form, Value::String(digits))), None) if form == "hex" => octets_of(digits),
                (Some((form, Value::String(text))), None) if form == "cstring" => {
                    match tag.kind() {
                        TlvKind::Text(most) | TlvKind::Octets(_, most) => {
                            c_string(text, most.min(MOST_OCTETS))
                        }
                        _ => Err(format!("is a cstring; it must be {}", allowed(tag))),
                    }
                }
                _ => Err(
                    "is an object; it must be {\"hex\": \"…\"} or {\"cstring\": \"…\"}".to_owned(),
                ),
            }
        }
        Value::Number(number) => match integer_size(tag) {
            Some(size) => integer(number, size),
            None => Err(format!("is a number; it must be {}", allowed(tag))),
        },
        Value::String(text) => match tag.kind() {
            TlvKind::Text(most) => c_string(text, most),
            _ if tag.name().is_none() => Ok(Bytes::copy_from_slice(text.as_bytes())),
            _ => Err(format!("is a text; it must be {}", allowed(tag))),
        },
        Value::Null => Err(format!("is null; it must be {}", allowed(tag))),
        Value::Bool(_) => Err(format!("is a boolean; it must be {}", allowed(tag))),
        Value::Array(_) => Err(format!("is an array; it must be {}", allowed(tag))),
    }
}

/// Octets of a number for this parameter; of two sizes the larger, which the newer edition has.
fn integer_size(tag: Tag) -> Option<usize> {
    match tag.kind() {
        TlvKind::Integer(size) | TlvKind::IntegerOf(_, size) => Some(size),
        TlvKind::Flag | TlvKind::MessageState => Some(1),
        TlvKind::Text(_) | TlvKind::Octets(_, _) => None,
    }
}

/// The largest number of so many octets, 4 at most.
fn largest(size: usize) -> u64 {
    (1 << (8 * size)) - 1
}

/// What a parameter takes, in words.
fn allowed(tag: Tag) -> String {
    match tag.kind() {
        TlvKind::Integer(size) | TlvKind::IntegerOf(_, size) => {
            format!("a whole number from 0 to {}", largest(size))
        }
        TlvKind::MessageState => "a whole number from 0 to 255".to_owned(),
        TlvKind::Flag => "{\"hex\": \"\"} or a whole number from 0 to 255".to_owned(),
        TlvKind::Text(most) => format!("a text of up to {} characters of ASCII", most - 1),
        TlvKind::Octets(..) if tag.name().is_none() => {
            "{\"hex\": \"…\"}, {\"cstring\": \"…\"} or a text".to_owned()
        }
        TlvKind::Octets(least, most) if least == most => {
            format!("{{\"hex\": \"…\"}} of {most} octets")
        }
        TlvKind::Octets(least, most) => {
            format!("{{\"hex\": \"…\"}} of {least} to {most} octets")
        }
    }
}

/// Big-endian.
fn integer(number: &Number, size: usize) -> Result<Bytes, String> {
    let largest = largest(size);
    match number.as_u64() {
        Some(fits) if fits <= largest => {
            Ok(Bytes::copy_from_slice(&fits.to_be_bytes()[8 - size..]))
        }
        _ => Err(format!(
            "is {number}; it must be a whole number from 0 to {largest}"
        )),
    }
}

/// A text with its NUL, `most` octets together.
fn c_string(text: &str, most: usize) -> Result<Bytes, String> {
    if let Some((at, odd)) = (1..)
        .zip(text.chars())
        .find(|(_, ch)| !ch.is_ascii() || *ch == '\0')
    {
        return Err(format!(
            "has U+{:04X} as character {at}; it must have ASCII characters only, and no NUL",
            u32::from(odd)
        ));
    }
    if text.len() >= most {
        return Err(format!(
            "has {} characters; it must have {} at most",
            text.len(),
            most - 1
        ));
    }
    let mut octets = Vec::with_capacity(text.len() + 1);
    octets.extend_from_slice(text.as_bytes());
    octets.push(0);
    Ok(octets.into())
}

/// Two hexadecimal digits an octet, as they are.
fn octets_of(hex: &str) -> Result<Bytes, String> {
    if let Some((at, odd)) = (1..)
        .zip(hex.chars())
        .find(|(_, ch)| !ch.is_ascii_hexdigit())
    {
        let mut error = format!("has U+{:04X}", u32::from(odd));
        if odd.is_ascii_graphic() {
            let _ = write!(error, " ({odd})");
        }
        let _ = write!(
            error,
            " as hex digit {at}; it must have 0 to 9 and a to f only"
        );
        return Err(error);
    }
    if !hex.len().is_multiple_of(2) {
        return Err(format!(
            "has {} hex digits; it must have two for each octet",
            hex.len()
        ));
    }
    let digit = |octet: u8| char::from(octet).to_digit(16).unwrap_or_default();
    let octets = hex
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).unwrap_or_default());
    Ok(octets.collect())
}

#[cfg(test)]
mod tests;
