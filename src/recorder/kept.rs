//! PDUs that want no answer, such as an alert_notification, so nobody would send them again: they
//! are kept in memory while the database does not take them.

use super::Stored;

/// Most PDUs that are kept: what one transaction takes.
const MAX_PDUS: usize = super::BATCH;

/// Most of their octets.
const MAX_OCTETS: usize = 2 * 1024 * 1024;

/// What waits for the database, in the order in which it came.
#[derive(Default)]
pub struct Kept {
    waiting: Vec<Stored>,
    octets: usize,
    told_full: bool,
}

impl Kept {
    /// Keeps one more; where there is no room for it, it is lost, which the log tells once.
    pub(super) fn add(&mut self, stored: Stored) {
        let octets = stored.delivered.delivery.received.octets().len();
        if self.waiting.len() < MAX_PDUS && self.octets + octets <= MAX_OCTETS {
            self.octets += octets;
            self.waiting.push(stored);
        } else if !std::mem::replace(&mut self.told_full, true) {
            tracing::warn!(
                "a PDU that wants no answer was not stored: {} wait for the database already; until they are stored no further one is told",
                self.waiting.len()
            );
        }
    }

    /// All of it.
    pub(super) fn take(&mut self) -> Vec<Stored> {
        self.octets = 0;
        self.told_full = false;
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::recorder::Delivered;
    use crate::server::Server;
    use crate::session::driver::{Delivery, Received};

    fn stored(octets: usize) -> Stored {
        Stored::read(Delivered {
            delivery: Delivery {
                received: Received::Garbage(Bytes::from(vec![0; octets])),
                answer: None,
            },
            server: Arc::new(Server::unknown()),
        })
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = Kept::default();
        for _ in 0..MAX_PDUS + 100 {
            kept.add(stored(16));
        }
        assert_eq!(kept.take().len(), MAX_PDUS);
        assert!(kept.is_empty());
        for octets in [MAX_OCTETS / 2, MAX_OCTETS / 2, 1] {
            kept.add(stored(octets));
        }
        assert_eq!(kept.take().len(), 2);
        kept.add(stored(MAX_OCTETS));
        assert_eq!(kept.take().len(), 1);
    }
}
