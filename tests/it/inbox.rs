//! What comes from phones, and what can't be read.

use bytes::BytesMut;
use serde_json::Value;

use esmed::pdu::{
    AlertNotification, CommandStatus, DataSm, DeliverSm, Pdu, ShortMessage, Tag, Tlvs,
};
use esmed::sim::PhoneMessage;

use crate::support::{Daemon, World};

async fn bound_world() -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    (world, daemon)
}

fn encoded(pdu: &Pdu, sequence_number: u32) -> Vec<u8> {
    let mut octets = BytesMut::new();
    pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut octets)
        .expect("a PDU");
    octets.to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn from_phone(octets: &[u8], data_coding: u8) -> PhoneMessage {
    PhoneMessage {
        source: "447911000001".to_owned(),
        destination: "12345".to_owned(),
        octets: octets.to_vec().into(),
        data_coding,
        ..PhoneMessage::default()
    }
}

#[tokio::test]
async fn a_message_is_stored_as_octets_json_and_text() {
    let (world, _daemon) = bound_world().await;
    let mut listener = world.listen("smpp_inbox").await;
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::USER_MESSAGE_REFERENCE, vec![0x12, 0x34]);
    tlvs.push(Tag(0x1401), b"ab".to_vec());
    let octets = encoded(
        &Pdu::DeliverSm(DeliverSm {
            source_addr_ton: 1,
            source_addr_npi: 1,
            source_addr: "447911000001".into(),
            destination_addr: "12345".into(),
            short_message: ShortMessage(b"Gr\x7e\x1eezi \x1b\x65".to_vec().into()),
            tlvs,
            ..DeliverSm::default()
        }),
        4711,
    );
    assert_eq!(world.sim.send_raw(octets.clone()), 1);
    world.until("SELECT count(*) = 1 FROM smpp_inbox").await;
    let row = &world
        .rows(
            "SELECT pdu_raw, pdu_parsed, smpp_source_addr, smpp_destination_addr, smpp_short_message,
                    smpp_server_id, kind, tx_queue_id, id
             FROM smpp_rx_queue",
            &[],
        )
        .await[0];
    assert_eq!(row.get::<_, String>(0), hex(&octets));
    let parsed: Value = row.get(1);
    for (name, value) in [
        ("command_id", Value::from("deliver_sm")),
        ("command_status", "ESME_ROK".into()),
        ("sequence_number", 4711.into()),
        ("source_addr", "447911000001".into()),
        ("source_addr_ton", 1.into()),
        ("destination_addr", "12345".into()),
        ("esm_class", 0.into()),
        ("data_coding", 0.into()),
        ("short_message", "Grüßezi €".into()),
        ("short_message_hex", "47727e1e657a69201b65".into()),
    ] {
        assert_eq!(parsed[name], value, "{name}");
    }
    assert_eq!(
        parsed["optional_parameters"],
        serde_json::json!({"user_message_reference": 0x1234, "0x1401": "6162"})
    );
    assert!(parsed.get("warnings").is_none(), "{parsed}");
    assert_eq!(row.get::<_, String>(2), "447911000001");
    assert_eq!(row.get::<_, String>(3), "12345");
    assert_eq!(row.get::<_, String>(4), "Grüßezi €");
    assert_eq!(row.get::<_, i64>(5), 1);
    assert_eq!(row.get::<_, String>(6), "message");
    assert_eq!(row.get::<_, Option<i64>>(7), None);

    let inbox = &world
        .rows(
            "SELECT id, source, destination, message, parts, complete, processed, repeated, server_id, rx_ids
             FROM smpp_inbox",
            &[],
        )
        .await[0];
    assert_eq!(inbox.get::<_, String>(1), "447911000001");
    assert_eq!(inbox.get::<_, String>(2), "12345");
    assert_eq!(inbox.get::<_, String>(3), "Grüßezi €");
    assert_eq!(inbox.get::<_, i16>(4), 1);
    assert!(inbox.get::<_, bool>(5));
    assert!(!inbox.get::<_, bool>(6));
    assert!(!inbox.get::<_, bool>(7));
    assert_eq!(inbox.get::<_, i64>(8), 1);
    assert_eq!(inbox.get::<_, Vec<i64>>(9), [row.get::<_, i64>(8)]);
    listener.until_id(inbox.get(0)).await;
}

#[tokio::test]
async fn texts_in_each_coding() {
    let (world, _daemon) = bound_world().await;
    let cases: [(&[u8], u8, &str); 7] = [
        (b"\x00 \x02 \x1b\x28\x1b\x29 \x1b\x3d", 0, "@ $ {} ~"),
        (b"Plain \x10", 0, "Plain Δ"),
        (b"@ $ _ ASCII", 1, "@ $ _ ASCII"),
        (b"caf\xe9 \xa3", 3, "café £"),
        (b"\x04\x1f\x04\x40\x04\x38\xd8\x3d\xde\x00", 8, "При😀"),
        (b"", 0, ""),
        // PostgreSQL takes no NUL.
        (b"\x00a\x00\x00\x00b", 8, "a\u{2400}b"),
    ];
    for (octets, data_coding, text) in cases {
        world.sim.deliver(from_phone(octets, data_coding));
        let query = "SELECT count(*) FROM smpp_inbox i JOIN smpp_rx_queue r ON r.id = ANY (i.rx_ids)
                     WHERE i.message = $1 AND r.smpp_short_message = $1
                       AND r.pdu_parsed ->> 'short_message' = $1 AND r.pdu_parsed ->> 'short_message_hex' = $2";
        let count = world
            .sim
            .ledger()
            .wait_until(
                |records| records.counts().acknowledged == records.counts().messages,
                std::time::Duration::from_secs(60),
            )
            .await;
        assert!(count);
        world
            .until(&format!(
                "SELECT count(*) = 1 FROM smpp_rx_queue WHERE pdu_parsed ->> 'short_message_hex' = '{}'",
                hex(octets)
            ))
            .await;
        let rows = world.rows(query, &[&text, &hex(octets)]).await;
        assert_eq!(rows[0].get::<_, i64>(0), 1, "{text:?}");
    }
}

#[tokio::test]
async fn data_sm_and_alert_notification() {
    let (world, _daemon) = bound_world().await;
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::MESSAGE_PAYLOAD, &b"by a payload"[..]);
    let data_sm = encoded(
        &Pdu::DataSm(DataSm {
            source_addr: "447911000001".into(),
            destination_addr: "12345".into(),
            tlvs,
            ..DataSm::default()
        }),
        7,
    );
    let alert = encoded(
        &Pdu::AlertNotification(AlertNotification {
            source_addr: "447911000002".into(),
            esme_addr: "12345".into(),
            ..AlertNotification::default()
        }),
        8,
    );
    world.sim.send_raw(data_sm.clone());
    world.sim.send_raw(alert.clone());
    world.until("SELECT count(*) = 2 FROM smpp_rx_queue").await;
    let rows = world
        .rows(
            "SELECT kind, pdu_raw, smpp_source_addr, smpp_short_message, pdu_parsed ->> 'command_id'
             FROM smpp_rx_queue ORDER BY id",
            &[],
        )
        .await;
    let values = |row: &tokio_postgres::Row| -> Vec<Option<String>> {
        (0..5).map(|column| row.get(column)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        values(&rows[0]),
        [
            some("message"),
            Some(hex(&data_sm)),
            some("447911000001"),
            some("by a payload"),
            some("data_sm")
        ]
    );
    assert_eq!(
        values(&rows[1]),
        [
            some("other"),
            Some(hex(&alert)),
            some("447911000002"),
            None,
            some("alert_notification")
        ]
    );
    assert_eq!(
        world
            .one::<String>("SELECT string_agg(message, ',') FROM smpp_inbox")
            .await,
        "by a payload"
    );
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_and_the_session_goes_on() {
    let (world, _daemon) = bound_world().await;
    // A deliver_sm that ends within its addresses, and a command that nobody knows.
    let truncated =
        b"\x00\x00\x00\x16\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x21\x00\x01\x01447".to_vec();
    let unknown =
        b"\x00\x00\x00\x14\x00\x00\x0a\xbc\x00\x00\x00\x00\x00\x00\x00\x22\x01\x02\x03\x04"
            .to_vec();
    for octets in [&truncated, &unknown] {
        world.sim.send_raw(octets.clone());
    }
    world
        .until("SELECT count(*) = 2 FROM smpp_rx_queue WHERE pdu_parsed ->> 'error' <> ''")
        .await;
    for (octets, sequence_number) in [(&truncated, 0x21), (&unknown, 0x22)] {
        let parsed: Value = world
            .one(&format!(
                "SELECT pdu_parsed FROM smpp_rx_queue WHERE pdu_raw = '{}' AND kind = 'other'",
                hex(octets)
            ))
            .await;
        assert_eq!(parsed["sequence_number"], sequence_number);
        assert!(parsed["command_id"].is_string(), "{parsed}");
    }
    world
        .until_ledger("a generic_nack", |records| {
            records.counts().generic_nacks >= 1
        })
        .await;
    world.sim.deliver(from_phone(b"afterwards", 0));
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'afterwards'")
        .await;
    assert_eq!(world.one::<i64>("SELECT count(*) FROM smpp_inbox").await, 1);
    assert_eq!(world.sim.ledger().binds().len(), 1);
}

#[tokio::test]
async fn a_message_that_comes_again_is_marked() {
    let (world, _daemon) = bound_world().await;
    world.sim.deliver(from_phone(b"twice", 0));
    world.until("SELECT count(*) = 1 FROM smpp_inbox").await;
    world.sim.deliver(from_phone(b"twice", 0));
    world.until("SELECT count(*) = 2 FROM smpp_inbox").await;
    // Another text, another number, and an old one are other messages.
    world.sim.deliver(from_phone(b"once", 0));
    let elsewhere = PhoneMessage {
        destination: "54321".to_owned(),
        ..from_phone(b"twice", 0)
    };
    world.sim.deliver(elsewhere);
    world.until("SELECT count(*) = 4 FROM smpp_inbox").await;
    let repeated: Vec<bool> = world
        .rows("SELECT repeated FROM smpp_inbox ORDER BY id", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(repeated, [false, true, false, false]);
}

#[tokio::test]
async fn binary_messages_without_a_text_are_not_taken_for_repeats() {
    let (world, _daemon) = bound_world().await;
    for count in 1..=2_u8 {
        world.sim.deliver(from_phone(&[count], 4));
        world
            .until(&format!(
                "SELECT count(*) = {count} FROM smpp_inbox WHERE message IS NULL AND NOT repeated"
            ))
            .await;
    }
}

#[tokio::test]
async fn repeats_within_one_burst_are_marked_too() {
    let (world, _daemon) = bound_world().await;
    // All in one write, so that they are stored together or nearly so.
    let burst: Vec<u8> = (1..=20)
        .flat_map(|number| {
            encoded(
                &Pdu::DeliverSm(DeliverSm {
                    source_addr: "447911000001".into(),
                    destination_addr: "12345".into(),
                    short_message: ShortMessage(b"again and again".to_vec().into()),
                    ..DeliverSm::default()
                }),
                number,
            )
        })
        .collect();
    world.sim.send_raw(burst);
    world.until("SELECT count(*) = 20 FROM smpp_inbox").await;
    let marked: i64 = world
        .one("SELECT count(*) FROM smpp_inbox WHERE repeated")
        .await;
    assert_eq!(marked, 19);
}

#[tokio::test]
async fn a_row_that_the_database_refuses_delays_no_other() {
    let (world, _daemon) = bound_world().await;
    world
        .sql(
            "ALTER TABLE smpp_rx_queue ADD CONSTRAINT no_poison CHECK (smpp_short_message <> 'poison');
             CREATE FUNCTION no_venom() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               IF NEW.pdu_raw LIKE '%' || encode('venom', 'hex') || '%' THEN
                 RAISE EXCEPTION 'no venom';
               END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER no_venom BEFORE INSERT ON smpp_rx_queue FOR EACH ROW EXECUTE FUNCTION no_venom();",
        )
        .await;
    for number in 0..20 {
        let text = match number {
            7 => "poison".to_owned(),
            13 => "venom".to_owned(),
            _ => format!("good {number}"),
        };
        world.sim.deliver(from_phone(text.as_bytes(), 0));
    }
    world
        .until("SELECT count(*) = 18 FROM smpp_inbox WHERE message LIKE 'good %'")
        .await;
    // One is stored without what the database refused, and with the reason.
    let query = format!(
        "SELECT pdu_parsed FROM smpp_rx_queue WHERE pdu_raw LIKE '%{}%' AND smpp_short_message IS NULL",
        hex(b"poison")
    );
    world.until(&format!("SELECT EXISTS ({query})")).await;
    let parsed: Value = world.one(&query).await;
    assert!(
        parsed["error"].as_str().unwrap().contains("no_poison"),
        "{parsed}"
    );
    assert_eq!(parsed["command_id"], "deliver_sm");
    // The other can't be stored at all: the SMSC keeps it and sends it again.
    world.until_events("store_refused", 1).await;
    world
        .until_ledger("temporary errors", |records| {
            records.counts().delivery_errors >= 2
        })
        .await;
    assert!(
        world
            .sim
            .ledger()
            .deliveries()
            .iter()
            .filter(|delivery| &delivery.octets[..] == b"venom")
            .all(|delivery| delivery.status.is_none()
                || delivery.status == Some(CommandStatus::ESME_RX_T_APPN))
    );
    world.sql("DROP TRIGGER no_venom ON smpp_rx_queue").await;
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'venom'")
        .await;
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_rx_queue").await,
        20
    );
    assert_eq!(world.sim.ledger().binds().len(), 1);
}
