//! What waits, and whether anybody is there to send it.

use super::report::Report;
use crate::cli::times::ago;
use crate::db::Database;
use crate::db::doctor::{self, Lane};
use crate::db::events::Status;
use crate::db::status::{QueueCounts, queue_counts};
use crate::server::Server;
use crate::session::BindMode;

/// Nothing is counted further: a count for people.
const MOST: i64 = 100_000;

/// A message that may leave and waits for so many seconds is worth a word.
const LONG: f64 = 60.0;

/// Of more lanes that nobody serves not each is told.
const MOST_LANES: usize = 10;

/// What of the queue concerns the other checks.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Messages of the lane that may leave; `None` where they could not be counted.
    pub(super) messages: Option<i64>,
    /// Other lanes.
    pub(super) lanes: Vec<Lane>,
}

/// Looks at the queue of `lane`, and at other lanes. `server` is the enabled one of the lane.
pub(super) async fn examine(
    lane: &str,
    database: &Database,
    status: Option<&Status>,
    server: Option<&Server>,
    report: &mut Report,
) -> anyhow::Result<Waiting> {
    let mut waiting = Waiting::default();
    match queue_counts(database, lane, MOST).await {
        Ok(counts) => {
            waiting.messages = Some(counts.waiting);
            match judged(&counts, status, server) {
                (finding, None) => report.ok("queue", finding)?,
                (finding, Some(next)) => report.warning("queue", finding, next)?,
            }
        }
        Err(error) => report.skipped(
            "queue",
            format!("it could not be counted: {}", error.reason()),
            "see the log of PostgreSQL",
        )?,
    }
    match doctor::lanes(database, lane).await {
        Ok(lanes) => {
            unserved(lane, &lanes, report)?;
            waiting.lanes = lanes;
        }
        Err(error) => report.skipped(
            "lanes",
            format!("they could not be looked through: {}", error.reason()),
            "see the log of PostgreSQL",
        )?,
    }
    Ok(waiting)
}

/// What was found, and what to do where messages wait for too long.
fn judged(
    counts: &QueueCounts,
    status: Option<&Status>,
    server: Option<&Server>,
) -> (String, Option<&'static str>) {
    let more = if counts.capped { " or more" } else { "" };
    let mut finding = match (counts.waiting, counts.oldest_seconds) {
        (0, _) => "nothing waits".to_owned(),
        (rows, Some(seconds)) => format!(
            "{rows}{more} wait, the oldest that may leave for {}",
            ago(seconds)
        ),
        (rows, None) => format!("{rows}{more} wait"),
    };
    for (rows, what) in [
        (counts.started, "under way"),
        (counts.scheduled, "for a later time"),
        (counts.retrying, "to be tried again later"),
        (counts.held, "in doubt, to be decided (view smpp_in_doubt)"),
    ] {
        if rows > 0 {
            finding = format!("{finding}, {rows}{more} {what}");
        }
    }
    if counts.oldest_seconds.is_none_or(|seconds| seconds <= LONG) {
        return (finding, None);
    }
    if !status.is_some_and(Status::can_send) {
        let next = "there is no session: see the checks of daemon and SMSC";
        return (finding, Some(next));
    }
    let sends_nothing = server
        .is_some_and(|server| server.settings.paused || server.account.mode == BindMode::Receiver);
    if sends_nothing {
        // Told with the columns of the server.
        return (finding, None);
    }
    let next = "esmed status tells the rate, esmed events what hinders it: esme_throughput, esme_window_size, a throttling SMSC";
    (finding, Some(next))
}

fn unserved(own: &str, lanes: &[Lane], report: &mut Report) -> anyhow::Result<()> {
    let unserved: Vec<&Lane> = lanes.iter().filter(|lane| !lane.is_served).collect();
    for Lane {
        name,
        has_messages,
        has_server,
        ..
    } in unserved.iter().take(MOST_LANES)
    {
        let (finding, table, condition) = if *has_messages {
            let servers = if *has_server {
                ""
            } else {
                ", nor has it an enabled server"
            };
            (
                format!("messages wait in lane {name}, which no daemon serves{servers}"),
                "smpp_tx_queue",
                " AND submission_started_at IS NULL AND NOT submission_done AND NOT submission_failed",
            )
        } else {
            (
                format!("a server of lane {name} is enabled, and no daemon serves that lane"),
                "smpp_servers",
                "",
            )
        };
        report.warning(
            "lanes",
            finding,
            format!(
                "start a daemon with lane = {name:?} in [daemon]; or, where it should be lane {own}: UPDATE {table} SET lane = {} WHERE lane = {}{condition}",
                quoted(own),
                quoted(name)
            ),
        )?;
    }
    if unserved.len() > MOST_LANES {
        report.warning(
            "lanes",
            format!(
                "{} more lanes are served by no daemon",
                unserved.len() - MOST_LANES
            ),
            "SELECT lane, status, count FROM smpp_queue_stats",
        )?;
    }
    Ok(())
}

/// As a literal of SQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
