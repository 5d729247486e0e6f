//! What becomes of sets that lack parts: alone, with parts that looked like repeats, or with an older set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use deadpool_postgres::GenericClient;

use super::inbox::sets_of;
use super::sets::{Found, Why, Written, lock};
use crate::db::DbError;
use crate::db::long::StoredPart;
use crate::reassembly::{self, End, Held, Key, Set};

/// Returns what is to be written of `lacking`, each set alone or with parts of others. What has to wait is put off, repeats
/// are tied to the row that they repeat.
pub(super) async fn end<C: GenericClient>(
    client: &C,
    lacking: Vec<Found>,
    timeout: Duration,
    written: &mut Written,
) -> Result<Vec<Found>, DbError> {
    if lacking.is_empty() {
        return Ok(lacking);
    }
    let keys = lacking.iter().map(|set| &set.message.key);
    let mut by_key: HashMap<Key, Vec<Set>> = HashMap::new();
    for (key, set) in sets_of(client, keys, timeout).await? {
        by_key.entry(key).or_default().push(set);
    }
    let mut rows: HashMap<i64, Option<i64>> = HashMap::new();
    let mut wanted: BTreeSet<i64> = BTreeSet::new();
    let mut ended = Vec::new();
    for found in lacking {
        let total = found.message.key.total;
        let sets = by_key
            .get(&found.message.key)
            .map_or(&[][..], Vec::as_slice);
        rows.extend(sets.iter().map(|set| (set.id, set.inbox_id)));
        let set = found.as_set();
        let joins = reassembly::joins(&set, sets, total).unwrap_or_default();
        wanted.extend(joins.values().map(|(set, _)| *set));
        let end = found
            .is_overdue()
            .then(|| reassembly::end(&set, sets, total));
        if let Some(End::Completes(other)) = end {
            wanted.insert(other);
        }
        ended.push((found, joins, end));
    }
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let mut stored = if wanted.is_empty() {
        HashMap::new()
    } else {
        lock(client, &wanted, timeout).await?
    };
    let mut to_write = Vec::new();
    for (found, joins, end) in ended {
        let id = found.id;
        if joins.values().any(|(set, _)| !stored.contains_key(set)) {
            written.put_off.insert(id, Why::Locked);
            continue;
        }
        if is_one_message(&found, &joins, &stored) {
            let mut parts = found.parts;
            parts.extend(take(&joins, &mut stored));
            to_write.extend(Found::read(id, parts));
            continue;
        }
        let row_of = |other| rows.get(&other).copied().flatten();
        match end {
            Some(End::Alone) => {
                to_write.push(found);
                continue;
            }
            Some(End::Repeats(other)) => {
                if let Some(inbox_id) = row_of(other) {
                    written.ties.extend(found.ties(inbox_id));
                    continue;
                }
            }
            Some(End::Completes(other)) if row_of(other).is_some() => {
                if let Some(mut parts) = stored.remove(&other) {
                    parts.extend(found.parts);
                    to_write.extend(Found::read(other, parts));
                    continue;
                }
            }
            Some(End::Completes(_)) | None => {}
        }
        // It is too early, or another row has to come first.
        written.put_off.insert(id, Why::Locked);
    }
    Ok(to_write)
}

/// Whether a set and the parts that it lacks came together, and long enough ago that no more will come.
fn is_one_message(
    found: &Found,
    joins: &BTreeMap<u8, (i64, Held)>,
    stored: &HashMap<i64, Vec<StoredPart>>,
) -> bool {
    let mut besides = Vec::new();
    for (set, held) in joins.values() {
        let others = stored.get(set).into_iter().flatten();
        besides.extend(others.filter(|part| part.rx_id == held.rx_id));
    }
    if joins.is_empty() || besides.len() < joins.len() {
        return false;
    }
    let all: BTreeMap<u8, &StoredPart> = found
        .parts
        .iter()
        .chain(besides)
        .map(|part| (part.number, part))
        .collect();
    let came: Vec<(i64, i64)> = all
        .values()
        .map(|part| (part.rx_id, part.stored_at.timestamp_millis()))
        .collect();
    let is_over = found.is_overdue() || all.values().all(|part| part.settled);
    is_over && reassembly::came_together(&came)
}

/// Takes parts out of the sets that they are in. What is left behind gets the row of what it repeats.
fn take(
    joins: &BTreeMap<u8, (i64, Held)>,
    stored: &mut HashMap<i64, Vec<StoredPart>>,
) -> Vec<StoredPart> {
    let mut taken = Vec::new();
    for (set, held) in joins.values() {
        if let Some(others) = stored.get_mut(set)
            && let Some(at) = others.iter().position(|part| part.rx_id == held.rx_id)
        {
            // It may have got the row of what it looked like a repeat of.
            let mut part = others.remove(at);
            part.inbox_id = None;
            taken.push(part);
        }
    }
    taken
}
