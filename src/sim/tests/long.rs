//! Long messages: outcomes by part, what the ledger says of them, and those of phones.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::client::*;
use crate::pdu::{CommandStatus, DeliverSm, Pdu, ShortMessage, SubmitSm, Tag, Tlvs};
use crate::sim::control::execute;
use crate::sim::{PhoneMessage, Segment, SegmentKind, Sim};

const UDH: u8 = 0x40;

/// A submit_sm to `destination` that asks for a receipt.
fn part(destination: &str, esm_class: u8, octets: &[u8], tlvs: Tlvs) -> Pdu {
    Pdu::SubmitSm(SubmitSm {
        source_addr: "12345".into(),
        destination_addr: destination.into(),
        esm_class,
        registered_delivery: 1,
        short_message: ShortMessage(Bytes::copy_from_slice(octets)),
        tlvs,
        ..SubmitSm::default()
    })
}

/// Part `number` of `total` with reference 7 of 8 bits; its text is its number.
fn udh8(destination: &str, number: u8, total: u8) -> Pdu {
    let octets = [5, 0x00, 3, 7, total, number, b'0' + number];
    part(destination, UDH, &octets, Tlvs::default())
}

/// The same in another message, by TLVs.
fn sar(destination: &str, number: u8, total: u8) -> Pdu {
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::SAR_MSG_REF_NUM, &b"\x01\x02"[..]);
    tlvs.push(Tag::SAR_TOTAL_SEGMENTS, vec![total]);
    tlvs.push(Tag::SAR_SEGMENT_SEQNUM, vec![number]);
    part(destination, 0, b"same", tlvs)
}

async fn status(client: &mut Client, pdu: &Pdu) -> CommandStatus {
    client.ask(pdu).await.0
}

async fn id(client: &mut Client, pdu: &Pdu) -> String {
    let (status, response) = client.ask(pdu).await;
    assert_eq!(status, OK);
    message_id(&response)
}

fn receipt_id(receipt: &DeliverSm) -> String {
    let id = receipt.tlvs.get(Tag::RECEIPTED_MESSAGE_ID).unwrap();
    String::from_utf8(id[..id.len() - 1].to_vec()).unwrap()
}

fn receipt_state(receipt: &DeliverSm) -> u8 {
    receipt.tlvs.get(Tag::MESSAGE_STATE).unwrap()[0]
}

#[tokio::test]
async fn part_two_is_refused_for_good_or_once() {
    for (destination, refusal, then) in [
        (
            "41",
            CommandStatus::ESME_RSUBMITFAIL,
            CommandStatus::ESME_RSUBMITFAIL,
        ),
        ("42", CommandStatus::ESME_RSYSERR, OK),
        ("47", CommandStatus::ESME_RTHROTTLED, OK),
    ] {
        for make in [udh8, sar] {
            let sim = start();
            let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
            assert_eq!(status(&mut client, &make(destination, 1, 3)).await, OK);
            assert_eq!(status(&mut client, &make(destination, 2, 3)).await, refusal);
            assert_eq!(status(&mut client, &make(destination, 3, 3)).await, OK);
            assert_eq!(status(&mut client, &make(destination, 2, 3)).await, then);
        }
    }
}

#[tokio::test]
async fn refusals_are_counted_for_each_part() {
    let sim = start();
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    for number in [1, 2] {
        for expected in [CommandStatus::ESME_RSYSERR, OK] {
            assert_eq!(status(&mut client, &sar("11", number, 2)).await, expected);
        }
    }
}

#[tokio::test]
async fn receipts_of_the_last_part_first() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    // Parts of two messages, and of one a part that comes last out of order.
    let mut ids = Vec::new();
    for pdu in [
        udh8("43", 1, 3),
        sar("43", 2, 2),
        udh8("43", 3, 3),
        udh8("43", 2, 3),
    ] {
        ids.push(id(&mut client, &pdu).await);
    }
    for expected in [&ids[2], &ids[3], &ids[0]] {
        let receipt = client.delivery(OK).await;
        assert_eq!(
            (&receipt_id(&receipt), receipt_state(&receipt)),
            (expected, 2)
        );
    }
    let last = id(&mut client, &sar("43", 1, 2)).await;
    for expected in [&ids[1], &last] {
        assert_eq!(&receipt_id(&client.delivery(OK).await), expected);
    }
}

#[tokio::test]
async fn delayed_receipts_keep_the_order() {
    let sim = start();
    sim.behave(|behaviour| behaviour.receipt_delay = std::time::Duration::from_millis(20));
    let mut client = Client::transceiver(&sim).await;
    let first = id(&mut client, &udh8("43", 1, 2)).await;
    let second = id(&mut client, &udh8("43", 2, 2)).await;
    for expected in [second, first] {
        assert_eq!(receipt_id(&client.delivery(OK).await), expected);
    }
}

#[tokio::test]
async fn one_receipt_for_the_part_that_came_last() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for number in [1, 3] {
        id(&mut client, &udh8("44", number, 3)).await;
    }
    let last = id(&mut client, &udh8("44", 2, 3)).await;
    let receipt = client.delivery(OK).await;
    assert_eq!((receipt_id(&receipt), receipt_state(&receipt)), (last, 2));
    assert_eq!(status(&mut client, &Pdu::EnquireLink).await, OK);
    assert_eq!(sim.ledger().counts().receipts, 1);
    // Where only an earlier part has asked for one, it gets it.
    let asked = id(&mut client, &udh8("44", 1, 2)).await;
    let Pdu::SubmitSm(mut body) = udh8("44", 2, 2) else {
        unreachable!()
    };
    body.registered_delivery = 0;
    id(&mut client, &Pdu::SubmitSm(body)).await;
    assert_eq!(receipt_id(&client.delivery(OK).await), asked);
}

#[tokio::test]
async fn one_part_is_undeliverable() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for (number, expected) in [(1, 2), (2, 5), (3, 2)] {
        let id = id(&mut client, &udh8("45", number, 3)).await;
        let receipt = client.delivery(OK).await;
        assert_eq!(
            (receipt_id(&receipt), receipt_state(&receipt)),
            (id, expected)
        );
    }
}

#[tokio::test]
async fn part_two_is_never_answered() {
    let sim = start();
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    assert_eq!(status(&mut client, &udh8("46", 1, 3)).await, OK);
    client.request(&udh8("46", 2, 3)).await;
    assert_eq!(status(&mut client, &udh8("46", 3, 3)).await, OK);
    let answers: Vec<_> = sim
        .ledger()
        .submits()
        .iter()
        .map(|submit| submit.status)
        .collect();
    assert_eq!(answers, [Some(OK), None, Some(OK)]);
}

#[tokio::test]
async fn the_ledger_knows_parts_and_payloads() {
    let sim = start();
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    // Another element comes before; in the second, the element is longer than the header.
    let behind = b"\x09\x24\x01\x01\x08\x04\x01\x02\x02\x01rest";
    let broken = b"\x09\x24\x01\x01\x08\x05\x01\x02\x02\x01rest";
    let mut payload = Tlvs::default();
    payload.push(Tag::MESSAGE_PAYLOAD, &b"long"[..]);
    let segment = |kind, reference, total, part| {
        Some(Segment {
            kind,
            reference,
            total,
            part,
        })
    };
    let none = Tlvs::default();
    for (pdu, expected, text, whole_payload) in [
        (
            udh8("00", 2, 2),
            segment(SegmentKind::Udh8, 7, 2, 2),
            "2",
            false,
        ),
        (
            sar("00", 1, 2),
            segment(SegmentKind::Sar, 0x0102, 2, 1),
            "same",
            false,
        ),
        (
            part("00", UDH, behind, none.clone()),
            segment(SegmentKind::Udh16, 0x0102, 2, 1),
            "rest",
            false,
        ),
        (part("00", UDH, broken, none.clone()), None, "rest", false),
        (
            part("00", UDH, b"\x06\x08\x04\x01\x02\x03\x01x", none.clone()),
            segment(SegmentKind::Udh16, 0x0102, 3, 1),
            "x",
            false,
        ),
        (udh8("00", 3, 2), None, "3", false),
        (udh8("00", 0, 2), None, "0", false),
        (
            part("00", 0, b"\x05\x00\x03\x07\x02\x01", none.clone()),
            None,
            "\u{5}\0\u{3}\u{7}\u{2}\u{1}",
            false,
        ),
        (
            part("00", UDH, b"\x20abc", none.clone()),
            None,
            " abc",
            false,
        ),
        (part("00", 0, b"", payload), None, "long", true),
        (part("00", 0, b"", none), None, "", false),
    ] {
        assert_eq!(status(&mut client, &pdu).await, OK);
        let submit = sim.ledger().submits().pop().unwrap();
        assert_eq!(
            (submit.segment, &submit.text[..], submit.payload),
            (expected, text.as_bytes(), whole_payload),
            "{pdu:?}"
        );
    }
    let shown = execute(&sim, "ledger 11");
    assert_eq!(
        shown[0]["segment"],
        json!({"kind": "udh8", "reference": 7, "part": 2, "total": 2})
    );
    assert_eq!(shown[9]["segment"], json!(null));
    assert_eq!(
        (&shown[0]["message_payload"], &shown[9]["message_payload"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn what_a_phone_has_got_whole() {
    let sim = start();
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    for (pdu, expected) in [
        (udh8("42", 3, 3), OK),
        (udh8("42", 1, 3), OK),
        (udh8("42", 2, 3), CommandStatus::ESME_RSYSERR),
    ] {
        assert_eq!(status(&mut client, &pdu).await, expected);
    }
    assert_eq!(sim.ledger().whole_to("42"), Vec::<Vec<u8>>::new());
    assert_eq!(client.submit("42", 0).await.0, OK);
    assert_eq!(status(&mut client, &udh8("42", 2, 3)).await, OK);
    assert_eq!(
        sim.ledger().whole_to("42"),
        [b"hello".to_vec(), b"123".to_vec()]
    );
}

fn deliver_all(sim: &Arc<Sim>, parts: Vec<PhoneMessage>) {
    for part in parts {
        assert!(sim.deliver(part));
    }
}

#[tokio::test]
async fn phones_send_parts_in_three_ways() {
    let sim = Arc::new(start());
    let mut client = Client::transceiver(&sim).await;
    let parts = ["first", "second"];
    deliver_all(&sim, PhoneMessage::parts_udh8("1", "2", 0, 0xAB, &parts));
    deliver_all(&sim, PhoneMessage::parts_udh16("1", "2", 3, 0x0102, &parts));
    deliver_all(&sim, PhoneMessage::parts_sar("1", "2", 8, 0x0102, &parts));
    for (esm_class, data_coding, octets) in [
        (UDH, 0, &b"\x05\x00\x03\xAB\x02\x01first"[..]),
        (UDH, 0, b"\x05\x00\x03\xAB\x02\x02second"),
        (UDH, 3, b"\x06\x08\x04\x01\x02\x02\x01first"),
        (UDH, 3, b"\x06\x08\x04\x01\x02\x02\x02second"),
        (0, 8, b"first"),
        (0, 8, b"second"),
    ] {
        let message = client.delivery(OK).await;
        assert_eq!(
            (message.esm_class, message.data_coding),
            (esm_class, data_coding)
        );
        assert_eq!(message.short_message.0[..], *octets);
        assert_eq!(message.source_addr.octets(), b"1");
        assert_eq!(message.destination_addr.octets(), b"2");
        if octets == b"second" {
            assert_eq!(message.tlvs.get(Tag::SAR_MSG_REF_NUM).unwrap()[..], [1, 2]);
            assert_eq!(message.tlvs.get(Tag::SAR_TOTAL_SEGMENTS).unwrap()[..], [2]);
            assert_eq!(message.tlvs.get(Tag::SAR_SEGMENT_SEQNUM).unwrap()[..], [2]);
        } else {
            assert_eq!(message.tlvs.0.len(), if esm_class == 0 { 3 } else { 0 });
        }
    }
}

#[tokio::test]
async fn a_long_text_by_the_control_port() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    // The pair would be units 67 and 68.
    let text = format!("{}\u{1F600}{}", "a".repeat(66), "b".repeat(4));
    assert_eq!(
        execute(&sim, &format!("phone-long 1 2 {text}")),
        json!({"ok": true, "parts": 2, "data_coding": 8})
    );
    let first = client.delivery(OK).await;
    let second = client.delivery(OK).await;
    assert_eq!((first.esm_class, first.data_coding), (UDH, 8));
    assert_eq!(first.short_message.0[..6], [5, 0, 3, 0, 2, 1]);
    assert_eq!(first.short_message.0[6..], *b"\0a".repeat(66));
    assert_eq!(second.short_message.0[..6], [5, 0, 3, 0, 2, 2]);
    assert_eq!(
        second.short_message.0[6..],
        *b"\xD8\x3D\xDE\x00\0b\0b\0b\0b"
    );
    // 70 units stay one message, and the next long one has another reference.
    let text = format!("{}\u{1F600}", "a".repeat(68));
    assert_eq!(
        execute(&sim, &format!("phone-long 1 2 {text}"))["parts"],
        json!(1)
    );
    let single = client.delivery(OK).await;
    assert_eq!((single.esm_class, single.short_message.0.len()), (0, 140));
    assert_eq!(
        execute(&sim, &format!("phone-long 1 2 {}", "c".repeat(255 * 67)))["parts"],
        json!(255)
    );
    let next = client.delivery(OK).await;
    assert_ne!(next.short_message.0[3], first.short_message.0[3]);
    for wrong in [
        "phone-long 1".to_owned(),
        format!("phone-long 1 2 {}", "c".repeat(255 * 67 + 1)),
    ] {
        assert!(execute(&sim, &wrong)["error"].is_string());
    }
}
