//! Submits, receipts, messages from phones.

use super::client::*;
use crate::pdu::{CommandStatus, Pdu, Tag};
use crate::sim::{PhoneMessage, ReceiptStyle};

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
