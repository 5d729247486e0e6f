//! A stage for the driver: its channels, and an SMSC at the other end of a pipe.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::super::driver::{Control, Delivery, Notice, Outlet, Submission, SubmitOutcome, run};
use super::*;

/// Octets that a pipe holds where that does not matter.
pub(super) const PIPE: usize = 64 * 1024;

/// What the driver told.
pub(super) struct News {
    pub(super) outcomes: RefCell<Vec<(u32, SubmitOutcome)>>,
    pub(super) deliveries: RefCell<Vec<Delivery>>,
    pub(super) notices: RefCell<Vec<Notice>>,
    pub(super) in_flight: Cell<usize>,
    pub(super) throttled_until: Cell<Option<Instant>>,
    pub(super) may_submit: Cell<bool>,
    pub(super) takes_deliveries: Cell<bool>,
    pub(super) refused: Cell<usize>,
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

    fn refused(&mut self) {
        self.0.refused.set(self.0.refused.get() + 1);
    }

    fn notice(&mut self, notice: Notice) {
        self.0.notices.borrow_mut().push(notice);
    }

    fn in_flight(&mut self, count: usize) {
        self.0.in_flight.set(count);
    }

    fn throttled_until(&mut self, until: Option<Instant>) {
        self.0.throttled_until.set(until);
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
        self.submit_until(tokens, None).await;
    }

    /// Queues submits that are not to be sent at or after `expires`.
    pub(super) async fn submit_until(
        &self,
        tokens: std::ops::Range<u32>,
        expires: Option<Duration>,
    ) {
        let now = tokio::time::Instant::now().into_std();
        for token in tokens {
            let submission = Submission {
                submit_sm: submit_sm(),
                token,
                expires: expires.map(|after| now + after),
            };
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
    play_on(ours, theirs, config, script).await
}

/// Runs a session over one end of a pipe, and `script` at the other.
pub(super) async fn play_on<S: AsyncRead + AsyncWrite, F: Future<Output = ()>>(
    ours: S,
    theirs: DuplexStream,
    config: Config,
    script: impl FnOnce(Stage) -> F,
) -> (CloseReason, Rc<News>) {
    let (submissions, submitted) = mpsc::channel(1000);
    let (control, controlled) = watch::channel(Control {
        settings: config.settings,
        classes: config.classes.clone(),
        unbind: None,
        abandon: false,
    });
    let news = Rc::new(News {
        outcomes: RefCell::default(),
        deliveries: RefCell::default(),
        notices: RefCell::default(),
        in_flight: Cell::new(0),
        throttled_until: Cell::new(None),
        may_submit: Cell::new(true),
        takes_deliveries: Cell::new(true),
        refused: Cell::new(0),
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
