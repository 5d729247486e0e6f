//! What waits to be delivered to clients: receipts and messages from phones.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::time::Instant;

use super::answer::Answer;
use super::outcome::State;
use super::phone::PhoneMessage;

/// An address with its type of number and numbering plan.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) digits: Box<[u8]>,
}

/// A receipt or an intermediate notification.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    pub(super) number: u64,
    pub(super) state: State,
    pub(super) intermediate: bool,
    /// Of the submit: the receipt goes the other way.
    pub(super) source: Address,
    pub(super) destination: Address,
    /// Unix time of the submit.
    pub(super) submitted: i64,
    /// The begin of the text, where it is readable.
    pub(super) text: Box<[u8]>,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Receipt(Receipt),
    Message(PhoneMessage),
}

/// One deliver_sm to be sent.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) content: Content,
    /// Answers with a temporary error so far.
    pub(super) failures: u32,
    /// The answer that a session gives after this was sent.
    pub(super) then: Option<(u64, Answer)>,
}

impl Delivery {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            failures: 0,
            then: None,
        }
    }
}

#[derive(Debug, Default)]
struct Mailbox {
    ready: VecDeque<Delivery>,
    later: BTreeMap<(Instant, u64), Delivery>,
}

/// All that waits: receipts by system_id, messages for whoever is bound to receive.
///
/// It outlives the sessions, as the store of a real SMSC does.
#[derive(Debug)]
pub(super) struct Mail {
    receipts: HashMap<Box<[u8]>, Mailbox>,
    messages: Mailbox,
    queued: usize,
    limit: usize,
    order: u64,
}

impl Mail {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            receipts: HashMap::new(),
            messages: Mailbox::default(),
            queued: 0,
            limit,
            order: 0,
        }
    }

    fn mailbox(&mut self, system_id: &[u8], content: &Content) -> &mut Mailbox {
        match content {
            Content::Message(_) => &mut self.messages,
            Content::Receipt(_) => self.receipts.entry(system_id.into()).or_default(),
        }
    }

    /// Queues a delivery, to be sent from `due` on; gives it back when too many wait.
    pub(super) fn push(
        &mut self,
        system_id: &[u8],
        due: Option<Instant>,
        item: Delivery,
    ) -> Option<Delivery> {
        if self.queued >= self.limit {
            return Some(item);
        }
        self.queued += 1;
        self.order += 1;
        let order = self.order;
        let mailbox = self.mailbox(system_id, &item.content);
        match due {
            None => mailbox.ready.push_back(item),
            Some(due) => {
                mailbox.later.insert((due, order), item);
            }
        }
        None
    }

    /// Puts back what a session had sent and not seen answered; `items` in the order sent.
    pub(super) fn give_back(
        &mut self,
        system_id: &[u8],
        items: impl DoubleEndedIterator<Item = Delivery>,
    ) {
        for item in items.rev() {
            self.queued += 1;
            self.mailbox(system_id, &item.content)
                .ready
                .push_front(item);
        }
    }

    /// Takes up to `room` deliveries that a session of `system_id` may send now.
    pub(super) fn take(&mut self, system_id: &[u8], room: usize, now: Instant) -> Vec<Delivery> {
        let mut taken = Vec::new();
        if let Some(mailbox) = self.receipts.get_mut(system_id) {
            mailbox.take(room, now, &mut taken);
            if mailbox.is_empty() {
                self.receipts.remove(system_id);
            }
        }
        self.messages.take(room, now, &mut taken);
        self.queued -= taken.len();
        taken
    }

    /// When a delivery for a session of `system_id` gets due that was not when last taken.
    pub(super) fn next_due(&self, system_id: &[u8]) -> Option<Instant> {
        let receipts = self.receipts.get(system_id).and_then(Mailbox::next_due);
        [receipts, self.messages.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Turns the receipt of a cancelled message into DELETED; `false` when none waits.
    pub(super) fn cancel(&mut self, system_id: &[u8], number: u64) -> bool {
        let Some(mailbox) = self.receipts.get_mut(system_id) else {
            return false;
        };
        let mut found = false;
        for item in mailbox.later.values_mut() {
            if let Content::Receipt(receipt) = &mut item.content
                && receipt.number == number
            {
                receipt.state = State::Deleted;
                found = true;
            }
        }
        found
    }
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|(&(due, _), _)| due)
    }

    fn take(&mut self, room: usize, now: Instant, taken: &mut Vec<Delivery>) {
        while taken.len() < room {
            if let Some(item) = self.ready.pop_front() {
                taken.push(item);
            } else if let Some(first) = self.later.first_entry()
                && first.key().0 <= now
            {
                taken.push(first.remove());
            } else {
                break;
            }
        }
    }
}
