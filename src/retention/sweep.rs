//! The way through the pages of a table. Pure.

use crate::db::DbError;
use crate::db::retention::{Page, Seen};

/// Most rows in one transaction.
const MOST: i64 = 500;

/// Most rows in one sweep that the database refuses to delete; each is found by halves.
const REFUSED_AT_MOST: u32 = 20;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Look at [`Sweep::page`].
    Look,
    /// Nothing more for now.
    Done,
}

/// Where a look at a table stands.
#[derive(Debug)]
pub(super) struct Sweep {
    after: i64,
    limit: i64,
    /// The one row of the page is refused: pass it over.
    pass_over: bool,
    refused: u32,
}

impl Sweep {
    /// Begins behind an id.
    pub(super) fn new(after: i64) -> Self {
        Self {
            after,
            limit: MOST,
            pass_over: false,
            refused: 0,
        }
    }

    /// What to look at now.
    pub(super) fn page(&self) -> Page {
        Page {
            after: self.after,
            limit: self.limit,
        }
    }

    /// Whether to delete of it.
    pub(super) fn deletes(&self) -> bool {
        !self.pass_over
    }

    /// Where the next sweep may begin.
    pub(super) fn after(&self) -> i64 {
        self.after
    }

    /// The page was looked at.
    pub(super) fn went(&mut self, seen: &Result<Seen, DbError>) -> Step {
        match seen {
            Ok(Seen {
                last: Some(last),
                rows,
                old,
                ..
            }) => {
                // The last page is looked at again, for it grows; one with young rows, for they grow old.
                if *rows < self.limit || *old == 0 {
                    return Step::Done;
                }
                self.after = *last;
                self.pass_over = false;
                self.limit = (self.limit * 2).min(MOST);
                Step::Look
            }
            Ok(_) => Step::Done,
            Err(DbError::Refused(_) | DbError::Failing(_)) if self.limit > 1 => {
                self.limit /= 2;
                Step::Look
            }
            Err(DbError::Refused(_) | DbError::Failing(_)) => {
                self.refused += 1;
                self.pass_over = true;
                if self.refused > REFUSED_AT_MOST {
                    Step::Done
                } else {
                    Step::Look
                }
            }
            // Somebody holds a lock, or it can't be done at all: later.
            Err(_) => Step::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 1 to `rows`, of which those up to `old` are old; `refused` can't be deleted.
    struct Rows {
        there: Vec<i64>,
        old: i64,
        refused: Vec<i64>,
        looks: u32,
    }

    impl Rows {
        fn new(rows: i64, old: i64, refused: &[i64]) -> Self {
            Self {
                there: (1..=rows).collect(),
                old,
                refused: refused.to_vec(),
                looks: 0,
            }
        }

        fn look(&mut self, page: Page, delete: bool) -> Result<Seen, DbError> {
            self.looks += 1;
            let limit = usize::try_from(page.limit).unwrap();
            let behind = self.there.iter().copied().filter(|id| *id > page.after);
            let page: Vec<i64> = behind.take(limit).collect();
            let doomed: Vec<i64> = page
                .iter()
                .copied()
                .filter(|id| *id <= self.old && delete)
                .collect();
            if doomed.iter().any(|id| self.refused.contains(id)) {
                return Err(DbError::Refused("no".to_owned()));
            }
            self.there.retain(|id| !doomed.contains(id));
            Ok(Seen {
                last: page.last().copied(),
                rows: i64::try_from(page.len()).unwrap(),
                old: i64::try_from(page.iter().filter(|id| **id <= self.old).count()).unwrap(),
                deleted: i64::try_from(doomed.len()).unwrap(),
            })
        }

        fn sweep(&mut self, after: i64) -> i64 {
            let mut sweep = Sweep::new(after);
            loop {
                let seen = self.look(sweep.page(), sweep.deletes());
                if sweep.went(&seen) == Step::Done {
                    return sweep.after();
                }
            }
        }
    }

    #[test]
    fn what_is_old_goes_and_the_rest_is_looked_at_once() {
        let mut rows = Rows::new(10_000, 1234, &[]);
        rows.sweep(0);
        assert_eq!(rows.there.first(), Some(&1235));
        assert!(rows.looks <= 4, "{}", rows.looks);
        rows.looks = 0;
        rows.sweep(0);
        assert_eq!(rows.looks, 1);
    }

    #[test]
    fn a_table_without_rows_or_with_few_is_looked_at_once() {
        for count in [0, 1, MOST - 1] {
            let mut rows = Rows::new(count, count, &[]);
            assert_eq!(rows.sweep(0), 0);
            assert_eq!((rows.looks, rows.there.len()), (1, 0));
        }
    }

    #[test]
    fn rows_that_are_refused_keep_no_other() {
        let refused = [1, 2, 700, 1499];
        let mut rows = Rows::new(2000, 1500, &refused);
        let after = rows.sweep(0);
        let left: Vec<i64> = rows
            .there
            .iter()
            .copied()
            .filter(|id| *id <= 1500)
            .collect();
        assert_eq!(left, refused);
        assert!(rows.looks < 100, "{}", rows.looks);
        // The next sweep does not meet them again.
        rows.looks = 0;
        rows.sweep(after);
        assert!(rows.looks <= 2, "{}", rows.looks);
    }

    #[test]
    fn where_all_are_refused_it_gives_up_for_now() {
        let refused: Vec<i64> = (1..=5000).collect();
        let mut rows = Rows::new(5000, 5000, &refused);
        rows.sweep(0);
        assert!(rows.looks < 100, "{}", rows.looks);
    }

    #[test]
    fn a_lock_or_a_missing_right_ends_it_where_it_stands() {
        for error in [DbError::Busy, DbError::Away, DbError::Broken] {
            let mut sweep = Sweep::new(7);
            assert_eq!(sweep.went(&Err(error(String::new()))), Step::Done);
            assert_eq!(sweep.after(), 7);
        }
    }
}
