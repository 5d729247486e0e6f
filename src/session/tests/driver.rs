//! The driver between its channels and an SMSC at the other end of a pipe.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::super::driver::{
    Control, Delivery, MAX_UNANSWERED_DELIVERIES, Notice, Outlet, Received, Submission,
    SubmitOutcome, run,
};
use super::*;

/// What the driver told.
pub(super) struct News {
    pub(super) outcomes: RefCell<Vec<(u32, SubmitOutcome)>>,
    pub(super) deliveries: RefCell<Vec<Delivery>>,
    pub(super) notices: RefCell<Vec<Notice>>,
    pub(super) in_flight: Cell<usize>,
    pub(super) may_submit: Cell<bool>,
    pub(super) takes_deliveries: Cell<bool>,
}

impl News {
    /// By token; panics where one has two.
    pub(super) fn by_token(&self) -> BTreeMap<u32, SubmitOutcome> {
        let mut outcomes = BTreeMap::new();
        for (token, outcome) in self.outcomes.borrow().iter() {
            let earlier = outcomes.insert(*token, outcome.clone());
            assert_eq!(
                earlier, None,
                "the second outcome of {token} is {outcome:?}"
            );
        }
        outcomes
    }
}

struct Told(Rc<News>);

impl Outlet for Told {
    type Token = u32;

    fn outcome(&mut self, token: u32, outcome: SubmitOutcome) {
        self.0.outcomes.borrow_mut().push((token, outcome));
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        if !self.0.takes_deliveries.get() {
            return Err(delivery);
        }
        self.0.deliveries.borrow_mut().push(delivery);
        Ok(())
    }

    fn notice(&mut self, notice: Notice) {
        self.0.notices.borrow_mut().push(notice);
    }

    fn in_flight(&mut self, count: usize) {
        self.0.in_flight.set(count);
    }

    fn may_submit(&self, _now: Instant) -> bool {
        self.0.may_submit.get()
    }
}

/// The SMSC's end of the pipe.
pub(super) struct Smsc {
    pub(super) stream: DuplexStream,
    pub(super) octets: BytesMut,
}

impl Smsc {
    pub(super) async fn send(&mut self, pdu: &Pdu, status: CommandStatus, number: u32) {
        let octets = encoded(pdu, status, number);
        self.stream.write_all(&octets).await.unwrap();
    }

    /// The next whole PDU; `None` when the session has closed.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = FrameDecoder::default().next_frame(&mut self.octets);
            if let Some(frame) = frame.unwrap() {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.octets).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn expect(&mut self, command_id: CommandId) -> Header {
        let frame = self.next().await.unwrap();
        assert_eq!(frame.header.command_id, command_id);
        frame.header
    }

    pub(super) async fn accept_bind(&mut self) {
        let bind = self.expect(CommandId::BIND_TRANSCEIVER).await;
        let response = Pdu::BindTransceiverResp(None);
        self.send(&response, OK, bind.sequence_number).await;
    }

    /// Reads and accepts so many submits.
    pub(super) async fn accept(&mut self, count: usize) {
        for _ in 0..count {
            let submit = self.expect(CommandId::SUBMIT_SM).await;
            self.send(&submit_sm_resp("id"), OK, submit.sequence_number)
                .await;
        }
    }

    pub(super) async fn accept_unbind(&mut self) {
        let unbind = self.expect(CommandId::UNBIND).await;
        self.send(&Pdu::UnbindResp, OK, unbind.sequence_number)
            .await;
    }

    /// Whether nothing comes for so long.
    pub(super) async fn silent(&mut self, duration: Duration) -> bool {
        timeout(duration, self.next()).await.is_err()
    }
}

/// What a test holds of a session that runs.
pub(super) struct Stage {
    pub(super) smsc: Smsc,
    pub(super) submissions: mpsc::Sender<Submission<u32>>,
    pub(super) control: watch::Sender<Control>,
    pub(super) news: Rc<News>,
}

impl Stage {
    pub(super) async fn submit(&self, tokens: std::ops::Range<u32>) {
        for token in tokens {
            let submit_sm = submit_sm();
            let submission = Submission { submit_sm, token };
            self.submissions.send(submission).await.unwrap();
        }
    }

    pub(super) fn unbind(&self, patience: Duration) {
        self.control
            .send_modify(|control| control.unbind = Some(patience));
    }
}

/// Runs a session whose pipe holds so many octets, and `script` beside it.
pub(super) async fn play<F: Future<Output = ()>>(
    config: Config,
    pipe: usize,
    script: impl FnOnce(Stage) -> F,
) -> (CloseReason, Rc<News>) {
    let (ours, theirs) = duplex(pipe);
    let (submissions, submitted) = mpsc::channel(1000);
    let (control, controlled) = watch::channel(Control {
        settings: config.settings,
        unbind: None,
        abandon: false,
    });
    let news = Rc::new(News {
        outcomes: RefCell::default(),
        deliveries: RefCell::default(),
        notices: RefCell::default(),
        in_flight: Cell::new(0),
        may_submit: Cell::new(true),
        takes_deliveries: Cell::new(true),
    });
    let stage = Stage {
        smsc: Smsc {
            stream: theirs,
            octets: BytesMut::new(),
        },
        submissions,
        control,
        news: Rc::clone(&news),
    };
    let mut outlet = Told(Rc::clone(&news));
    let ((), reason) = tokio::join!(
        script(stage),
        run(ours, config, submitted, controlled, &mut outlet),
    );
    assert_eq!(news.in_flight.get(), 0);
    (reason, news)
}

fn accepted() -> SubmitOutcome {
    SubmitOutcome::Answered {
        status: OK,
        message_id: "id".to_owned(),
    }
}

const PIPE: usize = 64 * 1024;

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
    assert_eq!(news.notices.borrow()[..], [Notice::Bound(String::new())]);
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
