//! From the octets of a receipt to its text.

use encoding_rs::{UTF_16BE, mem};

use super::scan;
use crate::text::{Alphabet, gsm7};

/// The text of a receipt for [`read`](super::read), from the octets of short_message or
/// message_payload as they were received, a user data header included.
///
/// The fields of a receipt are ASCII in practice, whatever data_coding says (it is often that of
/// the message reported on), and esm_class may claim a user data header that is not there. So the
/// octets are read as ASCII first, and as UCS2 or packed GSM 03.38 only where that shows no field.
/// What stands behind `text:` may have yet another coding.
#[must_use]
pub fn text(octets: &[u8], data_coding: u8, alphabet: Alphabet) -> String {
    let plain = mem::decode_latin1(octets);
    let fields = scan::scan(&plain);
    if fields.any() {
        let Some(fragment) = fields.text else {
            return plain.into_owned();
        };
        let fragment = mem::encode_latin1_lossy(fragment);
        return match fragment_text(&fragment) {
            None => plain.into_owned(),
            Some(text) => {
                let head = head_length(octets, &fragment);
                let mut whole = mem::decode_latin1(&octets[..head]).into_owned();
                whole.push_str(&text);
                whole
            }
        };
    }
    let (wide, broken) = UTF_16BE.decode_without_bom_handling(&octets[..octets.len() & !1]);
    if !broken && scan::scan(&wide).any() {
        return wide.into_owned();
    }
    if data_coding == 0 && alphabet == Alphabet::Gsm0338Packed {
        let septets = gsm7::unpack(octets, 0);
        let septets = gsm7::without_padding(&septets, octets.len(), 0);
        return gsm7::decode(septets).text;
    }
    plain.into_owned()
}

/// Where the fragment begins: it is the last of the octets, but for line ends and NULs.
fn head_length(octets: &[u8], fragment: &[u8]) -> usize {
    let behind = octets
        .iter()
        .rev()
        .take_while(|octet| matches!(octet, b'\r' | b'\n' | 0))
        .count();
    (0..=behind)
        .map(|tail| octets.len() - tail)
        .find(|&end| octets[..end].ends_with(fragment))
        .unwrap_or(octets.len())
        .saturating_sub(fragment.len())
}

/// The text of a fragment that is GSM 03.38 with escapes, or UCS2; `None` to leave it as it is.
fn fragment_text(fragment: &[u8]) -> Option<String> {
    if fragment.contains(&gsm7::ESCAPE) {
        let decoded = gsm7::decode(fragment);
        if !decoded.replaced {
            return Some(decoded.text);
        }
    }
    // Controls do not occur in a text, but are the high octets of most UCS2.
    let whole = fragment.len() & !1;
    let wide = whole > 0
        && fragment[..whole]
            .chunks(2)
            .any(|unit| unit[0] < 0x20 && !matches!(unit[0], b'\t' | b'\n' | b'\r'));
    if wide {
        let (text, broken) = UTF_16BE.decode_without_bom_handling(&fragment[..whole]);
        return (!broken).then(|| text.into_owned());
    }
    None
}
