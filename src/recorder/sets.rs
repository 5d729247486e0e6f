//! What sets of parts become in the inbox: one transaction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use deadpool_postgres::GenericClient;

use super::inbox::{NO_LONG_WAIT, piece_of, pieces_of, sets_of};
use crate::db::long::{self, Long, StoredPart};
use crate::db::{Database, DbError, inbound};
use crate::reassembly::{self, Key, Piece, Set};

/// Earlier messages that a message is compared with, the newest.
const EARLIER_AT_MOST: usize = 4;

/// Why a set could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody else holds a row of it.
    Locked,
    /// The database does not take it.
    Refused,
}

/// A set as it is stored.
struct Found {
    parts: Vec<StoredPart>,
    /// The first of each number, with what it brings.
    pieces: BTreeMap<u8, Piece>,
    message: Long,
    /// The row of the inbox that some of its parts belong to.
    inbox_id: Option<i64>,
}

impl Found {
    /// `None` where there is nothing that can be put together.
    fn read(parts: Vec<StoredPart>) -> Option<Self> {
        let first = parts.first()?;
        let (key, alphabet) = (first.key.clone()?, first.alphabet);
        let mut pieces = BTreeMap::new();
        let mut rx_ids = BTreeMap::new();
        for part in &parts {
            if let std::collections::btree_map::Entry::Vacant(entry) = rx_ids.entry(part.number) {
                entry.insert(part.rx_id);
                if let Some(piece) = part.pdu_raw.as_deref().and_then(piece_of) {
                    pieces.insert(part.number, piece);
                }
            }
        }
        let message = Long {
            received_at: parts.iter().map(|part| part.stored_at).min()?,
            message: reassembly::text(&pieces, alphabet).map(|text| text.replace('\0', "\u{2400}")),
            complete: rx_ids.len() >= usize::from(key.total),
            rx_ids: rx_ids.into_values().collect(),
            again: false,
            key,
        };
        Some(Self {
            inbox_id: parts.iter().filter_map(|part| part.inbox_id).max(),
            parts,
            pieces,
            message,
        })
    }

    /// Every part to be tied to a row of the inbox.
    fn ties(&self, inbox_id: i64) -> impl Iterator<Item = (i64, i64)> {
        self.parts
            .iter()
            .filter(move |part| part.inbox_id != Some(inbox_id))
            .map(move |part| (part.rx_id, inbox_id))
    }
}

/// What one transaction writes, apart from the rows of the inbox.
#[derive(Default)]
struct Written {
    /// Sets that could not be had.
    put_off: HashMap<i64, Why>,
    /// Rows of the inbox to be told of.
    told: Vec<i64>,
    /// Parts, and their rows of the inbox.
    ties: Vec<(i64, i64)>,
}

/// Writes what these sets become, in one transaction. Returns those that could not be had.
///
/// # Errors
/// When the database can't do it; nothing is written then.
pub(super) async fn write(
    database: &Database,
    sets: &[(i64, u8)],
    timeout: Duration,
) -> Result<HashMap<i64, Why>, DbError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    match put_together(&transaction, sets, timeout).await {
        Ok(written) => {
            transaction.commit().await?;
            Ok(written.put_off)
        }
        Err(error) => {
            // Awaited: the next transaction would else meet the locks of this one.
            transaction.rollback().await?;
            Err(error)
        }
    }
}

async fn put_together<C: GenericClient>(
    client: &C,
    sets: &[(i64, u8)],
    timeout: Duration,
) -> Result<Written, DbError> {
    client.batch_execute(NO_LONG_WAIT).await?;
    let ids: Vec<i64> = sets.iter().map(|(set, _)| *set).collect();
    let mut stored: BTreeMap<i64, Vec<StoredPart>> = BTreeMap::new();
    for part in long::lock_sets(client, &ids, timeout).await? {
        stored.entry(part.set).or_default().push(part);
    }
    let mut written = Written::default();
    let mut found = Vec::new();
    for id in ids {
        let parts = stored.remove(&id).unwrap_or_default();
        if parts.is_empty() || parts.iter().any(|part| part.rows > parts.len()) {
            written.put_off.insert(id, Why::Locked);
            continue;
        }
        let overdue = parts.iter().any(|part| part.overdue);
        match Found::read(parts) {
            Some(set) if overdue || set.message.complete || set.inbox_id.is_some() => {
                found.push((id, set));
            }
            Some(_) => {}
            // Somebody has changed its rows.
            None => drop(written.put_off.insert(id, Why::Refused)),
        }
    }
    let new = late(client, found, &mut written).await?;
    fresh(client, new, &mut written).await?;
    if !written.ties.is_empty() {
        long::tie_parts(client, &written.ties).await?;
    }
    inbound::notify(client, "smpp_inbox", &written.told).await?;
    Ok(written)
}

/// Adds late parts to the rows of the inbox that are there. Returns the sets that have none.
async fn late<C: GenericClient>(
    client: &C,
    sets: Vec<(i64, Found)>,
    written: &mut Written,
) -> Result<Vec<(i64, Found)>, DbError> {
    let wanted: Vec<i64> = sets.iter().filter_map(|(_, set)| set.inbox_id).collect();
    if wanted.is_empty() {
        return Ok(sets);
    }
    let shown: HashMap<i64, Option<Vec<i64>>> = long::lock_inbox(client, &wanted)
        .await?
        .into_iter()
        .map(|row| (row.id, row.rx_ids))
        .collect();
    let row_of = |set: &Found| Some((set.inbox_id?, shown.get(&set.inbox_id?)?));
    // A row that was deleted meanwhile is written anew: the late part must not be lost.
    let (there, gone): (Vec<_>, Vec<_>) =
        sets.into_iter().partition(|(_, set)| row_of(set).is_some());
    let mut updates = Vec::new();
    for (id, set) in &there {
        let Some((inbox_id, rx_ids)) = row_of(set) else {
            continue;
        };
        let Some(rx_ids) = rx_ids else {
            written.put_off.insert(*id, Why::Locked);
            continue;
        };
        if *rx_ids != set.message.rx_ids {
            updates.push((inbox_id, &set.message));
        }
        written.ties.extend(set.ties(inbox_id));
    }
    if !updates.is_empty() {
        long::update_long(client, &updates).await?;
        written
            .told
            .extend(updates.iter().map(|(inbox_id, _)| *inbox_id));
    }
    Ok(gone)
}

/// Puts sets into the inbox that are not there yet, but for incomplete ones that only repeat what has come before.
async fn fresh<C: GenericClient>(
    client: &C,
    mut sets: Vec<(i64, Found)>,
    written: &mut Written,
) -> Result<(), DbError> {
    if sets.is_empty() {
        return Ok(());
    }
    let earlier = repeated(client, &sets).await?;
    sets.retain_mut(|(id, set)| {
        let Some(&inbox_id) = earlier.get(id) else {
            return true;
        };
        set.message.again = true;
        match inbox_id {
            _ if set.message.complete => return true,
            Some(inbox_id) => written.ties.extend(set.ties(inbox_id)),
            // The row of the earlier message is still to come.
            None => drop(written.put_off.insert(*id, Why::Locked)),
        }
        false
    });
    if sets.is_empty() {
        return Ok(());
    }
    let messages: Vec<&Long> = sets.iter().map(|(_, set)| &set.message).collect();
    let inserted: HashMap<i64, i64> = long::insert_long(client, &messages)
        .await?
        .into_iter()
        .map(|(inbox_id, rx_id)| (rx_id, inbox_id))
        .collect();
    for (id, set) in &sets {
        let inbox_id = set
            .message
            .rx_ids
            .first()
            .and_then(|rx_id| inserted.get(rx_id));
        if let Some(&inbox_id) = inbox_id {
            written.told.push(inbox_id);
            written.ties.extend(set.ties(inbox_id));
        } else {
            // A trigger has left the row out.
            written.put_off.insert(*id, Why::Refused);
        }
    }
    Ok(())
}

/// Sets all of whose parts repeat those of an earlier message, which the SMSC did not know we have: by [`Set::id`] the row of
/// the inbox of that message, as soon as it has one.
async fn repeated<C: GenericClient>(
    client: &C,
    sets: &[(i64, Found)],
) -> Result<HashMap<i64, Option<i64>>, DbError> {
    let mut by_key: HashMap<Key, Vec<Set>> = HashMap::new();
    for (key, set) in sets_of(client, sets.iter().map(|(_, set)| &set.message.key)).await? {
        if set.is_complete(key.total) {
            by_key.entry(key).or_default().push(set);
        }
    }
    let earlier = |id: i64, set: &Found| {
        let known = by_key.get(&set.message.key).into_iter().flatten().rev();
        known
            .filter(move |other| other.id < id)
            .take(EARLIER_AT_MOST)
            .collect::<Vec<_>>()
    };
    let mut wanted: Vec<i64> = sets
        .iter()
        .flat_map(|(id, set)| {
            let numbers: Vec<u8> = set.pieces.keys().copied().collect();
            earlier(*id, set).into_iter().flat_map(move |other| {
                numbers
                    .clone()
                    .into_iter()
                    .filter_map(|number| other.parts.get(&number).copied())
            })
        })
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    wanted.sort_unstable();
    wanted.dedup();
    let pieces = pieces_of(client, &wanted).await?;
    let is_same = |set: &Found, other: &Set| {
        set.pieces.len() == set.message.rx_ids.len()
            && set.pieces.iter().all(|(number, piece)| {
                other.parts.get(number).and_then(|rx_id| pieces.get(rx_id)) == Some(piece)
            })
    };
    let of = |(id, set): &(i64, Found)| {
        let known = earlier(*id, set);
        let same = known.into_iter().find(|other| is_same(set, other))?;
        Some((*id, same.inbox_id))
    };
    Ok(sets.iter().filter_map(of).collect())
}
