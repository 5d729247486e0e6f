//! What keeps queued submissions from the wire: a pause, and time that ran out.

use tokio::time::{sleep, timeout};

use super::super::driver::{Notice, Submission, SubmitOutcome};
use super::stage::{PIPE, Stage, play};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_pause_hands_back_what_is_queued_and_takes_it_again_later() {
    let mut config = with_window(config(), 50);
    config.settings.rate = Some(2.0);
    let settings = config.settings;
    let (reason, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..20).await;
        stage.smsc.accept(2).await;
        let paused = Settings {
            paused: true,
            ..settings
        };
        stage.control.send_modify(|it| it.settings = paused);
        sleep(Duration::from_millis(1)).await;
        let outcomes = stage.news.by_token();
        assert_eq!(outcomes.len(), 20, "the answered ones, and all that waited");
        // What was claimed before the pause was known.
        stage.submit(20..30).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.by_token().len(), 30);
        let outcomes = stage.news.by_token();
        assert!(
            outcomes
                .iter()
                .all(|(token, it)| *token < 2 || *it == SubmitOutcome::Unwritten)
        );
        // A delivery is taken and answered all the same.
        stage.smsc.send(&deliver_sm(), OK, 7).await;
        sleep(Duration::from_millis(1)).await;
        stage.news.deliveries.borrow()[0].answer(OK);
        stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
        stage.control.send_modify(|it| it.settings = settings);
        sleep(Duration::from_millis(1)).await;
        stage.submit(30..34).await;
        let accepted = timeout(seconds(3), stage.smsc.accept(4));
        accepted.await.expect("submits go on after the pause");
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    assert_eq!(news.by_token().len(), 34);
}

#[tokio::test(start_paused = true)]
async fn a_pause_without_the_lease_is_left_in_peace() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let paused = Settings {
            paused: true,
            ..SETTINGS
        };
        stage.control.send_modify(|it| it.settings = paused);
        stage.news.may_submit.set(false);
        stage.submit(0..3).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.by_token().len(), 3);
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    let outcomes = news.by_token();
    assert!(outcomes.values().all(|it| *it == SubmitOutcome::Unwritten));
}

#[tokio::test(start_paused = true)]
async fn what_expired_while_it_waited_is_not_sent() {
    let mut config = with_window(config(), 50);
    config.settings.rate = Some(1.0);
    let (_, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        // One a second from the first second on: two before 2.5 s.
        let left = Duration::from_millis(2500);
        stage.submit_until(0..10, Some(left)).await;
        stage.submit_until(10..11, Some(seconds(60))).await;
        stage.submit(11..12).await;
        let start = tokio::time::Instant::now();
        stage.smsc.accept(2).await;
        assert!(start.elapsed() < left);
        stage.smsc.accept(1).await;
        assert!(start.elapsed() < Duration::from_millis(3500));
        stage.smsc.accept(1).await;
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    for (token, outcome) in news.by_token() {
        let unwritten = outcome == SubmitOutcome::Unwritten;
        assert_eq!(unwritten, (2..10).contains(&token), "{token}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_moment_of_expiry_is_too_late() {
    let (_, news) = play(with_window(config(), 1), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit_until(0..1, Some(Duration::ZERO)).await;
        stage
            .submit_until(1..2, Some(Duration::from_millis(1)))
            .await;
        stage.smsc.accept(1).await;
        sleep(Duration::from_millis(1)).await;
    })
    .await;
    let outcomes = news.by_token();
    assert_eq!(outcomes[&0], SubmitOutcome::Unwritten);
    assert!(matches!(outcomes[&1], SubmitOutcome::Answered { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_each_throttle_pause_is_told_ahead() {
    play(with_window(config(), 2), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let start = tokio::time::Instant::now().into_std();
        // The first two fill the window; the pause hands the others back.
        stage.submit(0..4).await;
        for (told, longest) in [(1, 1), (1, 1), (3, 3)] {
            if told == 3 {
                assert_eq!(stage.news.by_token().len(), 4);
                sleep(seconds(1)).await;
                stage.submit(4..6).await;
            }
            let submit = stage.smsc.expect(CommandId::SUBMIT_SM).await;
            let status = CommandStatus::ESME_RTHROTTLED;
            let number = submit.sequence_number;
            stage
                .smsc
                .send(&Pdu::SubmitSmResp(None), status, number)
                .await;
            sleep(Duration::from_micros(1)).await;
            let pause = stage.news.throttled_until.get().unwrap() - start;
            assert!(pause >= seconds(told), "{pause:?}");
            assert!(pause < seconds(longest) + Duration::from_millis(100));
        }
        assert_eq!(
            stage.news.by_token().len(),
            6,
            "the one behind the probe too"
        );
        sleep(seconds(2)).await;
        stage.submit(6..8).await;
        let probe = stage.smsc.expect(CommandId::SUBMIT_SM).await;
        assert!(stage.smsc.silent(seconds(5)).await, "one at a time");
        assert_eq!(
            stage.news.by_token().len(),
            6,
            "it waits for the answer to the probe"
        );
        let number = probe.sequence_number;
        stage.smsc.send(&submit_sm_resp("id"), OK, number).await;
        stage.smsc.accept(1).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.news.throttled_until.get(), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_behind_the_rate_is_told_once_and_its_end_once() {
    let mut config = with_window(config(), 50);
    config.settings.rate = Some(20.0);
    let (_, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..100).await;
        stage.smsc.accept(100).await;
        sleep(seconds(5)).await;
        // A few that leave at once, or nearly, are no queue.
        for round in 0..20 {
            stage.submit(100 + 2 * round..102 + 2 * round).await;
            stage.smsc.accept(2).await;
            sleep(Duration::from_millis(500)).await;
        }
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    let notices = news.notices.borrow();
    let told = [
        Notice::Bound(String::new()),
        Notice::HeldByRate,
        Notice::ThrottleEnded,
        Notice::Unbinding,
    ];
    assert_eq!(*notices, told);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_pauses_for_throttling_leaves_at_once() {
    let mut config = config();
    config.settings.throttle_delay = seconds(60);
    let (reason, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..1).await;
        let submit = stage.smsc.expect(CommandId::SUBMIT_SM).await;
        let refusal = Pdu::SubmitSmResp(None);
        let status = CommandStatus::ESME_RTHROTTLED;
        stage
            .smsc
            .send(&refusal, status, submit.sequence_number)
            .await;
        sleep(Duration::from_millis(1)).await;
        stage.submit(1..5).await;
        let before = tokio::time::Instant::now();
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
        assert!(before.elapsed() < seconds(1));
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    assert_eq!(news.by_token().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_does_not_read_is_bounded_and_the_rest_runs_out_in_time() {
    const SENT: u32 = 900;
    let (_, news) = play(
        with_window(quiet(), 10_000),
        1024,
        async |mut stage: Stage| {
            stage.smsc.accept_bind().await;
            sleep(Duration::from_millis(1)).await;
            let expires = tokio::time::Instant::now().into_std() + seconds(2);
            for token in 0..SENT {
                let submission = Submission {
                    submit_sm: SubmitSm {
                        short_message: ShortMessage(vec![b'a'; 254].into()),
                        ..submit_sm()
                    },
                    token,
                    expires: Some(expires),
                };
                stage.submissions.send(submission).await.unwrap();
            }
            // Nothing is read until all of them have run out.
            sleep(seconds(3)).await;
            let taken = stage.news.in_flight.get();
            assert!((200..300).contains(&taken), "{taken} of 64 KiB");
            for _ in 0..taken {
                stage.smsc.expect(CommandId::SUBMIT_SM).await;
            }
            assert!(stage.smsc.silent(seconds(1)).await);
            let outcomes = stage.news.by_token();
            assert_eq!(outcomes.len(), SENT as usize - taken);
            assert!(outcomes.values().all(|it| *it == SubmitOutcome::Unwritten));
        },
    )
    .await;
    assert_eq!(news.by_token().len(), SENT as usize);
}
