//! What the benchmarks have in common.

use std::sync::Arc;

use esmed::config;
use esmed::db::{Database, queue};
use esmed::outbox::{Attempt, Outcome, Target, resolve};
use esmed::pdu::{CommandStatus, StatusClass};
use esmed::server::Server;

/// What a claim of the daemon brings at most.
const MOST: queue::Most = queue::Most {
    rows: 500,
    submits: 500,
};

/// The one in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Connections as the daemon has them, to the cluster with this socket.
pub(crate) fn database(host: &str) -> Database {
    let settings = config::Database {
        host: config::Hosts::One(host.to_owned()),
        user: "postgres".to_owned(),
        ..config::Database::default()
    };
    Database::new(&settings, "bench").expect("settings")
}

/// Claims and records all that may leave of a lane by the daemon's own statements, in turn. The lease has the epoch 1.
pub(crate) async fn claim_and_record(database: &Database, lane: &str) {
    let server = Arc::new(Server::unknown());
    loop {
        let claimed = queue::claim(database, lane, 1, MOST, 1, &[])
            .await
            .expect("a claim");
        if claimed.is_empty() {
            return;
        }
        let updates: Vec<_> = claimed
            .iter()
            .map(|row| {
                let attempt = Attempt {
                    tx_id: row.id,
                    started_at: row.started_at,
                    target: Target::Whole,
                    note: None,
                    number: row.attempts,
                    in_doubt: None,
                    sent_at: None,
                    server: Arc::clone(&server),
                };
                let outcome = Outcome::Answered {
                    status: CommandStatus::ESME_ROK,
                    class: StatusClass::Ok,
                    message_id: format!("{:016}", row.id),
                };
                resolve(&attempt, &outcome, 0.0)
            })
            .collect();
        let recorder = database.client().await.expect("a connection");
        let (written, _) = queue::record(&recorder, &updates.iter().collect::<Vec<_>>())
            .await
            .expect("a record");
        assert_eq!(written.len(), updates.len());
    }
}
