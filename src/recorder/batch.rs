//! One transaction of the recorder.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::GenericClient;

use super::Stored;
use crate::db::inbound::{self, Accepted, EarlyReceipt, Lookup, StateUpdate};
use crate::db::{Database, DbError, queue};
use crate::inbound::{Inbound, ReceiptFacts};
use crate::outbox::RowUpdate;
use crate::receipt::{MessageState, canonical, receipt_keys, receipt_prefix, replaces};

/// What is written in one transaction.
pub(super) struct Batch {
    pub(super) outcomes: Vec<RowUpdate>,
    pub(super) deliveries: Vec<Stored>,
    /// It may have been committed before.
    pub(super) again: bool,
    /// Somebody holds a lock: don't wait long for any, and ask whether the rows that receipts are
    /// about can be had.
    pub(super) wary: bool,
}

/// What a transaction found.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Rows that somebody else has locked: try again.
    pub(super) locked: HashSet<i64>,
    /// Deliveries that were not stored, because the row that they are about is locked: by their place.
    pub(super) postponed: HashSet<usize>,
    /// Rows that were deleted or reset.
    pub(super) gone: Vec<i64>,
    /// Receipts against a final state.
    pub(super) conflicts: Vec<Conflict>,
}

/// A receipt that says other than the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) tx_id: i64,
    pub(super) state: MessageState,
    pub(super) later: MessageState,
}

impl Batch {
    /// Sorted by id, so that two writers can't wait for each other.
    pub(super) fn new(mut outcomes: Vec<RowUpdate>, deliveries: Vec<Stored>) -> Self {
        outcomes.sort_unstable_by_key(|update| update.tx_id);
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

/// Writes a batch in one transaction.
pub(super) async fn commit(database: &Database, batch: &Batch) -> Result<Committed, DbError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let mut committed = Committed::default();
    let mut states = States::default();
    if batch.wary {
        transaction
            .batch_execute("SET LOCAL lock_timeout TO '50ms'")
            .await?;
    }

    let mut cancelled = Vec::new();
    let mut early = Vec::new();
    if !batch.outcomes.is_empty() {
        let (written, cancelled_ids) = queue::record(&transaction, &batch.outcomes).await?;
        cancelled = cancelled_ids;
        let written: HashSet<i64> = written.into_iter().collect();
        let missing: Vec<&RowUpdate> = batch
            .outcomes
            .iter()
            .filter(|update| !written.contains(&update.tx_id))
            .collect();
        if !missing.is_empty() {
            committed.locked = queue::still_open(&transaction, &missing)
                .await?
                .into_iter()
                .collect();
            committed.gone = missing
                .iter()
                .map(|update| update.tx_id)
                .filter(|id| !committed.locked.contains(id))
                .collect();
        }
        let accepted: Vec<Accepted> = batch
            .outcomes
            .iter()
            .filter(|update| written.contains(&update.tx_id))
            .flat_map(accepted)
            .collect();
        if !accepted.is_empty() {
            early = inbound::early_receipts(&transaction, &accepted).await?;
        }
    }
    for receipt in &early {
        states.accept_early(receipt);
    }

    let mut rows: Vec<&Inbound> = batch.deliveries.iter().map(|stored| &stored.row).collect();
    let mut owners = match_receipts(&transaction, &rows, &mut states).await?;
    if batch.wary {
        let wanted: Vec<i64> = owners.iter().copied().flatten().collect();
        let free = queue::lock(&transaction, &wanted).await?;
        let is_free = |owner: &Option<i64>| owner.is_none_or(|owner| free.contains(&owner));
        states.leave_out(wanted.iter().filter(|owner| !free.contains(owner)));
        committed.postponed = (0..rows.len())
            .filter(|&at| !is_free(&owners[at]))
            .collect();
        let mut kept = owners.iter().map(is_free);
        rows.retain(|_| kept.next().unwrap_or(true));
        owners.retain(is_free);
    }
    let inbox = if rows.is_empty() {
        Vec::new()
    } else {
        let ids = inbound::next_rx_ids(&transaction, rows.len()).await?;
        inbound::insert_rx(&transaction, &ids, &rows, &owners).await?;
        inbound::insert_inbox(&transaction, &ids, &rows).await?
    };
    if !early.is_empty() {
        let links: Vec<_> = early
            .iter()
            .map(|receipt| (receipt.rx_id, receipt.tx_id))
            .collect();
        inbound::link_receipts(&transaction, &links).await?;
    }
    let (updates, conflicts) = states.finish();
    committed.conflicts = conflicts;
    let mut changed = cancelled;
    if !updates.is_empty() {
        changed.extend(inbound::apply_states(&transaction, &updates).await?);
    }
    inbound::notify(&transaction, "smpp_delivery", &changed).await?;
    inbound::notify(&transaction, "smpp_inbox", &inbox).await?;
    transaction.commit().await?;
    Ok(committed)
}

/// The canonical ids that receipts for an accepted message may have: converted by the format of the
/// server, and the id as it is, for a TLV that has the form of the response already.
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

/// Finds the messages that the receipts among `rows` are about, in the order of `rows`.
async fn match_receipts<C: GenericClient>(
    client: &C,
    rows: &[&Inbound],
    states: &mut States,
) -> Result<Vec<Option<i64>>, DbError> {
    let mut owners = vec![None; rows.len()];
    let receipts: Vec<(usize, &ReceiptFacts)> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| Some((at, row.receipt.as_ref()?)))
        .collect();
    let mut lookups = Vec::new();
    for &(at, receipt) in &receipts {
        for key in &receipt.keys {
            lookups.push(Lookup {
                ordinal: i32::try_from(lookups.len()).unwrap_or(i32::MAX),
                server_id: rows[at].server_id,
                key: key.clone(),
                source: rows[at].source_addr.clone(),
                only_to_source: receipt.by_text,
            });
        }
    }
    if lookups.is_empty() {
        return Ok(owners);
    }
    let hits: BTreeMap<i32, inbound::Hit> = inbound::match_receipts(client, &lookups)
        .await?
        .into_iter()
        .map(|hit| (hit.ordinal, hit))
        .collect();
    let mut ordinal = 0;
    for (at, receipt) in receipts {
        let keys = i32::try_from(receipt.keys.len()).unwrap_or(i32::MAX);
        if let Some((_, hit)) = hits.range(ordinal..ordinal + keys).next() {
            owners[at] = Some(hit.tx_id);
            let known = hit.state.as_deref().and_then(MessageState::from_name);
            states.accept(hit.tx_id, known, receipt);
        }
        ordinal += keys;
    }
    Ok(owners)
}

/// The states that the receipts of one transaction add up to. Pure.
#[derive(Debug, Default)]
struct States {
    messages: BTreeMap<i64, Message>,
    conflicts: Vec<Conflict>,
}

#[derive(Debug, Default)]
struct Message {
    state: Option<MessageState>,
    update: Option<StateUpdate>,
}

impl States {
    /// A receipt for a message whose state in the table is `known`.
    fn accept(&mut self, tx_id: i64, known: Option<MessageState>, receipt: &ReceiptFacts) {
        let message = self.messages.entry(tx_id).or_insert_with(|| Message {
            state: known,
            update: None,
        });
        let Some(new) = receipt.state else {
            return;
        };
        if replaces(message.state, new) {
            message.state = Some(new);
            message.update = Some(StateUpdate {
                tx_id,
                state: new.name(),
                error_code: receipt.error_code.clone(),
                network_error_code: receipt.network_error_code.clone(),
            });
        } else if let Some(state) = message.state
            && state.is_final()
            && new.is_final()
            && state != new
        {
            self.conflicts.push(Conflict {
                tx_id,
                state,
                later: new,
            });
        }
    }

    /// A stored receipt that came before its message was recorded.
    fn accept_early(&mut self, early: &EarlyReceipt) {
        let text = |name: &str| {
            let value = early.receipt.as_ref()?.get(name)?.as_str()?;
            Some(value.to_owned())
        };
        let facts = ReceiptFacts {
            message_id: String::new(),
            keys: Vec::new(),
            by_text: false,
            state: text("state").as_deref().and_then(MessageState::from_name),
            error_code: text("err"),
            network_error_code: text("network_error_code"),
        };
        self.accept(early.tx_id, None, &facts);
    }

    /// Forgets what was to become of these messages.
    fn leave_out<'a>(&mut self, tx_ids: impl Iterator<Item = &'a i64>) {
        for tx_id in tx_ids {
            self.messages.remove(tx_id);
            self.conflicts.retain(|conflict| conflict.tx_id != *tx_id);
        }
    }

    fn finish(self) -> (Vec<StateUpdate>, Vec<Conflict>) {
        let updates = self
            .messages
            .into_values()
            .filter_map(|message| message.update)
            .collect();
        (updates, self.conflicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(state: MessageState) -> ReceiptFacts {
        ReceiptFacts {
            message_id: "1".to_owned(),
            keys: vec!["1".to_owned()],
            by_text: false,
            state: Some(state),
            error_code: None,
            network_error_code: None,
        }
    }

    fn fold(known: Option<MessageState>, states: &[MessageState]) -> (Option<&'static str>, usize) {
        let mut all = States::default();
        for &state in states {
            all.accept(7, known, &receipt(state));
        }
        let (updates, conflicts) = all.finish();
        (updates.first().map(|update| update.state), conflicts.len())
    }

    #[test]
    fn the_first_final_state_stays() {
        use MessageState::{Accepted, Delivered, Enroute, Undeliverable};
        assert_eq!(fold(None, &[Enroute, Delivered]), (Some("DELIVERED"), 0));
        assert_eq!(fold(None, &[Delivered, Enroute]), (Some("DELIVERED"), 0));
        assert_eq!(fold(Some(Enroute), &[Delivered]), (Some("DELIVERED"), 0));
        assert_eq!(fold(Some(Delivered), &[Enroute, Accepted]), (None, 0));
        assert_eq!(fold(Some(Delivered), &[Delivered]), (None, 0));
        assert_eq!(fold(Some(Delivered), &[Undeliverable]), (None, 1));
        assert_eq!(
            fold(None, &[Undeliverable, Delivered]),
            (Some("UNDELIVERABLE"), 1)
        );
    }
}
