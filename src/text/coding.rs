//! How characters become octets, and how many of them a message holds.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, ISO_2022_JP, ISO_8859_5, ISO_8859_8, SHIFT_JIS, mem};

use super::{Alphabet, LongMessage, gsm7};

/// How the characters of a text became octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// GSM 03.38, an octet a septet.
    Gsm,
    /// GSM 03.38, eight septets in seven octets.
    GsmPacked,
    /// ASCII.
    Ascii,
    /// ISO-8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
    /// UTF-16, big endian.
    Ucs2,
    /// Shift_JIS.
    ShiftJis,
    /// ISO-8859-5.
    Cyrillic,
    /// ISO-8859-8.
    Hebrew,
    /// ISO-2022-JP.
    Iso2022Jp,
    /// EUC-JP.
    EucJp,
    /// EUC-KR.
    EucKr,
}

impl Coding {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm | Self::GsmPacked => "GSM 03.38",
            Self::Ascii => "ASCII",
            Self::Latin1 => "Latin-1",
            Self::Utf8 => "UTF-8",
            Self::Ucs2 => "UCS2",
            Self::ShiftJis => "Shift_JIS",
            Self::Cyrillic => "ISO-8859-5",
            Self::Hebrew => "ISO-8859-8",
            Self::Iso2022Jp => "ISO-2022-JP",
            Self::EucJp => "EUC-JP",
            Self::EucKr => "EUC-KR",
        }
    }

    /// The name in `esmed_preview`: that of the alphabet in `esme_default_alphabet`, or `UCS2`;
    /// the others have the name of [`Coding::name`].
    #[must_use]
    pub fn column_name(self) -> &'static str {
        Alphabet::ALL
            .into_iter()
            .find(|alphabet| alphabet.coding() == self)
            .map_or_else(|| self.name(), Alphabet::name)
    }

    /// What [`Plan::units`](super::Plan::units) counts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Gsm | Self::GsmPacked => "septets",
            Self::Ascii => "characters",
            Self::Ucs2 => "UCS2 characters",
            _ => "octets",
        }
    }

    /// The units that one message on the air holds: 140 octets, of 7, 8 or 16 bits a unit
    /// (GSM 03.40, 9.2.3.16).
    ///
    /// ASCII travels as septets: the SMSC converts it.
    #[must_use]
    pub fn units_single(self) -> usize {
        match self {
            Self::Gsm | Self::GsmPacked | Self::Ascii => 160,
            Self::Ucs2 => 70,
            _ => 140,
        }
    }

    /// The units that one part of a long message holds beside its header (GSM 03.40, 9.2.3.24).
    ///
    /// Parts by TLVs are as short as those with a reference of 16 bits, which is the header that
    /// the SMSC may write for them. The other ways are as with a reference of 8 bits.
    #[must_use]
    pub fn units_part(self, way: LongMessage) -> usize {
        let wide = matches!(way, LongMessage::Udh16 | LongMessage::Sar);
        match self {
            Self::Gsm | Self::GsmPacked | Self::Ascii if wide => 152,
            Self::Gsm | Self::GsmPacked | Self::Ascii => 153,
            Self::Ucs2 if wide => 66,
            Self::Ucs2 => 67,
            _ if wide => 133,
            _ => 134,
        }
    }

    /// Whether it has a character.
    #[must_use]
    pub fn has(self, ch: char) -> bool {
        match self {
            Self::Gsm | Self::GsmPacked => gsm7::has(ch),
            Self::Ascii => ch.is_ascii(),
            Self::Latin1 => ch <= '\u{FF}',
            Self::Utf8 | Self::Ucs2 => true,
            _ => self.octets(ch.encode_utf8(&mut [0; 4])).is_ok(),
        }
    }

    /// How many units are in octets that are not packed.
    pub(super) fn units(self, octets: usize) -> usize {
        match self {
            Self::Ucs2 => octets / 2,
            _ => octets,
        }
    }

    /// The octets of a text, septets not packed, or the first character that it does not have.
    pub(super) fn octets(self, text: &str) -> Result<Vec<u8>, char> {
        match self {
            Self::Gsm | Self::GsmPacked => gsm7::encode(text),
            Self::Ascii => match text.chars().find(|ch| !ch.is_ascii()) {
                Some(ch) => Err(ch),
                None => Ok(text.as_bytes().to_vec()),
            },
            // encode_latin1_lossy gives garbage for anything else.
            Self::Latin1 => match text.chars().find(|&ch| ch > '\u{FF}') {
                Some(ch) => Err(ch),
                None => Ok(mem::encode_latin1_lossy(text).into_owned()),
            },
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Ucs2 => Ok(utf16(text)),
            Self::ShiftJis => other(text, SHIFT_JIS),
            Self::Cyrillic => other(text, ISO_8859_5),
            Self::Hebrew => other(text, ISO_8859_8),
            Self::Iso2022Jp => other(text, ISO_2022_JP),
            Self::EucJp => other(text, EUC_JP),
            Self::EucKr => other(text, EUC_KR),
        }
    }
}

/// UTF-16 in fact, as telephones read UCS2, with surrogate pairs.
fn utf16(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len() * 2);
    for unit in text.encode_utf16() {
        octets.extend_from_slice(&unit.to_be_bytes());
    }
    octets
}

/// The octets of a text, if they are read as the same text again: the encoders of the web send some
/// characters as their likes (`¥` as the code of `\`, narrow katakana as wide ones).
fn other(text: &str, encoding: &'static Encoding) -> Result<Vec<u8>, char> {
    match unchecked(text, encoding) {
        Some(octets) if reads(&octets, text, encoding) => Ok(octets),
        _ => Err(text
            .chars()
            .find(|ch| {
                let mut buffer = [0; 4];
                let ch = &*ch.encode_utf8(&mut buffer);
                !unchecked(ch, encoding).is_some_and(|octets| reads(&octets, ch, encoding))
            })
            .unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

fn reads(octets: &[u8], text: &str, encoding: &'static Encoding) -> bool {
    encoding
        .decode_without_bom_handling_and_without_replacement(octets)
        .is_some_and(|read| read == text)
}

fn unchecked(text: &str, encoding: &'static Encoding) -> Option<Vec<u8>> {
    let mut encoder = encoding.new_encoder();
    let most = encoder.max_buffer_length_from_utf8_without_replacement(text.len())?;
    let mut octets = Vec::with_capacity(most);
    let (result, _) = encoder.encode_from_utf8_to_vec_without_replacement(text, &mut octets, true);
    (result == encoding_rs::EncoderResult::InputEmpty).then_some(octets)
}
