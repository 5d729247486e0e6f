//! What the meaning of an answer makes of a row, and when it is tried again.

use super::tests::attempt;
use super::*;

/// Of an answer with ESME_RSYSERR, whatever that may mean here.
fn answer(class: StatusClass) -> Outcome {
    Outcome::Answered {
        status: CommandStatus::ESME_RSYSERR,
        class,
        message_id: String::new(),
    }
}

fn with_delay(number: i32, max_attempts: i32, retry_delay: Duration) -> Attempt {
    Attempt {
        server: Arc::new(Server {
            max_submission_attempts: max_attempts,
            retry_delay,
            ..Server::unknown()
        }),
        ..attempt(number)
    }
}

fn delays(jitter: f64, retry_delay: Duration, attempts: i32) -> Vec<Duration> {
    let after = |number| {
        let attempt = with_delay(number, attempts + 1, retry_delay);
        let update = resolve(&attempt, &answer(StatusClass::Temporary), jitter);
        assert!(!update.failed && !update.done, "{update:?}");
        assert_eq!(update.uncounted, 0);
        update.retry_after.unwrap()
    };
    (1..=attempts).map(after).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_delay_doubles_from_attempt_to_attempt_up_to_an_hour() {
    let seconds = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600];
    let expected: Vec<_> = seconds.iter().map(|&n| n * SECOND).collect();
    assert_eq!(delays(0.0, 5 * SECOND, 12), expected);
    let half: Vec<_> = [500, 1000, 2000].map(Duration::from_millis).into();
    assert_eq!(delays(0.0, SECOND / 2, 3), half);
}

#[test]
fn chance_takes_off_a_quarter_at_most() {
    let expected: Vec<_> = [3750, 7500, 15_000].map(Duration::from_millis).into();
    assert_eq!(delays(1.0, 5 * SECOND, 3), expected);
    let middle: Vec<_> = [4375, 8750, 17_500].map(Duration::from_millis).into();
    assert_eq!(delays(0.5, 5 * SECOND, 3), middle);
    let hour = delays(1.0, 5 * SECOND, 30)[29];
    assert_eq!(hour, 2700 * SECOND);
}

#[test]
fn a_delay_of_more_than_an_hour_neither_grows_nor_shrinks() {
    assert_eq!(delays(0.0, 7200 * SECOND, 3), [7200 * SECOND; 3]);
    let day = 86_400 * SECOND;
    let attempt = with_delay(i32::MAX - 1, i32::MAX, day);
    let update = resolve(&attempt, &answer(StatusClass::Temporary), 0.0);
    assert_eq!(update.retry_after, Some(day));
}

#[test]
fn the_last_attempt_is_the_one_that_the_server_says() {
    for max_attempts in [1, 3, 7] {
        for class in [StatusClass::Temporary, StatusClass::SessionFatal] {
            for number in 1..=max_attempts + 1 {
                let attempt = with_delay(number, max_attempts, SECOND);
                let update = resolve(&attempt, &answer(class), 0.0);
                let last = number >= max_attempts;
                assert_eq!(update.failed, last, "{number} of {max_attempts}");
                assert_eq!(update.retry_after.is_none(), last);
                assert_eq!(update.uncounted, 0);
            }
        }
    }
    let update = resolve(
        &with_delay(3, 3, SECOND),
        &answer(StatusClass::Temporary),
        0.0,
    );
    assert_eq!(
        update.info.as_deref(),
        Some("ESME_RSYSERR (0x08): system error of the SMSC, after 3 attempts")
    );
}

#[test]
fn a_part_of_a_long_message_goes_by_its_own_attempts() {
    let part = |number| Attempt {
        target: Target::Part(2),
        ..with_delay(number, 3, 5 * SECOND)
    };
    let temporary = answer(StatusClass::Temporary);
    let second = resolve(&part(2), &temporary, 0.0);
    assert_eq!(second.part(), Some(2));
    assert_eq!(second.retry_after, Some(10 * SECOND));
    assert!(resolve(&part(3), &temporary, 0.0).failed);
}

/// The same status, five meanings: (done, failed, uncounted, waits).
#[test]
fn the_meaning_decides_and_not_the_status() {
    for (class, expected) in [
        (StatusClass::Ok, (true, false, 0, false)),
        (StatusClass::Throttled, (false, false, 1, false)),
        (StatusClass::Temporary, (false, false, 0, true)),
        (StatusClass::SessionFatal, (false, false, 0, true)),
        (StatusClass::Permanent, (false, true, 0, false)),
    ] {
        let it = resolve(&attempt(1), &answer(class), 0.0);
        let found = (it.done, it.failed, it.uncounted, it.retry_after.is_some());
        assert_eq!(found, expected, "{class:?}");
        assert!(it.answered && !it.in_doubt && !it.possible_duplicate);
    }
}

#[test]
fn what_an_override_accepts_says_so_and_has_an_id_only_if_one_came() {
    let note = Attempt {
        note: Some("a note".into()),
        ..attempt(1)
    };
    let accepted = resolve(&note, &answer(StatusClass::Ok), 0.0);
    assert_eq!(accepted.message_id, None);
    assert_eq!(
        accepted.info.as_deref(),
        Some("a note; accepted with ESME_RSYSERR (0x08): system error of the SMSC")
    );
    let with_id = Outcome::Answered {
        status: CommandStatus(0x0450),
        class: StatusClass::Ok,
        message_id: "00AB".to_owned(),
    };
    let accepted = resolve(&attempt(1), &with_id, 0.0);
    assert_eq!(accepted.message_id.as_deref(), Some("00AB"));
    assert_eq!(
        accepted.info.as_deref(),
        Some("accepted with vendor status 0x0450: its meaning is the provider's to tell")
    );
}
