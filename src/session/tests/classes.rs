//! What a session makes of statuses that mean something else with its SMSC.

use super::*;

/// A status that nobody knows; permanent if nobody says more.
const ODD: CommandStatus = CommandStatus(0x0500);

fn meaning(class: StatusClass) -> Classes {
    Classes::new([Override {
        own: true,
        status: ODD,
        class,
    }])
}

fn bound(class: StatusClass) -> Pair {
    Pair::bound(Config {
        classes: meaning(class),
        ..config()
    })
}

#[test]
fn throttled_pauses_and_ok_ends_the_pause() {
    let mut pair = bound(StatusClass::Throttled);
    let number = pair.submit(0);
    pair.refuse(number, ODD);
    let throttled = answered_as(0, ODD, StatusClass::Throttled, "");
    assert_eq!(pair.events(), [throttled, Event::Throttled(ODD)]);
    let until = Capacity::At(pair.now + seconds(1));
    assert_eq!(pair.capacity(), until);
    pair.pass(seconds(1));
    pair.session.set_classes(meaning(StatusClass::Ok));
    let number = pair.submit(1);
    pair.refuse(number, ODD);
    let accepted = answered_as(1, ODD, StatusClass::Ok, "");
    assert_eq!(pair.events(), [accepted]);
    pair.pass(seconds(3));
    assert_eq!(pair.events(), [Event::ThrottleEnded]);
}

#[test]
fn temporary_and_permanent_pause_and_end_nothing() {
    for class in [StatusClass::Temporary, StatusClass::Permanent] {
        let mut pair = bound(class);
        let number = pair.submit(0);
        pair.refuse(number, ODD);
        assert_eq!(pair.events(), [answered_as(0, ODD, class, "")]);
        assert_eq!(pair.capacity(), Capacity::Now);
    }
}

#[test]
fn session_fatal_ends_the_session_and_may_be_unsaid_of_a_status_that_usually_is() {
    let mut pair = bound(StatusClass::SessionFatal);
    let number = pair.submit(0);
    pair.refuse(number, ODD);
    let told = answered_as(0, ODD, StatusClass::SessionFatal, "");
    assert_eq!(pair.events(), [told]);
    assert_eq!(pair.closed(), Some(&CloseReason::Fatal(ODD)));

    let lost = CommandStatus::ESME_RINVBNDSTS;
    let mut pair = Pair::bound(config());
    pair.session.set_classes(Classes::new([Override {
        own: false,
        status: lost,
        class: StatusClass::Temporary,
    }]));
    let number = pair.submit(0);
    pair.refuse(number, lost);
    let told = answered_as(0, lost, StatusClass::Temporary, "");
    assert_eq!(pair.events(), [told]);
    assert_eq!(pair.capacity(), Capacity::Now);
}

#[test]
fn a_change_holds_from_the_next_answer_on() {
    let mut pair = Pair::bound(config());
    let numbers = [pair.submit(0), pair.submit(1)];
    pair.refuse(numbers[0], ODD);
    pair.session.set_classes(meaning(StatusClass::Temporary));
    pair.refuse(numbers[1], ODD);
    let told = [
        answered_as(0, ODD, StatusClass::Permanent, ""),
        answered_as(1, ODD, StatusClass::Temporary, ""),
    ];
    assert_eq!(pair.events(), told);
}

#[test]
fn an_id_beside_such_a_status_is_kept() {
    let mut pair = bound(StatusClass::Ok);
    let number = pair.submit(0);
    pair.receive(&submit_sm_resp("00AB"), ODD, number);
    let told = answered_as(0, ODD, StatusClass::Ok, "00AB");
    assert_eq!(pair.events(), [told]);
}

#[test]
fn a_generic_nack_is_no_acceptance_even_where_its_status_is() {
    let mut pair = bound(StatusClass::Ok);
    let number = pair.submit(0);
    pair.receive(&Pdu::GenericNack, ODD, number);
    let told = answered_as(0, ODD, StatusClass::Permanent, "");
    assert_eq!(pair.events(), [told]);
}
