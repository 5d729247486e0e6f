//! Troubles that have an end: what was told to be so, by this process or by one before it, until its end is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::EventLog;
use crate::db::events::{self, Event, Sought};
use crate::db::retention::Table;
use crate::db::{Database, DbError};

/// The two types of event between which a component has a trouble.
#[derive(Debug)]
struct Pair {
    component: &'static str,
    begins: &'static str,
    ends: &'static str,
}

impl Pair {
    const fn new(component: &'static str, begins: &'static str, ends: &'static str) -> Self {
        Self {
            component,
            begins,
            ends,
        }
    }
}

/// All there are but those of the session, which each start tells anew.
const PAIRS: [Pair; 8] = [
    Pair::new("daemon", "config_refused", "config_reloaded"),
    Pair::new("database", "database_lost", "database_back"),
    Pair::new("database", "lease_unrenewed", "lease_renewed"),
    Pair::new("metrics", "metrics_failed", "metrics_resumed"),
    Pair::new("queue", "claims_stopped", "claims_resumed"),
    Pair::new("queue", "prefixes_unread", "prefixes_read"),
    Pair::new("queue", "servers_unread", "servers_read"),
    // Of each table.
    Pair::new("retention", "retention_refused", "retention_resumed"),
];

/// A trouble: component, the type of event that begins it, the table where it may be of several.
type Trouble = (&'static str, &'static str, Option<String>);

/// The troubles that stand, and how the component is for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing(Arc<Mutex<HashMap<Trouble, &'static str>>>);

/// Whether a type of event ends a trouble.
pub(super) fn is_end(kind: &str) -> bool {
    PAIRS.iter().any(|pair| pair.ends == kind)
}

fn trouble(pair: &Pair, table: Option<&str>) -> Trouble {
    (pair.component, pair.begins, table.map(str::to_owned))
}

fn worse(one: &'static str, other: &'static str) -> &'static str {
    if one == "down" || other == "ok" {
        one
    } else {
        other
    }
}

impl Standing {
    fn troubles(&self) -> MutexGuard<'_, HashMap<Trouble, &'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event is told now. Its status becomes that of its component, for which another trouble may be worse.
    pub(super) fn heed(&self, event: &mut Event) {
        let of_kind = |pair: &&Pair| pair.begins == event.kind || pair.ends == event.kind;
        let (Some(pair), Some(status)) = (PAIRS.iter().find(of_kind), event.status) else {
            return;
        };
        let table = event.details.as_ref().and_then(|it| it["table"].as_str());
        let trouble = trouble(pair, table);
        let mut troubles = self.troubles();
        if event.kind == pair.begins {
            troubles.insert(trouble, status);
        } else {
            troubles.remove(&trouble);
        }
        let of_component = troubles
            .iter()
            .filter(|((component, ..), _)| *component == pair.component);
        let worst = of_component.fold(status, |worst, (_, status)| worse(status, worst));
        event.status = Some(worst);
    }
}

impl EventLog {
    /// Whether a trouble stood until now, also where a process before this one told it: then its end is to be told.
    /// `begins`: the type of event that told it; `table`: which it was about, where it may be of several.
    #[must_use]
    pub fn over(&self, begins: &str, table: Option<&str>) -> bool {
        let Some(pair) = PAIRS.iter().find(|pair| pair.begins == begins) else {
            return false;
        };
        let trouble = trouble(pair, table);
        self.standing.troubles().remove(&trouble).is_some()
    }

    /// Learns which troubles processes before this one have told without their end.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn look_back(&self, database: &Database, lane: &str) -> Result<(), DbError> {
        let mut sought = Vec::new();
        for pair in &PAIRS {
            let of = |table| Sought {
                begins: pair.begins,
                ends: pair.ends,
                table,
            };
            if pair.component == "retention" {
                sought.extend(Table::ALL.map(|table| of(Some(table.name()))));
            } else {
                sought.push(of(None));
            }
        }
        let found = events::unended(database, lane, &sought).await?;
        let mut troubles = self.standing.troubles();
        for stood in found {
            if let Some(pair) = PAIRS.iter().find(|pair| pair.begins == stood.kind) {
                let status = if stood.status == "down" {
                    "down"
                } else {
                    "degraded"
                };
                let trouble = trouble(pair, stood.table.as_deref());
                // What this process has told meanwhile is newer.
                troubles.entry(trouble).or_insert(status);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tokio::sync::mpsc;

    use super::*;
    use crate::metrics::Metrics;

    fn log() -> (EventLog, mpsc::Receiver<Event>) {
        EventLog::new(Arc::new(Metrics::new("default")))
    }

    #[test]
    fn an_end_is_due_once() {
        let (log, _told) = log();
        assert!(!log.over("claims_stopped", None));
        log.tell("queue", "claims_stopped", "down", "nothing is sent");
        assert!(log.over("claims_stopped", None));
        assert!(!log.over("claims_stopped", None));
        // Whoever tells the end has not to ask before.
        log.tell("queue", "claims_stopped", "down", "nothing is sent");
        log.tell("queue", "claims_resumed", "ok", "it is sent");
        assert!(!log.over("claims_stopped", None));
    }

    #[test]
    fn the_status_is_that_of_the_component() {
        let (log, mut told) = log();
        let mut tell = |kind, status| {
            log.tell("queue", kind, status, "");
            told.try_recv().unwrap().status.unwrap()
        };
        assert_eq!(tell("prefixes_unread", "degraded"), "degraded");
        assert_eq!(tell("claims_stopped", "down"), "down");
        assert_eq!(tell("servers_unread", "degraded"), "down");
        assert_eq!(tell("prefixes_read", "ok"), "down");
        assert_eq!(tell("claims_resumed", "ok"), "degraded");
        assert_eq!(tell("servers_read", "ok"), "ok");
    }

    #[test]
    fn each_table_has_its_own() {
        let (log, mut told) = log();
        let mut tell = |kind, status, table| {
            log.emit(Event {
                component: "retention",
                kind,
                status: Some(status),
                server_id: None,
                message: String::new(),
                details: Some(json!({ "table": table })),
            });
            told.try_recv().unwrap().status.unwrap()
        };
        tell("retention_refused", "degraded", "smpp_tx_queue");
        tell("retention_refused", "degraded", "smpp_inbox");
        assert!(!log.over("retention_refused", Some("smpp_events")));
        assert!(log.over("retention_refused", Some("smpp_inbox")));
        let status = tell("retention_resumed", "ok", "smpp_inbox");
        assert_eq!(status, "degraded");
        let status = tell("retention_resumed", "ok", "smpp_tx_queue");
        assert_eq!(status, "ok");
    }
}
