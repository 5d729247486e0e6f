//! How a text leaves: its coding, and the parts that it takes.

use std::collections::HashSet;

use bytes::Bytes;

use super::split::{Cuts, fill_bits, finish};
use super::transliterate::transliterate;
use super::{
    Alphabet, Coding, DATA_CODING_ASCII, DATA_CODING_DEFAULT, DATA_CODING_LATIN1, DATA_CODING_UCS2,
    SHORT_MESSAGE_MAX, TextError,
};

/// What becomes of a text that does not fit into one message (`esme_long_message`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LongMessage {
    /// Parts with a user data header and a reference of 8 bits (GSM 03.40, 9.2.3.24.1).
    #[default]
    Udh,
    /// Parts with a user data header and a reference of 16 bits (GSM 03.40, 9.2.3.24.8).
    Udh16,
    /// Parts by the TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum.
    Sar,
    /// One submit with the TLV message_payload.
    Payload,
    /// It is refused.
    Reject,
    /// One submit of up to 254 octets, which the SMSC splits.
    None,
}

impl LongMessage {
    /// Every way.
    pub const ALL: [Self; 6] = [
        Self::Udh,
        Self::Udh16,
        Self::Sar,
        Self::Payload,
        Self::Reject,
        Self::None,
    ];

    /// The name in `esme_long_message`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udh => "udh",
            Self::Udh16 => "udh16",
            Self::Sar => "sar",
            Self::Payload => "payload",
            Self::Reject => "reject",
            Self::None => "none",
        }
    }

    /// By its name in `esme_long_message`; `None` for any other.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// How texts are sent by a server. The default is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Style {
    /// `esme_default_alphabet`
    pub alphabet: Alphabet,
    /// `esme_transliterate`
    pub transliterate: bool,
    /// `esme_long_message`
    pub long_message: LongMessage,
    /// `esme_max_parts`
    pub max_parts: u8,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            alphabet: Alphabet::Gsm0338,
            transliterate: false,
            long_message: LongMessage::Udh,
            max_parts: 10,
        }
    }
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Wanted {
    /// `smpp_data_coding`
    pub data_coding: Option<u8>,
    /// `smpp_message_class`, 0 to 3.
    pub message_class: Option<u8>,
}

/// A text ready to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// data_coding of every part.
    pub data_coding: u8,
    /// How the octets came about.
    pub coding: Coding,
    /// The length of the whole text: see [`Coding::unit`]. Escapes count.
    pub units: usize,
    /// The octets of each part without its header: one, or 2 to 255.
    pub parts: Vec<Bytes>,
    /// The only part goes into message_payload, not into short_message.
    pub payload: bool,
    /// For `submission_info`: what was done to the text. Never the text itself.
    pub note: Option<String>,
}

impl Plan {
    /// The length of each part, in the units of [`Plan::units`]; `way` is that of the plan.
    #[must_use]
    pub fn part_units(&self, way: LongMessage) -> Vec<usize> {
        let fill = match self.parts.len() {
            1 => 0,
            _ => usize::from(fill_bits(way)),
        };
        let last = self.parts.len().saturating_sub(1);
        let mut left = self.units;
        self.parts
            .iter()
            .enumerate()
            .map(|(at, octets)| {
                let units = match self.coding {
                    // Only the last has seven bits left over, if any.
                    Coding::GsmPacked if at == last => left,
                    Coding::GsmPacked => (octets.len() * 8 - fill) / 7,
                    coding => coding.units(octets.len()),
                };
                left = left.saturating_sub(units);
                units
            })
            .collect()
    }
}

/// What a text is to be encoded as.
struct Target {
    coding: Coding,
    data_coding: u8,
    /// data_coding of UCS2, if a text that does not fit may go as that.
    wide: Option<u8>,
    /// Characters may be replaced.
    replaceable: bool,
}

impl Target {
    /// By data_coding (SMPP 3.4, 5.2.19; GSM 03.38, 4) and message class.
    fn of(wanted: Wanted, alphabet: Alphabet) -> Result<Self, TextError> {
        let default = |data_coding, wide| Self {
            coding: alphabet.coding(),
            data_coding,
            wide,
            replaceable: true,
        };
        let ucs2 = |data_coding| Self {
            coding: Coding::Ucs2,
            data_coding,
            wide: None,
            replaceable: false,
        };
        match (wanted.data_coding, wanted.message_class) {
            (None, None) => Ok(default(DATA_CODING_DEFAULT, Some(DATA_CODING_UCS2))),
            (_, Some(class)) if class > 3 => Err(TextError::NoClass(class)),
            (None, Some(class)) => Ok(default(0xF0 | class, Some(0x18 | class))),
            (Some(DATA_CODING_DEFAULT), class) => {
                Ok(default(class.map_or(0, |class| 0xF0 | class), None))
            }
            (Some(DATA_CODING_UCS2), class) => {
                Ok(ucs2(class.map_or(DATA_CODING_UCS2, |class| 0x18 | class)))
            }
            (Some(data_coding), Some(message_class)) => Err(TextError::Class {
                message_class,
                data_coding,
            }),
            (Some(data_coding), None) => Ok(Self {
                coding: forced(data_coding, alphabet)?,
                data_coding,
                wide: None,
                replaceable: false,
            }),
        }
    }
}

/// The coding of a data_coding that a row asks for.
pub(super) fn forced(data_coding: u8, alphabet: Alphabet) -> Result<Coding, TextError> {
    Ok(match data_coding {
        DATA_CODING_DEFAULT | 0x10..=0x13 | 0xC0..=0xDF | 0xF0..=0xF3 => alphabet.coding(),
        DATA_CODING_UCS2 | 0x18..=0x1B | 0xE0..=0xEF => Coding::Ucs2,
        DATA_CODING_ASCII => Coding::Ascii,
        DATA_CODING_LATIN1 => Coding::Latin1,
        5 => Coding::ShiftJis,
        6 => Coding::Cyrillic,
        7 => Coding::Hebrew,
        10 => Coding::Iso2022Jp,
        13 => Coding::EucJp,
        14 => Coding::EucKr,
        other => return Err(TextError::DataCoding(other)),
    })
}

/// Encodes and splits a text.
///
/// # Errors
/// Why it can't be sent.
pub fn plan(text: &str, wanted: Wanted, style: &Style) -> Result<Plan, TextError> {
    let target = Target::of(wanted, style.alphabet)?;
    let mut plan = Plan {
        data_coding: target.data_coding,
        coding: target.coding,
        units: 0,
        parts: Vec::new(),
        payload: false,
        note: None,
    };
    let octets = match target.coding.octets(text) {
        Ok(octets) => octets,
        Err(ch) => {
            let replaced = (style.transliterate && target.replaceable)
                .then(|| transliterate(text, target.coding))
                .flatten()
                .and_then(|plain| Some((target.coding.octets(&plain.text).ok()?, plain.note)));
            match (replaced, target.wide) {
                (Some((octets, note)), _) => {
                    plan.note = Some(note);
                    octets
                }
                (None, Some(data_coding)) => {
                    plan.data_coding = data_coding;
                    plan.coding = Coding::Ucs2;
                    // UTF-16 has every character.
                    Coding::Ucs2.octets(text).unwrap_or_default()
                }
                (None, None) => {
                    return Err(TextError::Character {
                        ch,
                        position: 1 + text.chars().take_while(|&other| other != ch).count(),
                        coding: target.coding,
                        data_coding: wanted.data_coding.unwrap_or(target.data_coding),
                    });
                }
            }
        }
    };
    plan.units = plan.coding.units(octets.len());
    plan.fill(text, octets, style)?;
    Ok(plan)
}

impl Plan {
    /// Makes the parts of octets that are not packed yet.
    fn fill(&mut self, text: &str, octets: Vec<u8>, style: &Style) -> Result<(), TextError> {
        let (units, unit, limit) = (self.units, self.coding.unit(), self.coding.units_single());
        if style.long_message == LongMessage::None {
            let octets = finish(octets, self.coding);
            if octets.len() > SHORT_MESSAGE_MAX {
                return Err(TextError::Submit {
                    units,
                    unit,
                    octets: octets.len(),
                    limit: SHORT_MESSAGE_MAX,
                });
            }
            self.parts = vec![octets];
            return Ok(());
        }
        if units <= limit {
            self.parts = vec![finish(octets, self.coding)];
            return Ok(());
        }
        // Where it will not be cut, its parts are counted as with a header all the same.
        let way = match style.long_message {
            LongMessage::Udh16 | LongMessage::Sar => style.long_message,
            _ => LongMessage::Udh,
        };
        let cuts = Cuts::new(text, &octets, self.coding, way);
        let parts = cuts.count();
        if style.long_message == LongMessage::Reject {
            return Err(TextError::Rejected {
                units,
                unit,
                parts,
                limit,
            });
        }
        let allowed = usize::from(style.max_parts);
        if parts > allowed {
            return Err(TextError::Parts {
                units,
                unit,
                parts,
                allowed,
            });
        }
        self.payload = style.long_message == LongMessage::Payload;
        // 255 parts are less than the 65,535 octets of a TLV (SMPP 3.4, 5.3.2.32).
        self.parts = if self.payload {
            vec![finish(octets, self.coding)]
        } else {
            cuts.parts(text, octets)
        };
        Ok(())
    }
}

/// The characters of a text that an alphabet lacks, each once, in the order of their first
/// occurrence: what keeps the text from data_coding 0.
#[must_use]
pub fn offending(text: &str, alphabet: Alphabet) -> Vec<char> {
    let coding = alphabet.coding();
    let mut seen = HashSet::new();
    text.chars()
        .filter(|&ch| !coding.has(ch) && seen.insert(ch))
        .collect()
}

/// The octets of the user data header that goes before a part; none for parts by TLVs.
#[must_use]
pub fn concat_header(way: LongMessage, reference: u16, total: u8, part: u8) -> Vec<u8> {
    let [high, low] = reference.to_be_bytes();
    match way {
        LongMessage::Udh => vec![5, 0x00, 3, low, total, part],
        LongMessage::Udh16 => vec![6, 0x08, 4, high, low, total, part],
        _ => Vec::new(),
    }
}
