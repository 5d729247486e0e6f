//! What keeps claimed rows from leaving, or from coming again: a pause, time that ran out, throttling, a policy.

use std::time::{Duration, Instant, SystemTime};

use esmed::pdu::CommandStatus;

use crate::support::World;

#[tokio::test]
async fn a_pause_holds_what_was_claimed_and_its_end_lets_all_of_it_go() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(10)).await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 50, 5")
        .await;
    let mut daemon = world.daemon();
    world.queue(0..60).await;
    world
        .until_ledger("some submits", |records| records.counts().submits >= 3)
        .await;
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    world
        .until("SELECT count(*) = 0 FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL")
        .await;
    let seen = world.sim.ledger().count();
    assert!(seen < 30, "{seen}");
    // Ten would leave in this time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.sim.ledger().count(), seen);
    let waiting: i64 = world
        .one("SELECT count(*) FROM smpp_tx_status WHERE status = 'waiting'")
        .await;
    assert_eq!(u64::try_from(waiting).unwrap() + seen, 60);
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE, esme_throughput = 200")
        .await;
    let audit = world.all_sent(60).await;
    assert_eq!(audit.flagged, 0);
    let once = "SELECT bool_and(submission_attempts = 1) FROM smpp_tx_queue";
    assert!(world.one::<bool>(once).await);
    assert_eq!(world.sim.ledger().count(), 60);
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_row_that_expires_between_claim_and_socket_is_not_sent() {
    let world = World::new().await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 50, 2")
        .await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, expires_at)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', 'expires', now() + interval '4 seconds'
             FROM generate_series(1, 30) AS n",
        )
        .await;
    let expires_at: SystemTime = world.one("SELECT max(expires_at) FROM smpp_tx_queue").await;
    world
        .until("SELECT bool_and(status IN ('sent', 'expired')) FROM smpp_tx_status")
        .await;
    let submits = world.sim.ledger().submits();
    assert!((2..=10).contains(&submits.len()), "{}", submits.len());
    for submit in &submits {
        // The simulator may see one late that left in time; the last of all would leave eleven seconds late.
        let late = submit.at.duration_since(expires_at).unwrap_or_default();
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
    let audit = world.audit().await;
    assert_eq!(audit.count("sent"), submits.len());
    assert_eq!(audit.count("expired"), 30 - submits.len());
    assert_eq!(audit.flagged, 0);
    let unused = "SELECT bool_and(submission_attempts = 0 AND smpp_message_state = 'EXPIRED')
                  FROM smpp_tx_queue WHERE submission_failed";
    assert!(world.one::<bool>(unused).await);
    // What has time goes on.
    let id = world.send("447911123400", "in time").await;
    world.until_status(id, "sent").await;
}

#[tokio::test]
async fn a_policy_that_changed_after_the_claim_holds() {
    let world = World::with(|behaviour| behaviour.mute.submits = true).await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.insert(3).await;
    world
        .until_ledger("three submits", |records| records.counts().submits == 3)
        .await;
    world
        .sql("UPDATE smpp_servers SET esme_in_doubt = 'fail', esme_window_size = 20")
        .await;
    world
        .until("SELECT window_size = 20 FROM smpp_status")
        .await;
    world.sim.drop_connections();
    world
        .until("SELECT bool_and(submission_failed AND in_doubt) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().count(), 3);
}

#[tokio::test]
async fn nothing_is_claimed_while_the_session_pauses_for_throttling() {
    const STARTED: &str =
        "SELECT count(*) FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL";
    const BETWEEN: Duration = Duration::from_millis(20);
    let world = World::with(|behaviour| {
        behaviour.submit_status = Some(CommandStatus::ESME_RTHROTTLED);
        // The first refusal comes when all five have left.
        behaviour.response_delay = Duration::from_secs(1);
    })
    .await;
    world
        .enable_sim(", esme_window_size, esme_throttle_delay", ", 10, 5")
        .await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world.queue(0..5).await;
    world.until_events("throttled", 1).await;
    world.queue(5..505).await;
    // The refused ones are not claimed again before the pause is over.
    world.until(&format!("SELECT ({STARTED}) = 0")).await;
    let paused = Instant::now();
    while paused.elapsed() < Duration::from_secs(1) {
        assert_eq!(world.one::<i64>(STARTED).await, 0);
        tokio::time::sleep(BETWEEN).await;
    }
    let urgent = world
        .send_with(
            "447911123400",
            "first",
            ", smpp_priority_flag",
            ", 'LEVEL_3'",
        )
        .await;
    // After it a single one is tried.
    while world.sim.ledger().count() < 6 {
        let started: i64 = world.one(STARTED).await;
        assert!(started <= 2, "{started}");
        assert!(paused.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(BETWEEN).await;
    }
    let paused = Instant::now();
    while paused.elapsed() < Duration::from_secs(2) {
        let started: i64 = world.one(STARTED).await;
        assert!(started <= 2, "{started}");
        tokio::time::sleep(BETWEEN).await;
    }
    assert_eq!(world.sim.ledger().count(), 6);
    world.sim.behave(|behaviour| {
        behaviour.submit_status = None;
        behaviour.response_delay = Duration::ZERO;
    });
    world.until_status(urgent, "sent").await;
    world
        .until("SELECT bool_and(submission_done AND submission_attempts = 1) FROM smpp_tx_queue")
        .await;
    let submits = world.sim.ledger().submits();
    // Five before the pause, and the one that was tried.
    assert_eq!(submits.len(), 506 + 6);
    assert_eq!(submits[5].destination, "447911123400");
    assert_eq!(world.audit().await.flagged, 0);
}
