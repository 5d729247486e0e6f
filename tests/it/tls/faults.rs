//! Connections that are lost and daemons that are killed with messages within TLS.

use std::time::Duration;

use super::{Authority, world};
use crate::support::Daemon;

#[tokio::test]
async fn connections_lost_under_tls_put_at_most_a_window_in_doubt() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |behaviour| {
        behaviour.drop_after = Some(150);
        behaviour.response_delay = Duration::from_millis(5);
    })
    .await;
    world
        .sql("UPDATE smpp_servers SET esme_window_size = 40, esme_max_submission_attempts = 50")
        .await;
    let _daemon = world.daemon();
    world.queue(0..500).await;
    let audit = world.all_sent(500).await;
    let ledger = world.sim.ledger();
    let sessions = ledger.counts().connections;
    assert!(sessions >= 4, "{sessions}");
    assert!(audit.flagged as u64 <= (sessions - 1) * 40, "{audit:?}");
    assert_eq!(ledger.count(), 500 + audit.repeated as u64);
    assert_eq!(ledger.violations(), [""; 0]);
}

#[tokio::test]
async fn killed_under_tls_every_message_is_sent_and_every_repeat_is_flagged() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |behaviour| {
        behaviour.response_delay = Duration::from_millis(100);
    })
    .await;
    world
        .sql("UPDATE smpp_servers SET esme_window_size = 100, esme_max_submission_attempts = 50")
        .await;
    world.queue(0..1200).await;
    let config = world.config("crash", "max_unrecorded = 200");
    for _ in 0..3 {
        let daemon = Daemon::start(&config, "crash");
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits >= seen + 200)
            .await;
        daemon.kill();
    }
    let mut daemon = Daemon::start(&config, "crash");
    let audit = world.all_sent(1200).await;
    assert!(audit.repeated > 0, "{audit:?}");
    assert!(audit.flagged <= 3 * 200, "{audit:?}");
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(world.sim.ledger().violations(), [""; 0]);
}
