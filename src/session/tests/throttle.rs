//! What rate and throttling let through, seen from `capacity`.

use super::*;

fn wait(pair: &mut Pair) -> Option<Duration> {
    match pair.capacity() {
        Capacity::Now => Some(Duration::ZERO),
        Capacity::At(at) => Some(at - pair.now),
        Capacity::Blocked => None,
    }
}

#[test]
fn throttled_submits_pause_the_session() {
    for status in [CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RMSGQFUL] {
        let mut pair = Pair::bound(config());
        let numbers = [pair.submit(0), pair.submit(1)];
        pair.refuse(numbers[0], status);
        let told = [answered(0, status, ""), Event::Throttled(status)];
        assert_eq!(pair.events(), told);
        pair.refuse(numbers[1], status);
        assert_eq!(pair.events(), [answered(1, status, "")], "told once");
        assert_eq!(wait(&mut pair), Some(seconds(1)));
        pair.pass(seconds(1));
        assert_eq!(wait(&mut pair), Some(Duration::ZERO));
    }
}

#[test]
fn the_pause_grows_and_ends_with_the_first_acceptance() {
    let mut pair = Pair::bound(config());
    for (token, pause) in [(0, 1), (1, 2), (2, 4)] {
        let number = pair.submit(token);
        pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
        assert_eq!(wait(&mut pair), Some(seconds(pause)));
        pair.pass(seconds(pause));
    }
    pair.events();
    let number = pair.submit(3);
    pair.accept(number);
    assert_eq!(pair.capacity(), Capacity::Now);
    let number = pair.submit(4);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    assert_eq!(wait(&mut pair), Some(seconds(1)));
    let told = [
        answered(3, OK, "id"),
        answered(4, CommandStatus::ESME_RTHROTTLED, ""),
    ];
    assert_eq!(pair.events(), told, "it goes on");
    pair.pass(seconds(1));
    let number = pair.submit(5);
    pair.accept(number);
    assert_eq!(pair.events(), [answered(5, OK, "id")]);
    pair.pass(Duration::from_millis(2999));
    assert_eq!(pair.events(), []);
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.events(), [Event::ThrottleEnded]);
}

#[test]
fn after_a_pause_a_single_submit_is_tried() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(0);
    pair.refuse(number, CommandStatus::ESME_RMSGQFUL);
    pair.pass(seconds(1));
    let probe = pair.submit(1);
    assert_eq!(wait(&mut pair), Some(seconds(60)), "until it is overdue");
    // A temporary error tells nothing of the load.
    pair.refuse(probe, CommandStatus::ESME_RSYSERR);
    let probe = pair.submit(2);
    assert_ne!(pair.capacity(), Capacity::Now);
    pair.accept(probe);
    for token in 3..13 {
        pair.submit(token);
    }
}

#[test]
fn a_probe_that_fails_for_a_reason_of_its_own_ends_the_pause() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(0);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    pair.pass(seconds(1));
    let probe = pair.submit(1);
    assert_ne!(pair.capacity(), Capacity::Now);
    pair.refuse(probe, CommandStatus::ESME_RINVDSTADR);
    for token in 2..12 {
        pair.submit(token);
    }
}

#[test]
fn a_shorter_throttle_delay_ends_a_pause_sooner() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(0);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    pair.set(Settings {
        throttle_delay: Duration::from_millis(100),
        ..SETTINGS
    });
    assert_eq!(wait(&mut pair), Some(Duration::from_millis(100)));
}

#[test]
fn a_probe_without_an_answer_makes_room_for_another() {
    let mut pair = Pair::bound(quiet());
    let number = pair.submit(0);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    pair.pass(seconds(1));
    pair.submit(1);
    pair.pass(seconds(60));
    let number = pair.submit(2);
    pair.accept(number);
    assert_eq!(pair.capacity(), Capacity::Now);
}

#[test]
fn answers_from_before_the_pause_neither_end_nor_lengthen_it() {
    let mut pair = Pair::bound(config());
    let numbers: Vec<u32> = (0..3).map(|token| pair.submit(token)).collect();
    pair.refuse(numbers[0], CommandStatus::ESME_RTHROTTLED);
    pair.pass(seconds(2));
    pair.refuse(numbers[1], CommandStatus::ESME_RTHROTTLED);
    pair.accept(numbers[2]);
    assert_eq!(pair.session.throttled_until(), Some(pair.now - seconds(1)));
    let probe = pair.submit(3);
    pair.refuse(probe, CommandStatus::ESME_RTHROTTLED);
    assert_eq!(wait(&mut pair), Some(seconds(2)));
}

#[test]
fn submits_are_held_back_while_it_pauses_and_not_while_it_tries() {
    let mut pair = Pair::bound(config());
    let number = pair.submit(0);
    assert!(!pair.session.holds_back(pair.now));
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    assert!(pair.session.holds_back(pair.now));
    pair.pass(seconds(1));
    assert!(!pair.session.holds_back(pair.now));
    pair.submit(1);
    assert!(!pair.session.holds_back(pair.now));
}

#[test]
fn other_errors_pause_nothing() {
    let mut pair = Pair::bound(config());
    for status in [CommandStatus::ESME_RSYSERR, CommandStatus::ESME_RINVDSTADR] {
        let number = pair.submit(0);
        pair.refuse(number, status);
        assert_eq!(pair.capacity(), Capacity::Now);
    }
}

#[test]
fn a_throttle_pause_does_not_hide_a_full_window() {
    let mut pair = Pair::bound(with_window(config(), 1));
    let number = pair.submit(0);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    pair.pass(seconds(1));
    pair.submit(1);
    assert_eq!(wait(&mut pair), None);
}

#[test]
fn a_longer_throttle_delay_holds_from_the_next_pause() {
    let mut pair = Pair::bound(config());
    let numbers = [pair.submit(0), pair.submit(1)];
    pair.refuse(numbers[0], CommandStatus::ESME_RTHROTTLED);
    pair.set(Settings {
        throttle_delay: seconds(7),
        ..SETTINGS
    });
    assert_eq!(wait(&mut pair), Some(seconds(1)));
    pair.pass(seconds(1));
    pair.refuse(numbers[1], CommandStatus::ESME_RTHROTTLED);
    let probe = pair.submit(2);
    pair.refuse(probe, CommandStatus::ESME_RTHROTTLED);
    assert_eq!(wait(&mut pair), Some(seconds(7)));
}

#[test]
fn the_rate_spaces_submits_and_counts_them_alone() {
    let settings = Settings {
        rate: Some(4.0),
        ..SETTINGS
    };
    let mut pair = Pair::bound(Config {
        settings,
        ..config()
    });
    pair.pass(seconds(1));
    pair.submit(0);
    for token in 1..5 {
        let pause = wait(&mut pair).unwrap();
        // 250 ms, more for the jitter of the network, less for timers that were late.
        assert!(pause >= Duration::from_millis(247), "{pause:?}");
        assert!(pause <= Duration::from_millis(254), "{pause:?}");
        pair.receive(&Pdu::EnquireLink, OK, token);
        pair.sent();
        pair.pass(pause);
        pair.submit(token);
    }
    pair.set(SETTINGS);
    assert_eq!(pair.capacity(), Capacity::Now);
    pair.set(settings);
    assert_ne!(pair.capacity(), Capacity::Now);
}

#[test]
fn a_session_after_another_does_not_pass_the_rate_between_them() {
    let settings = Settings {
        rate: Some(1.0),
        ..SETTINGS
    };
    let config = Config {
        settings,
        ..config()
    };
    let mut first = Pair::bound(config.clone());
    first.pass(seconds(5));
    first.submit(0);
    // A rebind takes no time here.
    let mut second = Pair::bound(config);
    assert!(wait(&mut second).unwrap() >= Duration::from_millis(999));
    second.pass(Duration::from_millis(1020));
    second.submit(1);
}

#[test]
fn a_submit_that_cannot_be_written_uses_up_no_rate() {
    let settings = Settings {
        rate: Some(1.0),
        ..SETTINGS
    };
    let mut pair = Pair::bound(Config {
        settings,
        ..config()
    });
    pair.pass(seconds(2));
    let broken = SubmitSm {
        source_addr: "a\0".into(),
        ..submit_sm()
    };
    assert!(pair.session.submit(broken, 0, pair.now).is_err());
    pair.submit(1);
}

#[test]
fn a_queue_that_the_rate_holds_is_told_at_its_begin_and_at_its_end() {
    let settings = Settings {
        rate: Some(20.0),
        ..SETTINGS
    };
    let mut pair = Pair::bound(Config {
        settings,
        ..config()
    });
    let start = pair.now;
    let mut told = Vec::new();
    let mut note = |pair: &mut Pair| {
        let news = pair.events().into_iter();
        told.extend(
            news.filter(|it| !matches!(it, Event::Answered { .. }))
                .map(|it| (it, (pair.now - start).as_secs())),
        );
    };
    for token in 0..200 {
        let pause = wait(&mut pair).unwrap();
        pair.session.look(true, pair.now);
        pair.pass(pause);
        pair.session.look(true, pair.now);
        let number = pair.submit(token);
        pair.accept(number);
        note(&mut pair);
    }
    // As the driver does: it looks at each timeout, and when the rate would let another leave.
    let pause = wait(&mut pair).unwrap();
    pair.session.look(false, pair.now);
    pair.pass(pause);
    pair.session.look(false, pair.now);
    pair.pass(seconds(10));
    let events = pair.events();
    note(&mut pair);
    assert_eq!(told, [(Event::HeldByRate, 1)]);
    assert_eq!(events, [Event::ThrottleEnded]);
}

#[test]
fn what_a_full_window_holds_is_not_held_by_the_rate() {
    let settings = Settings {
        rate: Some(20.0),
        window: 1,
        ..SETTINGS
    };
    let mut pair = Pair::bound(Config {
        settings,
        ..config()
    });
    pair.pass(seconds(1));
    for token in 0..50 {
        pair.session.look(true, pair.now);
        let number = pair.submit(token);
        pair.session.look(true, pair.now);
        pair.pass(seconds(1));
        pair.session.look(true, pair.now);
        pair.accept(number);
        assert_eq!(pair.events(), [answered(token, OK, "id")]);
    }
}

#[test]
fn a_session_without_a_rate_has_nothing_to_look_at() {
    let mut pair = Pair::bound(quiet());
    pair.session.look(true, pair.now);
    assert_eq!(pair.session.poll_timeout(), None);
}

#[test]
fn a_session_that_leaves_tells_no_more_of_its_speed() {
    let mut pair = Pair::bound(quiet());
    let numbers = [pair.submit(0), pair.submit(1)];
    pair.refuse(numbers[0], CommandStatus::ESME_RTHROTTLED);
    pair.events();
    pair.start_unbind(seconds(300));
    pair.pass(seconds(100));
    assert_eq!(pair.events(), []);
}
