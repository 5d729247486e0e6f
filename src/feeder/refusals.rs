//! Rows that the database does not let anybody claim, e.g. because a trigger of a user fails. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long such a row is left out before it is tried again.
const LEFT_OUT: Duration = Duration::from_secs(30);

/// Rows left out at once; where there are more, it is not the rows.
const AT_MOST: usize = 500;

/// Finds the row that a claim fails for by claiming fewer and fewer, and leaves it out.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    limit: Option<usize>,
    left_out: HashMap<i64, Instant>,
}

impl Refusals {
    /// Most rows of the next claim.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// Rows that it has to leave out.
    pub(super) fn left_out(&mut self, now: Instant) -> Vec<i64> {
        self.left_out.retain(|_, until| now < *until);
        self.left_out.keys().copied().collect()
    }

    /// No row is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.left_out.is_empty()
    }

    /// A claim of so many rows was refused. True: it was for the first row that there is.
    pub(super) fn refused(&mut self, rows: usize) -> bool {
        self.limit = Some((rows / 2).max(1));
        rows <= 1
    }

    /// A claim succeeded.
    pub(super) fn succeeded(&mut self) {
        self.limit = self
            .limit
            .map(|limit| limit * 2)
            .filter(|&limit| limit < AT_MOST);
    }

    /// Leaves this row out. False: too many are.
    pub(super) fn leave_out(&mut self, id: i64, now: Instant) -> bool {
        let room = self.left_out.len() < AT_MOST;
        if room {
            self.left_out.insert(id, now + LEFT_OUT);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_among_many_is_found() {
        let now = Instant::now();
        let (mut refusals, mut rows, bad) =
            (Refusals::default(), (1..=100).collect::<Vec<i64>>(), 37);
        let mut claimed = Vec::new();
        for _ in 0..100 {
            let left_out = refusals.left_out(now);
            rows.retain(|id| !claimed.contains(id));
            let wanted: Vec<i64> = rows
                .iter()
                .copied()
                .filter(|id| !left_out.contains(id))
                .take(refusals.limit().min(50))
                .collect();
            if !wanted.contains(&bad) {
                refusals.succeeded();
                claimed.extend(wanted);
            } else if refusals.refused(wanted.len()) {
                assert!(refusals.leave_out(wanted[0], now));
            }
        }
        assert_eq!(rows, [bad]);
        assert_eq!(refusals.left_out(now), [bad]);
        assert_eq!(refusals.limit(), usize::MAX);
        assert!(refusals.left_out(now + LEFT_OUT).is_empty());
    }
}
