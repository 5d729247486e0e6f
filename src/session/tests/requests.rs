//! Other requests of the peer, and responses that nobody waits for.

use super::*;
use crate::pdu::{AlertNotification, Outbind, QuerySm};

#[test]
fn an_unknown_request_is_nacked_kept_and_ends_nothing() {
    let mut unknown = encoded(&Pdu::EnquireLink, OK, 42);
    unknown[6..8].copy_from_slice(&[0x0F, 0xFF]);
    for octets in [
        unknown,
        encoded(&Pdu::QuerySm(QuerySm::default()), OK, 42),
        encoded(&Pdu::SubmitSm(submit_sm()), OK, 42),
        encoded(&Pdu::BindTransceiver(config().bind), OK, 42),
    ] {
        let mut pair = Pair::bound(config());
        pair.receive_octets(&octets);
        let (header, pdu) = pair.sent_one();
        assert_eq!(pdu, Pdu::GenericNack);
        assert_eq!(header.command_status, CommandStatus::ESME_RINVCMDID);
        assert_eq!(header.sequence_number, 42);
        let frame = Frame::from_octets(octets.freeze()).unwrap();
        assert_eq!(pair.events(), [Event::Notice(frame)]);
        assert_eq!(pair.capacity(), Capacity::Now);
    }
}

#[test]
fn an_alert_notification_is_kept_and_not_answered() {
    let mut pair = Pair::bound(config());
    let alert = Pdu::AlertNotification(AlertNotification::default());
    pair.receive(&alert, OK, 42);
    assert!(matches!(pair.events()[..], [Event::Notice(_)]));
    assert_eq!(pair.sent(), []);
}

#[test]
fn an_outbind_asks_for_what_we_do_anyway() {
    let mut pair = Pair::open(config());
    pair.sent();
    pair.receive(&Pdu::Outbind(Outbind::default()), OK, 42);
    assert_eq!(pair.sent(), []);
    assert_eq!(pair.events(), []);
    assert_eq!(pair.closed(), None);
}

#[test]
fn responses_to_nothing_are_told_and_nothing_more() {
    for pdu in [
        submit_sm_resp("id"),
        Pdu::GenericNack,
        Pdu::DeliverSmResp(None),
        Pdu::QuerySmResp(None),
        Pdu::CancelSmResp,
    ] {
        let mut pair = Pair::bound(config());
        pair.submit(1);
        pair.receive(&pdu, CommandStatus::ESME_RSYSERR, 999);
        let stray = Event::StrayResponse(pdu.command_id());
        assert_eq!(pair.events(), [stray]);
        assert_eq!(pair.sent(), []);
        assert_eq!(pair.session.in_flight(), 1);
        assert_eq!(pair.closed(), None);
    }
}

#[test]
fn an_unknown_response_is_kept_and_not_answered() {
    let mut pair = Pair::bound(config());
    let mut octets = encoded(&Pdu::EnquireLinkResp, OK, 42);
    octets[6..8].copy_from_slice(&[0x0F, 0xFF]);
    pair.receive_octets(&octets);
    assert!(matches!(pair.events()[..], [Event::Notice(_)]));
    assert_eq!(pair.sent(), []);
}

#[test]
fn another_response_with_the_number_of_a_submit_does_not_settle_it() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(1);
    for pdu in [
        Pdu::DataSmResp(None),
        Pdu::EnquireLinkResp,
        Pdu::UnbindResp,
        Pdu::BindTransceiverResp(None),
    ] {
        pair.receive(&pdu, OK, number);
    }
    assert_eq!(pair.session.in_flight(), 1);
    pair.accept(number);
    assert_eq!(pair.events().last(), Some(&answered(1, OK, "id")));
}
