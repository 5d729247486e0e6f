//! enquire_link, inactivity and pdu_read.

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn silence_is_asked_about() {
    let mut pair = Pair::bound(config());
    pair.pass(seconds(10) - MILLISECOND);
    assert_eq!(pair.sent(), []);
    pair.pass(MILLISECOND);
    let (header, pdu) = pair.sent_one();
    assert_eq!(pdu, Pdu::EnquireLink);
    pair.pass(seconds(5));
    assert_eq!(pair.sent(), [], "one at a time");
    pair.receive(&Pdu::EnquireLinkResp, OK, header.sequence_number);
    pair.pass(seconds(10) - MILLISECOND);
    assert_eq!(pair.sent(), []);
    pair.pass(MILLISECOND);
    assert_eq!(pair.sent_one().1, Pdu::EnquireLink);
    assert_eq!(pair.events(), []);
}

#[test]
fn any_pdu_is_a_sign_of_life() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(1);
    let pdus = [
        (Pdu::EnquireLink, 1),
        (deliver_sm(), 2),
        (submit_sm_resp("id"), number),
        (Pdu::GenericNack, 77),
        (Pdu::QuerySm(crate::pdu::QuerySm::default()), 3),
    ];
    for (pdu, sequence_number) in pdus {
        pair.pass(seconds(9));
        assert!(
            pair.sent().iter().all(|(_, pdu)| *pdu != Pdu::EnquireLink),
            "before {pdu:?}"
        );
        pair.receive(&pdu, OK, sequence_number);
    }
    pair.sent();
    pair.pass(seconds(10));
    assert_eq!(pair.sent_one().1, Pdu::EnquireLink);
}

#[test]
fn part_of_a_pdu_is_no_sign_of_life() {
    let mut pair = Pair::bound(config());
    pair.pass(seconds(9));
    pair.receive_octets(&[0, 0, 0, 16]);
    pair.pass(seconds(1));
    assert_eq!(pair.sent_one().1, Pdu::EnquireLink);
}

#[test]
fn an_unanswered_enquire_link_ends_the_session() {
    let mut pair = Pair::bound(config());
    pair.pass(seconds(70) - MILLISECOND);
    assert_eq!(pair.closed(), None);
    pair.pass(MILLISECOND);
    assert_eq!(pair.closed(), Some(&CloseReason::EnquireLinkTimeout));
}

#[test]
fn a_nacked_enquire_link_shows_that_the_peer_lives() {
    let mut pair = Pair::bound(config());
    for _ in 0..20 {
        pair.pass(seconds(10));
        let (header, pdu) = pair.sent_one();
        assert_eq!(pdu, Pdu::EnquireLink);
        let status = CommandStatus::ESME_RINVCMDID;
        pair.receive(&Pdu::GenericNack, status, header.sequence_number);
    }
    assert_eq!(pair.closed(), None);
    assert_eq!(pair.events(), []);
}

#[test]
fn an_answer_to_another_enquire_link_does_not_count() {
    let mut pair = Pair::bound(config());
    pair.pass(seconds(10));
    let (header, _) = pair.sent_one();
    pair.receive(&Pdu::EnquireLinkResp, OK, header.sequence_number + 1);
    pair.pass(seconds(60));
    assert_eq!(pair.closed(), Some(&CloseReason::EnquireLinkTimeout));
}

#[test]
fn the_peers_enquire_link_is_answered_in_every_state() {
    let resp = |sequence_number| {
        let octets = encoded(&Pdu::EnquireLinkResp, OK, sequence_number);
        decoded(&mut octets.clone()).remove(0)
    };
    let mut open = Pair::open(config());
    open.sent();
    let bound = Pair::bound(config());
    let mut draining = Pair::bound(config());
    draining.submit(1);
    draining.start_unbind(seconds(30));
    let mut unbinding = Pair::bound(config());
    unbinding.start_unbind(seconds(30));
    unbinding.sent();
    for (number, pair) in (1..).zip([&mut open, &mut { bound }, &mut draining, &mut unbinding]) {
        pair.receive(&Pdu::EnquireLink, OK, number);
        assert_eq!(pair.sent(), [resp(number)]);
        assert_eq!(pair.closed(), None);
    }
}

#[test]
fn inactivity_ends_the_session() {
    let mut config = config();
    config.timers.enquire_link = None;
    let mut pair = Pair::bound(config);
    pair.pass(seconds(60));
    pair.receive(&Pdu::EnquireLink, OK, 1);
    pair.pass(seconds(120) - MILLISECOND);
    assert_eq!(pair.closed(), None);
    pair.pass(MILLISECOND);
    assert_eq!(pair.closed(), Some(&CloseReason::Inactive));
}

#[test]
fn our_own_submits_are_no_activity_of_the_peer() {
    let mut config = config();
    config.timers.enquire_link = None;
    let mut pair = Pair::bound(config);
    for token in 0..4 {
        pair.submit(token);
        pair.pass(seconds(30));
    }
    assert_eq!(pair.closed(), Some(&CloseReason::Inactive));
}

#[test]
fn without_timers_a_silent_session_lives() {
    let mut pair = Pair::bound(quiet());
    assert_eq!(pair.session.poll_timeout(), None);
    pair.pass(seconds(1_000_000));
    assert_eq!(pair.sent(), []);
    assert_eq!(pair.closed(), None);
}

#[test]
fn a_pdu_that_stalls_ends_the_session() {
    let octets = encoded(&deliver_sm(), OK, 1);
    for cut in [1, 3, 4, 15, 16, 17, octets.len() - 1] {
        let mut pair = Pair::bound(quiet());
        pair.receive_octets(&octets[..cut]);
        pair.pass(seconds(10) - MILLISECOND);
        assert_eq!(pair.closed(), None);
        pair.pass(MILLISECOND);
        assert_eq!(pair.closed(), Some(&CloseReason::PduReadTimeout), "{cut}");
    }
}

#[test]
fn a_pdu_that_dribbles_in_octet_by_octet_does_not_live_on_it() {
    let mut pair = Pair::bound(quiet());
    for &octet in &encoded(&deliver_sm(), OK, 1)[..10] {
        assert_eq!(pair.closed(), None);
        pair.receive_octets(&[octet]);
        pair.pass(seconds(1));
    }
    assert_eq!(pair.closed(), Some(&CloseReason::PduReadTimeout));
}

#[test]
fn a_pdu_in_pieces_within_the_time_is_whole() {
    let mut pair = Pair::bound(quiet());
    for octet in encoded(&deliver_sm(), OK, 1) {
        pair.receive_octets(&[octet]);
        pair.pass(Duration::from_millis(100));
    }
    assert!(matches!(pair.events()[..], [Event::Delivery(_)]));
    pair.pass(seconds(100));
    assert_eq!(pair.closed(), None);
}

#[test]
fn the_next_pdu_has_its_own_time() {
    let mut pair = Pair::bound(quiet());
    let octets = encoded(&Pdu::EnquireLink, OK, 1);
    pair.receive_octets(&octets[..8]);
    for _ in 0..5 {
        pair.pass(seconds(9));
        // The end of one and the beginning of the next.
        pair.receive_octets(&octets[8..]);
        pair.receive_octets(&octets[..8]);
    }
    assert_eq!(pair.closed(), None);
    pair.pass(seconds(10));
    assert_eq!(pair.closed(), Some(&CloseReason::PduReadTimeout));
}

#[test]
fn a_closed_session_waits_for_nothing() {
    let mut pair = Pair::bound(config());
    pair.submit(1);
    pair.pass(seconds(10));
    pair.session.close(CloseReason::LeaseLost);
    assert_eq!(pair.session.poll_timeout(), None);
    pair.session.close(CloseReason::PeerUnbound);
    assert_eq!(
        pair.closed(),
        Some(&CloseReason::LeaseLost),
        "the first reason"
    );
}
