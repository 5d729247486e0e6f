//! The only loop that reads and writes an SMPP socket.
//!
//! It waits for whatever comes first: octets, room to write, a submit that may leave, an answer to a
//! delivery, a change of settings, a timer. It never waits for a channel, so it never stops reading.

mod dispatch;
mod outlet;

use std::future::{poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

pub use outlet::{
    Control, Delivery, DeliveryAnswer, Notice, Outlet, Received, Submission, SubmitOutcome,
};

use super::{Capacity, CloseReason, Config, Session};
use crate::pulse;

/// Deliveries of one session that wait to be stored. One more is answered with a temporary error, so
/// that neither memory nor what the SMSC has to repeat grows without bound.
pub const MAX_UNANSWERED_DELIVERIES: usize = 1000;

/// Octets of the deliveries of one session that wait to be stored; what passes it is answered so too.
pub const MAX_UNANSWERED_OCTETS: usize = 2 * 1024 * 1024;

/// How much is read at once.
const READ_BUFFER: usize = 64 * 1024;

/// While so many octets wait to be written, nothing more is read that could ask for an answer.
const MAX_UNWRITTEN: usize = 1024 * 1024;

/// While so many octets wait to be written no more submits are taken: what a peer does not read must neither fill the memory
/// nor leave after its time.
const MAX_UNWRITTEN_SUBMITS: usize = 64 * 1024;

/// Reads of what has arrived already before something else has its turn.
const READS_AT_ONCE: usize = 16;

/// Submits taken from the channel before the socket is looked at again.
const SUBMITS_AT_ONCE: usize = 256;

/// How often it is asked whether submits may be written again.
const LEASE_LOOK: Duration = Duration::from_millis(100);

/// How long a closed session may take to write its last octets.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// Runs one session over `stream` until it ends; every submission that `submissions` ever held has
/// its outcome when this returns.
///
/// It returns only when all permits that were reserved in `submissions` are used or dropped: who
/// waits with permits in hand must look at `Sender::closed` too. A future that is dropped before it
/// returns takes the outcomes with it.
pub async fn run<S, O>(
    stream: S,
    config: Config,
    mut submissions: mpsc::Receiver<Submission<O::Token>>,
    mut control: watch::Receiver<Control>,
    outlet: &mut O,
) -> CloseReason
where
    S: AsyncRead + AsyncWrite,
    O: Outlet,
{
    let reason = match Session::new(config, clock()) {
        Ok(session) => {
            let (answers, answered) = mpsc::channel(MAX_UNANSWERED_DELIVERIES);
            let mut driver = Driver {
                session,
                outlet,
                answers,
                unanswered_deliveries: 0,
                unanswered_octets: 0,
                told_in_flight: 0,
                told_throttled: None,
                told_full: false,
            };
            let reason = driver
                .drive(stream, &mut submissions, &mut control, answered)
                .await;
            driver.finish();
            reason
        }
        Err(error) => CloseReason::Disconnected(format!("the bind can't be written: {error}")),
    };
    // Senders fail from here on, and what was sent before comes out: nothing is lost between.
    submissions.close();
    while let Some(submission) = submissions.recv().await {
        outlet.outcome(submission.token, SubmitOutcome::Unwritten);
    }
    reason
}

struct Driver<'a, O: Outlet> {
    session: Session<O::Token>,
    outlet: &'a mut O,
    answers: mpsc::Sender<DeliveryAnswer>,
    unanswered_deliveries: usize,
    unanswered_octets: usize,
    told_in_flight: usize,
    told_throttled: Option<Instant>,
    told_full: bool,
}

/// What woke the loop up.
#[expect(
    clippy::large_enum_variant,
    reason = "one lives for one turn of the loop, and boxes would cost more than its moves"
)]
enum Woken<T> {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Submission(Option<Submission<T>>),
    Answer(DeliveryAnswer),
    Control,
    LeaseLook,
    Timer,
    Beat,
}

/// What TLS has taken and perhaps not handed to the socket. It counts as written, for it may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unflushed {
    Nothing,
    /// PDUs without a submit among them.
    Others,
    Submits,
}

impl<O: Outlet> Driver<'_, O> {
    async fn drive<S: AsyncRead + AsyncWrite>(
        &mut self,
        stream: S,
        submissions: &mut mpsc::Receiver<Submission<O::Token>>,
        control: &mut watch::Receiver<Control>,
        mut answered: mpsc::Receiver<DeliveryAnswer>,
    ) -> CloseReason {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = BytesMut::with_capacity(READ_BUFFER);
        let mut submissions_open = true;
        let mut unflushed = Unflushed::Nothing;
        let mut control_open = true;
        control.mark_changed();
        loop {
            pulse::beat();
            let now = clock();
            self.session.look(!submissions.is_empty(), now);
            self.dispatch();
            if let Some(reason) = self.session.closed().cloned() {
                self.flush(&mut writer).await;
                return reason;
            }
            if self.session.is_leaving() {
                // Another session may send them while this one awaits its answers.
                submissions_open = false;
                self.hand_back(submissions);
            }
            let has_submits = self.session.has_unwritten_submits();
            let (capacity, look) = if self.outlet.may_submit(now) {
                (self.session.capacity(now), None)
            } else if has_submits || unflushed == Unflushed::Submits {
                self.session.close(CloseReason::LeaseLost);
                return CloseReason::LeaseLost;
            } else {
                (Capacity::Blocked, Some(now + LEASE_LOOK))
            };
            let room = match capacity {
                Capacity::At(ready) => Some(ready),
                Capacity::Now | Capacity::Blocked => look,
            };
            let wake = self.session.poll_timeout().into_iter().chain(room).min();
            let beat = now + pulse::BEAT;
            let takes_submits = submissions_open
                && capacity == Capacity::Now
                && self.session.transmit().len() < MAX_UNWRITTEN_SUBMITS;
            let hands_back = submissions_open && self.session.holds_back(now);
            let octets = self.session.transmit();
            // Written and taken under one eye on the lease, which may be lost while we wait for room
            // or for a submission: each write asks first.
            let outgoing = {
                let outlet = &mut *self.outlet;
                let writer = &mut writer;
                let submissions = &mut *submissions;
                let unflushed = &mut unflushed;
                poll_fn(move |cx| {
                    let writes_submits = has_submits || *unflushed == Unflushed::Submits;
                    if (writes_submits || takes_submits) && !outlet.may_submit(clock()) {
                        return Poll::Ready(Woken::LeaseLook);
                    }
                    if !octets.is_empty() {
                        if let Poll::Ready(written) = Pin::new(&mut *writer).poll_write(cx, octets)
                        {
                            *unflushed = if writes_submits {
                                Unflushed::Submits
                            } else {
                                Unflushed::Others
                            };
                            // With TCP alone there is never anything to flush, with TLS seldom.
                            if matches!(written, Ok(taken) if taken == octets.len())
                                && let Poll::Ready(Ok(())) = Pin::new(&mut *writer).poll_flush(cx)
                            {
                                *unflushed = Unflushed::Nothing;
                            }
                            return Poll::Ready(Woken::Written(written));
                        }
                    } else if *unflushed != Unflushed::Nothing
                        && let Poll::Ready(flushed) = Pin::new(&mut *writer).poll_flush(cx)
                    {
                        *unflushed = Unflushed::Nothing;
                        if let Err(error) = flushed {
                            return Poll::Ready(Woken::Written(Err(error)));
                        }
                    }
                    if (takes_submits || hands_back)
                        && let Poll::Ready(first) = submissions.poll_recv(cx)
                    {
                        return Poll::Ready(Woken::Submission(first));
                    }
                    Poll::Pending
                })
            };
            buffer.reserve(READ_BUFFER / 4);
            let woken = tokio::select! {
                read = reader.read_buf(&mut buffer), if octets.len() < MAX_UNWRITTEN => Woken::Read(read),
                woken = outgoing => woken,
                Some(answer) = answered.recv() => Woken::Answer(answer),
                changed = control.changed(), if control_open => {
                    control_open = changed.is_ok();
                    Woken::Control
                }
                () = sleep_until(wake.map_or(beat, |wake| wake.min(beat)).into()) => {
                    if wake.is_some_and(|wake| wake <= clock()) {
                        Woken::Timer
                    } else {
                        Woken::Beat
                    }
                }
            };
            let now = clock();
            match woken {
                Woken::Read(read) => self.handle_read(read, &mut buffer, now),
                Woken::Written(Err(error)) => {
                    // A peer that closed may have answered before.
                    self.read_what_waits(&mut reader, &mut buffer, now).await;
                    self.disconnected(&error.to_string());
                }
                Woken::Written(Ok(0)) => self.disconnected("the connection takes no octets"),
                Woken::Written(Ok(octets)) => self.session.handle_written(octets),
                Woken::Submission(Some(first)) => {
                    self.submit(first, now);
                    self.submit_more(submissions, now);
                }
                Woken::Submission(None) => submissions_open = false,
                Woken::Answer(first) => {
                    self.answer(first, now);
                    while let Ok(next) = answered.try_recv() {
                        self.answer(next, now);
                    }
                }
                Woken::Control => {
                    let control = control.borrow_and_update().clone();
                    self.session.set_classes(control.classes);
                    self.session.set_settings(control.settings, now);
                    if control.abandon {
                        self.session.close(CloseReason::LeaseLost);
                    } else if let Some(patience) = control.unbind {
                        if !self.session.is_leaving() {
                            self.outlet.notice(Notice::Unbinding);
                        }
                        self.session.start_unbind(patience, now);
                    }
                }
                Woken::LeaseLook | Woken::Beat => {}
                Woken::Timer => {
                    // Where we were what was late, the answers are there: they count.
                    self.read_what_waits(&mut reader, &mut buffer, now).await;
                    self.session.handle_timeout(now);
                }
            }
        }
    }

    fn handle_read(&mut self, read: io::Result<usize>, buffer: &mut BytesMut, now: Instant) {
        match read {
            Ok(0) => self.disconnected("closed by the SMSC"),
            Ok(_) => self.session.handle_read(buffer, now),
            Err(error) => self.disconnected(&error.to_string()),
        }
    }

    /// Takes what has arrived already.
    async fn read_what_waits<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        buffer: &mut BytesMut,
        now: Instant,
    ) {
        for _ in 0..READS_AT_ONCE {
            if self.session.transmit().len() >= MAX_UNWRITTEN {
                return;
            }
            buffer.reserve(READ_BUFFER / 4);
            let read = tokio::select! {
                biased;
                read = reader.read_buf(buffer) => read,
                () = ready(()) => return,
            };
            self.handle_read(read, buffer, now);
            if self.session.closed().is_some() {
                return;
            }
        }
    }

    fn submit(&mut self, mut submission: Submission<O::Token>, now: Instant) {
        // It may come again: who claimed it has not heard of the pause yet, or ends it now.
        if self.session.capacity(now) != Capacity::Now
            || submission.expires.is_some_and(|at| at <= now)
        {
            self.outlet
                .outcome(submission.token, SubmitOutcome::Unwritten);
            return;
        }
        self.outlet.leaves(&mut submission.token, now);
        match self
            .session
            .submit(submission.submit_sm, submission.token, now)
        {
            Ok(()) => self.outlet.submitted(),
            Err((token, error)) => self
                .outlet
                .outcome(token, SubmitOutcome::Unencodable(error.to_string())),
        }
    }

    fn submit_more(
        &mut self,
        submissions: &mut mpsc::Receiver<Submission<O::Token>>,
        now: Instant,
    ) {
        for _ in 1..SUBMITS_AT_ONCE {
            if !self.session.holds_back(now)
                && (self.session.capacity(now) != Capacity::Now
                    || self.session.transmit().len() >= MAX_UNWRITTEN_SUBMITS)
            {
                return;
            }
            match submissions.try_recv() {
                Ok(submission) => self.submit(submission, now),
                Err(_) => return,
            }
        }
    }

    fn hand_back(&mut self, submissions: &mut mpsc::Receiver<Submission<O::Token>>) {
        submissions.close();
        while let Ok(submission) = submissions.try_recv() {
            self.outlet
                .outcome(submission.token, SubmitOutcome::Unwritten);
        }
    }

    fn answer(&mut self, answer: DeliveryAnswer, now: Instant) {
        // Nothing keeps a delivery from being answered twice.
        self.unanswered_deliveries = self.unanswered_deliveries.saturating_sub(1);
        self.unanswered_octets = self.unanswered_octets.saturating_sub(answer.octets);
        self.session.answer_delivery(
            answer.command_id,
            answer.sequence_number,
            answer.status,
            now,
        );
    }

    fn disconnected(&mut self, why: &str) {
        self.session
            .close(CloseReason::Disconnected(why.to_owned()));
    }

    /// Writes what a closed session still has to say, e.g. an unbind_resp.
    async fn flush<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) {
        if matches!(
            self.session.closed(),
            Some(CloseReason::Disconnected(_) | CloseReason::LeaseLost)
        ) || self.session.has_unwritten_submits()
        {
            return;
        }
        let octets = Bytes::copy_from_slice(self.session.transmit());
        let flush = async {
            writer.write_all(&octets).await?;
            writer.shutdown().await
        };
        // The session is over either way, and nothing in doubt hangs on these octets.
        if let Ok(Ok(())) = timeout(FLUSH_PATIENCE, flush).await {
            self.session.handle_written(octets.len());
        }
    }
}

/// The clock of the runtime, which tests can move.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}
