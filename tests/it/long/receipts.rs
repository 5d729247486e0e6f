//! Receipts for the parts of long messages.

use esmed::sim::ReceiptStyle;

use super::{three_parts, world_with_receipts};
use crate::support::{World, hold_answers, let_answers_go, receipt};

/// Delivers a receipt for a part of a message, and waits until it is stored.
async fn deliver(world: &World, id: i64, part: i16, stat: &str) {
    let stored = "SELECT count(*) FROM smpp_rx_queue";
    let before: i64 = world.one(stored).await;
    let message_id: String = world
        .one(&format!(
            "SELECT smpp_message_id FROM smpp_tx_parts WHERE tx_id = {id} AND part = {part}"
        ))
        .await;
    let to = world.tx(id, "smpp_destination_addr").await.unwrap();
    assert!(world.sim.deliver(receipt(&to, &message_id, stat, "007")));
    world
        .until(&format!("SELECT count(*) > {before} FROM smpp_rx_queue"))
        .await;
}

#[tokio::test]
async fn the_states_of_the_parts_add_up() {
    // The simulator sends none by itself to numbers that end in 04.
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let text = three_parts();
    for (told, expected) in [
        (&["DELIVRD 3"][..], Some("ENROUTE")),
        (&["DELIVRD 3", "DELIVRD 1"], Some("ENROUTE")),
        (&["DELIVRD 2", "DELIVRD 3", "DELIVRD 1"], Some("DELIVERED")),
        (&["ACCEPTD 1", "ACCEPTD 3"], Some("ACCEPTED")),
        (&["ACCEPTD 1", "ENROUTE 3"], Some("ENROUTE")),
        (&["UNKNOWN 2"], Some("UNKNOWN")),
        (&["EXPIRED 2"], Some("EXPIRED")),
        (&["DELETED 2", "EXPIRED 1"], Some("EXPIRED")),
        (
            &["DELIVRD 1", "UNDELIV 2", "DELIVRD 3"],
            Some("UNDELIVERABLE"),
        ),
        (&["EXPIRED 1", "REJECTD 2", "UNDELIV 3"], Some("REJECTED")),
        (&["ENROUTE 1", "DELIVRD 1", "ENROUTE 1"], Some("ENROUTE")),
        (&["STRANGE 1"], None),
    ] {
        let id = world.send("447911000104", &text).await;
        world.until_status(id, "sent").await;
        for receipt in told {
            let (stat, part) = receipt.split_once(' ').unwrap();
            deliver(&world, id, part.parse().unwrap(), stat).await;
        }
        assert_eq!(
            world.tx(id, "smpp_message_state").await.as_deref(),
            expected,
            "{told:?}: {:?}",
            world.parts(id).await
        );
    }
    assert_eq!(world.events("receipt_contradicts").await, 0);
    let unmatched = "SELECT count(*) FROM smpp_unmatched_receipts";
    assert_eq!(world.one::<i64>(unmatched).await, 0);
}

#[tokio::test]
async fn each_part_keeps_its_first_final_state() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let id = world.send("447911000104", &three_parts()).await;
    world.until_status(id, "sent").await;
    let mut states = world.listen("smpp_delivery").await;
    deliver(&world, id, 1, "DELIVRD").await;
    states.until_id(id).await;
    deliver(&world, id, 1, "UNDELIV").await;
    world.until_events("receipt_contradicts", 1).await;
    assert_eq!(world.parts(id).await[0], "1|t|f|1|DELIVERED");
    assert_eq!(
        world.tx(id, "smpp_message_state").await.as_deref(),
        Some("ENROUTE")
    );
    deliver(&world, id, 2, "UNDELIV").await;
    states.until_id(id).await;
    // The error is that of the part which made the state.
    assert_eq!(
        world.tx(id, "smpp_error_code").await.as_deref(),
        Some("007")
    );
}

#[tokio::test]
async fn receipts_come_in_any_order_and_form() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    for style in [ReceiptStyle::Tlv, ReceiptStyle::Text, ReceiptStyle::Both] {
        world.sim.behave(|behaviour| behaviour.receipts = style);
        // 43: the receipt of the last part comes first.
        let id = world.send("447911000143", &three_parts()).await;
        world.until_state(id, "DELIVERED").await;
        // 45: part 2 is undeliverable.
        let id = world.send("447911000145", &three_parts()).await;
        world.until_state(id, "UNDELIVERABLE").await;
        world
            .until(&format!(
                "SELECT count(*) = 2 FROM smpp_tx_parts WHERE tx_id = {id} AND smpp_message_state = 'DELIVERED'"
            ))
            .await;
    }
}

#[tokio::test]
async fn one_receipt_stands_for_all_parts_where_the_server_says_so() {
    let world = world_with_receipts(", esme_part_receipts", ", 'one'").await;
    let _daemon = world.daemon();
    // 44: only the part that comes last gets a receipt.
    let id = world.send("447911000144", &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    let id = world.send("447911000104", &three_parts()).await;
    world.until_status(id, "sent").await;
    for (part, stat, expected) in [
        (2, "ENROUTE", "ENROUTE"),
        (1, "UNDELIV", "UNDELIVERABLE"),
        (3, "DELIVRD", "UNDELIVERABLE"),
    ] {
        deliver(&world, id, part, stat).await;
        assert_eq!(
            world.tx(id, "smpp_message_state").await.as_deref(),
            Some(expected),
            "{part} {stat}"
        );
    }
}

#[tokio::test]
async fn one_receipt_is_too_few_where_each_part_gets_one() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let id = world.send("447911000144", &three_parts()).await;
    world.until_state(id, "ENROUTE").await;
    assert_eq!(world.parts(id).await[2], "3|t|f|1|DELIVERED");
}

#[tokio::test]
async fn receipts_that_overtake_the_responses_find_their_parts() {
    let world = world_with_receipts("", "").await;
    world
        .sim
        .behave(|behaviour| behaviour.receipt_before_response = true);
    let _daemon = world.daemon();
    let id = world.send("447911000100", &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    world
        .until("SELECT NOT EXISTS (SELECT FROM smpp_unmatched_receipts)")
        .await;
    // Also one that is known long before.
    world.sim.behave(hold_answers);
    let id = world.send("447911000200", &three_parts()).await;
    world.until_seen_to("447911000200", 3).await;
    let_answers_go(&world.sim);
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn receipts_of_parts_stay_with_their_server() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let id = world.send("447911000104", &three_parts()).await;
    world.until_status(id, "sent").await;
    // As if another server had sent it.
    world.sql("UPDATE smpp_tx_parts SET server_id = 77").await;
    deliver(&world, id, 1, "DELIVRD").await;
    assert_eq!(world.parts(id).await[0], "1|t|f|1|-");
    let unmatched = "SELECT count(*) FROM smpp_unmatched_receipts";
    assert_eq!(world.one::<i64>(unmatched).await, 1);
}

#[tokio::test]
async fn a_final_state_stays_when_the_setting_is_corrected() {
    let world = world_with_receipts(", esme_part_receipts", ", 'one'").await;
    let _daemon = world.daemon();
    let id = world.send("447911000104", &three_parts()).await;
    world.until_status(id, "sent").await;
    deliver(&world, id, 1, "DELIVRD").await;
    world.until_state(id, "DELIVERED").await;
    world
        .sql("UPDATE smpp_servers SET esme_part_receipts = 'each'")
        .await;
    world.next_heartbeat().await;
    world.next_heartbeat().await;
    deliver(&world, id, 2, "DELIVRD").await;
    assert_eq!(world.parts(id).await[1], "2|t|f|1|DELIVERED");
    assert_eq!(
        world.tx(id, "smpp_message_state").await.as_deref(),
        Some("DELIVERED")
    );
}

#[tokio::test]
async fn rematch_and_the_daemon_at_once_lose_no_part() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let to = "447911000104";
    let id = world.send(to, &"a".repeat(200)).await;
    world.until_status(id, "sent").await;
    let ids = world
        .rows(
            "SELECT smpp_message_id FROM smpp_tx_parts ORDER BY part",
            &[],
        )
        .await;
    let ids: Vec<String> = ids.iter().map(|row| row.get(0)).collect();
    assert_eq!(ids.len(), 2);
    // A receipt for part 1 that has matched nothing, as with a format that was wrong.
    world
        .sql(&format!(
            "INSERT INTO smpp_rx_queue (smpp_server_id, kind, smpp_source_addr, receipt_message_id, pdu_parsed)
             VALUES (1, 'receipt', '{to}', '{}', '{{\"esm_class\": 4, \"receipt\": {{\"state\": \"DELIVERED\"}}}}')",
            ids[0]
        ))
        .await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    let matched: i64 = transaction
        .query_one("SELECT esmed_rematch()", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(matched, 1);
    assert!(world.sim.deliver(receipt(to, &ids[1], "DELIVRD", "000")));
    world
        .until("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        .await;
    transaction.commit().await.unwrap();
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn receipts_find_the_parts_of_a_message_that_all_have_one_id() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let to = "447911000104";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "sent").await;
    world
        .sql(
            "UPDATE smpp_tx_parts SET smpp_message_id = 'same';
             UPDATE smpp_tx_queue SET smpp_message_id = 'same'",
        )
        .await;
    for _ in 0..3 {
        assert!(world.sim.deliver(receipt(to, "same", "DELIVRD", "000")));
    }
    world.until_state(id, "DELIVERED").await;
}
