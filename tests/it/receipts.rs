//! Receipts: where they say it, how they name the message, and when they come.

use std::time::Duration;

use esmed::pdu::{CommandStatus, Tag};
use esmed::sim::{IdStyle, ReceiptStyle};

use crate::support::{World, hold_answers, let_answers_go, receipt, simulator};

const WITH_RECEIPTS: (&str, &str) = (", esme_registered_delivery", ", TRUE");

async fn world_with_receipts() -> World {
    let world = World::new().await;
    world.enable_sim(WITH_RECEIPTS.0, WITH_RECEIPTS.1).await;
    world
}

#[tokio::test]
async fn by_tlv_alone_by_text_alone_and_by_both() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    for (style, err, network) in [
        (ReceiptStyle::Tlv, None, Some("030001")),
        (ReceiptStyle::Text, Some("001"), None),
        (ReceiptStyle::Both, Some("001"), Some("030001")),
    ] {
        world.sim.behave(|behaviour| behaviour.receipts = style);
        let good = world.send("447911123400", "good").await;
        let bad = world.send("447911123401", "bad").await;
        world.until_state(good, "DELIVERED").await;
        world.until_state(bad, "UNDELIVERABLE").await;
        assert_eq!(world.tx(bad, "smpp_error_code").await.as_deref(), err);
        assert_eq!(
            world.tx(bad, "smpp_network_error_code").await.as_deref(),
            network
        );
        assert!(world.tx(bad, "message_state_timestamp").await.is_some());
        assert_eq!(world.status(bad).await, "sent");
    }
    for (number, state) in [("447911123402", "EXPIRED"), ("447911123403", "REJECTED")] {
        let id = world.send(number, "other ends").await;
        world.until_state(id, state).await;
    }
    let kept =
        "SELECT count(*) FROM smpp_rx_queue WHERE kind = 'receipt' AND tx_queue_id IS NOT NULL";
    assert_eq!(world.one::<i64>(kept).await, 8);
    assert_eq!(world.one::<i64>("SELECT count(*) FROM smpp_inbox").await, 0);
}

#[tokio::test]
async fn ids_that_differ_by_base_case_or_zeros() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    world.until_bound().await;
    for (style, format) in [
        (IdStyle::RespHex, "resp_hex"),
        (IdStyle::ReceiptHex, "receipt_hex"),
        (IdStyle::MixedCase, "same"),
    ] {
        world.sim.behave(|behaviour| behaviour.ids = style);
        world
            .sql(&format!(
                "DELETE FROM smpp_tx_queue;
                 UPDATE smpp_servers SET esme_message_id_format = '{format}'"
            ))
            .await;
        world.next_heartbeat().await;
        // Enough for ids that read differently in each base, with two outcomes that must not be mixed up.
        world
            .sql(
                "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
                 SELECT '4479111' || lpad(n::text, 3, '0') || CASE n % 2 WHEN 0 THEN '00' ELSE '01' END, 'text'
                 FROM generate_series(1, 40) AS n",
            )
            .await;
        world
            .until(
                "SELECT bool_and(smpp_message_state IS NOT DISTINCT FROM
                   CASE WHEN smpp_destination_addr LIKE '%00' THEN 'DELIVERED' ELSE 'UNDELIVERABLE' END)
                 FROM smpp_tx_queue",
            )
            .await;
    }
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_unmatched_receipts")
            .await,
        0
    );
    assert_eq!(world.sim.ledger().binds().len(), 1);
}

#[tokio::test]
async fn a_receipt_that_overtakes_the_response_finds_its_message() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    let chosen = world.send("447911123406", "by its number").await;
    world.until_state(chosen, "DELIVERED").await;

    world.sim.behave(|behaviour| {
        behaviour.receipt_before_response = true;
        // The receipt is stored long before its message has an id.
        behaviour.response_delay = Duration::from_millis(300);
    });
    let good = world.send("447911123400", "good").await;
    let bad = world.send("447911123401", "bad").await;
    world.until_state(good, "DELIVERED").await;
    world.until_state(bad, "UNDELIVERABLE").await;
    assert_eq!(
        world.tx(bad, "smpp_error_code").await.as_deref(),
        Some("001")
    );
    assert_eq!(
        world.tx(bad, "smpp_network_error_code").await.as_deref(),
        Some("030001")
    );
    let linked = format!(
        "SELECT count(*) FROM smpp_rx_queue WHERE tx_queue_id IN ({chosen}, {good}, {bad})"
    );
    assert_eq!(world.one::<i64>(&linked).await, 3);
}

#[tokio::test]
async fn a_state_never_regresses() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    let enroute_first = world.send("447911123405", "ENROUTE, then DELIVERED").await;
    world.until_state(enroute_first, "DELIVERED").await;

    let id = world.send("447911123404", "by hand").await;
    world.until_status(id, "sent").await;
    let message_id = world.tx(id, "smpp_message_id").await.unwrap();
    let linked = |count: u32| {
        format!("SELECT count(*) = {count} FROM smpp_rx_queue WHERE tx_queue_id = {id}")
    };
    for (at, (stat, state)) in [
        ("ACCEPTD", "ACCEPTED"),
        ("UNKNOWN", "UNKNOWN"),
        ("ENROUTE", "ENROUTE"),
        ("DELIVRD", "DELIVERED"),
        ("ENROUTE", "DELIVERED"),
        ("ACCEPTD", "DELIVERED"),
        ("DELIVRD", "DELIVERED"),
        ("UNDELIV", "DELIVERED"),
    ]
    .into_iter()
    .enumerate()
    {
        let err = if stat == "UNDELIV" { "077" } else { "000" };
        world
            .sim
            .deliver(receipt("447911123404", &message_id, stat, err));
        world.until(&linked(u32::try_from(at).unwrap() + 1)).await;
        assert_eq!(
            world.tx(id, "smpp_message_state").await.as_deref(),
            Some(state),
            "after {stat}"
        );
    }
    // A later final state that differs is an event and changes nothing.
    world.until_events("receipt_contradicts", 1).await;
    let event: String = world
        .one("SELECT message || ' ' || details FROM smpp_events WHERE type = 'receipt_contradicts'")
        .await;
    assert!(
        event.contains("DELIVERED") && event.contains("UNDELIVERABLE"),
        "{event}"
    );
    assert!(event.contains(&format!("{{\"id\": {id}}}")), "{event}");
    assert_eq!(
        world.tx(id, "smpp_error_code").await.as_deref(),
        Some("000")
    );
    assert_eq!(world.events("receipt_contradicts").await, 1);
}

#[tokio::test]
async fn one_that_matches_nothing_is_kept() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world
        .sim
        .deliver(receipt("447911123400", "00NoSuchId", "UNDELIV", "042"));
    world
        .until("SELECT count(*) = 1 FROM smpp_unmatched_receipts")
        .await;
    let row = &world
        .rows(
            "SELECT receipt_message_id, canonical_id, stat, state, err, smpp_source_addr, kind
             FROM smpp_unmatched_receipts",
            &[],
        )
        .await[0];
    let values: Vec<String> = (0..7).map(|column| row.get(column)).collect();
    assert_eq!(
        values,
        [
            "00NoSuchId",
            "nosuchid",
            "UNDELIV",
            "UNDELIVERABLE",
            "042",
            "447911123400",
            "receipt"
        ]
    );
    world
        .until_ledger("the acknowledgement", |records| {
            records.counts().acknowledged == 1
        })
        .await;
    // A message that gets the same id later is not meant. The simulator counts its ids up.
    let id = world.send("447911123404", "the one before").await;
    world.until_status(id, "sent").await;
    let before: i64 = world
        .one("SELECT smpp_message_id::bigint FROM smpp_tx_queue")
        .await;
    let next = before + 1;
    world
        .sql(&format!(
            "UPDATE smpp_rx_queue SET receipt_message_id = '{next}'"
        ))
        .await;
    let id = world.send("447911123404", "the same id").await;
    world.until_status(id, "sent").await;
    assert_eq!(
        world.tx(id, "smpp_message_id").await,
        Some(next.to_string())
    );
    assert_eq!(world.tx(id, "smpp_message_state").await, None);
}

#[tokio::test]
async fn equal_ids_of_two_servers_are_not_mixed_up() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    let by_first = world.send("447911123404", "by the first").await;
    world.until_status(by_first, "sent").await;
    let other = simulator(|_| {});
    world
        .add_server(&other, true, WITH_RECEIPTS.0, WITH_RECEIPTS.1)
        .await;
    world.until_events("bound", 2).await;
    let by_second = world.send("447911123404", "by the second").await;
    world.until_status(by_second, "sent").await;
    let id = world.tx(by_first, "smpp_message_id").await.unwrap();
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET smpp_message_id = '{id}' WHERE id = {by_second}"
        ))
        .await;
    other.deliver(receipt("447911123404", &id, "UNDELIV", "001"));
    world.until_state(by_second, "UNDELIVERABLE").await;
    assert_eq!(world.tx(by_first, "smpp_message_state").await, None);

    // Back to the first one: the message of the first, although that of the second is newer.
    world
        .sql("UPDATE smpp_servers SET enabled = TRUE WHERE id = 1")
        .await;
    world.until_events("bound", 3).await;
    world
        .sim
        .deliver(receipt("447911123404", &id, "DELIVRD", "000"));
    world.until_state(by_first, "DELIVERED").await;
    assert_eq!(
        world.tx(by_second, "smpp_message_state").await.as_deref(),
        Some("UNDELIVERABLE")
    );
}

#[tokio::test]
async fn of_two_messages_with_one_id_the_open_one_with_the_number_gets_it() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, submission_done,
                                        smpp_message_id, submission_server_id, smpp_message_state)
             VALUES ('447911000001', 'final', TRUE, '0AB', 1, 'UNDELIVERABLE'),
                    ('447911000001', 'open, this number', TRUE, 'ab', 1, NULL),
                    ('447911000002', 'open, another number', TRUE, 'ab', 1, NULL)",
        )
        .await;
    world
        .sim
        .deliver(receipt("447911000001", "Ab", "DELIVRD", "000"));
    world
        .until(
            "SELECT smpp_message_state = 'DELIVERED' FROM smpp_tx_queue
             WHERE smpp_short_message = 'open, this number'",
        )
        .await;
    let others = "SELECT count(*) FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'";
    assert_eq!(world.one::<i64>(others).await, 1);
}

#[tokio::test]
async fn one_that_comes_after_a_restart_finds_its_message() {
    let world = world_with_receipts().await;
    world.sim.behave(|behaviour| behaviour.deliver_window = 0);
    let mut daemon = world.daemon();
    let id = world.send("447911123400", "a receipt tomorrow").await;
    world.until_status(id, "sent").await;
    assert_eq!(daemon.stop().await, Some(0));
    world.sim.behave(|behaviour| behaviour.deliver_window = 10);
    let _daemon = world.daemon();
    world.until_state(id, "DELIVERED").await;
    assert_eq!(world.sim.ledger().count(), 1);
}

#[tokio::test]
async fn changes_of_states_are_notified() {
    let world = World::with(hold_answers).await;
    let mut listener = world.listen("smpp_delivery").await;
    let _daemon = world.daemon();
    world.enable_sim(WITH_RECEIPTS.0, WITH_RECEIPTS.1).await;
    let first = world.send("447911123400", "one").await;
    let_answers_go(&world.sim);
    listener.until_id(first).await;
    assert_eq!(
        world.tx(first, "smpp_message_state").await.as_deref(),
        Some("DELIVERED")
    );
    world.insert(2000).await;
    world
        .until("SELECT count(*) = 2001 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    // However many there were in one go, each payload is short enough and names numbers or nothing.
    let last = world.send("447911123400", "the last").await;
    loop {
        let payload = listener.next().await;
        assert!(payload.len() <= 7900);
        if payload.contains(&format!("[{last}]")) {
            break;
        }
        assert!(
            payload.is_empty() || payload.starts_with("{\"ids\":["),
            "{payload}"
        );
    }
}

#[tokio::test]
async fn receipts_in_unusual_forms() {
    let world = world_with_receipts().await;
    let _daemon = world.daemon();
    let id = world.send("447911123404", "text").await;
    world.until_status(id, "sent").await;
    let message_id = world.tx(id, "smpp_message_id").await.unwrap();
    // The TLV counts, not the text beside it.
    let mut odd = receipt("447911123404", "nonsense", "DELIVRD", "000");
    odd.tlvs.push(
        Tag::RECEIPTED_MESSAGE_ID,
        format!("{message_id}\0").into_bytes(),
    );
    odd.tlvs.push(Tag::MESSAGE_STATE, vec![5]);
    world.sim.deliver(odd);
    world.until_state(id, "UNDELIVERABLE").await;

    // Without esm_class it is a message from a phone, whatever its text says.
    let forged = world.send("447911123404", "text").await;
    world.until_status(forged, "sent").await;
    let message_id = world.tx(forged, "smpp_message_id").await.unwrap();
    let mut forgery = receipt("447911123404", &message_id, "DELIVRD", "000");
    forgery.esm_class = 0;
    world.sim.deliver(forgery.clone());
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message LIKE 'id:%'")
        .await;
    assert_eq!(world.tx(forged, "smpp_message_state").await, None);
    // Unless the server is known to send receipts so.
    world
        .sql("UPDATE smpp_servers SET esme_receipts_without_esm_class = TRUE")
        .await;
    world.next_heartbeat().await;
    world.sim.deliver(forgery);
    world.until_state(forged, "DELIVERED").await;
    world
        .until_ledger("each of them accepted", |records| {
            let mut statuses = records.deliveries().iter().map(|it| it.status);
            statuses.all(|status| status == Some(CommandStatus::ESME_ROK))
        })
        .await;
}
