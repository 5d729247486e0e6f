//! What sets of parts become in the inbox: one transaction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use deadpool_postgres::GenericClient;

use super::ends;
use super::inbox::{NO_LONG_WAIT, piece_of};
use crate::db::long::{self, Long, StoredPart, Tie};
use crate::db::{Database, DbError, inbound};
use crate::reassembly::{self, Held, Piece, Set};

/// Why a set could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody else holds a row of it, or it has to wait for another one.
    Locked,
    /// The database does not take it.
    Refused,
}

/// A set as it is stored.
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) parts: Vec<StoredPart>,
    pub(super) message: Long,
    /// The row of the inbox that some of its parts belong to.
    pub(super) inbox_id: Option<i64>,
}

impl Found {
    /// `None` where there is nothing that can be put together.
    pub(super) fn read(id: i64, mut parts: Vec<StoredPart>) -> Option<Self> {
        parts.sort_unstable_by_key(|part| part.rx_id);
        let first = parts.first()?;
        let (key, alphabet) = (first.key.clone()?, first.alphabet);
        let mut pieces: BTreeMap<u8, Piece> = BTreeMap::new();
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
            again: parts.iter().all(|part| part.repeats.is_some()),
            key,
        };
        Some(Self {
            id,
            inbox_id: parts.iter().filter_map(|part| part.inbox_id).max(),
            parts,
            message,
        })
    }

    /// As the pure rooms know it.
    pub(super) fn as_set(&self) -> Set {
        let held = |part: &StoredPart| Held {
            rx_id: part.rx_id,
            first: part.repeats.unwrap_or(part.rx_id),
        };
        // Of rows with the same number the first counts.
        let parts = self.parts.iter().rev();
        Set {
            id: self.id,
            inbox_id: self.inbox_id,
            overdue: self.is_overdue(),
            parts: parts.map(|part| (part.number, held(part))).collect(),
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.parts.iter().any(|part| part.overdue)
    }

    /// Every part to be tied to a row of the inbox.
    pub(super) fn ties(&self, inbox_id: i64) -> impl Iterator<Item = Tie> {
        let set = self.id;
        self.parts
            .iter()
            .filter(move |part| part.inbox_id != Some(inbox_id) || part.set != set)
            .map(move |part| Tie {
                rx_id: part.rx_id,
                inbox_id,
                set,
            })
    }
}

/// What one transaction writes, apart from the rows of the inbox.
#[derive(Default)]
pub(super) struct Written {
    /// Sets that could not be had.
    pub(super) put_off: HashMap<i64, Why>,
    /// Rows of the inbox to be told of.
    told: Vec<i64>,
    /// Parts, and their rows of the inbox.
    pub(super) ties: Vec<Tie>,
}

/// The parts of sets, locked until the transaction ends; a set of which somebody else has a row is put off.
pub(super) async fn lock<C: GenericClient>(
    client: &C,
    ids: &[i64],
    timeout: Duration,
) -> Result<HashMap<i64, Vec<StoredPart>>, DbError> {
    let mut stored: HashMap<i64, Vec<StoredPart>> = HashMap::new();
    for part in long::lock_sets(client, ids, timeout).await? {
        stored.entry(part.set).or_default().push(part);
    }
    stored.retain(|_, parts| parts.iter().all(|part| part.rows <= parts.len()));
    Ok(stored)
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
    let mut stored = lock(client, &ids, timeout).await?;
    let mut written = Written::default();
    let (mut shown, mut new, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let Some(parts) = stored.remove(&id) else {
            written.put_off.insert(id, Why::Locked);
            continue;
        };
        match Found::read(id, parts) {
            Some(set) if set.inbox_id.is_some() => shown.push(set),
            Some(set) if set.message.complete => new.push(set),
            Some(set) => lacking.push(set),
            // Somebody has changed its rows.
            None => drop(written.put_off.insert(id, Why::Refused)),
        }
    }
    for set in ends::end(client, lacking, timeout, &mut written).await? {
        let to = if set.inbox_id.is_some() {
            &mut shown
        } else {
            &mut new
        };
        to.push(set);
    }
    new.extend(late(client, shown, &mut written).await?);
    fresh(client, new, &mut written).await?;
    // A part that was taken for a repeat may have found its message behind that: the last tie counts.
    let ties: BTreeMap<i64, Tie> = written.ties.iter().map(|tie| (tie.rx_id, *tie)).collect();
    if !ties.is_empty() {
        let ties: Vec<Tie> = ties.into_values().collect();
        long::tie_parts(client, &ties).await?;
    }
    inbound::notify(client, "smpp_inbox", &written.told).await?;
    Ok(written)
}

/// Adds late parts to the rows of the inbox that are there. Returns the sets that have none.
async fn late<C: GenericClient>(
    client: &C,
    sets: Vec<Found>,
    written: &mut Written,
) -> Result<Vec<Found>, DbError> {
    let wanted: Vec<i64> = sets.iter().filter_map(|set| set.inbox_id).collect();
    if wanted.is_empty() {
        return Ok(sets);
    }
    let shown: HashMap<i64, long::Shown> = long::lock_inbox(client, &wanted)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let row_of = |set: &Found| shown.get(&set.inbox_id?);
    // A row that was deleted meanwhile is written anew: the late part must not be lost.
    let (there, gone): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| row_of(set).is_some());
    let mut updates: BTreeMap<i64, &Long> = BTreeMap::new();
    for set in &there {
        let Some(row) = row_of(set) else {
            continue;
        };
        let Some(rx_ids) = &row.rx_ids else {
            // Each of the sets that it was put together from.
            let sets = set.parts.iter().map(|part| part.set);
            written.put_off.extend(sets.map(|id| (id, Why::Locked)));
            continue;
        };
        // What is complete has been handled as it is.
        if !row.complete && *rx_ids != set.message.rx_ids {
            // An older set and the one that completes it may both be here.
            let update = updates.entry(row.id).or_insert(&set.message);
            if update.rx_ids.len() < set.message.rx_ids.len() {
                *update = &set.message;
            }
        }
        let ties = written.ties.len();
        written.ties.extend(set.ties(row.id));
        if ties == written.ties.len() {
            // There is more of it than is read.
            written.put_off.insert(set.id, Why::Refused);
        }
    }
    if !updates.is_empty() {
        let updates: Vec<(i64, &Long)> = updates.into_iter().collect();
        long::update_long(client, &updates).await?;
        written
            .told
            .extend(updates.iter().map(|(inbox_id, _)| *inbox_id));
    }
    Ok(gone)
}

/// Puts sets into the inbox that are not there yet.
async fn fresh<C: GenericClient>(
    client: &C,
    mut sets: Vec<Found>,
    written: &mut Written,
) -> Result<(), DbError> {
    if sets.is_empty() {
        return Ok(());
    }
    sets.sort_unstable_by_key(|set| set.id);
    let messages: Vec<&Long> = sets.iter().map(|set| &set.message).collect();
    let inserted: HashMap<i64, i64> = long::insert_long(client, &messages)
        .await?
        .into_iter()
        .map(|(inbox_id, rx_id)| (rx_id, inbox_id))
        .collect();
    for set in &sets {
        let first = set.message.rx_ids.first();
        if let Some(&inbox_id) = first.and_then(|rx_id| inserted.get(rx_id)) {
            written.told.push(inbox_id);
            written.ties.extend(set.ties(inbox_id));
        } else {
            // A trigger has left the row out.
            let sets = set.parts.iter().map(|part| part.set);
            written.put_off.extend(sets.map(|id| (id, Why::Refused)));
        }
    }
    Ok(())
}
