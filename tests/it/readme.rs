//! What the README of 0.1.1 let people do with the queue, and what it leaves of a message.

use std::time::Duration;

use crate::support::World;

/// Sends a row again as the README of 0.1.1 says.
const RESET: &str = "UPDATE smpp_tx_queue
    SET submission_done = FALSE, submission_failed = FALSE, submission_attempts = 0";

#[tokio::test]
async fn a_row_that_is_reset_is_sent_again_and_its_old_state_is_cleared() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    let id = world.send("447911123401", "Hello world").await;
    world.until_state(id, "UNDELIVERABLE").await;
    assert_eq!(
        world.tx(id, "smpp_error_code").await.as_deref(),
        Some("001")
    );
    let first = world.tx(id, "smpp_message_id").await.unwrap();

    // To another number, from which no receipt comes.
    world
        .sql(&format!(
            "{RESET}, smpp_destination_addr = '447911123404' WHERE id = {id}"
        ))
        .await;
    world.until_status(id, "sent").await;
    let second = world.tx(id, "smpp_message_id").await.unwrap();
    assert_ne!(first, second);
    for column in [
        "smpp_message_state",
        "message_state_timestamp",
        "smpp_error_code",
        "smpp_network_error_code",
        "submission_info",
    ] {
        assert_eq!(world.tx(id, column).await, None, "{column}");
    }
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("1")
    );
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("false")
    );
    assert_eq!(world.sim.ledger().count(), 2);
}

#[tokio::test]
async fn a_row_that_fails_after_a_reset_does_not_keep_the_state_of_before() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    for (before, state) in [("447911123400", "DELIVERED"), ("447911123402", "EXPIRED")] {
        let id = world.send(before, "Hello world").await;
        world.until_state(id, state).await;
        world
            .sql(&format!(
                "{RESET}, smpp_destination_addr = '447911123407' WHERE id = {id}"
            ))
            .await;
        world.until_status(id, "failed").await;
        assert_eq!(world.tx(id, "smpp_message_state").await, None);
        assert_eq!(world.tx(id, "smpp_error_code").await, None);
        assert!(
            world
                .tx(id, "submission_info")
                .await
                .unwrap()
                .contains("ESME_RINVDSTADR")
        );
    }
}

#[tokio::test]
async fn a_failed_row_that_is_mended_and_reset_is_sent() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let id = world.send("447911123407", "Hello world").await;
    world.until_status(id, "failed").await;
    world
        .sql(&format!(
            "{RESET}, smpp_destination_addr = '447911123400' WHERE id = {id}"
        ))
        .await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().submits_to("447911123407").len(), 1);
    assert_eq!(world.sim.ledger().submits_to("447911123400").len(), 1);
}

#[tokio::test]
async fn receipts_are_asked_for_as_row_and_server_say() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let column = ", smpp_registered_delivery";
    let rows = [
        ("447911123410", "NO_SMSC_DELIVERY_RECEIPT_REQUESTED", 0),
        ("447911123440", "SMSC_DELIVERY_RECEIPT_REQUESTED", 1),
        (
            "447911123450",
            "SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE",
            2,
        ),
    ];
    let mut sent = Vec::new();
    for (number, value, _) in &rows[1..] {
        let value = format!(", '{value}'");
        sent.push(world.send_with(number, "Hello", column, &value).await);
    }
    let plain = world.send("447911123460", "Hello").await;
    for id in sent {
        world.until_status(id, "sent").await;
    }
    world.until_status(plain, "sent").await;
    let ledger = world.sim.ledger();
    for (number, _, value) in &rows[1..] {
        assert_eq!(ledger.submits_to(number)[0].registered_delivery, *value);
    }
    assert_eq!(ledger.submits_to("447911123460")[0].registered_delivery, 0);

    world
        .sql("UPDATE smpp_servers SET esme_registered_delivery = TRUE")
        .await;
    // The change of the server and the INSERT come in the order of their commits, but by two ways.
    world.next_heartbeat().await;
    let id = world.send("447911123470", "Hello").await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(ledger.submits_to("447911123470")[0].registered_delivery, 1);
    assert_eq!(ledger.binds().len(), 1);
}

#[tokio::test]
async fn rows_leave_by_priority_and_then_by_id() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag)
             SELECT '4479111234' || n, 'text', ('LEVEL_' || n % 4)::smpp_priority_flag
             FROM generate_series(40, 79) AS n",
        )
        .await;
    world.enable_sim(", esme_window_size", ", 5").await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    let order: Vec<String> = world
        .rows(
            "SELECT smpp_destination_addr FROM smpp_tx_queue ORDER BY smpp_priority_flag DESC, id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    let seen: Vec<String> = world
        .sim
        .ledger()
        .submits()
        .into_iter()
        .map(|submit| submit.destination)
        .collect();
    assert_eq!(seen, order);
    assert!(world.sim.ledger().peak_window() <= 5);
}

#[tokio::test]
async fn the_daemon_goes_on_while_old_rows_are_deleted() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    world.insert(20).await;
    world
        .until("SELECT count(*) = 20 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    world
        .sql(
            "DELETE FROM smpp_tx_queue WHERE submission_done;
             DELETE FROM smpp_rx_queue WHERE insert_timestamp < now();
             DELETE FROM smpp_inbox;
             DELETE FROM smpp_events;",
        )
        .await;
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        0
    );
    let id = world.send("447911123400", "afterwards").await;
    world.until_state(id, "DELIVERED").await;
    world.sql("TRUNCATE smpp_tx_queue, smpp_tx_parts").await;
    let id = world.send("447911123400", "once more").await;
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn what_was_deleted_or_reset_in_flight_is_left_alone() {
    let world = World::with(|behaviour| {
        behaviour.slow_response_delay = Duration::from_secs(3);
    })
    .await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let deleted = world.send("447911123408", "deleted").await;
    let reset = world.send("447911123408", "reset").await;
    let kept = world.send("447911123408", "kept").await;
    world
        .until_ledger("three submits", |records| records.submits().len() == 3)
        .await;
    world
        .sql(&format!(
            "DELETE FROM smpp_tx_queue WHERE id = {deleted};
             {RESET}, submission_started_at = NULL, send_after = now() + interval '1 day' WHERE id = {reset}"
        ))
        .await;
    world.until_status(kept, "sent").await;
    world.until_events("result_discarded", 2).await;
    let ids: Vec<i64> = world
        .rows(
            "SELECT (details ->> 'id')::bigint FROM smpp_events WHERE type = 'result_discarded' ORDER BY 1",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ids, [deleted, reset]);
    assert_eq!(world.status(reset).await, "scheduled");
    assert_eq!(world.tx(reset, "smpp_message_id").await, None);
    assert_eq!(
        world.tx(reset, "submission_attempts").await.as_deref(),
        Some("0")
    );
    // It is sent when it is due.
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET send_after = NULL WHERE id = {reset}"
        ))
        .await;
    world.until_status(reset, "sent").await;
    assert_eq!(world.sim.ledger().count(), 4);
}
