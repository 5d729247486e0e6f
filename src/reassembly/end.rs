//! What becomes of a set that does not get its other parts by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Held, Set};

/// Most time between parts of one message of which some look like repeats, and from the last of them until it is put
/// together.
pub const APART_AT_MOST: Duration = Duration::from_secs(60);

/// What becomes of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is what this older set lacks.
    Completes(i64),
    /// All of it is in this older set.
    Repeats(i64),
    /// None of that.
    Alone,
}

/// What becomes of a `set` that lacks parts after the reassembly timeout, given all `sets` of its key, the oldest first.
#[must_use]
pub fn end(set: &Set, sets: &[Set], total: u8) -> End {
    if set.is_repeat() {
        let mut all = older(set, sets).filter(|other| set.is_within(other));
        let shown = all.clone().find(|other| other.inbox_id.is_some());
        let other = shown.or_else(|| all.next());
        return other.map_or(End::Alone, |other| End::Repeats(other.id));
    }
    let other = older(set, sets).find(|other| is_completed(other, set, total));
    other.map_or(End::Alone, |other| End::Completes(other.id))
}

/// The repeats that may be what `set` lacks, by number and with their sets: new parts may belong to a message that shares
/// others with an earlier one. It has to be asked whether they [`came_together`].
///
/// None where nothing is new in the set, and where the repeats and it are an older set that came again, this time whole:
/// [`end`] finds that one.
#[must_use]
pub fn joins(set: &Set, sets: &[Set], total: u8) -> Option<BTreeMap<u8, (i64, Held)>> {
    if set.is_repeat() {
        return None;
    }
    let joined = repeats_beside(set, sets, total);
    if joined.len() + set.parts.len() < usize::from(total) {
        return None;
    }
    let repeats = Set {
        parts: joined
            .iter()
            .map(|(&number, &(_, part))| (number, part))
            .collect(),
        ..set.clone()
    };
    let has_come_again = |other: &Set| is_completed(other, set, total) && repeats.is_within(other);
    (!older(set, sets).any(has_come_again)).then_some(joined)
}

/// The newest first.
fn older<'a>(set: &Set, sets: &'a [Set]) -> impl Iterator<Item = &'a Set> + Clone {
    let id = set.id;
    sets.iter().rev().filter(move |other| other.id < id)
}

/// Whether `set` is exactly what `older` lacks.
fn is_completed(older: &Set, set: &Set, total: u8) -> bool {
    !older.is_repeat()
        && older.parts.len() + set.parts.len() == usize::from(total)
        && older
            .parts
            .keys()
            .all(|number| !set.parts.contains_key(number))
}

/// Of the numbers that `set` lacks the repeats that came nearest to it: before the next part that it has, or after the last one.
fn repeats_beside(set: &Set, sets: &[Set], total: u8) -> BTreeMap<u8, (i64, Held)> {
    let repeats = sets
        .iter()
        .filter(|other| other.id != set.id && other.is_repeat() && !other.is_complete(total));
    let mut beside: BTreeMap<u8, (i64, Held)> = BTreeMap::new();
    for (id, number, part) in repeats.flat_map(|other| {
        let parts = other.parts.iter();
        parts.map(move |(&number, &part)| (other.id, number, part))
    }) {
        let next = set.parts.range(number..).next();
        let near = match (next, set.parts.last_key_value()) {
            (Some((&same, _)), _) if same == number => false,
            (Some((_, next)), _) => part.rx_id < next.rx_id,
            (None, Some((_, last))) => part.rx_id > last.rx_id,
            (None, None) => false,
        };
        let nearer = |known: &Held| (part.rx_id > known.rx_id) == next.is_some();
        if near && beside.get(&number).is_none_or(|(_, known)| nearer(known)) {
            beside.insert(number, (id, part));
        }
    }
    beside
}

/// Whether parts, in the order of their numbers, came in this order and within [`APART_AT_MOST`] of each other: each with its
/// `smpp_rx_queue.id` and when it was stored, in milliseconds.
#[must_use]
pub fn came_together(parts: &[(i64, i64)]) -> bool {
    parts.windows(2).all(|pair| {
        let [(id, at), (next_id, next_at)] = [pair[0], pair[1]];
        id < next_id && u128::from(next_at.abs_diff(at)) <= APART_AT_MOST.as_millis()
    })
}
