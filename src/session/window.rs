//! The submits that wait for an answer.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// What is left of a submit when its session ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// At least its last octet was handed to the socket: the SMSC may have it.
    InDoubt,
    /// The SMSC can't have all of it, and so has nothing.
    Unwritten,
}

#[derive(Debug)]
struct Pending<T> {
    token: T,
    /// Where its last octet stands in all that the session ever queued for writing.
    end: u64,
    due: Instant,
    overdue: bool,
}

/// Unanswered submits by sequence_number, and when each is due.
#[derive(Debug)]
pub(super) struct Window<T> {
    pending: HashMap<u32, Pending<T>>,
    due: BTreeSet<(Instant, u32)>,
    overdue: usize,
    response_timer: Duration,
}

impl<T> Window<T> {
    pub(super) fn new(response_timer: Duration) -> Self {
        Self {
            pending: HashMap::new(),
            due: BTreeSet::new(),
            overdue: 0,
            response_timer,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn contains(&self, sequence_number: u32) -> bool {
        self.pending.contains_key(&sequence_number)
    }

    /// Submits that are past their first response time.
    pub(super) fn overdue(&self) -> usize {
        self.overdue
    }

    pub(super) fn insert(&mut self, sequence_number: u32, token: T, end: u64, now: Instant) {
        let due = now + self.response_timer;
        self.due.insert((due, sequence_number));
        self.pending.insert(
            sequence_number,
            Pending {
                token,
                end,
                due,
                overdue: false,
            },
        );
    }

    /// Takes out an answered submit.
    pub(super) fn remove(&mut self, sequence_number: u32) -> Option<T> {
        let pending = self.pending.remove(&sequence_number)?;
        self.due.remove(&(pending.due, sequence_number));
        self.overdue -= usize::from(pending.overdue);
        Some(pending.token)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|&(due, _)| due)
    }

    /// Counts what is late by one response time as overdue, and takes out what is late by two.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<T> {
        let mut expired = Vec::new();
        while let Some(&(due, sequence_number)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let Some(pending) = self.pending.get_mut(&sequence_number) else {
                continue;
            };
            if pending.overdue {
                expired.extend(self.remove(sequence_number));
            } else {
                pending.overdue = true;
                pending.due = due + self.response_timer;
                self.due.insert((pending.due, sequence_number));
                self.overdue += 1;
            }
        }
        expired
    }

    /// Everything that has no answer, when `written` octets were handed to the socket.
    pub(super) fn into_leftovers(self, written: u64) -> impl Iterator<Item = (T, Leftover)> {
        self.pending.into_values().map(move |pending| {
            let leftover = if pending.end <= written {
                Leftover::InDoubt
            } else {
                Leftover::Unwritten
            };
            (pending.token, leftover)
        })
    }
}
