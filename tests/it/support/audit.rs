//! Compares the table with what the SMSC saw.

use std::collections::{BTreeMap, HashMap};

use esmed::pdu::CommandStatus;

use super::World;

/// What the SMSC saw of one destination.
#[derive(Debug, Default)]
struct Seen {
    /// Ids that it gave to accepted submits.
    accepted: Vec<String>,
    /// Submits without an answer.
    unanswered: usize,
    /// Submits answered with an error.
    refused: usize,
}

/// What a comparison found that is no fault.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// How many rows there are of each status.
    pub(crate) statuses: BTreeMap<String, usize>,
    /// Rows whose message the SMSC may have more than once; all of them are flagged.
    pub(crate) repeated: usize,
    /// Rows that are flagged.
    pub(crate) flagged: usize,
}

impl Audit {
    /// Rows of this status.
    pub(crate) fn count(&self, status: &str) -> usize {
        self.statuses.get(status).copied().unwrap_or_default()
    }
}

impl World {
    /// Queues a message to each number of the range; no two rows have the same destination, as
    /// [`World::audit`] needs it. Destinations end in 00.
    pub(crate) async fn queue(&self, numbers: std::ops::Range<u32>) {
        self.sql(&queue(numbers)).await;
    }

    /// Holds every row against the ledger. To be asked for when the daemon rests.
    ///
    /// No row is without a named status or has an attempt open; what is done was accepted under the
    /// id in the row; what failed for certain was not; and what the SMSC may have more than once is
    /// flagged.
    pub(crate) async fn audit(&self) -> Audit {
        let mut seen: HashMap<String, Seen> = HashMap::new();
        for submit in self.sim.ledger().submits() {
            let entry = seen.entry(submit.destination).or_default();
            match (submit.status, submit.message_id) {
                (Some(CommandStatus::ESME_ROK), Some(id)) => entry.accepted.push(id),
                (None, _) => entry.unanswered += 1,
                _ => entry.refused += 1,
            }
        }
        let rows = self
            .rows(
                "SELECT q.id, q.smpp_destination_addr, s.status, q.smpp_message_id, q.in_doubt, q.possible_duplicate,
                   q.submission_started_at IS NULL
                 FROM smpp_tx_queue q LEFT JOIN smpp_tx_status s USING (id)",
                &[],
            )
            .await;
        let mut audit = Audit::default();
        let none = Seen::default();
        for row in rows {
            let id: i64 = row.get(0);
            let destination: String = row.get(1);
            let status: String = row
                .get::<_, Option<String>>(2)
                .unwrap_or_else(|| panic!("row {id} has no status"));
            let message_id: Option<String> = row.get(3);
            let in_doubt: bool = row.get(4);
            let flagged: bool = row.get(5);
            assert!(row.get::<_, bool>(6), "row {id} has an attempt open");
            let seen = seen.get(&destination).unwrap_or(&none);
            let picture =
                format!("row {id}, {status}, id {message_id:?}, flagged {flagged}: {seen:?}");
            let may_have = seen.accepted.len() + seen.unanswered;
            match status.as_str() {
                "sent" => {
                    let message_id = message_id.unwrap_or_else(|| panic!("no id: {picture}"));
                    assert!(seen.accepted.contains(&message_id), "not its id: {picture}");
                }
                "failed" | "held" if in_doubt => {}
                _ => assert!(may_have == 0 || flagged, "the SMSC may have it: {picture}"),
            }
            assert!(may_have <= 1 || flagged, "sent twice unseen: {picture}");
            audit.repeated += usize::from(may_have > 1);
            audit.flagged += usize::from(flagged);
            *audit.statuses.entry(status).or_default() += 1;
        }
        audit
    }

    /// Waits until so many rows are there and all of them are sent, and holds them against the
    /// ledger.
    pub(crate) async fn all_sent(&self, count: u32) -> Audit {
        self.until(&format!(
            "SELECT count(*) FILTER (WHERE submission_done) = {count} AND count(*) = {count}
             FROM smpp_tx_queue"
        ))
        .await;
        self.audit().await
    }

    /// Has the daemon start a new line to the server, without the wait that failures have earned.
    pub(crate) async fn connect_anew(&self) {
        self.sql("UPDATE smpp_servers SET enabled = FALSE").await;
        let ended = "SELECT (SELECT type FROM smpp_events WHERE type IN ('starting', 'no_server')
                     ORDER BY id DESC LIMIT 1) = 'no_server'";
        self.until(ended).await;
        self.sql("UPDATE smpp_servers SET enabled = TRUE").await;
    }
}

/// The statement that queues a message to each number of the range.
pub(crate) fn queue(numbers: std::ops::Range<u32>) -> String {
    format!(
        "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
         SELECT '2782' || lpad(n::text, 7, '0') || '00', 'message ' || n
         FROM generate_series({}, {} - 1) AS n",
        numbers.start, numbers.end
    )
}
