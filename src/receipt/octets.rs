//! From the octets of a receipt to its text.

use encoding_rs::{UTF_16BE, mem};

use super::scan;
use crate::text::{Alphabet, DATA_CODING_DEFAULT, DATA_CODING_UCS2, gsm7};

/// The text of a receipt for [`read`](super::read), from the octets of short_message or
/// message_payload as they were received, a user data header included.
///
/// The fields of a receipt are ASCII in practice, whatever data_coding says (it is often that of
/// the message reported on), and esm_class may claim a user data header that is not there. So the
/// octets are read as ASCII first, and as UCS2 or packed GSM 03.38 only where that shows no field.
/// What stands behind `text:` may have yet another coding.
///
/// The text of a message that is not a receipt comes from
/// [`decode_message`](crate::text::decode_message), not from here.
#[must_use]
pub fn text(octets: &[u8], data_coding: u8, alphabet: Alphabet) -> String {
    let plain = mem::decode_latin1(octets);
    let fields = scan::scan(&plain);
    if fields.any() {
        if fields.text.is_none_or(str::is_empty) {
            return plain.into_owned();
        }
        // A character of Latin-1 is an octet.
        let head = plain[..fields.text_at].chars().count();
        return match fragment_text(&octets[head..], data_coding, alphabet) {
            Some(fragment) => format!("{}{fragment}", &plain[..fields.text_at]),
            None => plain.into_owned(),
        };
    }
    let (wide, _) = UTF_16BE.decode_without_bom_handling(&octets[..octets.len() & !1]);
    if scan::scan(&wide).any() {
        return wide.into_owned();
    }
    if data_coding == DATA_CODING_DEFAULT && alphabet == Alphabet::Gsm0338Packed {
        let septets = gsm7::unpack(octets, 0);
        return gsm7::decode(gsm7::without_padding(&septets, octets.len(), 0)).text;
    }
    plain.into_owned()
}

/// The text of a fragment that is UCS2, or the server's default alphabet where that differs from
/// ASCII; `None` to leave it as it is.
fn fragment_text(fragment: &[u8], data_coding: u8, alphabet: Alphabet) -> Option<String> {
    if is_wide(fragment, data_coding) {
        let (text, broken) = UTF_16BE.decode_without_bom_handling(&fragment[..fragment.len() & !1]);
        return (!broken).then(|| text.into_owned());
    }
    match alphabet {
        _ if data_coding != DATA_CODING_DEFAULT => None,
        Alphabet::Utf8 => Some(String::from_utf8_lossy(fragment).into_owned()),
        // Without octets that can't be ASCII it is ASCII: `@` and `_` as such are seen more often
        // than `¡` and `§`.
        Alphabet::Gsm0338 => {
            let end = fragment.iter().rposition(|&octet| octet != 0)?;
            let fragment = &fragment[..=end];
            let decoded = gsm7::decode(fragment);
            (fragment.iter().any(is_control) && !decoded.replaced).then_some(decoded.text)
        }
        _ => None,
    }
}

/// Whether a fragment is UCS2: most of its units have the high octet of an alphabet, which no text
/// in octets has; or data_coding says so, and it is not ASCII.
fn is_wide(fragment: &[u8], data_coding: u8) -> bool {
    let units = fragment.chunks_exact(2);
    let count = units.len();
    let high = units.filter(|unit| is_control(&unit[0])).count();
    let not_ascii = |octet: &u8| is_control(octet) || !octet.is_ascii();
    high * 2 > count || data_coding == DATA_CODING_UCS2 && fragment.iter().any(not_ascii)
}

fn is_control(octet: &u8) -> bool {
    *octet < 0x20 && !matches!(octet, b'\t' | b'\n' | b'\r')
}
