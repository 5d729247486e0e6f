//! Rows that take several PDUs: their parts are fixed before the first of them leaves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use deadpool_postgres::GenericClient;

use crate::db::parts::{self, NewParts, Part, Restart, Source, StartedParts, StoredPart};
use crate::db::queue::Claimed;
use crate::db::{Database, DbError};
use crate::pdu::SubmitSm;
use crate::server::Server;
use crate::submission;
use crate::text::Plan;

/// A row whose parts the database refuses waits so long.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// A row that somebody has locked waits so long.
const LOCKED_FOR: Duration = Duration::from_secs(1);

/// Locks that are waited for, briefly each, before all other rows are put off.
const LOCKS_MET_AT_MOST: u32 = 12;

/// A row that takes several PDUs, or has taken several in an earlier attempt.
pub(super) struct LongRow<'a> {
    pub(super) row: &'a Claimed,
    /// How its text would be split now, or that it can't be.
    pub(super) plan: Option<&'a Plan>,
    /// All of its submits but the text.
    pub(super) frame: &'a SubmitSm,
}

/// What is to be sent of a row.
#[derive(Debug)]
pub(super) enum Ready {
    /// These parts, and which attempt at each it is.
    Parts(Vec<(Part, i32)>),
    /// It takes one PDU now.
    Whole,
    /// Nothing for so long, for this reason.
    Postponed(String, Duration),
}

/// How to go on with a row.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    /// Split by the settings of today. The flag: the SMSC may have some of it already.
    Anew { sent: bool },
    /// Send those of its parts that were not accepted.
    GoOn,
}

/// Accepted parts are never sent again: a row goes on with the parts that it has. It begins anew where nothing of it
/// can have arrived, where it was sent whole and set back by hand, and with another server, which
/// knows nothing of its parts.
fn course(row: &Claimed, stored: &[StoredPart], server_id: i64) -> Course {
    let accepted = stored.iter().any(|part| part.done);
    let sent = accepted || stored.iter().any(|part| part.doubtful);
    if stored.iter().all(|part| part.done) {
        Course::Anew { sent: false }
    } else if stored.iter().any(|part| part.server_id != Some(server_id)) {
        Course::Anew { sent }
    } else if !sent && row.attempts == 1 {
        Course::Anew { sent: false }
    } else {
        Course::GoOn
    }
}

/// What became of rows whose parts were to be started.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// By id, what to send; committed.
    pub(super) ready: HashMap<i64, Ready>,
    /// Rows whose parts may be started or not: the answer to the commit was lost. Nothing of them is to be sent.
    pub(super) unsure: HashSet<i64>,
    /// Why some are not ready.
    pub(super) trouble: Option<DbError>,
}

impl Begun {
    /// None of these rows is ready.
    fn not(&mut self, rows: &[LongRow<'_>], failure: Failure) {
        if failure.unsure {
            self.unsure.extend(rows.iter().map(|it| it.row.id));
        }
        self.trouble = Some(failure.error);
    }
}

/// Why parts were not started.
#[derive(Debug)]
struct Failure {
    error: DbError,
    /// It may have been committed all the same.
    unsure: bool,
}

impl<E: Into<DbError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            unsure: false,
        }
    }
}

impl Failure {
    fn of_commit(error: tokio_postgres::Error) -> Self {
        let error = DbError::from(error);
        // Where the database itself says why it did not, it did not.
        let unsure = error.is_away();
        Self { error, unsure }
    }
}

/// Fixes and starts the parts of these rows. One that is neither ready nor unsure was not touched.
pub(super) async fn start(database: &Database, rows: &[LongRow<'_>], server: &Server) -> Begun {
    let mut begun = Begun::default();
    match start_together(database, rows, server, false).await {
        Ok(ready) => {
            begun.ready = ready;
            return begun;
        }
        Err(Failure {
            error: error @ (DbError::Refused(_) | DbError::Failing(_) | DbError::Busy(_)),
            ..
        }) => tracing::debug!(%error, "parts are stored row by row"),
        Err(failure) => {
            begun.not(rows, failure);
            return begun;
        }
    }
    let mut locks_met = 0;
    for row in rows {
        let single = std::slice::from_ref(row);
        let started = if locks_met < LOCKS_MET_AT_MOST {
            start_together(database, single, server, true).await
        } else {
            Err(DbError::Busy("somebody holds locks".to_owned()).into())
        };
        match started {
            Ok(one) => begun.ready.extend(one),
            Err(failure) if matches!(failure.error, DbError::Away(_) | DbError::Broken(_)) => {
                begun.not(single, failure);
                break;
            }
            Err(Failure { error, .. }) => {
                let wait = match error {
                    DbError::Refused(_) | DbError::Failing(_) => REFUSED_FOR,
                    _ => LOCKED_FOR,
                };
                locks_met += u32::from(matches!(error, DbError::Busy(_)));
                let reason = format!("its parts can't be stored: {}", error.reason());
                let postponed = Ready::Postponed(reason, wait);
                begun.ready.insert(row.row.id, postponed);
            }
        }
    }
    begun
}

async fn start_together(
    database: &Database,
    rows: &[LongRow<'_>],
    server: &Server,
    wary: bool,
) -> Result<HashMap<i64, Ready>, Failure> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    match write(&transaction, rows, server, wary).await {
        Ok(ready) => {
            transaction.commit().await.map_err(Failure::of_commit)?;
            Ok(ready)
        }
        Err(error) => {
            // Awaited: the next transaction, by another connection, would else meet the locks of this one.
            if let Err(error) = transaction.rollback().await {
                tracing::debug!(%error, "a transaction could not be rolled back");
            }
            Err(error.into())
        }
    }
}

async fn write<C: GenericClient>(
    client: &C,
    rows: &[LongRow<'_>],
    server: &Server,
    wary: bool,
) -> Result<HashMap<i64, Ready>, DbError> {
    if wary {
        client
            .batch_execute("SET LOCAL lock_timeout TO '50ms'")
            .await?;
    }
    // First of all: a daemon that was cut off may come back behind its successor, and must not touch its parts.
    let attempts: Vec<_> = rows
        .iter()
        .map(|it| (it.row.id, it.row.started_at))
        .collect();
    let held = parts::hold_attempts(client, &attempts).await?;
    let ids: Vec<i64> = held.iter().copied().collect();
    let locked = parts::locked(client, &ids).await?;
    let stored = parts::of(client, &ids).await?;
    let mut ready = HashMap::new();
    let (mut dropped, mut anew, mut restarts) = (Vec::new(), Vec::new(), Vec::new());
    for long in rows {
        let row = long.row;
        if !held.contains(&row.id) || locked.contains(&row.id) {
            // Whether it was deleted or reset is told by what becomes of its outcome.
            let reason = "somebody has locked it, or it was changed while it was being sent";
            ready.insert(row.id, Ready::Postponed(reason.to_owned(), LOCKED_FOR));
            continue;
        }
        let old = stored.get(&row.id).map_or(&[][..], Vec::as_slice);
        match course(row, old, server.account.id) {
            Course::GoOn => restarts.push(Restart {
                tx_id: row.id,
                started_at: row.started_at,
                anew: row.attempts == 1,
            }),
            Course::Anew { sent } => {
                if !old.is_empty() {
                    dropped.push((row.id, sent));
                }
                match long.plan {
                    Some(plan) if plan.parts.len() > 1 => anew.push((long, plan)),
                    _ => {
                        ready.insert(row.id, Ready::Whole);
                    }
                }
            }
        }
    }
    if !dropped.is_empty() {
        parts::drop_all(client, &dropped).await?;
    }
    let new = fix(client, &anew, server).await?;
    let mut started = StartedParts::new();
    if !new.is_empty() {
        started.extend(parts::insert(client, &new, server.account.id).await?);
    }
    if !restarts.is_empty() {
        started.extend(parts::start(client, &restarts).await?);
    }
    let of_new = new.into_iter().map(|it| (it.tx_id, it.parts));
    let of_old = restarts.iter().map(|it| {
        let old = stored.get(&it.tx_id).into_iter().flatten();
        (it.tx_id, old.map(|stored| stored.part.clone()).collect())
    });
    for (tx_id, all) in of_new.chain(of_old) {
        ready.insert(tx_id, send_what_started(all, started.get(&tx_id)));
    }
    Ok(ready)
}

/// Gives texts their references and headers.
async fn fix<C: GenericClient>(
    client: &C,
    rows: &[(&LongRow<'_>, &Plan)],
    server: &Server,
) -> Result<Vec<NewParts>, DbError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // In the form in which it is sent: two forms of one number share their references.
    let destination = |long: &LongRow<'_>| long.frame.destination_addr.to_text();
    let destinations: Vec<String> = rows.iter().map(|(long, _)| destination(long)).collect();
    let mut last = parts::last_references(client, &destinations).await?;
    Ok(rows
        .iter()
        .map(|(long, plan)| {
            let to = destination(long);
            let reference = last
                .get(&to)
                .map_or_else(|| fastrand::u16(..), |last| last.wrapping_add(1));
            last.insert(to.clone(), reference);
            NewParts {
                tx_id: long.row.id,
                started_at: long.row.started_at,
                destination: to,
                source: Source::of(long.frame),
                parts: submission::split(long.frame, plan, server.style.long_message, reference),
            }
        })
        .collect())
}

/// The parts whose attempt the database knows.
fn send_what_started(all: Vec<Part>, started: Option<&HashMap<i16, i32>>) -> Ready {
    let with_attempt = |part: Part| {
        let attempt = started?.get(&part.part).copied();
        attempt.map(|attempt| (part, attempt))
    };
    let parts: Vec<_> = all.into_iter().filter_map(with_attempt).collect();
    if parts.is_empty() {
        let reason = "a trigger left its parts out";
        return Ready::Postponed(reason.to_owned(), REFUSED_FOR);
    }
    Ready::Parts(parts)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;

    use super::*;
    use crate::submission::tests::row;

    const SERVER: i64 = 3;

    fn stored(done: bool, doubtful: bool) -> StoredPart {
        StoredPart {
            part: Part {
                part: 1,
                total: 2,
                concat_ref: Some(7),
                data_coding: 0,
                esm_class: 0x40,
                octets: Bytes::new(),
                source: Source::default(),
            },
            server_id: Some(SERVER),
            attempts: 1,
            done,
            doubtful,
            started_at: None,
            answered_at: None,
        }
    }

    fn on(made_for: i64, attempts: i32, parts: [(bool, bool); 2]) -> Course {
        let row = Claimed { attempts, ..row() };
        let parts = parts.map(|(done, doubtful)| StoredPart {
            server_id: Some(made_for),
            ..stored(done, doubtful)
        });
        course(&row, &parts, SERVER)
    }

    #[test]
    fn accepted_parts_and_those_in_doubt_bind_a_row_to_its_parts() {
        let (accepted, doubtful, refused) = ((true, false), (false, true), (false, false));
        assert_eq!(on(SERVER, 2, [accepted, refused]), Course::GoOn);
        assert_eq!(on(SERVER, 1, [accepted, refused]), Course::GoOn);
        assert_eq!(on(SERVER, 1, [doubtful, refused]), Course::GoOn);
        assert_eq!(on(SERVER, 2, [refused, refused]), Course::GoOn);
    }

    #[test]
    fn where_nothing_has_arrived_the_settings_of_today_count() {
        let anew = Course::Anew { sent: false };
        assert_eq!(on(SERVER, 1, [(false, false), (false, false)]), anew);
        assert_eq!(on(SERVER, 1, [(true, false), (true, false)]), anew);
        let fresh = Claimed {
            started_at: DateTime::UNIX_EPOCH,
            ..row()
        };
        assert_eq!(course(&fresh, &[], SERVER), anew);
    }

    #[test]
    fn another_server_sends_it_whole_and_flagged() {
        let refused = (false, false);
        assert_eq!(
            on(4, 2, [(true, false), refused]),
            Course::Anew { sent: true }
        );
        assert_eq!(
            on(4, 2, [(false, true), refused]),
            Course::Anew { sent: true }
        );
        assert_eq!(on(4, 2, [refused, refused]), Course::Anew { sent: false });
    }
}
