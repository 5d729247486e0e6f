//! The driver between its channels and an SMSC at the other end of a pipe.

use tokio::io::{AsyncWriteExt, BufStream, duplex};
use tokio::time::{sleep, timeout};

use super::super::driver::{
    MAX_UNANSWERED_DELIVERIES, MAX_UNANSWERED_OCTETS, Notice, Received, Submission, SubmitOutcome,
};
use super::stage::{PIPE, Stage, play, play_on};
use super::*;
use crate::pdu::{DataSm, Tag, Tlv, Tlvs};

fn accepted() -> SubmitOutcome {
    SubmitOutcome::Answered {
        status: OK,
        class: StatusClass::Ok,
        message_id: "id".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn submits_are_answered_and_the_session_unbinds() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..100).await;
        stage.smsc.accept(100).await;
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
        assert!(stage.smsc.next().await.is_none(), "and closes");
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    let outcomes = news.by_token();
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.values().all(|outcome| *outcome == accepted()));
    assert_eq!(
        news.notices.borrow()[..],
        [Notice::Bound(String::new()), Notice::Unbinding]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_buffers_is_flushed() {
    let (ours, theirs) = duplex(PIPE);
    let ours = BufStream::new(ours);
    let (reason, _) = play_on(ours, theirs, config(), async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..3).await;
        let accepted = timeout(seconds(1), stage.smsc.accept(3));
        accepted.await.expect("submits do not stay in the buffer");
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
}

#[tokio::test(start_paused = true)]
async fn the_window_holds_on_the_wire() {
    let (_, news) = play(with_window(config(), 7), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..50).await;
        for _ in 0..7 {
            stage.smsc.expect(CommandId::SUBMIT_SM).await;
        }
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.in_flight.get(), 7);
    })
    .await;
    let outcomes = news.by_token();
    assert_eq!(outcomes.len(), 50);
    for (token, outcome) in outcomes {
        let expected = if token < 7 {
            SubmitOutcome::Unanswered
        } else {
            SubmitOutcome::Unwritten
        };
        assert_eq!(outcome, expected, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_cannot_be_written_fails_alone() {
    let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let submit_sm = SubmitSm {
            destination_addr: "1\0".into(),
            ..submit_sm()
        };
        let submission = Submission {
            submit_sm,
            token: 100,
            expires: None,
        };
        stage.submissions.send(submission).await.unwrap();
        stage.submit(0..1).await;
        stage.smsc.accept(1).await;
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    let outcomes = news.by_token();
    assert!(matches!(outcomes[&100], SubmitOutcome::Unencodable(_)));
    assert_eq!(outcomes[&0], accepted());
}

#[tokio::test(start_paused = true)]
async fn settings_take_effect_while_the_session_lives() {
    let (reason, _) = play(with_window(config(), 1), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..3).await;
        let first = stage.smsc.expect(CommandId::SUBMIT_SM).await;
        assert!(stage.smsc.silent(seconds(1)).await);
        let settings = Settings {
            window: 3,
            ..SETTINGS
        };
        stage.control.send_modify(|it| it.settings = settings);
        stage.smsc.accept(2).await;
        let number = first.sequence_number;
        stage.smsc.send(&submit_sm_resp("id"), OK, number).await;
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_on_the_wire() {
    let mut config = with_window(config(), 100);
    config.settings.rate = Some(10.0);
    let (_, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..21).await;
        let start = tokio::time::Instant::now();
        stage.smsc.accept(21).await;
        let took = start.elapsed();
        assert!(took >= seconds(2), "{took:?}");
        assert!(took < Duration::from_millis(2300), "{took:?}");
    })
    .await;
    assert_eq!(news.by_token().len(), 21);
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_answered_when_they_are_stored() {
    play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.smsc.send(&deliver_sm(), OK, 77).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        let delivery = stage.news.deliveries.borrow_mut().remove(0);
        delivery.answer(OK);
        let header = stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
        assert_eq!(header.sequence_number, 77);
        assert_eq!(header.command_status, OK);
        // A second answer is one too many; it must do no harm.
        delivery.answer(OK);
        stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
        stage.smsc.send(&deliver_sm(), OK, 78).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.deliveries.borrow().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_wants_no_answer_has_none() {
    let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let alert = Pdu::AlertNotification(crate::pdu::AlertNotification::default());
        stage.smsc.send(&alert, OK, 1).await;
        stage.smsc.stream.write_all(b"garbage").await.unwrap();
        stage.smsc.expect(CommandId::GENERIC_NACK).await;
        assert!(stage.smsc.next().await.is_none());
    })
    .await;
    let deliveries = news.deliveries.borrow();
    assert!(matches!(deliveries[0].received, Received::Pdu(_)));
    let garbage = Received::Garbage(b"garbage".as_slice().into());
    assert_eq!(deliveries[1].received, garbage);
    assert!(deliveries.iter().all(|delivery| delivery.answer.is_none()));
}

#[tokio::test(start_paused = true)]
async fn deliveries_past_the_limit_are_refused_for_the_time_being() {
    let limit = u32::try_from(MAX_UNANSWERED_DELIVERIES).unwrap();
    play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        for number in 1..=limit + 1 {
            stage.smsc.send(&deliver_sm(), OK, number).await;
        }
        let header = stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
        assert_eq!(header.sequence_number, limit + 1);
        assert_eq!(header.command_status, CommandStatus::ESME_RX_T_APPN);
        assert_eq!(stage.news.refused.get(), 1);
        // All at once: the channel of answers is deep enough.
        for delivery in stage.news.deliveries.borrow().iter() {
            delivery.answer(OK);
        }
        for number in 1..=limit {
            let header = stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
            assert_eq!(header.sequence_number, number);
        }
        stage.smsc.send(&deliver_sm(), OK, limit + 2).await;
        assert!(stage.smsc.silent(seconds(1)).await, "there is room again");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn large_deliveries_are_weighed_and_not_only_counted() {
    let large = Pdu::DataSm(DataSm {
        tlvs: Tlvs(vec![Tlv {
            tag: Tag::MESSAGE_PAYLOAD,
            value: vec![0; 60_000].into(),
        }]),
        ..DataSm::default()
    });
    let each = encoded(&large, OK, 1).len();
    let limit = u32::try_from(MAX_UNANSWERED_OCTETS / each).unwrap();
    play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        for number in 1..=limit + 1 {
            stage.smsc.send(&large, OK, number).await;
        }
        let header = stage.smsc.expect(CommandId::DATA_SM_RESP).await;
        assert_eq!(header.sequence_number, limit + 1);
        assert_eq!(header.command_status, CommandStatus::ESME_RX_T_APPN);
        // There is room for a small one, and for a large one once another is answered.
        stage.smsc.send(&deliver_sm(), OK, limit + 2).await;
        assert!(stage.smsc.silent(seconds(1)).await);
        for index in 0..2 {
            stage.news.deliveries.borrow()[index].answer(OK);
            stage.smsc.expect(CommandId::DATA_SM_RESP).await;
        }
        stage.smsc.send(&large, OK, limit + 3).await;
        assert!(stage.smsc.silent(seconds(1)).await, "there is room again");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_driver_reads_on_while_nobody_takes_what_it_brings() {
    let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.news.takes_deliveries.set(false);
        for number in 0..3000 {
            stage.smsc.send(&deliver_sm(), OK, number).await;
            let header = stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
            assert_eq!(header.command_status, CommandStatus::ESME_RX_T_APPN);
        }
        stage.smsc.send(&Pdu::EnquireLink, OK, 3000).await;
        stage.smsc.expect(CommandId::ENQUIRE_LINK_RESP).await;
        stage.submit(0..1).await;
        stage.smsc.accept(1).await;
        stage.news.takes_deliveries.set(true);
        stage.smsc.send(&deliver_sm(), OK, 3001).await;
        assert!(stage.smsc.silent(seconds(1)).await, "refusals take no room");
    })
    .await;
    assert_eq!(news.deliveries.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_link_is_kept_alive_while_submits_may_not_leave() {
    let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.news.may_submit.set(false);
        stage.submit(0..3).await;
        for _ in 0..5 {
            let header = stage.smsc.expect(CommandId::ENQUIRE_LINK).await;
            let number = header.sequence_number;
            stage.smsc.send(&Pdu::EnquireLinkResp, OK, number).await;
        }
        stage.news.may_submit.set(true);
        let accepted = timeout(seconds(1), stage.smsc.accept(3));
        accepted.await.expect("submits go on soon after");
        sleep(Duration::from_millis(1)).await;
    })
    .await;
    assert!(news.by_token().values().all(|it| *it == accepted()));
}
