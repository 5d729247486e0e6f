//! The GSM 7 bit default alphabet and its extension table (GSM 03.38, 6.2.1), and the packing of
//! septets into octets (GSM 03.38, 6.1.2).
//!
//! Texts are septets here: one octet each, 0x00 to 0x7F, a character of the extension table being
//! two of them, the escape 0x1B and its code.

/// The escape to the extension table.
pub const ESCAPE: u8 = 0x1B;

/// What stands in a decoded text for septets that have no character.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

pub(super) const CARRIAGE_RETURN: u8 = 0x0D;

/// The default alphabet by code. The escape has no character of its own.
#[rustfmt::skip]
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', REPLACEMENT, 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: the code behind the escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// In [`LATIN`]: the code stands behind an escape.
const EXTENDED: u8 = 0x80;
/// In [`LATIN`]: the character is in neither table.
const NONE: u8 = 0xFF;

/// Codes of the characters up to U+00FF. [`NONE`] can't be a code with [`EXTENDED`], as 0x7F is not
/// in the extension table.
const LATIN: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut code = 0u8;
    while code < 128 {
        let at = DEFAULT[code as usize] as usize;
        if at < 256 {
            table[at] = code;
        }
        code += 1;
    }
    let mut entry = 0;
    while entry < EXTENSION.len() {
        let (code, ch) = EXTENSION[entry];
        if (ch as usize) < 256 {
            table[ch as usize] = EXTENDED | code;
        }
        entry += 1;
    }
    table
};

/// Characters of the extension table by code.
const EXTENSION_BY_CODE: [Option<char>; 128] = {
    let mut table = [None; 128];
    let mut entry = 0;
    while entry < EXTENSION.len() {
        let (code, ch) = EXTENSION[entry];
        table[code as usize] = Some(ch);
        entry += 1;
    }
    table
};

/// The code of a character as in [`LATIN`].
#[inline]
fn code(ch: char) -> u8 {
    if let Some(&code) = LATIN.get(ch as usize) {
        return code;
    }
    match ch {
        'Δ' => 0x10,
        'Φ' => 0x12,
        'Γ' => 0x13,
        'Λ' => 0x14,
        'Ω' => 0x15,
        'Π' => 0x16,
        'Ψ' => 0x17,
        'Σ' => 0x18,
        'Θ' => 0x19,
        'Ξ' => 0x1A,
        '€' => EXTENDED | 0x65,
        _ => NONE,
    }
}

/// The septets of a text, an octet each (unpacked).
///
/// # Errors
/// The first character that is in neither table.
pub fn encode(text: &str) -> Result<Vec<u8>, char> {
    let mut septets = Vec::with_capacity(text.len());
    for ch in text.chars() {
        match code(ch) {
            NONE => return Err(ch),
            code if code & EXTENDED != 0 => {
                septets.extend_from_slice(&[ESCAPE, code & !EXTENDED]);
            }
            code => septets.push(code),
        }
    }
    Ok(septets)
}

/// Whether a character is in one of the tables.
#[must_use]
pub fn has(ch: char) -> bool {
    code(ch) != NONE
}

/// How many septets a text takes, escapes counted; `None` if a character is in neither table.
#[must_use]
pub fn septets(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |count, ch| match code(ch) {
        NONE => None,
        code if code & EXTENDED != 0 => Some(count + 2),
        _ => Some(count + 1),
    })
}

/// A decoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The characters, [`REPLACEMENT`] where there is none.
    pub text: String,
    /// Something had no character: an unknown or unfinished escape, or an octet above 0x7F.
    pub replaced: bool,
}

/// The text of septets that take an octet each (unpacked).
#[must_use]
pub fn decode(septets: &[u8]) -> Decoded {
    let mut text = String::with_capacity(septets.len());
    let mut replaced = false;
    let mut rest = septets.iter();
    while let Some(&septet) = rest.next() {
        let ch = if septet == ESCAPE {
            rest.next()
                .and_then(|&code| EXTENSION_BY_CODE.get(usize::from(code)).copied())
                .flatten()
        } else {
            DEFAULT.get(usize::from(septet)).copied()
        };
        replaced |= ch.is_none();
        text.push(ch.unwrap_or(REPLACEMENT));
    }
    Decoded { text, replaced }
}

/// Packs septets into octets, the first in the lowest bits (GSM 03.38, 6.1.2.1), behind
/// `fill_bits` (0 to 6) zero bits that bring the text behind a user data header to a septet
/// boundary (GSM 03.40, 9.2.3.24).
///
/// The octets alone do not tell how many septets they hold: where seven bits are left over, a
/// reader may take them for one more. They hold a carriage return then, as GSM 03.38, 6.1.2.3.1
/// has it, and not the zeros that would be read as `@`.
#[must_use]
pub fn pack(septets: &[u8], fill_bits: u8) -> Vec<u8> {
    let fill = usize::from(fill_bits % 7);
    let mut octets = Vec::with_capacity((septets.len() * 7 + fill).div_ceil(8));
    let mut bits = 0u16;
    let mut held = fill;
    for &septet in septets {
        bits |= u16::from(septet & 0x7F) << held;
        held += 7;
        if held >= 8 {
            octets.push(low_octet(bits));
            bits >>= 8;
            held -= 8;
        }
    }
    if held == 1 && !septets.is_empty() {
        bits |= u16::from(CARRIAGE_RETURN) << 1;
    }
    if held > 0 && !septets.is_empty() {
        octets.push(low_octet(bits));
    }
    octets
}

fn low_octet(bits: u16) -> u8 {
    bits.to_le_bytes()[0]
}

/// Unpacks octets into as many septets as they can hold behind `fill_bits` (0 to 6) bits.
///
/// `unpack(&pack(septets, fill), fill)` gives the septets again, and one carriage return more
/// where seven bits were left over; [`without_padding`] takes it off.
#[must_use]
pub fn unpack(octets: &[u8], fill_bits: u8) -> Vec<u8> {
    let fill = usize::from(fill_bits % 7);
    let count = (octets.len() * 8).saturating_sub(fill) / 7;
    (0..count)
        .map(|index| {
            let bit = fill + index * 7;
            let low = u16::from(octets[bit / 8]);
            let high = octets.get(bit / 8 + 1).map_or(0, |&octet| u16::from(octet));
            low_octet((high << 8 | low) >> (bit % 8)) & 0x7F
        })
        .collect()
}

/// Takes off the last of unpacked septets if it may be padding: it ends with its octet, and is a
/// carriage return or zero.
///
/// A text of 8, 16, 24 … septets that does end with a carriage return or `@` loses it. That can't
/// be told apart; padding is what occurs more often.
#[must_use]
pub fn without_padding(septets: &[u8], octets: usize, fill_bits: u8) -> &[u8] {
    let bits = (octets * 8).saturating_sub(usize::from(fill_bits % 7));
    match septets {
        [text @ .., CARRIAGE_RETURN | 0] if bits == septets.len() * 7 && !text.is_empty() => text,
        _ => septets,
    }
}
