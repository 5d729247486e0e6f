//! Binds, faults, and the end of sessions.

use super::client::*;
use crate::pdu::{CommandId, CommandStatus, Pdu};
use crate::sim::PhoneMessage;

#[tokio::test]
async fn credentials() {
    let sim = start();
    sim.behave(|behaviour| behaviour.credentials = Some(("esmed".into(), "secret".into())));
    let mut client = Client::connect(sim.addr()).await;
    for (system_id, password, expected) in [
        ("other", "secret", CommandStatus::ESME_RINVSYSID),
        ("esmed", "wrong", CommandStatus::ESME_RINVPASWD),
        ("esmed", "secret", OK),
        ("esmed", "secret", CommandStatus::ESME_RALYBND),
    ] {
        let (status, response) = client
            .ask(&Pdu::BindTransmitter(bind(system_id, password)))
            .await;
        assert_eq!(status, expected);
        assert_eq!(
            matches!(response, Pdu::BindTransmitterResp(Some(_))),
            status == OK
        );
    }
    sim.behave(|behaviour| behaviour.bind_status = Some(CommandStatus::ESME_RBINDFAIL));
    let mut other = Client::connect(sim.addr()).await;
    let (status, _) = other.ask(&Pdu::BindReceiver(bind("esmed", "secret"))).await;
    assert_eq!(status, CommandStatus::ESME_RBINDFAIL);
    let binds = sim.ledger().binds();
    let seen: Vec<_> = binds
        .iter()
        .map(|bind| (bind.session, bind.password_ok))
        .collect();
    assert_eq!(
        seen,
        [(1, true), (1, false), (1, true), (1, true), (2, true)]
    );
    assert_eq!(binds[4].mode, CommandId::BIND_RECEIVER);
    assert_eq!(sim.ledger().counts().bound_sessions, 1);
}

#[tokio::test]
async fn a_submit_needs_a_bind_that_transmits() {
    let sim = start();
    let mut client = Client::connect(sim.addr()).await;
    assert_eq!(
        client.submit("1", 0).await.0,
        CommandStatus::ESME_RINVBNDSTS
    );
    let mut receiver = Client::bound(&sim, "esmed", Pdu::BindReceiver).await;
    assert_eq!(
        receiver.submit("1", 0).await.0,
        CommandStatus::ESME_RINVBNDSTS
    );
    assert_eq!(sim.ledger().violations().len(), 2);
}

#[tokio::test]
async fn connections_are_dropped_and_ports_closed() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(sim.drop_connections(), 1);
    assert!(client.ended().await);
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(client.submit("1", 0).await.0, OK);
    sim.stop().await;
    assert!(client.ended().await);
    assert!(tokio::net::TcpStream::connect(sim.addr()).await.is_err());
    sim.restart().unwrap();
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(client.submit("2", 0).await.0, OK);
    assert_eq!(sim.ledger().count(), 2);
    assert_eq!(sim.ledger().binds().len(), 3);
    sim.behave(|behaviour| behaviour.refuse_connections = true);
    let mut refused = Client::connect(sim.addr()).await;
    assert!(refused.ended().await);
}

#[tokio::test]
async fn a_connection_is_dropped_at_its_nth_submit() {
    let sim = start();
    sim.behave(|behaviour| behaviour.drop_after = Some(2));
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(client.submit("1", 0).await.0, OK);
    client.request(&submit("2", 0)).await;
    assert!(client.ended().await);
    assert_eq!(sim.ledger().submits_to("2")[0].status, None);
}

#[tokio::test]
async fn unbind_by_either_side() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(sim.unbind_all(), 1);
    let (frame, pdu) = client.next().await;
    assert_eq!(pdu, Pdu::Unbind);
    // Until the answer the session goes on.
    assert_eq!(client.submit("1", 0).await.0, OK);
    client
        .send(&Pdu::UnbindResp, OK, frame.header.sequence_number)
        .await;
    assert!(client.ended().await);
    client = Client::transceiver(&sim).await;
    assert_eq!(client.ask(&Pdu::Unbind).await, (OK, Pdu::UnbindResp));
    assert!(client.ended().await);
    drop(client);
    wait(&sim, |records| records.counts().open_sessions == 0).await;
    let counts = sim.ledger().counts();
    assert_eq!((counts.unbinds, counts.unbinds_answered), (1, 1));
    assert_eq!(counts.bound_sessions, 0);
}

#[tokio::test]
async fn enquire_link_by_either_side() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(client.ask(&Pdu::EnquireLink).await.0, OK);
    assert_eq!(sim.enquire(), 1);
    let (frame, pdu) = client.next().await;
    assert_eq!(pdu, Pdu::EnquireLink);
    client
        .send(&Pdu::EnquireLinkResp, OK, frame.header.sequence_number)
        .await;
    wait(&sim, |records| records.counts().enquire_links_answered == 1).await;
    assert_eq!(sim.ledger().counts().enquire_links, 1);
}

#[tokio::test]
async fn silence() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    sim.behave(|behaviour| behaviour.mute.submits = true);
    client.request(&submit("1", 1)).await;
    assert_eq!(client.ask(&Pdu::EnquireLink).await.0, OK);
    sim.behave(|behaviour| behaviour.mute.all = true);
    client.request(&Pdu::EnquireLink).await;
    client.request(&submit("2", 1)).await;
    assert!(sim.deliver(PhoneMessage::default()));
    wait(&sim, |records| records.counts().submits == 2).await;
    sim.behave(|behaviour| behaviour.mute = Default::default());
    // What was asked in the silence stays unanswered; what waited is sent.
    client.delivery(OK).await;
    assert_eq!(client.ask(&Pdu::EnquireLink).await.0, OK);
    assert!(
        sim.ledger()
            .submits()
            .iter()
            .all(|submit| submit.status.is_none())
    );
    sim.behave(|behaviour| behaviour.mute.binds = true);
    let mut other = Client::connect(sim.addr()).await;
    other
        .request(&Pdu::BindTransceiver(bind("esmed", "secret")))
        .await;
    assert_eq!(other.ask(&Pdu::EnquireLink).await.0, OK);
    assert_eq!(sim.ledger().binds()[1].status, None);
}

#[tokio::test]
async fn raw_octets_and_odd_requests() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    let unknown = b"\0\0\0\x10\0\0\x03\x99\0\0\0\0\0\0\0\x07";
    assert_eq!(sim.send_raw(&unknown[..]), 1);
    let frame = client.next_frame().await.unwrap();
    assert_eq!(&frame.octets[..], unknown);
    client.send_octets(unknown).await;
    let (frame, pdu) = client.next().await;
    assert_eq!(pdu, Pdu::GenericNack);
    assert_eq!(frame.header.sequence_number, 7);
    assert_eq!(frame.header.command_status, CommandStatus::ESME_RINVCMDID);
    client
        .send(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDID, 9)
        .await;
    client.send_octets(b"\0\0\0\x0fgarbage that goes on").await;
    let header = client.next_frame().await.unwrap().header;
    assert_eq!(header.command_id, CommandId::GENERIC_NACK);
    // The header was not understood, so there is no number to repeat.
    assert_eq!(header.sequence_number, 0);
    assert_eq!(header.command_status, CommandStatus::ESME_RINVCMDLEN);
    assert!(client.ended().await);
    let counts = sim.ledger().counts();
    assert_eq!((counts.generic_nacks, counts.violations), (1, 2));
}
