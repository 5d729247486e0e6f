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
    assert_eq!(pair.events(), [answered(3, OK, "id"), Event::ThrottleEnded]);
    let number = pair.submit(4);
    pair.refuse(number, CommandStatus::ESME_RTHROTTLED);
    assert_eq!(wait(&mut pair), Some(seconds(1)));
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
fn a_changed_throttle_delay_holds_from_the_next_pause() {
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
        assert!(pause >= Duration::from_millis(250), "{pause:?}");
        assert!(pause <= Duration::from_millis(251), "{pause:?}");
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
    second.pass(Duration::from_millis(1001));
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
