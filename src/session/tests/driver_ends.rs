//! However a session ends, each submission has one outcome, and the right one.

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use super::super::driver::{Submission, SubmitOutcome};
use super::stage::{PIPE, Stage, play};
use super::*;

/// Reads exactly so many octets of submits, and closes without an answer.
#[tokio::test(start_paused = true)]
async fn the_peer_closes_after_any_octet() {
    let submit = encoded(&Pdu::SubmitSm(submit_sm()), OK, 1).len();
    for pipe in [1, 7, submit - 1, submit, PIPE] {
        for cut in 0..=3 * submit {
            let (reason, news) = play(config(), pipe, async |mut stage: Stage| {
                stage.smsc.accept_bind().await;
                stage.submit(0..3).await;
                let mut octets = vec![0; cut];
                let read = tokio::io::AsyncReadExt::read_exact(&mut stage.smsc.stream, &mut octets);
                read.await.unwrap();
            })
            .await;
            assert!(matches!(reason, CloseReason::Disconnected(_)), "{reason:?}");
            let outcomes = news.by_token();
            assert_eq!(outcomes.len(), 3, "{outcomes:?}");
            for (token, outcome) in outcomes {
                let arrived = cut >= submit * (token as usize + 1);
                match outcome {
                    SubmitOutcome::Unanswered => {}
                    SubmitOutcome::Unwritten => assert!(!arrived, "{token} arrived"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// What the SMSC answered before it closed is known, wherever the driver was at that moment.
#[tokio::test(start_paused = true)]
async fn answers_that_were_sent_before_the_peer_closed_count() {
    for pipe in [100, 500, PIPE] {
        for answers in 0..20u32 {
            let config = with_window(config(), 5);
            let (_, news) = play(config, pipe, async |mut stage: Stage| {
                stage.smsc.accept_bind().await;
                stage.submit(0..40).await;
                stage.smsc.accept(answers as usize).await;
            })
            .await;
            let outcomes = news.by_token();
            assert_eq!(outcomes.len(), 40);
            let answered = outcomes
                .values()
                .filter(|it| matches!(it, SubmitOutcome::Answered { .. }))
                .count();
            assert_eq!(answered, answers as usize, "pipe of {pipe}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_with_submits_unwritten_ends_the_session() {
    let (reason, news) = play(with_window(config(), 100), 20, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..20).await;
        sleep(seconds(1)).await;
        // The pipe is full, and the driver waits to write on.
        stage.news.may_submit.set(false);
        let mut octets = 0;
        while let Some(frame) = stage.smsc.next().await {
            octets += frame.octets.len();
        }
        assert!(
            octets + stage.smsc.octets.len() <= 20,
            "only what the pipe held"
        );
    })
    .await;
    assert_eq!(reason, CloseReason::LeaseLost);
    let outcomes = news.by_token();
    assert_eq!(outcomes.len(), 20);
    assert!(outcomes.values().all(|it| *it == SubmitOutcome::Unwritten));
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_while_idle_does_not_end_the_session() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        sleep(seconds(1)).await;
        stage.news.may_submit.set(false);
        stage.submit(0..1).await;
        assert!(stage.smsc.silent(seconds(8)).await);
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    assert_eq!(news.by_token()[&0], SubmitOutcome::Unwritten);
}

#[tokio::test(start_paused = true)]
async fn abandon_ends_at_once() {
    let (reason, news) = play(with_window(config(), 2), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..5).await;
        stage.smsc.accept(1).await;
        stage.smsc.expect(CommandId::SUBMIT_SM).await;
        stage.smsc.expect(CommandId::SUBMIT_SM).await;
        stage.control.send_modify(|control| control.abandon = true);
        assert!(stage.smsc.next().await.is_none());
    })
    .await;
    assert_eq!(reason, CloseReason::LeaseLost);
    let outcomes = news.by_token();
    let count = |outcome| outcomes.values().filter(|it| **it == outcome).count();
    assert_eq!(outcomes.len(), 5);
    assert_eq!(count(SubmitOutcome::Unanswered), 2);
    assert_eq!(count(SubmitOutcome::Unwritten), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_bind_and_a_mute_peer_give_everything_back() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.submit(0..5).await;
        let bind = stage.smsc.expect(CommandId::BIND_TRANSCEIVER).await;
        let status = CommandStatus::ESME_RALYBND;
        let response = Pdu::BindTransceiverResp(None);
        let number = bind.sequence_number;
        stage.smsc.send(&response, status, number).await;
    })
    .await;
    let refused = CloseReason::BindRefused(CommandStatus::ESME_RALYBND);
    assert_eq!(reason, refused);
    assert_eq!(news.by_token().len(), 5);
    let (reason, news) = play(config(), PIPE, async |stage: Stage| {
        stage.submit(0..5).await;
        sleep(seconds(31)).await;
    })
    .await;
    assert_eq!(reason, CloseReason::BindTimeout);
    assert_eq!(news.by_token().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_bind_that_cannot_be_written_gives_everything_back() {
    let mut config = config();
    config.bind.system_id = "a\0".into();
    let (reason, news) = play(config, PIPE, async |stage: Stage| {
        stage.submit(0..5).await;
    })
    .await;
    assert!(matches!(reason, CloseReason::Disconnected(_)));
    assert_eq!(news.by_token().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_and_answering_is_left() {
    let (reason, news) = play(config(), 100, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..5).await;
        sleep(seconds(100)).await;
    })
    .await;
    assert_eq!(reason, CloseReason::EnquireLinkTimeout);
    assert_eq!(news.by_token().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_and_never_reads_does_not_fill_the_memory() {
    play(config(), 1024, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let ask = encoded(&Pdu::EnquireLink, OK, 1).repeat(1000);
        let mut taken = 0;
        while timeout(seconds(1), stage.smsc.stream.write_all(&ask))
            .await
            .is_ok()
        {
            taken += ask.len();
            assert!(taken < 4 << 20, "the driver takes what it can't answer");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_peers_unbind_is_answered_on_the_wire() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..2).await;
        let first = stage.smsc.expect(CommandId::SUBMIT_SM).await;
        stage.smsc.send(&Pdu::Unbind, OK, 9).await;
        let number = first.sequence_number;
        stage.smsc.send(&submit_sm_resp("id"), OK, number).await;
        stage.smsc.expect(CommandId::SUBMIT_SM).await;
        stage.smsc.expect(CommandId::UNBIND_RESP).await;
        assert!(stage.smsc.next().await.is_none());
    })
    .await;
    assert_eq!(reason, CloseReason::PeerUnbound);
    let outcomes = news.by_token();
    assert!(matches!(outcomes[&0], SubmitOutcome::Answered { .. }));
    assert_eq!(outcomes[&1], SubmitOutcome::Unanswered);
}

/// The end of a process that was stopped: its timers are all over, and its answers all there.
#[tokio::test(start_paused = true)]
async fn answers_that_waited_longer_than_the_timers_count() {
    for _ in 0..50 {
        let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
            stage.smsc.accept_bind().await;
            stage.submit(0..10).await;
            for _ in 0..10 {
                stage.smsc.expect(CommandId::SUBMIT_SM).await;
            }
            sleep(seconds(1)).await;
            let mut answers = BytesMut::new();
            for number in 2..12 {
                answers.extend(encoded(&submit_sm_resp("id"), OK, number));
            }
            // Both before the driver has its turn.
            stage.smsc.stream.write_all(&answers).await.unwrap();
            tokio::time::advance(seconds(1000)).await;
            sleep(Duration::from_millis(1)).await;
        })
        .await;
        let outcomes = news.by_token();
        assert!(
            outcomes
                .values()
                .all(|it| matches!(it, SubmitOutcome::Answered { .. })),
            "{outcomes:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_used_after_the_end_has_its_outcome() {
    let (_, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let permit = stage.submissions.reserve().await.unwrap();
        drop(stage.smsc);
        stage.submissions.closed().await;
        let submit_sm = submit_sm();
        permit.send(Submission {
            submit_sm,
            token: 1,
            expires: None,
        });
    })
    .await;
    assert_eq!(news.by_token()[&1], SubmitOutcome::Unwritten);
}

/// A peer that does anything in any order: each submission has one outcome, which is never better
/// or worse than what the peer knows.
#[tokio::test(start_paused = true)]
async fn nothing_a_peer_does_loses_an_outcome() {
    for seed in 0..400 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let config = with_window(config(), dice.usize(1..20));
        let pipe = [30, 200, PIPE][dice.usize(0..3)];
        let seen = std::cell::RefCell::new((0, 0));
        let (_, news) = play(config, pipe, async |mut stage: Stage| {
            stage.smsc.accept_bind().await;
            stage.submit(0..60).await;
            let mut unanswered = Vec::new();
            for _ in 0..dice.usize(1..120) {
                let Ok(Some(frame)) = timeout(seconds(1), stage.smsc.next()).await else {
                    break;
                };
                let number = frame.header.sequence_number;
                match frame.header.command_id {
                    CommandId::SUBMIT_SM => {
                        seen.borrow_mut().0 += 1;
                        unanswered.push(number);
                    }
                    CommandId::ENQUIRE_LINK => {
                        stage.smsc.send(&Pdu::EnquireLinkResp, OK, number).await;
                    }
                    _ => {}
                }
                let (pdu, status) = match dice.u8(0..20) {
                    0..=11 => (submit_sm_resp("id"), OK),
                    12 => (Pdu::GenericNack, CommandStatus::ESME_RSYSERR),
                    13 => (Pdu::SubmitSmResp(None), CommandStatus::ESME_RTHROTTLED),
                    14 => (deliver_sm(), OK),
                    15 => (Pdu::EnquireLink, OK),
                    16 if dice.u8(0..20) == 0 => (Pdu::Unbind, OK),
                    17 if dice.u8(0..20) == 0 => {
                        stage.unbind(seconds(2));
                        continue;
                    }
                    _ => continue,
                };
                let mut number = 1;
                if pdu.command_id().is_response() {
                    if unanswered.is_empty() {
                        continue;
                    }
                    number = unanswered.swap_remove(dice.usize(0..unanswered.len()));
                }
                let octets = encoded(&pdu, status, number);
                if stage.smsc.stream.write_all(&octets).await.is_err() {
                    break;
                }
                seen.borrow_mut().1 += usize::from(pdu.command_id().is_response());
            }
        })
        .await;
        let (arrived, answers) = *seen.borrow();
        let outcomes = news.by_token();
        assert_eq!(outcomes.len(), 60, "seed {seed}");
        let count =
            |wanted: fn(&SubmitOutcome) -> bool| outcomes.values().filter(|it| wanted(it)).count();
        let answered = count(|it| matches!(it, SubmitOutcome::Answered { .. }));
        let unwritten = count(|it| *it == SubmitOutcome::Unwritten);
        assert!(
            unwritten <= 60 - arrived,
            "seed {seed}: what arrived is not unwritten"
        );
        assert_eq!(answered, answers, "seed {seed}: what was answered is known");
    }
}
