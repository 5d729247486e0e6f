//! Rows whose time comes, by the clock or by hand.

use crate::support::World;

const PHONE: &str = "447911123400";

#[tokio::test]
async fn what_waits_is_due_between_polls() {
    let world = World::new().await;
    world.enable_sim(", esme_retry_delay", ", 0.5").await;
    let daemon = world.daemon_with("patient", "poll_interval = 3600");
    world.until_bound().await;
    let again = world.send("447911123412", "refused twice").await;
    let later = world
        .send_with(
            "447911123450",
            "later",
            ", send_after",
            ", now() + interval '1 second'",
        )
        .await;
    world.until_status(later, "sent").await;
    world.until_status(again, "sent").await;
    let early: bool = world
        .one(&format!(
            "SELECT submission_timestamp < send_after FROM smpp_tx_queue WHERE id = {later}"
        ))
        .await;
    assert!(!early);
    // Also where nothing may be sent.
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    daemon.until_logged("sending is paused").await;
    let late = world
        .send_with(
            "447911123460",
            "late",
            ", expires_at, send_after",
            ", now() + interval '1 second', now() + interval '1 hour'",
        )
        .await;
    world.until_status(late, "expired").await;
    assert_eq!(world.sim.ledger().count(), 4);
}

#[tokio::test]
async fn what_is_due_at_once_leaves_in_order() {
    const ROWS: usize = 3000;
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world
        .sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag, send_after)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', 'at nine',
               CASE WHEN n = {ROWS} THEN 'LEVEL_2' ELSE 'LEVEL_0' END::smpp_priority_flag, now() + interval '2 seconds'
             FROM generate_series(1, {ROWS}) AS n"
        ))
        .await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    let mut seen: Vec<String> = world
        .sim
        .ledger()
        .submits()
        .into_iter()
        .map(|submit| submit.destination)
        .collect();
    assert_eq!(seen.len(), ROWS);
    assert_eq!(seen.remove(0), format!("2782{ROWS:07}00"));
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn a_row_that_may_not_be_let_go_delays_no_other() {
    let world = World::new().await;
    world
        .sql(
            "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'not this one'; END $$;
             CREATE TRIGGER mine BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
             WHEN (NEW.id = 7) EXECUTE FUNCTION mine();
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, send_after)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', 'due', now() FROM generate_series(1, 600) AS n",
        )
        .await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world
        .until("SELECT count(*) = 599 FROM smpp_tx_queue WHERE submission_done")
        .await;
    let refused =
        "SELECT message LIKE '%message 7 %mine()%' FROM smpp_events WHERE type = 'claim_refused'";
    world.until(refused).await;
    assert_eq!(world.status(7).await, "waiting");
}

#[tokio::test]
async fn rows_that_are_set_back_by_hand_leave() {
    let world = World::new().await;
    world
        .enable_sim(", esme_retry_delay, esme_submit_paused", ", 3600, TRUE")
        .await;
    let _daemon = world.daemon();
    world.until_bound().await;
    let send = async |kind: &str, columns: &str, values: &str| {
        let columns = format!(", submission_attempts, submission_info{columns}");
        let values = format!(", 1, '{kind}'{values}");
        world.send_with(PHONE, kind, &columns, &values).await
    };
    let hour = ", now() + interval '1 hour'";
    let failed = send("failed", ", submission_failed", ", TRUE").await;
    let held = send("held", ", in_doubt", ", TRUE").await;
    let doubtful = send(
        "failed in doubt",
        ", submission_failed, in_doubt",
        ", TRUE, TRUE",
    )
    .await;
    let retrying = send("retrying", ", next_attempt_at", hour).await;
    let scheduled = send("scheduled", ", send_after", hour).await;
    let both = send("both", ", send_after, next_attempt_at", &hour.repeat(2)).await;
    let expired = send("expired", ", expires_at", ", now()").await;
    world.until_status(expired, "expired").await;
    // Its time comes, and is put off before it could leave.
    let put_off = send("put off", ", send_after", ", now()").await;
    world
        .until(&format!(
            "SELECT released_at IS NOT NULL AND waits_until IS NULL FROM smpp_tx_queue WHERE id = {put_off}"
        ))
        .await;
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET send_after = now() + interval '1 hour' WHERE id = {put_off};
             UPDATE smpp_servers SET esme_submit_paused = FALSE"
        ))
        .await;
    let fresh = world.send("447911123500", "fresh").await;
    world.until_status(fresh, "sent").await;
    for (id, status) in [
        (failed, "failed"),
        (held, "held"),
        (doubtful, "failed"),
        (retrying, "retrying"),
        (scheduled, "scheduled"),
        (both, "scheduled"),
        (expired, "expired"),
        (put_off, "scheduled"),
    ] {
        assert_eq!(world.status(id).await, status);
    }
    assert_eq!(world.sim.ledger().count(), 1);
    let anew = "submission_done = FALSE, submission_failed = FALSE, submission_attempts = 0";
    for (id, change) in [
        (failed, anew),
        (held, anew),
        (doubtful, anew),
        (retrying, "next_attempt_at = NULL"),
        (scheduled, "send_after = NULL"),
        (both, "send_after = NULL, next_attempt_at = now()"),
        (put_off, "send_after = now() - interval '1 hour'"),
    ] {
        world
            .sql(&format!(
                "UPDATE smpp_tx_queue SET {change} WHERE id = {id}"
            ))
            .await;
    }
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET {anew}, expires_at = NULL WHERE id = {expired}"
        ))
        .await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().count(), 9);
    // And one that was sent, once more.
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET {anew} WHERE id = {scheduled}"
        ))
        .await;
    world.until_seen_to(PHONE, 9).await;
    world.until_status(scheduled, "sent").await;
    let flagged: Vec<i64> = world
        .rows(
            "SELECT id FROM smpp_tx_queue WHERE possible_duplicate ORDER BY id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(flagged, [held, doubtful]);
}

#[tokio::test]
async fn a_row_with_an_infinite_time_of_its_own_is_sent_and_counted() {
    let world = World::new().await;
    for time in ["infinity", "-infinity"] {
        world
            .sql(&format!(
                "INSERT INTO smpp_tx_queue (insert_timestamp, smpp_destination_addr, smpp_short_message)
                 VALUES ('{time}', '447911123400', 'since ever')"
            ))
            .await;
    }
    let _daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_status WHERE queue_depth = 2)")
        .await;
    world.enable_sim("", "").await;
    world
        .until("SELECT count(*) = 2 FROM smpp_tx_queue WHERE submission_done")
        .await;
}
