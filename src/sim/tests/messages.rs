//! Submits, receipts, messages from phones.

use super::client::*;
use crate::pdu::{CommandId, CommandStatus, DataSm, Pdu, Tag, Tlvs};
use crate::sim::{Config, PhoneMessage, ReceiptStyle, Sim};

#[tokio::test]
async fn submit_response_receipt() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    let (status, id) = client.submit("27820000000", 1).await;
    assert_eq!(status, OK);
    let receipt = client.delivery(OK).await;
    assert_eq!(receipt.esm_class, 4);
    assert_eq!(receipt.source_addr.octets(), b"27820000000");
    assert_eq!((receipt.source_addr_ton, receipt.source_addr_npi), (1, 1));
    assert_eq!(receipt.destination_addr.octets(), b"12345");
    assert_eq!(receipt.dest_addr_ton, 3);
    let text = text(&receipt);
    let dates = &text[format!("id:{id} sub:001 dlvrd:001 submit date:").len()..];
    let expected = format!(
        "id:{id} sub:001 dlvrd:001 submit date:{} done date:{} stat:DELIVRD err:000 text:hello",
        &dates[..10],
        &dates[21..31],
    );
    assert_eq!(text, expected);
    assert!(dates[..10].bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(
        receipt.tlvs.get(Tag::RECEIPTED_MESSAGE_ID).unwrap()[..],
        *format!("{id}\0").as_bytes()
    );
    assert_eq!(receipt.tlvs.get(Tag::MESSAGE_STATE).unwrap()[..], [2]);
    wait(&sim, |records| records.counts().acknowledged == 1).await;
    let submits = sim.ledger().submits_to("27820000000");
    assert_eq!(submits.len(), 1);
    assert_eq!(submits[0].source, "12345");
    assert_eq!(&submits[0].octets[..], b"hello");
    assert_eq!(submits[0].status, Some(OK));
    assert_eq!(submits[0].message_id, Some(id.clone()));
    let deliveries = sim.ledger().deliveries();
    assert_eq!(deliveries[0].message_id, Some(id));
    assert_eq!(deliveries[0].status, Some(OK));
}

#[tokio::test]
async fn receipts_by_text_or_by_tlv_alone() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    sim.behave(|behaviour| behaviour.receipts = ReceiptStyle::Text);
    assert_eq!(client.submit("27820000001", 1).await.0, OK);
    let receipt = client.delivery(OK).await;
    assert!(text(&receipt).contains(" dlvrd:000 "));
    assert!(text(&receipt).contains(" stat:UNDELIV err:001 "));
    assert!(receipt.tlvs.0.is_empty());
    sim.behave(|behaviour| behaviour.receipts = ReceiptStyle::Tlv);
    assert_eq!(client.submit("27820000002", 1).await.0, OK);
    let receipt = client.delivery(OK).await;
    assert_eq!(text(&receipt), "");
    assert_eq!(receipt.tlvs.get(Tag::MESSAGE_STATE).unwrap()[..], [3]);
    assert_eq!(
        receipt.tlvs.get(Tag::NETWORK_ERROR_CODE).unwrap()[..],
        [3, 0, 2]
    );
}

#[tokio::test]
async fn a_phone_message_waits_for_a_receiver() {
    let sim = start();
    assert!(sim.deliver(PhoneMessage {
        source: "27820000000".into(),
        destination: "12345".into(),
        octets: b"\x00h\x00i"[..].into(),
        data_coding: 8,
        ..PhoneMessage::default()
    }));
    let mut client = Client::bound(&sim, "esmed", Pdu::BindReceiver).await;
    let message = client.delivery(CommandStatus::ESME_RX_T_APPN).await;
    assert_eq!(message.source_addr.octets(), b"27820000000");
    assert_eq!(message.short_message.0[..], *b"\x00h\x00i");
    assert_eq!((message.esm_class, message.data_coding), (0, 8));
    assert_eq!(client.delivery(OK).await, message);
    wait(&sim, |records| records.counts().acknowledged == 1).await;
    let attempts: Vec<_> = sim
        .ledger()
        .deliveries()
        .iter()
        .map(|sent| (sent.attempt, sent.status))
        .collect();
    assert_eq!(
        attempts,
        [(1, Some(CommandStatus::ESME_RX_T_APPN)), (2, Some(OK))]
    );
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again() {
    let sim = start();
    sim.behave(|behaviour| behaviour.deliver_window = 2);
    let mut client = Client::transceiver(&sim).await;
    for destination in ["00", "01", "02"] {
        client.request(&submit(destination, 1)).await;
    }
    wait(&sim, |records| records.submits().len() == 3).await;
    assert_eq!(sim.ledger().counts().receipts, 2);
    sim.drop_connections();
    while client.next_frame().await.is_some() {}
    // Somebody else's receipts are not for this one.
    let mut other = Client::bound(&sim, "other", Pdu::BindTransceiver).await;
    assert_eq!(other.ask(&Pdu::EnquireLink).await.0, OK);
    let mut client = Client::transceiver(&sim).await;
    for source in ["00", "01", "02"] {
        let receipt = client.delivery(OK).await;
        assert_eq!(receipt.source_addr.octets(), source.as_bytes());
    }
    wait(&sim, |records| records.counts().acknowledged == 3).await;
    assert_eq!(sim.ledger().counts().receipts, 5);
}

#[tokio::test]
async fn a_permanent_error_or_too_many_attempts_end_a_delivery() {
    let sim = start();
    sim.behave(|behaviour| {
        behaviour.redelivery_attempts = 2;
        behaviour.redelivery_delay = std::time::Duration::ZERO;
    });
    let mut client = Client::transceiver(&sim).await;
    assert!(sim.deliver(PhoneMessage::from_text("1", "2", "first")));
    client.delivery(CommandStatus::ESME_RX_P_APPN).await;
    wait(&sim, |records| records.counts().given_up == 1).await;
    assert!(sim.deliver(PhoneMessage::from_text("1", "2", "second")));
    client.delivery(CommandStatus::ESME_RX_T_APPN).await;
    client.delivery(CommandStatus::ESME_RX_T_APPN).await;
    wait(&sim, |records| records.counts().given_up == 2).await;
    assert_eq!(client.ask(&Pdu::EnquireLink).await.0, OK);
}

#[tokio::test]
async fn too_much_mail_is_dropped_and_counted() {
    let sim = Sim::start(Config {
        queue_limit: 1,
        ..Config::default()
    })
    .unwrap();
    assert!(sim.deliver(PhoneMessage::default()));
    assert!(!sim.deliver(PhoneMessage::default()));
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    assert_eq!(client.submit("00", 1).await.0, OK);
    assert_eq!(sim.ledger().counts().dropped, 2);
}

#[tokio::test]
async fn delayed_receipts_outlive_their_session() {
    let sim = start();
    sim.behave(|behaviour| behaviour.receipt_delay = std::time::Duration::from_millis(50));
    let mut client = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    assert_eq!(client.submit("05", 1).await.0, OK);
    drop(client);
    let mut client = Client::bound(&sim, "esmed", Pdu::BindReceiver).await;
    assert!(text(&client.delivery(OK).await).contains("stat:ENROUTE"));
    assert!(text(&client.delivery(OK).await).contains("stat:DELIVRD"));
}

#[tokio::test]
async fn data_sm_and_long_messages() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::MESSAGE_PAYLOAD, &b"payload"[..]);
    let data = Pdu::DataSm(DataSm {
        source_addr: "1".into(),
        destination_addr: "00".into(),
        registered_delivery: 1,
        tlvs: tlvs.clone(),
        ..DataSm::default()
    });
    let (status, response) = client.ask(&data).await;
    assert_eq!(status, OK);
    let receipt = client.delivery(OK).await;
    assert!(text(&receipt).starts_with(&format!("id:{} ", message_id(&response))));
    assert!(text(&receipt).ends_with(" text:payload"));
    let submit = &sim.ledger().submits()[0];
    assert_eq!((&submit.octets[..], &submit.tlvs), (&b"payload"[..], &tlvs));
    assert_eq!(submit.command_id, CommandId::DATA_SM);
    let long = "ю".repeat(200);
    assert!(sim.deliver(PhoneMessage::from_text("1", "2", &long)));
    let message = client.delivery(OK).await;
    assert!(message.short_message.0.is_empty());
    assert_eq!(message.tlvs.get(Tag::MESSAGE_PAYLOAD).unwrap().len(), 400);
}

#[test]
fn texts_of_phones() {
    for (text, data_coding, octets) in [
        ("Hello, 1+1=2?\n", 0, b"Hello, 1+1=2?\n".to_vec()),
        ("5$", 8, b"\0\x35\0\x24".to_vec()),
        ("a@b", 8, b"\0a\0@\0b".to_vec()),
        ("a_b", 8, b"\0a\0_\0b".to_vec()),
        ("\u{1F600}", 8, b"\xD8\x3D\xDE\x00".to_vec()),
    ] {
        let message = PhoneMessage::from_text("1", "2", text);
        assert_eq!(
            (message.data_coding, &message.octets[..]),
            (data_coding, &octets[..])
        );
    }
}
