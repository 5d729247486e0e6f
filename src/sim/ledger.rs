//! What the simulator saw and did, for tests to compare with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::records::{BindRecord, Counts, DeliveryRecord, SessionRecord, SubmitRecord};
use crate::pdu::CommandStatus;

/// Binds, sessions and violations that are kept one by one; more are only counted.
const SMALL_LIMIT: usize = 100_000;

/// What the ledger keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LedgerMode {
    /// Every submit and delivery, up to the limit of the configuration; further ones are counted.
    #[default]
    Full,
    /// Counters only, for load.
    Counts,
}

/// All that is recorded; seen through [`Ledger::read`] and [`Ledger::wait_until`].
#[derive(Debug)]
pub struct Records {
    mode: LedgerMode,
    limit: usize,
    pub(super) counts: Counts,
    submits: Vec<SubmitRecord>,
    deliveries: Vec<DeliveryRecord>,
    binds: Vec<BindRecord>,
    sessions: Vec<SessionRecord>,
    violations: Vec<String>,
    peak_window: u32,
    truncated: bool,
}

impl Records {
    /// The counters.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Every submit, in the order received.
    #[must_use]
    pub fn submits(&self) -> &[SubmitRecord] {
        &self.submits
    }

    /// The submits to one destination_addr.
    pub fn submits_to(&self, destination: &str) -> impl Iterator<Item = &SubmitRecord> {
        self.submits
            .iter()
            .filter(move |submit| submit.destination == destination)
    }

    /// What the phone with this number has got whole: the octets of each message, headers taken
    /// off and parts joined by their numbers, in the order in which they were complete. A part
    /// that was accepted again belongs to a new message only after the first was complete.
    #[must_use]
    pub fn whole_to(&self, destination: &str) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        let mut open: BTreeMap<_, BTreeMap<u8, &[u8]>> = BTreeMap::new();
        let accepted = self
            .submits_to(destination)
            .filter(|submit| submit.status == Some(CommandStatus::ESME_ROK));
        for submit in accepted {
            let Some(segment) = submit.segment else {
                whole.push(submit.text.to_vec());
                continue;
            };
            let key = (
                &submit.source,
                segment.kind,
                segment.reference,
                segment.total,
            );
            let parts = open.entry(key).or_default();
            parts.insert(segment.part, &submit.text);
            if parts.len() == usize::from(segment.total) {
                whole.push(parts.values().copied().flatten().copied().collect());
                open.remove(&key);
            }
        }
        whole
    }

    /// Every deliver_sm, in the order sent.
    #[must_use]
    pub fn deliveries(&self) -> &[DeliveryRecord] {
        &self.deliveries
    }

    /// Every bind.
    #[must_use]
    pub fn binds(&self) -> &[BindRecord] {
        &self.binds
    }

    /// Every connection.
    #[must_use]
    pub fn sessions(&self) -> &[SessionRecord] {
        &self.sessions
    }

    /// What broke the protocol, in words.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Most submits that were unanswered at once in one session.
    #[must_use]
    pub fn peak_window(&self) -> u32 {
        self.peak_window
    }

    /// Whether a limit was reached, so that not everything is kept.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    pub(super) fn is_full_mode(&self) -> bool {
        self.mode == LedgerMode::Full
    }

    pub(super) fn open_session(&mut self) -> u64 {
        self.counts.connections += 1;
        self.counts.open_sessions += 1;
        let session = self.counts.connections;
        let record = SessionRecord {
            session,
            submits: 0,
            peak_window: 0,
            open: true,
        };
        self.truncated |= !push(&mut self.sessions, record, SMALL_LIMIT);
        session
    }

    /// Brings a session's own counters in.
    pub(super) fn update_session(&mut self, session: u64, submits: u64, peak: u32, open: bool) {
        self.peak_window = self.peak_window.max(peak);
        // Session numbers count from 1 in the order of the list.
        let index = usize::try_from(session).unwrap_or(usize::MAX) - 1;
        if let Some(record) = self.sessions.get_mut(index) {
            record.submits = submits;
            record.peak_window = peak;
            record.open = open;
        }
    }

    pub(super) fn add_submit(&mut self, record: SubmitRecord) -> Option<usize> {
        let index = self.submits.len();
        let kept = push(&mut self.submits, record, self.limit);
        self.truncated |= !kept;
        kept.then_some(index)
    }

    pub(super) fn submit_mut(&mut self, index: usize) -> Option<&mut SubmitRecord> {
        self.submits.get_mut(index)
    }

    pub(super) fn accepted_mut(&mut self, number: u64) -> Option<&mut SubmitRecord> {
        // A client asks for what it sent lately.
        self.submits
            .iter_mut()
            .rev()
            .find(|submit| submit.fate.number == number && submit.message_id.is_some())
    }

    pub(super) fn add_delivery(&mut self, record: DeliveryRecord) -> Option<usize> {
        let index = self.deliveries.len();
        let kept = push(&mut self.deliveries, record, self.limit);
        self.truncated |= !kept;
        kept.then_some(index)
    }

    pub(super) fn delivery_mut(&mut self, index: usize) -> Option<&mut DeliveryRecord> {
        self.deliveries.get_mut(index)
    }

    pub(super) fn add_bind(&mut self, record: BindRecord) {
        self.truncated |= !push(&mut self.binds, record, SMALL_LIMIT);
    }

    pub(super) fn violation(&mut self, session: u64, what: impl std::fmt::Display) {
        self.counts.violations += 1;
        let text = format!("session {session}: {what}");
        self.truncated |= !push(&mut self.violations, text, SMALL_LIMIT);
    }
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize) -> bool {
    let room = list.len() < limit;
    if room {
        list.push(item);
    }
    room
}

/// A handle to the records; clones share them.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: Mutex<Records>,
    changed: Notify,
}

impl Ledger {
    pub(super) fn new(mode: LedgerMode, limit: usize) -> Self {
        Self(Arc::new(Inner {
            records: Mutex::new(Records {
                mode,
                limit,
                counts: Counts::default(),
                submits: Vec::new(),
                deliveries: Vec::new(),
                binds: Vec::new(),
                sessions: Vec::new(),
                violations: Vec::new(),
                peak_window: 0,
                truncated: false,
            }),
            changed: Notify::new(),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Records> {
        // Records hold no invariant that a panic elsewhere could break.
        self.0
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those in [`Self::wait_until`].
    pub(super) fn ring(&self) {
        self.0.changed.notify_waiters();
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let result = change(&mut self.lock());
        self.ring();
        result
    }

    /// Looks at the records while nothing is added to them.
    pub fn read<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until `condition` holds; `false` if it does not within `deadline`.
    #[must_use = "false says that the condition did not come true"]
    pub async fn wait_until(
        &self,
        mut condition: impl FnMut(&Records) -> bool,
        deadline: Duration,
    ) -> bool {
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(self.0.changed.notified());
                changed.as_mut().enable();
                if self.read(&mut condition) {
                    break;
                }
                changed.await;
            }
        };
        tokio::time::timeout(deadline, wait).await.is_ok()
    }

    /// Every submit, in the order received.
    #[must_use]
    pub fn submits(&self) -> Vec<SubmitRecord> {
        self.read(|records| records.submits.clone())
    }

    /// The submits to one destination_addr.
    #[must_use]
    pub fn submits_to(&self, destination: &str) -> Vec<SubmitRecord> {
        self.read(|records| records.submits_to(destination).cloned().collect())
    }

    /// See [`Records::whole_to`].
    #[must_use]
    pub fn whole_to(&self, destination: &str) -> Vec<Vec<u8>> {
        self.read(|records| records.whole_to(destination))
    }

    /// Every deliver_sm, in the order sent.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.read(|records| records.deliveries.clone())
    }

    /// Every bind.
    #[must_use]
    pub fn binds(&self) -> Vec<BindRecord> {
        self.read(|records| records.binds.clone())
    }

    /// What broke the protocol, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.read(|records| records.violations.clone())
    }

    /// The counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.read(|records| records.counts.clone())
    }

    /// Submits received.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.read(|records| records.counts.submits)
    }

    /// Most submits that were unanswered at once in one session.
    #[must_use]
    pub fn peak_window(&self) -> u32 {
        self.read(Records::peak_window)
    }
}
