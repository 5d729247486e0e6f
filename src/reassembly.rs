//! Long messages from phones: which parts belong together (GSM 03.40, 9.2.3.24.1; SMPP 3.4, 5.3.2.22),
//! and what they say. Pure.
//!
//! Nothing but sender, receiver and a short number tells which message a part belongs to, and the
//! number comes again: after 256 messages, or, from a simple device, with each. So a part joins the
//! newest message under its number that still lacks it, and begins another where there is none. What may have been sent
//! before is kept apart, and a message takes parts no longer than for the reassembly timeout; [`end`] and [`joins`] say
//! what becomes of those that are alone.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::text::{self, Alphabet};

mod end;

pub use end::{APART_AT_MOST, End, came_together, end, joins};

/// Sets that are looked at for one part, the newest.
pub const SETS_AT_MOST: usize = 16;

/// Sets of repeats that wait for the rest of the same message; what comes besides has no effect.
const REPEATS_AT_MOST: usize = 4;

/// Where the number of a message comes from: 5 in one of them and 5 in another are different messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// User data header, 8 bits.
    Udh8,
    /// User data header, 16 bits.
    Udh16,
    /// The TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum.
    Sar,
}

impl Reference {
    /// The name in `smpp_rx_queue.concat_kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udh8 => "udh8",
            Self::Udh16 => "udh16",
            Self::Sar => "sar",
        }
    }

    /// By its name in the table; `None` for any other name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Udh8, Self::Udh16, Self::Sar]
            .into_iter()
            .find(|reference| reference.name() == name)
    }
}

/// What a part brings of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// data_coding
    pub data_coding: u8,
    /// The octets without a user data header.
    pub octets: Bytes,
    /// Bits between header and packed septets, 0 to 6.
    pub fill_bits: u8,
}

/// A part of a message that has at least two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where the numbers come from.
    pub kind: Reference,
    /// The same in all parts of the message.
    pub reference: u16,
    /// Which part it is, from 1 to `total`.
    pub number: u8,
    /// How many parts there are, from 2.
    pub total: u8,
    /// What it brings.
    pub piece: Piece,
}

/// What the parts of one message have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Who sent it to us.
    pub server_id: i64,
    /// source_addr: the phone.
    pub source: String,
    /// destination_addr: our number.
    pub destination: String,
    /// Where the numbers come from.
    pub kind: Reference,
    /// The number of the message.
    pub reference: u16,
    /// How many parts it has.
    pub total: u8,
}

/// A part that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// `smpp_rx_queue.id`
    pub rx_id: i64,
    /// `smpp_rx_queue.id` of the first part with this number and these octets: its own, or that of the one it repeats.
    pub first: i64,
}

impl Held {
    /// Whether the same octets came before, in a message that was closed by then.
    #[must_use]
    pub fn is_repeat(self) -> bool {
        self.rx_id != self.first
    }
}

/// Parts that were put together, all of them or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// `smpp_rx_queue.id` of the part that it began with.
    pub id: i64,
    /// The row of `smpp_inbox` that it has become.
    pub inbox_id: Option<i64>,
    /// It began longer ago than the reassembly timeout.
    pub overdue: bool,
    /// Each part that is there, by number.
    pub parts: BTreeMap<u8, Held>,
}

impl Set {
    /// Whether it has every part of a message that has so many.
    #[must_use]
    pub fn is_complete(&self, total: u8) -> bool {
        self.parts.len() >= usize::from(total)
    }

    /// Whether it takes no more parts.
    #[must_use]
    pub fn is_closed(&self, total: u8) -> bool {
        self.is_complete(total) || self.overdue || self.inbox_id.is_some()
    }

    /// Whether there is nothing in it but what came before.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        self.parts.values().all(|part| part.is_repeat())
    }

    /// Whether `other` has each part of this one with the same octets.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let first = |set: &Self, number| Some(set.parts.get(number)?.first);
        self.parts
            .iter()
            .all(|(number, part)| first(other, number) == Some(part.first))
    }
}

/// Where a part has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// [`Set::id`]; `None` where it repeats a part of a set that is open, and has no effect.
    pub set: Option<i64>,
    /// The part that it repeats: [`Held::first`].
    pub repeats: Option<i64>,
    /// The set is complete.
    pub ready: bool,
}

/// The sets that new parts may belong to, and what their parts bring as far as it matters.
#[derive(Debug, Default)]
pub struct Sets {
    /// The oldest first.
    by_key: HashMap<Key, Vec<Set>>,
    pieces: HashMap<i64, Piece>,
}

impl Sets {
    /// Adds a stored set; of one key the oldest must come first.
    pub fn add(&mut self, key: Key, set: Set) {
        self.by_key.entry(key).or_default().push(set);
    }

    /// The stored parts whose octets decide whether `new` parts are repeats: their
    /// `smpp_rx_queue.id`, for [`Sets::add_piece`].
    #[must_use]
    pub fn in_question<'a>(&self, new: impl IntoIterator<Item = (&'a Key, u8)>) -> Vec<i64> {
        let mut ids: Vec<i64> = new
            .into_iter()
            .flat_map(|(key, number)| {
                let sets = self.by_key.get(key).into_iter().flatten();
                sets.filter_map(move |set| Some(set.parts.get(&number)?.rx_id))
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// What a stored part brings.
    pub fn add_piece(&mut self, rx_id: i64, piece: Piece) {
        self.pieces.insert(rx_id, piece);
    }

    /// Finds the place of a part that has come, and keeps it in mind for those behind it.
    ///
    /// Octets that an open set of new parts has under this number have no effect. Octets that closed sets have may be
    /// sent again or be new: they join none but a set of other repeats of the same message, so that what is sent again does
    /// not get into a new message. All others join the newest open set of new parts that lacks their number. Where
    /// there is none they begin one; of repeats there are few.
    pub fn place(&mut self, rx_id: i64, key: &Key, number: u8, piece: &Piece) -> Place {
        let sets = self.by_key.entry(key.clone()).or_default();
        let same = |set: &&Set| {
            let part = set.parts.get(&number);
            part.is_some_and(|part| self.pieces.get(&part.rx_id) == Some(piece))
        };
        let is_open = |set: &Set| !set.is_closed(key.total);
        let first = |set: &Set| set.parts.get(&number).map(|part| part.first);
        let mut open = sets.iter().rev().filter(same).filter(|set| is_open(set));
        let repeated = open.clone().find(|set| !set.is_repeat());
        if let Some(set) = repeated.or_else(|| open.nth(REPEATS_AT_MOST - 1)) {
            return Place {
                set: None,
                repeats: first(set),
                ready: false,
            };
        }
        let known: Vec<&Set> = sets.iter().rev().filter(same).collect();
        let repeats = known.first().and_then(|set| first(set));
        let joins = |set: &Set| {
            is_open(set)
                && !set.parts.contains_key(&number)
                && set.is_repeat() == repeats.is_some()
                && (repeats.is_none() || known.iter().any(|other| set.is_within(other)))
        };
        let at = sets.iter().rposition(joins).unwrap_or(sets.len());
        if at == sets.len() {
            sets.push(Set {
                id: rx_id,
                inbox_id: None,
                overdue: false,
                parts: BTreeMap::new(),
            });
        }
        let set = &mut sets[at];
        let first = repeats.unwrap_or(rx_id);
        set.parts.insert(number, Held { rx_id, first });
        self.pieces.insert(rx_id, piece.clone());
        Place {
            set: Some(set.id),
            repeats,
            ready: set.is_complete(key.total),
        }
    }
}

/// Neighbouring parts with the same data_coding.
struct Run<'a> {
    last: u8,
    data_coding: u8,
    /// Octets and fill bits.
    octets: Vec<(&'a [u8], u8)>,
}

/// The text of the parts that are there, in their order; `None` where none of them is a text.
///
/// Neighbours with the same data_coding are decoded together. At a gap, which nothing marks, and
/// where data_coding changes, the text goes on with what is decoded by itself.
#[must_use]
pub fn text(pieces: &BTreeMap<u8, Piece>, alphabet: Alphabet) -> Option<String> {
    let mut runs: Vec<Run> = Vec::new();
    for (&number, piece) in pieces {
        let octets = (&piece.octets[..], piece.fill_bits);
        match runs.last_mut() {
            Some(run) if run.data_coding == piece.data_coding && run.last + 1 == number => {
                run.last = number;
                run.octets.push(octets);
            }
            _ => runs.push(Run {
                last: number,
                data_coding: piece.data_coding,
                octets: vec![octets],
            }),
        }
    }
    let texts: Vec<String> = runs
        .iter()
        .filter_map(|run| text::decode_parts(&run.octets, run.data_coding, alphabet).text)
        .collect();
    (!texts.is_empty()).then(|| texts.concat())
}

#[cfg(test)]
mod tests;
