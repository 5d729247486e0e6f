//! What makes a PDU a receipt, and receipts that come before their message by another form of its id.

use bytes::BytesMut;

use esmed::pdu::{CommandStatus, DataSm, Pdu, Tag, Tlvs};
use esmed::sim::PhoneMessage;

use crate::support::{World, receipt};

/// A message that the SMSC accepts without a receipt; its row and its id there.
async fn accepted(world: &World) -> (i64, i64) {
    let id = world.send("447911123404", "no receipt of its own").await;
    world.until_status(id, "sent").await;
    let message_id = world.tx(id, "smpp_message_id").await.unwrap();
    (id, message_id.parse().unwrap())
}

async fn kinds(world: &World) -> String {
    world
        .one("SELECT string_agg(kind, ' ' ORDER BY id) FROM smpp_rx_queue")
        .await
}

#[tokio::test]
async fn a_data_sm_is_a_receipt_by_its_tlvs_or_by_its_text() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let (first, first_id) = accepted(&world).await;
    let (second, second_id) = accepted(&world).await;
    let mut by_tlvs = Tlvs::default();
    by_tlvs.push(
        Tag::RECEIPTED_MESSAGE_ID,
        format!("{first_id}\0").into_bytes(),
    );
    by_tlvs.push(Tag::MESSAGE_STATE, vec![5]);
    by_tlvs.push(Tag::NETWORK_ERROR_CODE, vec![3, 0x02, 0x0B]);
    let text = format!(
        "id:{second_id} sub:001 dlvrd:000 submit date:2607190900 done date:2607190901 stat:EXPIRED err:0A1 text:x"
    );
    let mut by_text = Tlvs::default();
    by_text.push(Tag::MESSAGE_PAYLOAD, text.into_bytes());
    for (sequence_number, tlvs) in [(7, by_tlvs), (8, by_text)] {
        let data_sm = Pdu::DataSm(DataSm {
            source_addr: "447911123404".into(),
            destination_addr: "12345".into(),
            esm_class: 4,
            tlvs,
            ..DataSm::default()
        });
        let mut octets = BytesMut::new();
        data_sm
            .encode(CommandStatus::ESME_ROK, sequence_number, &mut octets)
            .expect("a PDU");
        world.sim.send_raw(octets.to_vec());
    }
    world.until_state(first, "UNDELIVERABLE").await;
    world.until_state(second, "EXPIRED").await;
    assert_eq!(
        world.tx(first, "smpp_network_error_code").await.as_deref(),
        Some("03020b")
    );
    assert_eq!(
        world.tx(second, "smpp_error_code").await.as_deref(),
        Some("0A1")
    );
    assert_eq!(kinds(&world).await, "receipt receipt");
    let dates: String = world
        .one(
            "SELECT concat_ws(' ', pdu_parsed ->> 'command_id', pdu_parsed -> 'receipt' ->> 'submit_date',
                              pdu_parsed -> 'receipt' ->> 'done_date')
             FROM smpp_rx_queue ORDER BY id DESC LIMIT 1",
        )
        .await;
    assert_eq!(dates, "data_sm 2026-07-19T09:00:00 2026-07-19T09:01:00");
}

#[tokio::test]
async fn esm_class_tells_receipts_notifications_and_acknowledgements() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let (id, message_id) = accepted(&world).await;
    let said = |esm_class, stat| PhoneMessage {
        esm_class,
        ..receipt("447911123404", &message_id.to_string(), stat, "000")
    };
    // Acknowledgements by the phone (0x08) and by its user (0x10) say nothing of the message.
    for (esm_class, stat, state, count) in [
        (0x08, "DELIVRD", None, 1),
        (0x10, "DELIVRD", None, 2),
        (0x20, "ENROUTE", Some("ENROUTE"), 3),
        (0x04, "DELIVRD", Some("DELIVERED"), 4),
        (0x20, "ENROUTE", Some("DELIVERED"), 5),
    ] {
        world.sim.deliver(said(esm_class, stat));
        world
            .until(&format!("SELECT count(*) = {count} FROM smpp_rx_queue"))
            .await;
        assert_eq!(world.tx(id, "smpp_message_state").await.as_deref(), state);
    }
    assert_eq!(
        kinds(&world).await,
        "other other intermediate receipt intermediate"
    );
    let tied: i64 = world
        .one(&format!(
            "SELECT count(*) FROM smpp_rx_queue WHERE tx_queue_id = {id}"
        ))
        .await;
    assert_eq!(tied, 3);
    assert_eq!(world.one::<i64>("SELECT count(*) FROM smpp_inbox").await, 0);
}

#[tokio::test]
async fn one_by_its_text_alone_counts_only_from_the_number_of_the_message() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_receipts_without_esm_class", ", TRUE")
        .await;
    let (id, message_id) = accepted(&world).await;
    let said = |source, message_id: i64, stat| PhoneMessage {
        esm_class: 0,
        ..receipt(source, &message_id.to_string(), stat, "000")
    };
    world
        .sim
        .deliver(said("447911999999", message_id, "UNDELIV"));
    world
        .until("SELECT count(*) = 1 FROM smpp_unmatched_receipts")
        .await;
    world
        .sim
        .deliver(said("+447911123404", message_id, "DELIVRD"));
    world.until_state(id, "DELIVERED").await;

    // The same where they came before the message was recorded.
    let next = message_id + 1;
    world.sim.deliver(said("447911999999", next, "UNDELIV"));
    world.sim.deliver(said("447911123404", next, "EXPIRED"));
    world
        .until("SELECT count(*) = 3 FROM smpp_unmatched_receipts")
        .await;
    world
        .sql("UPDATE smpp_rx_queue SET insert_timestamp = now() + interval '1 hour'")
        .await;
    let (id, accepted_as) = accepted(&world).await;
    assert_eq!(accepted_as, next);
    assert_eq!(
        world.tx(id, "smpp_message_state").await.as_deref(),
        Some("EXPIRED")
    );
    let left: i64 = world
        .one("SELECT count(*) FROM smpp_unmatched_receipts WHERE smpp_source_addr = '447911999999'")
        .await;
    assert_eq!(left, 2);
}

#[tokio::test]
async fn an_early_one_is_found_by_the_form_that_the_format_says() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let (_, mut last) = accepted(&world).await;
    for (format, write) in [
        (
            "receipt_suffix",
            (|id| format!("00{id}@1154905154")) as fn(i64) -> String,
        ),
        ("receipt_hex", |id| format!("0x{id:016X}")),
        ("receipt_hex", |id| format!("{id:x}h")),
        ("resp_hex", |id| {
            i128::from_str_radix(&id.to_string(), 16)
                .unwrap()
                .to_string()
        }),
    ] {
        world
            .sql(&format!(
                "UPDATE smpp_servers SET esme_message_id_format = '{format}'"
            ))
            .await;
        world.next_heartbeat().await;
        let next = last + 1;
        // The id of another message begins the same.
        for (id, stat) in [(next * 10, "UNDELIV"), (next, "DELIVRD")] {
            world
                .sim
                .deliver(receipt("447911123404", &write(id), stat, "000"));
        }
        world
            .until("SELECT count(*) = 2 FROM smpp_unmatched_receipts")
            .await;
        world
            .sql("UPDATE smpp_rx_queue SET insert_timestamp = now() + interval '1 hour'")
            .await;
        let (id, accepted_as) = accepted(&world).await;
        assert_eq!(accepted_as, next);
        assert_eq!(
            world.tx(id, "smpp_message_state").await.as_deref(),
            Some("DELIVERED"),
            "{format}"
        );
        last = next;
        world.sql("DELETE FROM smpp_rx_queue").await;
    }
}

#[tokio::test]
async fn a_number_in_national_form_is_known_again() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(
            ", esme_receipts_without_esm_class, esme_country_code",
            ", TRUE, '44'",
        )
        .await;
    let id = world.send("07911123404", "text").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().submits()[0].destination, "447911123404");
    let message_id = world.tx(id, "smpp_message_id").await.unwrap();
    let said = |source, stat| PhoneMessage {
        esm_class: 0,
        ..receipt(source, &message_id, stat, "000")
    };
    world.sim.deliver(said("447911999999", "UNDELIV"));
    world
        .until("SELECT count(*) = 1 FROM smpp_unmatched_receipts")
        .await;
    world.sim.deliver(said("447911123404", "DELIVRD"));
    world.until_state(id, "DELIVERED").await;
    // And when it is looked for again.
    world
        .sql("UPDATE smpp_rx_queue SET tx_queue_id = NULL")
        .await;
    assert_eq!(world.one::<i64>("SELECT esmed_rematch()").await, 1);
}
