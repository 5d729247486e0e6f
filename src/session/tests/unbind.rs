//! The end of a session, wanted by either side.

use super::*;

fn bound_with_submits(count: u32) -> (Pair, Vec<u32>) {
    let mut pair = Pair::bound(quiet());
    let numbers = (0..count).map(|token| pair.submit(token)).collect();
    (pair, numbers)
}

/// The sequence_number of the unbind that is all that was sent.
fn unbind_sent(pair: &mut Pair) -> u32 {
    let (header, pdu) = pair.sent_one();
    assert_eq!(pdu, Pdu::Unbind);
    header.sequence_number
}

fn unbind_resp_sent(pair: &mut Pair, sequence_number: u32) {
    let (header, pdu) = pair.sent_one();
    assert_eq!(pdu, Pdu::UnbindResp);
    assert_eq!(header.command_status, OK);
    assert_eq!(header.sequence_number, sequence_number);
}

#[test]
fn an_empty_window_unbinds_at_once() {
    let (mut pair, _) = bound_with_submits(0);
    pair.start_unbind(seconds(30));
    assert_eq!(pair.capacity(), Capacity::Blocked);
    let number = unbind_sent(&mut pair);
    pair.receive(&Pdu::UnbindResp, OK, number);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
}

#[test]
fn a_full_window_is_awaited_before_unbind() {
    let (mut pair, numbers) = bound_with_submits(10);
    pair.start_unbind(seconds(30));
    for number in numbers {
        pair.pass(seconds(1));
        assert_eq!(pair.sent(), []);
        assert_eq!(pair.capacity(), Capacity::Blocked, "submits have stopped");
        pair.accept(number);
    }
    assert_eq!(pair.events().len(), 10);
    let number = unbind_sent(&mut pair);
    pair.receive(&Pdu::UnbindResp, OK, number);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
    assert_eq!(pair.leftovers(), []);
}

#[test]
fn the_link_is_kept_alive_while_answers_are_awaited() {
    let mut pair = Pair::bound(config());
    pair.submit(1);
    pair.start_unbind(seconds(30));
    pair.pass(seconds(10));
    assert_eq!(pair.sent_one().1, Pdu::EnquireLink);
}

#[test]
fn patience_has_an_end() {
    let (mut pair, numbers) = bound_with_submits(2);
    pair.start_unbind(seconds(30));
    pair.pass(seconds(29));
    assert_eq!(pair.sent(), []);
    pair.pass(seconds(1));
    let number = unbind_sent(&mut pair);
    pair.accept(numbers[1]);
    assert_eq!(pair.events(), [answered(1, OK, "id")], "until unbind_resp");
    pair.receive(&Pdu::UnbindResp, OK, number);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
    assert_eq!(pair.leftovers(), [(0, Leftover::InDoubt)]);
}

#[test]
fn no_patience_at_all_unbinds_at_once() {
    let (mut pair, _) = bound_with_submits(1);
    pair.start_unbind(Duration::ZERO);
    unbind_sent(&mut pair);
}

#[test]
fn an_unbind_without_an_answer_ends_all_the_same() {
    let (mut pair, _) = bound_with_submits(0);
    pair.start_unbind(seconds(30));
    unbind_sent(&mut pair);
    pair.pass(seconds(4));
    assert_eq!(pair.closed(), None);
    pair.pass(seconds(1));
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
}

#[test]
fn a_nacked_unbind_is_an_end() {
    let (mut pair, _) = bound_with_submits(0);
    pair.start_unbind(seconds(30));
    let number = unbind_sent(&mut pair);
    pair.receive(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDID, number);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
}

#[test]
fn an_unbind_resp_that_nobody_asked_for_ends_nothing() {
    let (mut pair, _) = bound_with_submits(0);
    pair.receive(&Pdu::UnbindResp, OK, 1);
    assert_eq!(pair.closed(), None);
    pair.start_unbind(seconds(30));
    let number = unbind_sent(&mut pair);
    pair.receive(&Pdu::UnbindResp, OK, number + 1);
    assert_eq!(pair.closed(), None);
}

#[test]
fn unbinding_before_bound_does_not_wait_for_the_bind() {
    let mut pair = Pair::open(config());
    pair.sent();
    pair.start_unbind(seconds(30));
    unbind_sent(&mut pair);
    pair.receive(&Pdu::BindTransceiverResp(None), OK, 1);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    pair.pass(seconds(5));
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
}

#[test]
fn asking_twice_unbinds_once() {
    let (mut pair, numbers) = bound_with_submits(1);
    pair.start_unbind(seconds(30));
    pair.start_unbind(seconds(30));
    pair.accept(numbers[0]);
    unbind_sent(&mut pair);
    pair.start_unbind(seconds(30));
    assert_eq!(pair.sent(), []);
}

#[test]
fn the_peers_unbind_is_answered_and_ends_the_session() {
    let (mut pair, _) = bound_with_submits(0);
    pair.receive(&Pdu::Unbind, OK, 77);
    unbind_resp_sent(&mut pair, 77);
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
}

#[test]
fn answers_within_the_grace_of_the_peers_unbind_count() {
    let (mut pair, numbers) = bound_with_submits(2);
    pair.receive(&Pdu::Unbind, OK, 77);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    assert_eq!(pair.sent(), []);
    pair.pass(seconds(2));
    pair.accept(numbers[1]);
    assert_eq!(pair.closed(), None);
    pair.accept(numbers[0]);
    unbind_resp_sent(&mut pair, 77);
    assert_eq!(
        pair.events(),
        [answered(1, OK, "id"), answered(0, OK, "id")]
    );
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
    assert_eq!(pair.leftovers(), []);
}

#[test]
fn the_grace_of_the_peers_unbind_has_an_end() {
    let (mut pair, _) = bound_with_submits(1);
    pair.receive(&Pdu::Unbind, OK, 77);
    pair.pass(seconds(5));
    unbind_resp_sent(&mut pair, 77);
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
    assert_eq!(pair.leftovers(), [(0, Leftover::InDoubt)]);
}

#[test]
fn repeating_unbind_does_not_prolong_the_grace() {
    let (mut pair, _) = bound_with_submits(1);
    for number in 0..5 {
        pair.receive(&Pdu::Unbind, OK, 77 + number);
        pair.pass(seconds(1));
    }
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
}

#[test]
fn both_may_unbind_at_once() {
    let (mut pair, _) = bound_with_submits(0);
    pair.start_unbind(seconds(30));
    unbind_sent(&mut pair);
    pair.receive(&Pdu::Unbind, OK, 77);
    unbind_resp_sent(&mut pair, 77);
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
}

#[test]
fn a_peer_may_unbind_before_it_answers_the_bind() {
    let mut pair = Pair::open(config());
    pair.sent();
    pair.receive(&Pdu::Unbind, OK, 1);
    unbind_resp_sent(&mut pair, 1);
    assert_eq!(pair.closed(), Some(&CloseReason::PeerUnbound));
}

#[test]
fn answers_in_the_same_read_as_the_closing_pdu_count() {
    let mut octets = BytesMut::new();
    let (mut pair, numbers) = bound_with_submits(3);
    pair.start_unbind(Duration::ZERO);
    let unbind = unbind_sent(&mut pair);
    octets.extend(encoded(&submit_sm_resp("before"), OK, numbers[0]));
    octets.extend(encoded(&Pdu::UnbindResp, OK, unbind));
    octets.extend(encoded(&Pdu::EnquireLink, OK, 1));
    octets.extend(encoded(&submit_sm_resp("behind"), OK, numbers[1]));
    let refused = CommandStatus::ESME_RINVCMDLEN;
    octets.extend(encoded(&Pdu::GenericNack, refused, numbers[2]));
    pair.receive_octets(&octets);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
    let expected = [
        answered(0, OK, "before"),
        answered(1, OK, "behind"),
        answered(2, refused, ""),
    ];
    assert_eq!(pair.events(), expected);
    assert_eq!(pair.sent(), [], "nothing else is answered any more");
    assert_eq!(pair.leftovers(), []);
}

#[test]
fn a_status_that_ends_the_right_to_submit_ends_the_session() {
    for fatal in [
        CommandStatus::ESME_RBINDFAIL,
        CommandStatus::ESME_RINVPASWD,
        CommandStatus::ESME_RINVSYSID,
    ] {
        let (mut pair, numbers) = bound_with_submits(1);
        pair.refuse(numbers[0], fatal);
        assert_eq!(pair.events(), [answered(0, fatal, "")]);
        assert_eq!(pair.closed(), Some(&CloseReason::Fatal(fatal)));
        assert_eq!(pair.leftovers(), []);
    }
}

#[test]
fn the_other_answers_are_awaited_before_such_an_end() {
    let fatal = CommandStatus::ESME_RINVSYSID;
    let (mut pair, numbers) = bound_with_submits(4);
    pair.refuse(numbers[0], fatal);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    assert!(pair.session.is_leaving());
    pair.pass(seconds(2));
    pair.accept(numbers[1]);
    pair.refuse(numbers[2], CommandStatus::ESME_RBINDFAIL);
    assert_eq!(pair.closed(), None);
    pair.pass(seconds(2));
    assert_eq!(pair.closed(), None);
    pair.accept(numbers[3]);
    assert_eq!(pair.closed(), Some(&CloseReason::Fatal(fatal)));
    assert_eq!(pair.events().len(), 4);
    assert_eq!(pair.leftovers(), []);
}

#[test]
fn answers_that_stay_away_do_not_put_such_an_end_off_for_long() {
    let fatal = CommandStatus::ESME_RINVSYSID;
    let (mut pair, numbers) = bound_with_submits(3);
    pair.refuse(numbers[0], fatal);
    pair.pass(seconds(4));
    // No later for a second one.
    pair.refuse(numbers[1], fatal);
    assert_eq!(pair.closed(), None);
    pair.pass(seconds(1));
    assert_eq!(pair.closed(), Some(&CloseReason::Fatal(fatal)));
    assert_eq!(pair.leftovers(), [(2, Leftover::InDoubt)]);
}

#[test]
fn such_a_status_while_we_unbind_changes_nothing() {
    let (mut pair, numbers) = bound_with_submits(2);
    pair.start_unbind(seconds(30));
    pair.refuse(numbers[0], CommandStatus::ESME_RINVSYSID);
    assert_eq!(pair.sent(), []);
    pair.accept(numbers[1]);
    let number = unbind_sent(&mut pair);
    pair.receive(&Pdu::UnbindResp, OK, number);
    assert_eq!(pair.closed(), Some(&CloseReason::Unbound));
}
