//! The states that the receipts of one transaction bring. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::db::inbound::{EarlyReceipt, StateUpdate};
use crate::inbound::ReceiptFacts;
use crate::receipt::{MessageState, replaces};

/// A receipt that says other than the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) tx_id: i64,
    pub(super) state: MessageState,
    pub(super) later: MessageState,
}

/// A message of one PDU, or a part of a long one.
pub(super) type Owner = (i64, Option<i16>);

/// What receipts say, one after the other.
#[derive(Debug, Default)]
pub(super) struct States {
    owners: BTreeMap<Owner, Known>,
    conflicts: Vec<Conflict>,
}

#[derive(Debug, Default)]
struct Known {
    state: Option<MessageState>,
    update: Option<StateUpdate>,
}

impl States {
    /// A receipt for a message or part whose state in the table is `known`.
    pub(super) fn accept(
        &mut self,
        owner: Owner,
        known: Option<MessageState>,
        receipt: &ReceiptFacts,
    ) {
        let entry = self.owners.entry(owner).or_insert_with(|| Known {
            state: known,
            update: None,
        });
        let Some(new) = receipt.state else {
            return;
        };
        if replaces(entry.state, new) {
            entry.state = Some(new);
            entry.update = Some(StateUpdate {
                tx_id: owner.0,
                part: owner.1,
                state: new.name(),
                error_code: receipt.error_code.clone(),
                network_error_code: receipt.network_error_code.clone(),
            });
        } else if let Some(state) = entry.state
            && state.is_final()
            && new.is_final()
            && state != new
        {
            self.conflicts.push(Conflict {
                tx_id: owner.0,
                state,
                later: new,
            });
        }
    }

    /// Whether the receipts so far have brought this one to its end.
    pub(super) fn is_final(&self, owner: Owner) -> bool {
        let state = self.owners.get(&owner).and_then(|known| known.state);
        state.is_some_and(MessageState::is_final)
    }

    /// A stored receipt that came before its message was recorded.
    pub(super) fn accept_early(&mut self, early: &EarlyReceipt) {
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
        self.accept((early.tx_id, early.part), None, &facts);
    }

    /// Forgets what was to become of these messages.
    pub(super) fn leave_out(&mut self, tx_ids: &BTreeSet<i64>) {
        self.owners.retain(|owner, _| !tx_ids.contains(&owner.0));
        self.conflicts
            .retain(|conflict| !tx_ids.contains(&conflict.tx_id));
    }

    /// What is to be written to messages of one PDU, what to parts, and what contradicts.
    pub(super) fn finish(self) -> (Vec<StateUpdate>, Vec<StateUpdate>, Vec<Conflict>) {
        let (parts, whole) = self
            .owners
            .into_values()
            .filter_map(|known| known.update)
            .partition(|update| update.part.is_some());
        (whole, parts, self.conflicts)
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
            all.accept((7, None), known, &receipt(state));
        }
        let (updates, parts, conflicts) = all.finish();
        assert!(parts.is_empty());
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

    #[test]
    fn parts_have_states_of_their_own() {
        let mut all = States::default();
        all.accept((7, Some(1)), None, &receipt(MessageState::Delivered));
        all.accept((7, Some(2)), None, &receipt(MessageState::Undeliverable));
        let (whole, parts, conflicts) = all.finish();
        assert!(whole.is_empty() && conflicts.is_empty());
        let told: Vec<_> = parts.iter().map(|it| (it.part, it.state)).collect();
        assert_eq!(told, [(Some(1), "DELIVERED"), (Some(2), "UNDELIVERABLE")]);
    }
}
