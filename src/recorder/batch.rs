//! One transaction of the recorder.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use deadpool_postgres::{GenericClient, Transaction};

use super::states::{Conflict, Owner, States};
use super::{Stored, inbox, outcomes};
use crate::db::inbound::{self, Lookup};
use crate::db::{Database, DbError, queue};
use crate::inbound::{Inbound, ReceiptFacts};
use crate::outbox::RowUpdate;
use crate::receipt::MessageState;

/// What is written in one transaction.
pub(super) struct Batch {
    pub(super) outcomes: Vec<RowUpdate>,
    pub(super) deliveries: Vec<Stored>,
    /// Its COMMIT was not answered: it may have been committed before.
    pub(super) again: bool,
    /// Somebody holds a lock: don't wait long for any, and ask whether the rows that receipts are
    /// about can be had.
    pub(super) wary: bool,
}

/// What a transaction found.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Long messages that wait for the outcomes of other parts.
    pub(super) unfinished: HashSet<i64>,
    /// Some message may leave again.
    pub(super) reopened: bool,
    /// Rows that somebody else has locked: try again.
    pub(super) locked: HashSet<i64>,
    /// Deliveries that were not stored, because the row that they are about is locked: by their place.
    pub(super) postponed: HashSet<usize>,
    /// Rows that were deleted or reset.
    pub(super) gone: Vec<i64>,
    /// Receipts against a final state.
    pub(super) conflicts: Vec<Conflict>,
    /// Sets of parts with something new for the inbox, with their total.
    pub(super) ready: Vec<(i64, u8)>,
    /// Of receipts that were matched: seconds since the answer to their message.
    pub(super) receipts_after: Vec<f64>,
    /// Messages that ended as failed.
    pub(super) failed: usize,
    /// It may have been committed before.
    pub(super) again: bool,
}

impl Batch {
    /// Sorted by id, so that two writers can't wait for each other.
    pub(super) fn new(mut outcomes: Vec<RowUpdate>, deliveries: Vec<Stored>) -> Self {
        outcomes.sort_unstable_by_key(|update| (update.tx_id, update.part()));
        Self {
            outcomes,
            deliveries,
            again: false,
            wary: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.deliveries.is_empty()
    }

    /// Outcomes and deliveries apart; what has but one kind comes back whole.
    pub(super) fn split_by_kind(self) -> Result<(Self, Self), Self> {
        if self.outcomes.is_empty() || self.deliveries.is_empty() {
            return Err(self);
        }
        let Self {
            outcomes,
            deliveries,
            again,
            wary,
        } = self;
        let part = |outcomes, deliveries| Self {
            outcomes,
            deliveries,
            again,
            wary,
        };
        Ok((part(outcomes, Vec::new()), part(Vec::new(), deliveries)))
    }

    /// By kind, or in halves; what can't be split comes back whole.
    pub(super) fn split(self) -> Result<(Self, Self), Self> {
        let mut whole = match self.split_by_kind() {
            Ok(parts) => return Ok(parts),
            Err(whole) => whole,
        };
        if whole.outcomes.len() + whole.deliveries.len() <= 1 {
            return Err(whole);
        }
        let rest = Self {
            outcomes: whole.outcomes.split_off(whole.outcomes.len() / 2),
            deliveries: whole.deliveries.split_off(whole.deliveries.len() / 2),
            ..whole
        };
        Ok((whole, rest))
    }
}

/// Writes a batch in one transaction, and marks it where it stays unknown whether that was committed. A set of parts that
/// began longer ago than `reassembly_timeout` takes no more.
pub(super) async fn commit(
    database: &Database,
    batch: &mut Batch,
    reassembly_timeout: Duration,
) -> Result<Committed, DbError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    match write(&transaction, batch, reassembly_timeout).await {
        Ok(mut committed) => {
            committed.again = batch.again;
            if let Err(error) = transaction.commit().await.map_err(DbError::from) {
                batch.again |= error.is_away();
                return Err(error);
            }
            Ok(committed)
        }
        Err(error) => {
            // Awaited: the next transaction, by another connection, would else meet the locks of this one.
            if let Err(error) = transaction.rollback().await {
                tracing::debug!(%error, "a transaction could not be rolled back");
            }
            Err(error)
        }
    }
}

async fn write(
    transaction: &Transaction<'_>,
    batch: &Batch,
    reassembly_timeout: Duration,
) -> Result<Committed, DbError> {
    let mut states = States::default();
    if batch.wary {
        transaction
            .batch_execute("SET LOCAL lock_timeout TO '50ms'")
            .await?;
    }

    let mut recorded = outcomes::record(transaction, &batch.outcomes).await?;
    let mut committed = Committed {
        locked: recorded.locked,
        gone: recorded.gone,
        unfinished: recorded.unfinished,
        reopened: recorded.reopened,
        failed: recorded.failed,
        ..Committed::default()
    };
    let early = if recorded.accepted.is_empty() {
        Vec::new()
    } else {
        inbound::early_receipts(transaction, &recorded.accepted).await?
    };
    for receipt in &early {
        states.accept_early(receipt);
    }

    let mut rows: Vec<&Inbound> = batch.deliveries.iter().map(|stored| &stored.row).collect();
    let add_up = &mut recorded.add_up;
    let after = &mut committed.receipts_after;
    let mut owners =
        match_receipts(transaction, &batch.deliveries, &mut states, add_up, after).await?;
    if batch.wary {
        let wanted: Vec<i64> = owners.iter().flatten().map(|owner| owner.0).collect();
        let free = queue::lock(transaction, &wanted).await?;
        let is_free = |owner: &Option<Owner>| owner.is_none_or(|owner| free.contains(&owner.0));
        let locked = wanted.iter().copied().filter(|owner| !free.contains(owner));
        let locked = locked.collect();
        states.leave_out(&locked);
        add_up.retain(|tx_id, _| !locked.contains(tx_id));
        committed.postponed = (0..rows.len())
            .filter(|&at| !is_free(&owners[at]))
            .collect();
        let mut kept = owners.iter().map(is_free);
        rows.retain(|_| kept.next().unwrap_or(true));
        owners.retain(is_free);
    }
    let told = if rows.is_empty() {
        Vec::new()
    } else {
        let ids = inbound::next_rx_ids(transaction, rows.len()).await?;
        let messages: Vec<_> = owners.iter().map(|owner| owner.map(|it| it.0)).collect();
        let places = inbox::place(transaction, &ids, &rows, reassembly_timeout).await?;
        committed.ready = inbox::ready(&rows, &places);
        inbound::insert_rx(transaction, &ids, &rows, &messages, &places).await?;
        inbound::insert_inbox(transaction, &ids, &rows).await?
    };
    if !early.is_empty() {
        let links: Vec<_> = early
            .iter()
            .map(|receipt| (receipt.rx_id, receipt.tx_id))
            .collect();
        inbound::link_receipts(transaction, &links).await?;
    }
    let (whole, parts, conflicts) = states.finish();
    committed.conflicts = conflicts;
    let mut changed = recorded.cancelled;
    if !whole.is_empty() {
        changed.extend(inbound::apply_states(transaction, &whole).await?);
    }
    if !parts.is_empty() || !add_up.is_empty() {
        // Messages before their parts, as a DELETE does; and what others have added up is seen then.
        let messages: BTreeSet<i64> = parts
            .iter()
            .map(|part| part.tx_id)
            .chain(add_up.keys().copied())
            .collect();
        let messages: Vec<i64> = messages.into_iter().collect();
        queue::hold(transaction, &messages).await?;
    }
    if !parts.is_empty() {
        inbound::apply_part_states(transaction, &parts).await?;
    }
    if !add_up.is_empty() {
        changed.extend(inbound::add_up_states(transaction, add_up).await?);
    }
    inbound::notify(transaction, "smpp_delivery", &changed).await?;
    inbound::notify(transaction, "smpp_inbox", &told).await?;
    Ok(committed)
}

/// Finds the messages and parts that the receipts among `deliveries` are about, in their order. `add_up` gets the long
/// messages among them, and whether one receipt stands for all parts; `receipts_after` the seconds since their answers.
async fn match_receipts<C: GenericClient>(
    client: &C,
    deliveries: &[Stored],
    states: &mut States,
    add_up: &mut BTreeMap<i64, bool>,
    receipts_after: &mut Vec<f64>,
) -> Result<Vec<Option<Owner>>, DbError> {
    let mut owners = vec![None; deliveries.len()];
    let receipts: Vec<(usize, &ReceiptFacts)> = deliveries
        .iter()
        .enumerate()
        .filter_map(|(at, stored)| Some((at, stored.row.receipt.as_ref()?)))
        .collect();
    let mut same: HashMap<(i64, &str), i32> = HashMap::new();
    for &(at, receipt) in &receipts {
        for key in &receipt.keys {
            *same.entry((deliveries[at].row.server_id, key)).or_default() += 1;
        }
    }
    let mut lookups = Vec::new();
    for &(at, receipt) in &receipts {
        let row = &deliveries[at].row;
        for key in &receipt.keys {
            lookups.push(Lookup {
                ordinal: i32::try_from(lookups.len()).unwrap_or(i32::MAX),
                server_id: row.server_id,
                key: key.clone(),
                source: row.source_addr.clone(),
                only_to_source: receipt.by_text,
                wanted: same[&(row.server_id, key.as_str())],
            });
        }
    }
    if lookups.is_empty() {
        return Ok(owners);
    }
    let mut hits: BTreeMap<i32, Vec<inbound::Hit>> = BTreeMap::new();
    for hit in inbound::match_receipts(client, &lookups).await? {
        hits.entry(hit.ordinal).or_default().push(hit);
    }
    let mut ordinal = 0;
    for (at, receipt) in receipts {
        let keys = i32::try_from(receipt.keys.len()).unwrap_or(i32::MAX);
        if let Some((_, hits)) = hits.range(ordinal..ordinal + keys).next()
            && let Some(hit) = choose(hits, states)
        {
            let owner = (hit.tx_id, hit.part);
            owners[at] = Some(owner);
            receipts_after.extend(hit.answered_ago);
            let known = hit.state.as_deref().and_then(MessageState::from_name);
            states.accept(owner, known, receipt);
            if hit.part.is_some() {
                add_up.insert(hit.tx_id, deliveries[at].delivered.server.one_receipt);
            }
        }
        ordinal += keys;
    }
    Ok(owners)
}

/// The best hit; or, where all parts of its message have one id, the first part that has no final state
/// by an earlier receipt of the same transaction.
fn choose<'a>(hits: &'a [inbound::Hit], states: &States) -> Option<&'a inbound::Hit> {
    let best = hits.first()?;
    let open = |hit: &&inbound::Hit| {
        hit.tx_id == best.tx_id && hit.part.is_some() && !states.is_final((hit.tx_id, hit.part))
    };
    if best.part.is_none() {
        return Some(best);
    }
    hits.iter().find(open).or(Some(best))
}
