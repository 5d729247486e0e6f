//! From octets and data_coding to a text (SMPP 3.4, 5.2.19; GSM 03.38, 4).

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, ISO_2022_JP, ISO_8859_5, ISO_8859_8, SHIFT_JIS, UTF_16BE, mem,
};

use super::{Alphabet, Udh, gsm7, split_udh};

/// The bit of esm_class that says that short_message begins with a user data header.
pub const UDH_INDICATOR: u8 = 0x40;

/// A text as far as it could be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDecoded {
    /// The text, U+FFFD for what has no character; `None` for binary data.
    pub text: Option<String>,
    /// In words, what could not be decoded as it should be.
    pub warning: Option<String>,
}

impl TextDecoded {
    fn binary() -> Self {
        Self {
            text: None,
            warning: None,
        }
    }

    fn unknown(data_coding: u8) -> Self {
        Self {
            text: None,
            warning: Some(format!("data_coding {data_coding} is not known")),
        }
    }

    fn text(text: String, warning: Option<String>) -> Self {
        Self {
            text: Some(text),
            warning,
        }
    }
}

/// What the octets of a data_coding are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Octets {
    Default,
    Ascii,
    Latin1,
    Ucs2,
    Other(&'static Encoding),
    Binary,
    Unknown,
}

impl Octets {
    fn of(data_coding: u8) -> Self {
        match data_coding {
            0 => Self::Default,
            1 => Self::Ascii,
            3 => Self::Latin1,
            2 | 4 => Self::Binary,
            5 => Self::Other(SHIFT_JIS),
            6 => Self::Other(ISO_8859_5),
            7 => Self::Other(ISO_8859_8),
            8 => Self::Ucs2,
            10 => Self::Other(ISO_2022_JP),
            13 => Self::Other(EUC_JP),
            14 => Self::Other(EUC_KR),
            // 00xx and 01xx of GSM 03.38: general, and marked for deletion. Bit 5 says compressed,
            // bits 3 and 2 the alphabet. SMPP has its own meanings for the first 16.
            0x10..=0x7F if data_coding & 0x20 != 0 => Self::Unknown,
            0x10..=0x7F => match data_coding >> 2 & 0b11 {
                0b00 => Self::Default,
                0b01 => Self::Binary,
                0b10 => Self::Ucs2,
                _ => Self::Unknown,
            },
            // 1100, 1101: message waiting, discard or store. 1110: the same in UCS2.
            0xC0..=0xDF => Self::Default,
            0xE0..=0xEF => Self::Ucs2,
            // 1111: message class, bit 2 says 8 bit data.
            0xF0..=0xFF if data_coding & 0x04 != 0 => Self::Binary,
            0xF0..=0xFF => Self::Default,
            _ => Self::Unknown,
        }
    }
}

/// Decodes the octets of a short_message or message_payload without a user data header.
///
/// `alphabet` is what data_coding 0 means for the server. Any octets give an answer.
#[must_use]
pub fn decode(octets: &[u8], data_coding: u8, alphabet: Alphabet) -> TextDecoded {
    decode_filled(octets, data_coding, alphabet, 0)
}

/// Decodes the octets of a short_message or message_payload of a PDU with this esm_class: takes
/// the user data header off where esm_class says that there is one.
///
/// Where there is none in spite of it, or a broken one, the octets are decoded whole, with a
/// warning.
#[must_use]
pub fn decode_message(
    octets: &[u8],
    esm_class: u8,
    data_coding: u8,
    alphabet: Alphabet,
) -> (Option<Udh>, TextDecoded) {
    if esm_class & UDH_INDICATOR == 0 {
        return (None, decode(octets, data_coding, alphabet));
    }
    match split_udh(octets) {
        Ok((udh, rest)) => {
            let text = decode_filled(rest, data_coding, alphabet, udh.fill_bits());
            (Some(udh), text)
        }
        Err(error) => {
            let mut text = decode(octets, data_coding, alphabet);
            text.warning = Some(match text.warning {
                Some(warning) => format!("{error}; {warning}"),
                None => error.to_string(),
            });
            (None, text)
        }
    }
}

/// Decodes the octets of the parts of one message, each without its user data header and with the
/// fill bits behind it (0 to 6), in their order.
///
/// They are joined before they are decoded, as a sender may cut a message within a character: in a
/// surrogate pair, a character of several octets, or an escape. Where that gives characters that
/// don't exist, and the parts by themselves give none such, each part was encoded by itself, and is
/// decoded so (a part that begins anew in ISO-2022-JP, say).
#[must_use]
pub fn decode_parts(parts: &[(&[u8], u8)], data_coding: u8, alphabet: Alphabet) -> TextDecoded {
    let packed = Octets::of(data_coding) == Octets::Default && alphabet == Alphabet::Gsm0338Packed;
    let joined = if packed {
        let septets = parts.iter().map(|&(octets, fill)| septets(octets, fill));
        gsm(&septets.collect::<Vec<_>>().concat())
    } else {
        let octets: Vec<&[u8]> = parts.iter().map(|&(octets, _)| octets).collect();
        decode(&octets.concat(), data_coding, alphabet)
    };
    if joined.warning.is_none() {
        return joined;
    }
    let single = parts
        .iter()
        .map(|&(octets, fill)| decode_filled(octets, data_coding, alphabet, fill));
    let texts: Option<Vec<String>> = single
        .map(|part| part.text.filter(|_| part.warning.is_none()))
        .collect();
    texts.map_or(joined, |texts| TextDecoded::text(texts.concat(), None))
}

/// The septets of packed octets, without padding.
fn septets(octets: &[u8], fill_bits: u8) -> Vec<u8> {
    let septets = gsm7::unpack(octets, fill_bits);
    gsm7::without_padding(&septets, octets.len(), fill_bits).to_vec()
}

fn decode_filled(octets: &[u8], data_coding: u8, alphabet: Alphabet, fill_bits: u8) -> TextDecoded {
    match Octets::of(data_coding) {
        Octets::Default => match alphabet {
            Alphabet::Gsm0338 => gsm(octets),
            Alphabet::Gsm0338Packed => gsm(&septets(octets, fill_bits)),
            Alphabet::Ascii => ascii(octets),
            Alphabet::Latin1 => TextDecoded::text(mem::decode_latin1(octets).into_owned(), None),
            Alphabet::Utf8 => utf8(octets),
        },
        Octets::Ascii => ascii(octets),
        Octets::Latin1 => TextDecoded::text(mem::decode_latin1(octets).into_owned(), None),
        Octets::Ucs2 => ucs2(octets),
        Octets::Other(encoding) => other(octets, encoding),
        Octets::Binary => TextDecoded::binary(),
        Octets::Unknown => TextDecoded::unknown(data_coding),
    }
}

fn gsm(septets: &[u8]) -> TextDecoded {
    let decoded = gsm7::decode(septets);
    let warning = decoded
        .replaced
        .then(|| "octets that are not GSM 03.38 were replaced".to_owned());
    TextDecoded::text(decoded.text, warning)
}

fn ascii(octets: &[u8]) -> TextDecoded {
    if let Ok(text) = std::str::from_utf8(octets)
        && text.is_ascii()
    {
        return TextDecoded::text(text.to_owned(), None);
    }
    let text = octets
        .iter()
        .map(|&octet| match octet {
            0..=0x7F => char::from(octet),
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect();
    let warning = "octets that are not ASCII were replaced".to_owned();
    TextDecoded::text(text, Some(warning))
}

fn utf8(octets: &[u8]) -> TextDecoded {
    match std::str::from_utf8(octets) {
        Ok(text) => TextDecoded::text(text.to_owned(), None),
        Err(_) => TextDecoded::text(
            String::from_utf8_lossy(octets).into_owned(),
            Some("octets that are not UTF-8 were replaced".to_owned()),
        ),
    }
}

fn ucs2(octets: &[u8]) -> TextDecoded {
    let whole = octets.len() & !1;
    let (text, replaced) = UTF_16BE.decode_without_bom_handling(&octets[..whole]);
    let warning = if whole < octets.len() {
        Some(format!(
            "UCS2 of {} octets, an odd number: the last was left out",
            octets.len()
        ))
    } else if replaced {
        Some("halves of surrogate pairs were replaced".to_owned())
    } else {
        None
    };
    TextDecoded::text(text.into_owned(), warning)
}

fn other(octets: &[u8], encoding: &'static Encoding) -> TextDecoded {
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(octets) {
        return TextDecoded::text(text.into_owned(), None);
    }
    let (text, _) = encoding.decode_without_bom_handling(octets);
    let warning = format!("octets that are not {} were replaced", encoding.name());
    TextDecoded::text(text.into_owned(), Some(warning))
}
