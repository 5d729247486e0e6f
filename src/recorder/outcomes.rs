//! The outcomes of one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use deadpool_postgres::GenericClient;

use crate::db::inbound::Accepted;
use crate::db::{DbError, parts, queue};
use crate::outbox::{RowUpdate, Target, add_up};
use crate::receipt::{canonical, receipt_keys, receipt_prefix};

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct RecordedOutcomes {
    /// Messages that somebody else has locked, or a part of them: try again.
    pub(super) locked: HashSet<i64>,
    /// Messages that were deleted or reset.
    pub(super) gone: Vec<i64>,
    /// Long messages that wait for the outcomes of other parts.
    pub(super) unfinished: HashSet<i64>,
    /// Messages that were cancelled.
    pub(super) cancelled: Vec<i64>,
    /// Some message may leave again.
    pub(super) reopened: bool,
    /// What the SMSC accepted.
    pub(super) accepted: Vec<Accepted>,
    /// Long messages that are done, so that they get the state of their parts, and whether one
    /// receipt stands for all of these.
    pub(super) add_up: BTreeMap<i64, bool>,
    /// How many messages ended as failed.
    pub(super) failed: usize,
}

/// Writes the outcomes of attempts, sorted by message and part.
pub(super) async fn record<C: GenericClient>(
    client: &C,
    outcomes: &[RowUpdate],
) -> Result<RecordedOutcomes, DbError> {
    let mut recorded = RecordedOutcomes::default();
    if outcomes.is_empty() {
        return Ok(recorded);
    }
    let sums = if outcomes.iter().all(|it| it.target == Target::Whole) {
        Vec::new()
    } else {
        record_parts(client, outcomes, &mut recorded).await?
    };
    let mut updates: Vec<&RowUpdate> = outcomes
        .iter()
        .filter(|it| it.target == Target::Whole)
        .chain(&sums)
        .collect();
    if updates.is_empty() {
        return Ok(recorded);
    }
    updates.sort_unstable_by_key(|update| update.tx_id);
    let (written, cancelled) = queue::record(client, &updates).await?;
    recorded.cancelled = cancelled;
    let written: HashSet<i64> = written.into_iter().collect();
    let missing: Vec<&RowUpdate> = updates
        .iter()
        .copied()
        .filter(|update| !written.contains(&update.tx_id))
        .collect();
    if !missing.is_empty() {
        let open = queue::still_open(client, &missing).await?;
        recorded.locked.extend(open);
        let gone = missing.iter().map(|update| update.tx_id);
        recorded
            .gone
            .extend(gone.filter(|id| !recorded.locked.contains(id)));
    }
    let taken = || {
        updates
            .iter()
            .filter(|update| written.contains(&update.tx_id))
    };
    recorded.failed = taken().filter(|it| it.failed).count();
    recorded.reopened = taken().any(|it| !it.done && !it.failed && !it.in_doubt);
    for update in taken().filter(|it| it.done) {
        match update.parts {
            Some(parts) if parts > 1 => {
                recorded.add_up.insert(update.tx_id, update.one_receipt);
            }
            // Their parts are among the accepted ones already.
            _ => recorded.accepted.extend(accepted(update)),
        }
    }
    Ok(recorded)
}

/// Writes the outcomes of attempts at parts. Returns what becomes of messages no part of which is
/// under way any more.
async fn record_parts<C: GenericClient>(
    client: &C,
    outcomes: &[RowUpdate],
    recorded: &mut RecordedOutcomes,
) -> Result<Vec<RowUpdate>, DbError> {
    let updates: Vec<(&RowUpdate, i16)> = outcomes
        .iter()
        .filter_map(|update| Some((update, update.part()?)))
        .collect();
    let written = parts::record(client, &updates).await?;
    let missing: Vec<(&RowUpdate, i16)> = updates
        .iter()
        .copied()
        .filter(|(update, part)| !written.contains(&(update.tx_id, *part)))
        .collect();
    if !missing.is_empty() {
        recorded.locked = parts::still_open(client, &missing).await?;
    }
    for (update, part) in &updates {
        if written.contains(&(update.tx_id, *part)) && update.done {
            recorded.accepted.extend(accepted(update));
        }
    }
    // The last update of each message, for the note.
    let long: HashMap<i64, &RowUpdate> = outcomes
        .iter()
        .filter(|it| it.target != Target::Whole)
        .map(|it| (it.tx_id, it))
        .collect();
    let attempts: Vec<_> = long.values().map(|it| (it.tx_id, it.started_at)).collect();
    let standing = parts::standing(client, &attempts).await?;
    let mut sums = Vec::new();
    for (tx_id, update) in long {
        match standing.get(&tx_id).map(|it| add_up(it, update)) {
            Some(Some(sum)) => sums.push(sum),
            Some(None) => {
                recorded.unfinished.insert(tx_id);
            }
            None => recorded.gone.push(tx_id),
        }
    }
    Ok(sums)
}

/// The canonical ids that receipts for an accepted message or part may have: converted by the format
/// of the server, and the id as it is, for a TLV that has the form of the response already.
fn accepted(update: &RowUpdate) -> Vec<Accepted> {
    let Some(message_id) = update.message_id.as_deref() else {
        return Vec::new();
    };
    let mut keys = receipt_keys(update.id_format, message_id);
    let same = canonical(message_id);
    if !keys.contains(&same) {
        keys.push(same);
    }
    let prefix = receipt_prefix(update.id_format, message_id);
    let accepted = |key, more_may_follow| Accepted {
        tx_id: update.tx_id,
        part: update.part(),
        server_id: update.server_id,
        key,
        more_may_follow,
        started_at: update.started_at,
    };
    keys.into_iter()
        .map(|key| accepted(key, false))
        .chain(prefix.map(|prefix| accepted(prefix, true)))
        .collect()
}
