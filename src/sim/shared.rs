//! What the sessions of one simulator share.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::Config;
use super::answer::Answer;
use super::behaviour::Behaviour;
use super::ledger::Ledger;
use super::long::LongMessages;
use super::mail::Mail;
use super::segment::Segment;
use super::submission::Submission;

/// Messages whose refusals are counted at once; beyond it a message is accepted at its first attempt.
const REFUSALS_LIMIT: usize = 100_000;

/// Commands that wait for a session; more are refused.
const COMMANDS: usize = 4096;

/// How a session has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// By TCP RST.
    Reset,
    /// By TCP FIN, without an unbind.
    Close,
}

/// What a session is told to do.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Unbind,
    EnquireLink,
    Raw(Bytes),
    /// Give this answer, which waited for another session to send a receipt.
    Answer(Answer),
}

/// How the others see a session.
#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    ending: watch::Sender<Option<Ending>>,
    /// system_id, and whether it receives; `None` while it is not bound.
    bound: Option<(Box<[u8]>, bool)>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) behaviour: watch::Sender<Arc<Behaviour>>,
    pub(super) ledger: Ledger,
    /// Rings when there is new mail.
    pub(super) bell: watch::Sender<()>,
    mail: Mutex<Mail>,
    sessions: Mutex<BTreeMap<u64, Handle>>,
    refusals: Mutex<HashMap<u64, u8>>,
    long: Mutex<LongMessages>,
    next_number: AtomicU64,
    next_reference: AtomicU8,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // None of them is left half changed by a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        Self {
            behaviour: watch::Sender::new(Arc::new(config.behaviour)),
            ledger: Ledger::new(config.ledger, config.ledger_limit),
            bell: watch::Sender::new(()),
            mail: Mutex::new(Mail::new(config.queue_limit)),
            sessions: Mutex::default(),
            refusals: Mutex::default(),
            long: Mutex::default(),
            next_number: AtomicU64::new(first_number()),
            next_reference: AtomicU8::new(0),
        }
    }

    pub(super) fn mail(&self) -> MutexGuard<'_, Mail> {
        lock(&self.mail)
    }

    /// A number for an accepted message; ids are written from it.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn long(&self) -> MutexGuard<'_, LongMessages> {
        lock(&self.long)
    }

    /// A reference for the parts of a phone's long message.
    pub(super) fn next_reference(&self) -> u8 {
        self.next_reference.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether this message still has to be refused, `times` in all.
    pub(super) fn refuses(&self, submission: &Submission<'_>, times: u8) -> bool {
        let mut hasher = DefaultHasher::new();
        submission.source.digits.hash(&mut hasher);
        submission.destination.digits.hash(&mut hasher);
        submission.octets().hash(&mut hasher);
        // By TLVs, two parts may have the same octets.
        Segment::read(submission).0.hash(&mut hasher);
        let key = hasher.finish();
        let mut refusals = lock(&self.refusals);
        if refusals.len() >= REFUSALS_LIMIT && !refusals.contains_key(&key) {
            return false;
        }
        let count = refusals.entry(key).or_insert(0);
        if *count >= times {
            refusals.remove(&key);
            return false;
        }
        *count += 1;
        true
    }

    /// Enters a session; gives what it listens to.
    pub(super) fn enter(
        &self,
        session: u64,
    ) -> (mpsc::Receiver<Command>, watch::Receiver<Option<Ending>>) {
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (ending, ending_receiver) = watch::channel(None);
        let handle = Handle {
            commands,
            ending,
            bound: None,
        };
        lock(&self.sessions).insert(session, handle);
        (command_receiver, ending_receiver)
    }

    pub(super) fn leave(&self, session: u64) {
        lock(&self.sessions).remove(&session);
    }

    pub(super) fn set_bound(&self, session: u64, system_id: &[u8], receives: bool) {
        if let Some(handle) = lock(&self.sessions).get_mut(&session) {
            handle.bound = Some((system_id.into(), receives));
        }
    }

    /// Whether a session is bound that takes the receipts of this system_id.
    pub(super) fn has_receiver(&self, system_id: &[u8]) -> bool {
        lock(&self.sessions)
            .values()
            .any(|handle| matches!(&handle.bound, Some((bound, true)) if **bound == *system_id))
    }

    /// Tells one session to end; `false` when it is gone.
    pub(super) fn end(&self, session: u64, ending: Ending) -> bool {
        let sessions = lock(&self.sessions);
        let handle = sessions.get(&session);
        handle.is_some_and(|handle| handle.ending.send_replace(Some(ending)).is_none())
    }

    /// Tells every session to end; says how many.
    pub(super) fn end_all(&self, ending: Ending) -> usize {
        let sessions = lock(&self.sessions);
        for handle in sessions.values() {
            handle.ending.send_replace(Some(ending));
        }
        sessions.len()
    }

    /// Tells every bound session; says how many took it.
    pub(super) fn tell_bound(&self, command: &Command) -> usize {
        lock(&self.sessions)
            .values()
            .filter(|handle| handle.bound.is_some())
            .filter(|handle| handle.commands.try_send(command.clone()).is_ok())
            .count()
    }

    /// Tells one session; `false` when it is gone or overrun.
    pub(super) fn tell(&self, session: u64, command: Command) -> bool {
        lock(&self.sessions)
            .get(&session)
            .is_some_and(|handle| handle.commands.try_send(command).is_ok())
    }
}

/// Begins the numbers so that ids of two runs, or of two simulators, hardly ever meet in one database.
fn first_number() -> u64 {
    const LOW_BITS: u32 = 24;
    unix_now().unsigned_abs() << LOW_BITS | fastrand::u64(..1 << LOW_BITS)
}

/// Seconds of the Unix epoch.
pub(super) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}
