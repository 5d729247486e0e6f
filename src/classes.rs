//! What statuses mean for the submits that they answer, where a provider differs from the usual. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::pdu::{CommandStatus, StatusClass};

/// Most rows of `smpp_status_classes` that are heeded for a server.
pub const MOST_OVERRIDES: usize = 1000;

/// A row of `smpp_status_classes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override {
    /// It is for this server, not for all.
    pub own: bool,
    /// `command_status`
    pub status: CommandStatus,
    /// `class`
    pub class: StatusClass,
}

/// What the statuses of one SMSC mean: by its own overrides, then by those for all servers, then as
/// usual ([`CommandStatus::class`]). Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// By status.
    overrides: Arc<[(CommandStatus, StatusClass)]>,
    /// What ESME_ROK was said to be.
    ok_as: Option<StatusClass>,
    /// There were more rows than [`MOST_OVERRIDES`].
    left_out: bool,
}

impl Classes {
    /// From the rows for a server and for all servers. Those behind the first [`MOST_OVERRIDES`] are
    /// left out, and so is one for ESME_ROK: whatever it said, it would have messages sent again
    /// that were accepted, or failed.
    #[must_use]
    pub fn new(rows: impl IntoIterator<Item = Override>) -> Self {
        let mut rows = rows.into_iter();
        let mut known = BTreeMap::new();
        for row in rows.by_ref().take(MOST_OVERRIDES) {
            match known.entry(row.status) {
                Entry::Vacant(place) => {
                    place.insert(row);
                }
                Entry::Occupied(mut place) if row.own => {
                    place.insert(row);
                }
                Entry::Occupied(_) => {}
            }
        }
        let ok = known.remove(&CommandStatus::ESME_ROK);
        Self {
            overrides: known
                .into_values()
                .map(|row| (row.status, row.class))
                .collect(),
            ok_as: ok
                .map(|row| row.class)
                .filter(|&class| class != StatusClass::Ok),
            left_out: rows.next().is_some(),
        }
    }

    /// What a status means for the submit that it answers.
    #[must_use]
    pub fn class_of(&self, status: CommandStatus) -> StatusClass {
        match self.overrides.binary_search_by_key(&status, |it| it.0) {
            Ok(at) => self.overrides[at].1,
            Err(_) => status.class(),
        }
    }

    /// What is not heeded, and why.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let ok = self.ok_as.map(|class| {
            format!(
                "smpp_status_classes says that command_status 0 (ESME_ROK) is {}, which is not heeded: \
                 it always means accepted",
                class.name()
            )
        });
        let left_out = self.left_out.then(|| {
            format!(
                "smpp_status_classes has more than {MOST_OVERRIDES} rows for this server; \
                 those behind are not heeded, the server's own come first"
            )
        });
        ok.into_iter().chain(left_out).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(own: bool, status: u32, class: StatusClass) -> Override {
        Override {
            own,
            status: CommandStatus(status),
            class,
        }
    }

    #[test]
    fn the_servers_own_count_before_those_for_all_and_these_before_the_usual() {
        use StatusClass::{Ok, Permanent, SessionFatal, Temporary, Throttled};
        let rows = [
            row(true, 0x08, Permanent),
            row(false, 0x08, SessionFatal),
            row(false, 0x0B, Temporary),
            row(false, 0x0450, Throttled),
            row(true, 0x0450, Ok),
        ];
        let mut backwards = rows;
        backwards.reverse();
        for classes in [Classes::new(rows), Classes::new(backwards)] {
            for (status, class) in [
                (0x00, Ok),
                (0x08, Permanent),
                (0x0A, Permanent),
                (0x0B, Temporary),
                (0x58, Throttled),
                (0x0450, Ok),
                (0x0451, Temporary),
                (u32::MAX, Permanent),
            ] {
                let found = classes.class_of(CommandStatus(status));
                assert_eq!(found, class, "{status:#x}");
            }
            assert_eq!(classes.warnings(), [""; 0]);
        }
    }

    #[test]
    fn without_rows_each_status_means_the_usual() {
        let classes = Classes::default();
        assert_eq!(classes, Classes::new([]));
        for &status in CommandStatus::ALL {
            assert_eq!(classes.class_of(status), status.class(), "{status}");
        }
    }

    #[test]
    fn accepted_stays_accepted() {
        for class in [
            StatusClass::Throttled,
            StatusClass::Temporary,
            StatusClass::Permanent,
            StatusClass::SessionFatal,
        ] {
            let classes = Classes::new([row(true, 0, class)]);
            let ok = classes.class_of(CommandStatus::ESME_ROK);
            assert_eq!(ok, StatusClass::Ok);
            let warnings = classes.warnings();
            assert_eq!(warnings.len(), 1);
            assert!(warnings[0].contains(class.name()), "{warnings:?}");
        }
        let same = Classes::new([row(false, 0, StatusClass::Ok)]);
        assert_eq!(same.warnings(), [""; 0]);
    }

    #[test]
    fn a_thousand_are_heeded_and_the_rest_is_told_of() {
        let rows = |count: u32| (1..=count).map(|n| row(true, 0x1000 + n, StatusClass::Temporary));
        let all = Classes::new(rows(1000));
        let last = CommandStatus(0x1000 + 1000);
        assert_eq!(all.class_of(last), StatusClass::Temporary);
        assert_eq!(all.warnings(), [""; 0]);
        let more = Classes::new(rows(1001));
        let behind = CommandStatus(0x1000 + 1001);
        assert_eq!(more.class_of(last), StatusClass::Temporary);
        assert_eq!(more.class_of(behind), StatusClass::Permanent);
        assert!(more.warnings()[0].contains("1000"), "{:?}", more.warnings());
    }
}
