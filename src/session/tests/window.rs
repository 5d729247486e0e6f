//! Submits, their answers, and their places in the window.

use super::*;

#[test]
fn a_full_window_blocks_until_an_answer() {
    let mut pair = Pair::bound(with_window(config(), 2));
    let first = pair.submit(1);
    pair.submit(2);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    assert_eq!(pair.session.in_flight(), 2);
    pair.accept(first);
    assert_eq!(pair.capacity(), Capacity::Now);
    assert_eq!(pair.session.in_flight(), 1);
}

#[test]
fn a_submit_takes_its_place_before_it_is_written() {
    let mut pair = Pair::bound(with_window(config(), 1));
    pair.queue(1);
    assert_eq!(pair.capacity(), Capacity::Blocked);
}

#[test]
fn answers_find_their_submits_in_any_order() {
    let mut pair = Pair::bound(config());
    let numbers: Vec<_> = (0..5).map(|token| pair.submit(token)).collect();
    for token in [3, 0, 4, 2, 1] {
        let id = format!("id-{token}");
        pair.receive(&submit_sm_resp(&id), OK, numbers[token as usize]);
        assert_eq!(pair.events(), [answered(token, OK, &id)]);
    }
    assert_eq!(pair.session.in_flight(), 0);
}

#[test]
fn an_error_is_an_answer_too() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(7);
    pair.refuse(number, CommandStatus::ESME_RINVDSTADR);
    let expected = answered(7, CommandStatus::ESME_RINVDSTADR, "");
    assert_eq!(pair.events(), [expected]);
}

#[test]
fn an_acceptance_without_a_body_has_no_id() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(7);
    pair.receive(&Pdu::SubmitSmResp(None), OK, number);
    assert_eq!(pair.events(), [answered(7, OK, "")]);
}

#[test]
fn a_generic_nack_refuses_a_submit_and_never_accepts_it() {
    for (status, told) in [
        (
            CommandStatus::ESME_RINVCMDLEN,
            CommandStatus::ESME_RINVCMDLEN,
        ),
        (OK, CommandStatus::ESME_RUNKNOWNERR),
    ] {
        let mut pair = Pair::bound(config());
        let number = pair.submit(7);
        pair.receive(&Pdu::GenericNack, status, number);
        assert_eq!(pair.events(), [answered(7, told, "")]);
        assert_eq!(pair.session.in_flight(), 0);
        assert_eq!(pair.closed(), None);
    }
}

#[test]
fn a_second_answer_is_stray() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(7);
    pair.accept(number);
    pair.events();
    pair.refuse(number, CommandStatus::ESME_RSYSERR);
    let stray = Event::StrayResponse(CommandId::SUBMIT_SM_RESP);
    assert_eq!(pair.events(), [stray]);
    assert_eq!(pair.session.in_flight(), 0);
}

#[test]
fn an_answer_late_by_one_response_timer_settles() {
    let mut pair = Pair::bound(with_window(quiet(), 2));
    let number = pair.submit(7);
    pair.pass(seconds(119));
    assert_eq!(pair.events(), []);
    assert_eq!(pair.session.in_flight(), 1, "it keeps its place");
    pair.accept(number);
    assert_eq!(pair.events(), [answered(7, OK, "id")]);
    assert_eq!(pair.session.in_flight(), 0);
    pair.pass(seconds(600));
    assert_eq!(pair.events(), []);
    assert_eq!(pair.closed(), None, "it is not counted as overdue any more");
}

#[test]
fn after_two_response_timers_the_place_is_free_and_an_answer_stray() {
    let mut pair = Pair::bound(with_window(quiet(), 2));
    let number = pair.submit(7);
    pair.pass(seconds(120));
    assert_eq!(pair.events(), [Event::Unanswered { token: 7 }]);
    assert_eq!(pair.session.in_flight(), 0);
    pair.accept(number);
    let stray = Event::StrayResponse(CommandId::SUBMIT_SM_RESP);
    assert_eq!(pair.events(), [stray]);
    assert_eq!(pair.closed(), None);
    assert_eq!(pair.leftovers(), [], "told once");
}

#[test]
fn each_submit_has_its_own_time() {
    let mut pair = Pair::bound(with_window(quiet(), 3));
    pair.submit(1);
    pair.pass(seconds(50));
    pair.submit(2);
    pair.pass(seconds(69));
    assert_eq!(pair.events(), []);
    pair.pass(seconds(1));
    assert_eq!(pair.events(), [Event::Unanswered { token: 1 }]);
    pair.pass(seconds(50));
    assert_eq!(pair.events(), [Event::Unanswered { token: 2 }]);
}

#[test]
fn a_clock_that_jumps_over_both_times_frees_the_place_at_once() {
    let mut pair = Pair::bound(with_window(quiet(), 1));
    pair.submit(7);
    pair.now += seconds(1000);
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.events(), [Event::Unanswered { token: 7 }]);
    assert_eq!(pair.closed(), None);
}

#[test]
fn every_place_overdue_ends_the_session() {
    let mut pair = Pair::bound(with_window(quiet(), 2));
    pair.submit(1);
    pair.pass(seconds(30));
    pair.submit(2);
    pair.pass(seconds(59));
    assert_eq!(pair.closed(), None, "one of two");
    pair.pass(seconds(1));
    assert_eq!(pair.closed(), Some(&CloseReason::ResponsesMissing));
    let in_doubt = Leftover::InDoubt;
    assert_eq!(pair.leftovers(), [(1, in_doubt), (2, in_doubt)]);
}

#[test]
fn a_smaller_window_takes_effect_without_taking_anything_back() {
    let mut pair = Pair::bound(with_window(config(), 5));
    let numbers: Vec<_> = (0..5).map(|token| pair.submit(token)).collect();
    pair.set(Settings {
        window: 2,
        ..SETTINGS
    });
    for number in &numbers[..4] {
        assert_eq!(pair.capacity(), Capacity::Blocked);
        pair.accept(*number);
    }
    assert_eq!(pair.session.in_flight(), 1);
    assert_eq!(pair.capacity(), Capacity::Now);
}

#[test]
fn a_larger_window_takes_effect_at_once() {
    let mut pair = Pair::bound(with_window(config(), 1));
    pair.submit(1);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    pair.set(Settings {
        window: 2,
        ..SETTINGS
    });
    pair.submit(2);
    assert_eq!(pair.capacity(), Capacity::Blocked);
}

#[test]
fn a_window_made_smaller_does_not_end_a_session_that_still_has_time() {
    let mut pair = Pair::bound(with_window(quiet(), 10));
    pair.submit(1);
    pair.pass(seconds(50));
    let number = pair.submit(2);
    pair.set(Settings {
        window: 1,
        ..SETTINGS
    });
    pair.pass(seconds(15));
    assert_eq!(pair.closed(), None, "the second is not overdue");
    pair.accept(number);
    pair.pass(Duration::ZERO);
    pair.pass(seconds(45));
    assert_eq!(pair.closed(), Some(&CloseReason::ResponsesMissing));
}

#[test]
fn a_submit_that_cannot_be_written_leaves_no_trace() {
    let mut pair = Pair::bound(with_window(config(), 1));
    let broken = SubmitSm {
        destination_addr: "2782\0".into(),
        ..submit_sm()
    };
    let (token, _) = pair.session.submit(broken, 7, pair.now).unwrap_err();
    assert_eq!(token, 7);
    assert_eq!(pair.sent(), []);
    let number = pair.submit(8);
    assert_eq!(number, 2, "the number behind the bind's");
}

#[test]
fn sequence_numbers_wrap_and_skip_those_in_use() {
    let mut pair = Pair::bound(config());
    assert_eq!(pair.submit(1), 2);
    assert_eq!(pair.submit(2), 3);
    pair.pass(seconds(10));
    let (enquire_link, _) = pair.sent_one();
    assert_eq!(enquire_link.sequence_number, 4);
    pair.session.set_last_sequence_number(0x7FFF_FFFE);
    assert_eq!(pair.submit(3), 0x7FFF_FFFF);
    assert_eq!(pair.submit(4), 1);
    assert_eq!(pair.submit(5), 5);
    pair.receive(&Pdu::EnquireLinkResp, OK, 4);
    pair.accept(2);
    assert_eq!(pair.events(), [answered(1, OK, "id")]);
    pair.accept(0x7FFF_FFFF);
    assert_eq!(pair.events(), [answered(3, OK, "id")]);
}

#[test]
fn a_paused_session_takes_no_submit_and_goes_on_after_it() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(0);
    pair.set(Settings {
        paused: true,
        ..SETTINGS
    });
    assert_eq!(pair.capacity(), Capacity::Blocked);
    pair.accept(number);
    assert_eq!(pair.events(), [answered(0, OK, "id")]);
    pair.receive(&deliver_sm(), OK, 7);
    assert!(matches!(pair.events()[..], [Event::Delivery(_)]));
    pair.set(SETTINGS);
    pair.submit(1);
}
