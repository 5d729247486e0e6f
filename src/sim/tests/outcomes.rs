//! The table of outcomes, and the limits that answer in its place.

use std::time::Duration;

use super::client::*;
use crate::pdu::{CancelSm, CommandStatus, DeliverSm, Pdu, QuerySm, Tag};
use crate::sim::{Config, IdStyle, LedgerMode, Sim};

/// More than a test run: what is due then does not come.
const NEVER: Duration = Duration::from_secs(86_400);

fn state(receipt: &DeliverSm) -> u8 {
    receipt.tlvs.get(Tag::MESSAGE_STATE).unwrap()[0]
}

#[tokio::test]
async fn final_states() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for (destination, message_state, words) in [
        ("27820000099", 2, "stat:DELIVRD err:000"),
        ("27820000001", 5, "stat:UNDELIV err:001"),
        ("27820000002", 3, "stat:EXPIRED err:002"),
        ("27820000003", 8, "stat:REJECTD err:003"),
    ] {
        assert_eq!(client.submit(destination, 1).await.0, OK);
        let receipt = client.delivery(OK).await;
        assert_eq!(state(&receipt), message_state);
        assert!(text(&receipt).contains(words), "{}", text(&receipt));
    }
}

#[tokio::test]
async fn receipts_only_where_asked_for() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for (destination, registered) in [("00", 0), ("01", 0), ("00", 2), ("04", 1), ("05", 2)] {
        assert_eq!(client.submit(destination, registered).await.0, OK);
    }
    assert_eq!(client.submit("01", 2).await.0, OK);
    // The first thing that comes after all those is the receipt of the last.
    assert_eq!(state(&client.delivery(OK).await), 5);
    assert_eq!(sim.ledger().counts().receipts, 1);
}

#[tokio::test]
async fn enroute_first() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for (registered, first, esm_class) in [(1, true, 0x04), (0x11, true, 0x20), (0x10, false, 0x20)]
    {
        assert_eq!(client.submit("05", registered).await.0, OK);
        let enroute = client.delivery(OK).await;
        assert_eq!((state(&enroute), enroute.esm_class), (1, esm_class));
        assert!(text(&enroute).contains("stat:ENROUTE"));
        if first {
            let delivered = client.delivery(OK).await;
            assert_eq!((state(&delivered), delivered.esm_class), (2, 0x04));
        }
    }
}

#[tokio::test]
async fn the_receipt_before_the_response() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    client.request(&submit("06", 1)).await;
    let receipt = client.delivery(OK).await;
    let (_, response) = client.next().await;
    assert!(text(&receipt).starts_with(&format!("id:{} ", message_id(&response))));
    // Without a receipt there is nothing to wait for.
    assert_eq!(client.submit("06", 0).await.0, OK);
    sim.behave(|behaviour| behaviour.receipt_before_response = true);
    client.request(&submit("00", 1)).await;
    client.delivery(OK).await;
    assert_eq!(client.next().await.0.header.command_status, OK);
}

#[tokio::test]
async fn the_receipt_before_the_response_on_another_session() {
    let sim = start();
    let mut transmitter = Client::bound(&sim, "esmed", Pdu::BindTransmitter).await;
    // Nobody is bound to receive, so the response does not wait.
    assert_eq!(transmitter.submit("06", 1).await.0, OK);
    let mut other = Client::bound(&sim, "other", Pdu::BindReceiver).await;
    let mut receiver = Client::bound(&sim, "esmed", Pdu::BindReceiver).await;
    receiver.delivery(OK).await;
    transmitter.request(&submit("06", 1)).await;
    let receipt = receiver.delivery(OK).await;
    let (_, response) = transmitter.next().await;
    assert!(text(&receipt).starts_with(&format!("id:{} ", message_id(&response))));
    assert_eq!(other.ask(&Pdu::EnquireLink).await.0, OK);
}

#[tokio::test]
async fn refusals() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for (destination, status, times) in [
        ("07", CommandStatus::ESME_RINVDSTADR, None),
        ("10", CommandStatus::ESME_RSYSERR, None),
        ("12", CommandStatus::ESME_RSYSERR, Some(2)),
        ("21", CommandStatus::ESME_RTHROTTLED, Some(1)),
        ("33", CommandStatus::ESME_RMSGQFUL, Some(3)),
    ] {
        for _ in 0..times.unwrap_or(5) {
            assert_eq!(client.submit(destination, 0).await.0, status);
        }
        if times.is_some() {
            assert_eq!(client.submit(destination, 0).await.0, OK);
        }
    }
    let counts = sim.ledger().counts();
    assert_eq!(
        (counts.accepted, counts.throttled, counts.refused),
        (3, 4, 12)
    );
}

#[tokio::test]
async fn slow_and_unanswered() {
    let sim = start();
    sim.behave(|behaviour| behaviour.slow_response_delay = NEVER);
    let mut client = Client::transceiver(&sim).await;
    client.request(&submit("08", 1)).await;
    client.request(&submit("09", 1)).await;
    let quick = client.request(&submit("00", 0)).await;
    assert_eq!(client.next().await.0.header.sequence_number, quick);
    assert_eq!(sim.ledger().submits_to("08")[0].status, None);
    assert_eq!(sim.ledger().submits_to("09")[0].status, None);
    sim.behave(|behaviour| behaviour.slow_response_delay = Duration::from_millis(20));
    assert_eq!(client.submit("08", 1).await.0, OK);
    client.delivery(OK).await;
}

#[tokio::test]
async fn the_window_is_measured_and_limited() {
    let sim = start();
    sim.behave(|behaviour| {
        behaviour.response_delay = NEVER;
        behaviour.max_window = Some(7);
    });
    let mut client = Client::transceiver(&sim).await;
    for _ in 0..7 {
        client.request(&submit("00", 0)).await;
    }
    wait(&sim, |records| records.submits().len() == 7).await;
    assert_eq!(sim.ledger().peak_window(), 7);
    assert!(sim.ledger().violations().is_empty());
    sim.behave(|behaviour| behaviour.response_delay = Duration::ZERO);
    assert_eq!(
        client.submit("00", 0).await.0,
        CommandStatus::ESME_RTHROTTLED
    );
    assert_eq!(sim.ledger().violations().len(), 1);
    assert_eq!(
        sim.ledger()
            .read(|records| records.sessions()[0].peak_window),
        8
    );
}

#[tokio::test]
async fn answers_free_the_window() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    for _ in 0..20 {
        assert_eq!(client.submit("00", 0).await.0, OK);
    }
    assert_eq!(sim.ledger().peak_window(), 1);
}

#[tokio::test]
async fn the_throttle_refuses_what_is_too_fast() {
    let sim = start();
    sim.behave(|behaviour| behaviour.throttle = Some(0));
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(
        client.submit("00", 0).await.0,
        CommandStatus::ESME_RTHROTTLED
    );
    sim.behave(|behaviour| behaviour.throttle = Some(1));
    assert_eq!(client.submit("00", 0).await.0, OK);
    sim.behave(|behaviour| behaviour.throttle = None);
    assert_eq!(client.submit("00", 0).await.0, OK);
    sim.behave(|behaviour| behaviour.submit_status = Some(CommandStatus::ESME_RINVDCS));
    assert_eq!(client.submit("00", 0).await.0, CommandStatus::ESME_RINVDCS);
}

#[tokio::test]
async fn query_and_cancel() {
    let sim = start();
    sim.behave(|behaviour| behaviour.ids = IdStyle::RespHex);
    let mut client = Client::transceiver(&sim).await;
    let (_, gone) = client.submit("02", 0).await;
    sim.behave(|behaviour| behaviour.receipt_delay = NEVER);
    let (_, waiting) = client.submit("00", 1).await;
    let cancel = |id: &str| {
        Pdu::CancelSm(CancelSm {
            message_id: id.into(),
            ..CancelSm::default()
        })
    };
    for (id, expected) in [(&gone, 3), (&waiting, 1)] {
        let query = QuerySm {
            message_id: id.as_str().into(),
            ..QuerySm::default()
        };
        let (status, response) = client.ask(&Pdu::QuerySm(query)).await;
        let Pdu::QuerySmResp(Some(body)) = response else {
            panic!("{response:?}");
        };
        assert_eq!((status, body.message_state), (OK, expected));
        assert_eq!(body.message_id.octets(), id.as_bytes());
    }
    assert_eq!(
        client.ask(&cancel(&gone)).await.0,
        CommandStatus::ESME_RCANCELFAIL
    );
    assert_eq!(
        client.ask(&cancel("0")).await.0,
        CommandStatus::ESME_RINVMSGID
    );
    assert_eq!(client.ask(&cancel(&waiting)).await.0, OK);
    let query = QuerySm {
        message_id: waiting.as_str().into(),
        ..QuerySm::default()
    };
    let (_, response) = client.ask(&Pdu::QuerySm(query)).await;
    assert!(matches!(response, Pdu::QuerySmResp(Some(body)) if body.message_state == 4));
    let (status, _) = client.ask(&Pdu::QuerySm(QuerySm::default())).await;
    assert_eq!(status, CommandStatus::ESME_RQUERYFAIL);
}

#[tokio::test]
async fn a_ledger_of_counts_and_a_ledger_that_is_full() {
    for (ledger, limit, kept) in [(LedgerMode::Counts, 10, 0), (LedgerMode::Full, 2, 2)] {
        let config = Config {
            ledger,
            ledger_limit: limit,
            ..Config::default()
        };
        let sim = Sim::start(config).unwrap();
        let mut client = Client::transceiver(&sim).await;
        for _ in 0..3 {
            assert_eq!(client.submit("00", 1).await.0, OK);
            client.delivery(OK).await;
        }
        wait(&sim, |records| records.counts().acknowledged == 3).await;
        assert_eq!(sim.ledger().count(), 3);
        assert_eq!(sim.ledger().submits().len(), kept);
        assert_eq!(sim.ledger().deliveries().len(), kept);
        assert_eq!(sim.ledger().read(crate::sim::Records::truncated), kept == 2);
    }
}
