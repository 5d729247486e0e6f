//! What an answer of the SMSC makes of a row, and the times that a row is given.

use esmed::pdu::CommandStatus;

use crate::support::World;

#[tokio::test]
async fn a_temporary_error_is_tried_again_until_it_ends() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_retry_delay", ", 0.05").await;
    let twice = world.send("447911123412", "twice refused").await;
    let always = world.send("447911123410", "always refused").await;
    world.until_status(twice, "sent").await;
    assert_eq!(
        world.tx(twice, "submission_attempts").await.as_deref(),
        Some("3")
    );
    assert_eq!(world.tx(twice, "next_attempt_at").await, None);
    assert_eq!(world.tx(twice, "submission_info").await, None);
    world.until_status(always, "failed").await;
    assert_eq!(
        world.tx(always, "submission_attempts").await.as_deref(),
        Some("3")
    );
    let info = world.tx(always, "submission_info").await.unwrap();
    assert!(
        info.contains("ESME_RSYSERR") && info.contains("3 attempts"),
        "{info}"
    );
    let ledger = world.sim.ledger();
    assert_eq!(ledger.submits_to("447911123412").len(), 3);
    assert_eq!(ledger.submits_to("447911123410").len(), 3);
    let flagged = "SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate OR in_doubt";
    assert_eq!(world.one::<i64>(flagged).await, 0);
}

#[tokio::test]
async fn the_delay_before_the_next_attempt_doubles() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(
            ", esme_retry_delay, esme_max_submission_attempts",
            ", 600, 10",
        )
        .await;
    let id = world.send("447911123413", "three times refused").await;
    for (attempt, delay) in [(1, 600.0), (2, 1200.0), (3, 2400.0)] {
        world
            .until(&format!(
                "SELECT submission_attempts = {attempt} AND submission_started_at IS NULL FROM smpp_tx_queue WHERE id = {id}"
            ))
            .await;
        assert_eq!(world.status(id).await, "retrying");
        // Both are the time of the same transaction.
        let wait: f64 = world
            .one("SELECT extract(epoch FROM next_attempt_at - submission_timestamp)::float8 FROM smpp_tx_queue")
            .await;
        assert!(
            (delay * 0.75..=delay).contains(&wait),
            "attempt {attempt}: {wait}"
        );
        let info = world.tx(id, "submission_info").await.unwrap();
        assert!(info.contains("ESME_RSYSERR"), "{info}");
        // Others don't wait for it.
        let other = world.send("447911123400", "another").await;
        world.until_status(other, "sent").await;
        world
            .sql(&format!(
                "DELETE FROM smpp_tx_queue WHERE id = {other};
                 UPDATE smpp_tx_queue SET next_attempt_at = now()"
            ))
            .await;
    }
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().submits_to("447911123413").len(), 4);
}

#[tokio::test]
async fn a_permanent_error_fails_at_once() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let id = world.send("447911123407", "no such number").await;
    world.until_status(id, "failed").await;
    let info = world.tx(id, "submission_info").await.unwrap();
    assert!(info.contains("ESME_RINVDSTADR"), "{info}");
    assert!(world.tx(id, "submission_timestamp").await.is_some());
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("1")
    );
    // A status of the SMSC's own is permanent, but for those that SMPP gives to vendors.
    world
        .sim
        .behave(|behaviour| behaviour.submit_status = Some(CommandStatus(0x0500)));
    let unknown = world.send("447911123400", "unknown status").await;
    world.until_status(unknown, "failed").await;
    let info = world.tx(unknown, "submission_info").await.unwrap();
    assert!(info.contains("0x0500"), "{info}");
    world
        .sim
        .behave(|behaviour| behaviour.submit_status = Some(CommandStatus(0x0450)));
    let vendor = world.send("447911123400", "status of a vendor").await;
    world.until_status(vendor, "retrying").await;
    assert_eq!(world.sim.ledger().count(), 3);
}

#[tokio::test]
async fn throttling_pauses_the_session_and_uses_no_attempt() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(
            ", esme_throttle_delay, esme_max_submission_attempts",
            ", 0.1, 1",
        )
        .await;
    for (number, submits) in [("447911123422", 3), ("447911123431", 2)] {
        let id = world.send(number, "throttled").await;
        world.until_status(id, "sent").await;
        assert_eq!(
            world.tx(id, "submission_attempts").await.as_deref(),
            Some("1")
        );
        assert_eq!(world.tx(id, "submission_info").await, None);
        assert_eq!(world.sim.ledger().submits_to(number).len(), submits);
    }
    // However often it is refused within a few seconds, that is one overload.
    world.until_events("throttled_end", 1).await;
    let order: String = world
        .one(
            "SELECT string_agg(type || ' ' || status, ', ' ORDER BY id) FROM smpp_events
             WHERE type LIKE 'throttled%'",
        )
        .await;
    assert_eq!(order, "throttled degraded, throttled_end ok");
    world.next_heartbeat().await;
    let state: String = world.one("SELECT session_state FROM smpp_status").await;
    assert_eq!(state, "bound");
}

#[tokio::test]
async fn rows_are_not_sent_before_their_time() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let later = world
        .send_with(
            "447911123440",
            "later",
            ", send_after",
            ", now() + interval '1 hour'",
        )
        .await;
    let again = world
        .send_with(
            "447911123450",
            "again",
            ", next_attempt_at",
            ", now() + interval '1 hour'",
        )
        .await;
    let passed = world
        .send_with(
            "447911123460",
            "now",
            ", send_after, next_attempt_at, expires_at",
            ", now() - interval '1 hour', now() - interval '1 hour', now() + interval '1 hour'",
        )
        .await;
    world.until_status(passed, "sent").await;
    assert_eq!(world.status(later).await, "scheduled");
    assert_eq!(world.status(again).await, "retrying");
    assert_eq!(world.sim.ledger().count(), 1);
    world
        .sql("UPDATE smpp_tx_queue SET send_after = now(), next_attempt_at = now() WHERE NOT submission_done")
        .await;
    world.until_status(later, "sent").await;
    world.until_status(again, "sent").await;
    assert_eq!(world.sim.ledger().count(), 3);
}

#[tokio::test]
async fn rows_that_run_out_of_time_are_not_sent() {
    let world = World::new().await;
    let mut listener = world.listen("smpp_delivery").await;
    let _daemon = world.daemon();
    // Without a server too.
    let column = ", expires_at";
    let early = world
        .send_with("447911123440", "late", column, ", now()")
        .await;
    world.until_status(early, "expired").await;
    listener.until_id(early).await;
    world.enable_sim(", esme_retry_delay", ", 3600").await;
    world.until_bound().await;
    let late = world
        .send_with(
            "447911123440",
            "late",
            column,
            ", now() - interval '1 hour'",
        )
        .await;
    let retried = world
        .send_with(
            "447911123410",
            "again",
            column,
            ", now() + interval '1 hour'",
        )
        .await;
    world.until_status(late, "expired").await;
    world.until_status(retried, "retrying").await;
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET expires_at = now() WHERE id = {retried}"
        ))
        .await;
    world.until_status(retried, "expired").await;
    for id in [early, late, retried] {
        assert_eq!(
            world.tx(id, "smpp_message_state").await.as_deref(),
            Some("EXPIRED")
        );
        assert!(world.tx(id, "message_state_timestamp").await.is_some());
        assert!(
            world
                .tx(id, "submission_info")
                .await
                .unwrap()
                .contains("expired")
        );
    }
    listener.until_id(late).await;
    listener.until_id(retried).await;
    assert_eq!(world.sim.ledger().submits_to("447911123440").len(), 0);
    assert_eq!(world.sim.ledger().submits_to("447911123410").len(), 1);
}
