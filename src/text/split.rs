//! Where a long text is cut (GSM 03.40, 9.2.3.24.1 and 9.2.3.24.8): each part is as long as it may
//! be, and can be read by itself.

use bytes::Bytes;

use super::gsm7::{self, CARRIAGE_RETURN, ESCAPE};
use super::{Coding, LongMessage};

/// The octets on the way, of a text whose septets are not packed yet; or of its parts.
pub(super) fn finish(octets: Vec<u8>, coding: Coding) -> Bytes {
    match coding {
        Coding::GsmPacked => gsm7::pack(&octets, 0).into(),
        _ => octets.into(),
    }
}

/// Where the parts of a text end.
#[derive(Debug)]
pub(super) struct Cuts {
    ends: Vec<usize>,
    coding: Coding,
    way: LongMessage,
}

impl Cuts {
    /// `octets` as of [`Coding::octets`].
    pub(super) fn new(text: &str, octets: &[u8], coding: Coding, way: LongMessage) -> Self {
        let most = match coding {
            Coding::Ucs2 => coding.units_part(way) * 2,
            _ => coding.units_part(way),
        };
        let mut ends = Vec::new();
        let mut at = 0;
        // The escapes of ISO-2022-JP depend on where it is cut, so there the text is.
        if coding == Coding::Iso2022Jp {
            while at < text.len() {
                at += iso_2022_jp_length(&text[at..], most);
                ends.push(at);
            }
        } else {
            while octets.len() - at > most {
                at = cut(octets, at, most, coding, fill_bits(way));
                ends.push(at);
            }
            ends.push(octets.len());
        }
        Self { ends, coding, way }
    }

    /// How many parts there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The octets of each part, packed where they have to be.
    pub(super) fn parts(&self, text: &str, octets: Vec<u8>) -> Vec<Bytes> {
        let octets = Bytes::from(octets);
        let mut start = 0;
        self.ends
            .iter()
            .map(|&end| {
                let from = std::mem::replace(&mut start, end);
                match self.coding {
                    Coding::GsmPacked => gsm7::pack(&octets[from..end], fill_bits(self.way)).into(),
                    // All of the text could be encoded, so each piece can.
                    Coding::Iso2022Jp => self
                        .coding
                        .octets(&text[from..end])
                        .unwrap_or_default()
                        .into(),
                    _ => octets.slice(from..end),
                }
            })
            .collect()
    }
}

/// The zero bits before packed septets: behind a header of 6 octets they begin a bit later, behind
/// one of 7, or none, at once.
pub(super) fn fill_bits(way: LongMessage) -> u8 {
    u8::from(way == LongMessage::Udh)
}

/// Where the part that begins at `start` ends, at most `most` octets behind it; there are more.
fn cut(octets: &[u8], start: usize, most: usize, coding: Coding, fill: u8) -> usize {
    let mut end = start + most;
    match coding {
        Coding::Gsm => {
            if octets[end - 1] == ESCAPE {
                end -= 1;
            }
        }
        Coding::GsmPacked => {
            while octets[end - 1] == ESCAPE
                || may_be_misread(&octets[start..end], usize::from(fill))
            {
                end -= 1;
            }
        }
        Coding::Ucs2 => {
            if octets[end] & 0xFC == 0xDC {
                end -= 2;
            }
        }
        Coding::Utf8 => {
            while octets[end] & 0xC0 == 0x80 {
                end -= 1;
            }
        }
        Coding::ShiftJis | Coding::EucJp | Coding::EucKr => {
            // An octet alone does not say whether it begins a character.
            let mut next = start;
            while next <= start + most {
                end = next;
                next += character_length(octets[next], coding);
            }
        }
        Coding::Ascii | Coding::Latin1 | Coding::Cyrillic | Coding::Hebrew | Coding::Iso2022Jp => {}
    }
    end
}

/// Whether a reader can't tell how many septets were packed: seven bits are left over, which may be
/// one septet more; or the last septet ends with its octet and looks like what fills such bits
/// (GSM 03.38, 6.1.2.3.1). In the middle of a text that would be a character more or less.
fn may_be_misread(septets: &[u8], fill: usize) -> bool {
    match ((septets.len() * 7 + fill) % 8, septets.last()) {
        (1, _) => true,
        (0, Some(&last)) => matches!(last, 0 | CARRIAGE_RETURN),
        _ => false,
    }
}

/// The octets of the character that begins with `first`.
fn character_length(first: u8, coding: Coding) -> usize {
    match (coding, first) {
        (Coding::ShiftJis, 0x81..=0x9F | 0xE0..=0xFC) => 2,
        (Coding::EucJp, 0x8F) => 3,
        (Coding::EucJp, 0x8E | 0xA1..=0xFE) | (Coding::EucKr, 0x81..=0xFE) => 2,
        _ => 1,
    }
}

/// The octets of UTF-8 that fit into one part, with the escapes before, between and behind them:
/// each part begins and ends in ASCII.
fn iso_2022_jp_length(text: &str, most: usize) -> usize {
    const ESCAPE_SEQUENCE: usize = 3;
    let mut encoder = encoding_rs::ISO_2022_JP.new_encoder();
    let mut used = 0;
    for (at, ch) in text.char_indices() {
        let mut octets = [0; 16];
        let (_, _, written) = encoder.encode_from_utf8_without_replacement(
            ch.encode_utf8(&mut [0; 4]),
            &mut octets,
            false,
        );
        used += written;
        let closing = if encoder.has_pending_state() {
            ESCAPE_SEQUENCE
        } else {
            0
        };
        if used + closing > most && at > 0 {
            return at;
        }
    }
    text.len()
}
