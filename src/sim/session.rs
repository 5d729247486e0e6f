//! One connection: its loop, what it knows, and how it ends.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use super::answer::{Answer, put_header};
use super::behaviour::Behaviour;
use super::ledger::Records;
use super::mail::Delivery;
use super::shared::{Command, Ending, Shared};
use super::tls::Link;
use crate::pdu::{CommandId, CommandStatus, Frame, FrameDecoder, Pdu};

/// Octets read at once.
const CHUNK: usize = 64 * 1024;

/// Answers that may wait for their time; past it the session reads no more until some are given.
const DELAYED_LIMIT: usize = 100_000;

/// Who is bound, and for what.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) system_id: Box<[u8]>,
    pub(super) transmits: bool,
    pub(super) receives: bool,
}

/// A deliver_sm that was sent and not answered.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) delivery: Delivery,
    /// Where it stands in the ledger.
    pub(super) entry: Option<usize>,
}

/// How far the session is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Everything is said: write what is left, then close.
    Closing,
    /// Reset the connection now.
    Resetting,
}

pub(super) struct Session {
    pub(super) number: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) behaviour: Arc<Behaviour>,
    settings: watch::Receiver<Arc<Behaviour>>,
    pub(super) bound: Option<Bound>,
    pub(super) phase: Phase,
    pub(super) out: BytesMut,
    input: BytesMut,
    next_sequence: u32,
    /// Submits received.
    pub(super) submits: u64,
    /// Submits received whose answer is not yet written to the socket.
    pub(super) unanswered: u32,
    /// How many of those have their answer in `out`.
    pub(super) answers_in_out: u32,
    pub(super) peak: u32,
    /// Answers that wait for their time, in its order.
    pub(super) delayed: BTreeMap<(Instant, u64), Answer>,
    pub(super) order: u64,
    /// Times of the last submits that the throttle let pass.
    pub(super) passed: VecDeque<Instant>,
    /// What this chunk's submits have to deliver, and from when.
    pub(super) posted: Vec<(Option<Instant>, Delivery)>,
    pub(super) outstanding: HashMap<u32, Outstanding>,
    /// When mail gets due that now waits.
    pub(super) mail_due: Option<Instant>,
    pub(super) enquiries: u32,
    pub(super) unbind_sent: bool,
}

/// Enters a new connection, and gives the task that runs it to its end. It is entered at once, so
/// that a simulator that stops knows of every connection.
pub(super) fn open(link: Link, shared: &Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
    let number = shared.ledger.change(Records::open_session);
    let (commands, ending) = shared.enter(number);
    let mut bell = shared.bell.subscribe();
    bell.mark_unchanged();
    let mut session = Session::new(number, Arc::clone(shared));
    let mut io = Io {
        link,
        commands,
        ending,
        settings: shared.behaviour.subscribe(),
        bell,
    };
    async move {
        let result = session.drive(&mut io).await;
        // Before the socket closes: a client that sees the end finds what it has not acknowledged.
        session.clean_up();
        drop(io);
        match result {
            Ok(()) => info!(session = number, "closed"),
            Err(error) => info!(session = number, %error, "lost"),
        }
    }
}

/// What a session waits for.
struct Io {
    link: Link,
    commands: mpsc::Receiver<Command>,
    ending: watch::Receiver<Option<Ending>>,
    /// Only wakes; the session has its own view.
    settings: watch::Receiver<Arc<Behaviour>>,
    bell: watch::Receiver<()>,
}

impl Io {
    /// Ends the stream and waits for the client to do the same: a close with octets unread would
    /// be a reset, which can overtake the last PDU sent.
    async fn linger(&mut self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(2);
        self.link.shutdown().await?;
        let mut rest = [0; 1024];
        let end = async {
            loop {
                self.link.socket().readable().await?;
                match self.link.socket().try_read(&mut rest) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            io::Result::Ok(())
        };
        tokio::select! {
            _ = self.ending.changed() => Ok(()),
            _ = tokio::time::timeout(PATIENCE, end) => Ok(()),
        }
    }
}

impl Session {
    fn new(number: u64, shared: Arc<Shared>) -> Self {
        let mut settings = shared.behaviour.subscribe();
        let behaviour = Arc::clone(&settings.borrow_and_update());
        Self {
            number,
            shared,
            behaviour,
            settings,
            bound: None,
            phase: Phase::Running,
            out: BytesMut::with_capacity(CHUNK),
            input: BytesMut::with_capacity(CHUNK),
            next_sequence: 1,
            submits: 0,
            unanswered: 0,
            answers_in_out: 0,
            peak: 0,
            delayed: BTreeMap::new(),
            order: 0,
            passed: VecDeque::new(),
            posted: Vec::new(),
            outstanding: HashMap::new(),
            mail_due: None,
            enquiries: 0,
            unbind_sent: false,
        }
    }

    /// Nothing is read while octets wait to be written: so `unanswered` is never above what the
    /// client itself must count, and a client that does not read is not served.
    async fn drive(&mut self, io: &mut Io) -> io::Result<()> {
        loop {
            self.write(&mut io.link)?;
            if self.phase == Phase::Resetting {
                return reset(io.link.socket());
            }
            if self.phase == Phase::Closing && self.out.is_empty() && !io.link.has_unsent() {
                return io.linger().await;
            }
            // With TLS answers may have left `out` and not yet us.
            let writes = !self.out.is_empty() || self.answers_in_out > 0;
            let interest = if writes {
                Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            let may_read = self.delayed.len() < DELAYED_LIMIT;
            let due = self.next_due();
            let timer = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = io.ending.changed() => {
                    let ending = *io.ending.borrow_and_update();
                    match ending {
                        Some(Ending::Reset) => return reset(io.link.socket()),
                        _ if changed.is_err() => return Ok(()),
                        Some(Ending::Close) => return Ok(()),
                        None => {}
                    }
                }
                Ok(()) = io.settings.changed() => self.turn(|_, _, _| {}),
                // Before the socket, which under load is always ready. What is due and what is in
                // the mail is looked at in each turn anyway.
                Some(command) = io.commands.recv() => {
                    self.turn(|session, records, now| session.obey(command, records, now));
                }
                ready = io.link.ready(interest), if may_read || writes => {
                    ready?;
                    if !writes && !self.read(&mut io.link)? {
                        return Ok(());
                    }
                }
                Ok(()) = io.bell.changed(), if self.receives() => self.turn(|_, _, _| {}),
                () = timer => self.turn(|_, _, _| {}),
            }
        }
    }

    /// Writes as much of `out` as the socket takes.
    fn write(&mut self, link: &mut Link) -> io::Result<()> {
        while !self.out.is_empty() {
            match link.try_write(&self.out) {
                Ok(written) => {
                    let _ = self.out.split_to(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match link.try_flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            flushed => flushed?,
        }
        self.unanswered -= self.answers_in_out;
        self.answers_in_out = 0;
        Ok(())
    }

    /// Reads a chunk and handles what is in it; `false` at the end of the stream.
    fn read(&mut self, link: &mut Link) -> io::Result<bool> {
        self.input.reserve(CHUNK);
        match link.try_read_buf(&mut self.input) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
        self.turn(Self::frames);
        Ok(true)
    }

    fn frames(&mut self, records: &mut Records, now: Instant) {
        let decoder = FrameDecoder::default();
        while self.phase == Phase::Running {
            match decoder.next_frame(&mut self.input) {
                Ok(Some(frame)) => self.frame(&frame, records, now),
                Ok(None) => break,
                Err(error) => {
                    records.violation(self.number, error);
                    self.put_header(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDLEN, 0);
                    self.phase = Phase::Closing;
                }
            }
        }
    }

    fn frame(&mut self, frame: &Frame, records: &mut Records, now: Instant) {
        match frame.header.command_id {
            CommandId::SUBMIT_SM | CommandId::DATA_SM => self.submit(frame, records, now),
            CommandId::DELIVER_SM_RESP | CommandId::DATA_SM_RESP | CommandId::GENERIC_NACK => {
                self.delivery_answered(frame.header, records, now);
            }
            _ => self.request(frame, records, now),
        }
    }

    /// Does something under one lock of the ledger, then what has become possible or due by it.
    fn turn(&mut self, act: impl FnOnce(&mut Self, &mut Records, Instant)) {
        let shared = Arc::clone(&self.shared);
        let now = Instant::now();
        // Looked at after the octets were read: a setting that was changed before a client sent
        // something holds for it.
        if self.settings.has_changed().unwrap_or(false) {
            self.behaviour = Arc::clone(&self.settings.borrow_and_update());
        }
        {
            let mut records = shared.ledger.lock();
            act(self, &mut records, now);
            self.give_due_answers(&mut records, now);
            self.exchange_mail(&mut records, now);
            records.update_session(self.number, self.submits, self.peak, true);
        }
        shared.ledger.ring();
    }

    fn obey(&mut self, command: Command, records: &mut Records, now: Instant) {
        match command {
            Command::Answer(answer) => {
                let due = now + self.behaviour.response_delay;
                self.give_answer(answer, due, records, now);
            }
            Command::Raw(octets) => self.out.extend_from_slice(&octets),
            Command::Unbind => {
                self.unbind_sent = true;
                let sequence = self.next_sequence();
                self.put_header(CommandId::UNBIND, CommandStatus::ESME_ROK, sequence);
            }
            Command::EnquireLink => {
                self.enquiries += 1;
                let sequence = self.next_sequence();
                self.put_header(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, sequence);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let answer = self.delayed.first_key_value().map(|(&(due, _), _)| due);
        [answer, self.mail_due].into_iter().flatten().min()
    }

    pub(super) fn receives(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.receives)
    }

    pub(super) fn next_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence % Pdu::MAX_SEQUENCE_NUMBER + 1;
        sequence
    }

    /// Sends a PDU that is only a header, unless the simulator is mute.
    pub(super) fn put_header(
        &mut self,
        command_id: CommandId,
        status: CommandStatus,
        sequence: u32,
    ) {
        if !self.behaviour.mute.all {
            put_header(command_id, status, sequence, &mut self.out);
        }
    }

    /// Sends a PDU, unless the simulator is mute.
    pub(super) fn put(&mut self, pdu: &Pdu, status: CommandStatus, sequence: u32) {
        if self.behaviour.mute.all {
            return;
        }
        if let Err(error) = pdu.encode(status, sequence, &mut self.out) {
            // Only with a setting that no PDU can hold.
            debug!(session = self.number, %error, "not sent");
        }
    }

    /// Gives back what was sent and not answered, and leaves.
    fn clean_up(&mut self) {
        self.shared.leave(self.number);
        let mut items: Vec<_> = self.outstanding.drain().collect();
        items.sort_unstable_by_key(|&(sequence, _)| sequence);
        if let Some(bound) = &self.bound {
            let deliveries = items
                .into_iter()
                .map(|(_, outstanding)| outstanding.delivery);
            self.shared.mail().give_back(&bound.system_id, deliveries);
            self.shared.bell.send_replace(());
        }
        self.shared.ledger.change(|records| {
            records.counts.open_sessions -= 1;
            records.counts.bound_sessions -= u64::from(self.bound.is_some());
            records.update_session(self.number, self.submits, self.peak, false);
        });
    }
}

/// Makes the close of the socket a TCP RST.
pub(super) fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
