//! Two peers in memory under a clock that jumps: the session, and an SMSC that says what a test wants.

mod bind;
mod classes;
mod deliveries;
mod driver;
mod driver_ends;
mod driver_holds;
mod driver_tls;
mod garbage;
mod octets;
mod requests;
mod stage;
mod throttle;
mod timers;
mod unbind;
mod window;
mod window_property;

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{BindMode, Capacity, CloseReason, Config, Event, Leftover, Session, Settings, Timers};
use crate::classes::{Classes, Override};
use crate::pdu::{
    Bind, BindResp, CommandId, CommandStatus, DeliverSm, Frame, FrameDecoder, Header,
    MessageIdResp, Pdu, ShortMessage, StatusClass, SubmitSm,
};

/// Failing cases are printed, not kept in a file.
fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        failure_persistence: None,
        ..proptest::test_runner::Config::with_cases(cases)
    }
}

const OK: CommandStatus = CommandStatus::ESME_ROK;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The timers that a server has unless its row says otherwise.
const TIMERS: Timers = Timers {
    session_init: Duration::from_secs(30),
    enquire_link: Some(Duration::from_secs(10)),
    inactivity: Some(Duration::from_secs(120)),
    response: Duration::from_secs(60),
    pdu_read: Duration::from_secs(10),
};

const SETTINGS: Settings = Settings {
    window: 10,
    rate: None,
    throttle_delay: Duration::from_secs(1),
    paused: false,
};

fn config() -> Config {
    Config {
        mode: BindMode::Transceiver,
        bind: Bind {
            system_id: "SMPP3TEST".into(),
            password: "secret08".into(),
            system_type: "SUBMIT1".into(),
            interface_version: 0x34,
            addr_ton: 1,
            addr_npi: 1,
            address_range: "".into(),
        },
        timers: TIMERS,
        settings: SETTINGS,
        classes: Classes::default(),
        max_pdu_length: 70_000,
    }
}

/// No enquire_link and no inactivity, for tests about submits that stay without an answer.
fn quiet() -> Config {
    Config {
        timers: Timers {
            enquire_link: None,
            inactivity: None,
            ..TIMERS
        },
        ..config()
    }
}

fn with_window(config: Config, window: usize) -> Config {
    let settings = Settings { window, ..SETTINGS };
    Config { settings, ..config }
}

fn submit_sm() -> SubmitSm {
    SubmitSm {
        destination_addr: "27820000001".into(),
        short_message: ShortMessage(b"hello".as_slice().into()),
        ..SubmitSm::default()
    }
}

fn deliver_sm() -> Pdu {
    Pdu::DeliverSm(DeliverSm {
        source_addr: "27820000001".into(),
        short_message: ShortMessage(b"from a phone".as_slice().into()),
        ..DeliverSm::default()
    })
}

fn submit_sm_resp(id: &str) -> Pdu {
    Pdu::SubmitSmResp(Some(MessageIdResp {
        message_id: id.into(),
        ..MessageIdResp::default()
    }))
}

fn encoded(pdu: &Pdu, status: CommandStatus, sequence_number: u32) -> BytesMut {
    let mut octets = BytesMut::new();
    pdu.encode(status, sequence_number, &mut octets).unwrap();
    octets
}

/// All whole PDUs at the front of `octets`, which are taken off.
fn decoded(octets: &mut BytesMut) -> Vec<(Header, Pdu)> {
    let frames = FrameDecoder::default();
    let mut pdus = Vec::new();
    while let Some(frame) = frames.next_frame(octets).unwrap() {
        let decoded = frame.decode().unwrap();
        // By 4.3.1, where there is no number to answer to.
        let unnumbered = decoded.pdu == Pdu::GenericNack && frame.header.sequence_number == 0;
        assert!(decoded.warnings.is_empty() || unnumbered, "{decoded:?}");
        pdus.push((frame.header, decoded.pdu));
    }
    pdus
}

fn answered(token: u32, status: CommandStatus, message_id: &str) -> Event<u32> {
    answered_as(token, status, status.class(), message_id)
}

fn answered_as(
    token: u32,
    status: CommandStatus,
    class: StatusClass,
    message_id: &str,
) -> Event<u32> {
    Event::Answered {
        token,
        status,
        class,
        message_id: message_id.to_owned(),
    }
}

/// A session and the scripted SMSC at its other end.
struct Pair {
    session: Session<u32>,
    now: Instant,
    /// Written by the session, not yet looked at.
    arrived: BytesMut,
    /// Sent to the session, not yet a whole PDU.
    reading: BytesMut,
}

impl Pair {
    /// A session that has just sent its bind.
    fn open(config: Config) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(config, now).unwrap(),
            now,
            arrived: BytesMut::new(),
            reading: BytesMut::new(),
        }
    }

    /// A session whose bind was accepted.
    fn bound(config: Config) -> Self {
        let mut pair = Self::open(config);
        let (header, _) = pair.sent().remove(0);
        let body = Some(BindResp::default());
        let response = match header.command_id {
            CommandId::BIND_TRANSMITTER => Pdu::BindTransmitterResp(body),
            CommandId::BIND_RECEIVER => Pdu::BindReceiverResp(body),
            _ => Pdu::BindTransceiverResp(body),
        };
        pair.receive(&response, OK, header.sequence_number);
        assert!(matches!(pair.events()[..], [Event::Bound { .. }]));
        pair
    }

    /// Writes all that is queued and reads it as the SMSC does.
    fn sent(&mut self) -> Vec<(Header, Pdu)> {
        self.write(usize::MAX);
        decoded(&mut self.arrived)
    }

    /// Writes up to so many octets.
    fn write(&mut self, octets: usize) {
        let octets = octets.min(self.session.transmit().len());
        self.arrived
            .extend_from_slice(&self.session.transmit()[..octets]);
        self.session.handle_written(octets);
    }

    /// The only PDU that was queued.
    fn sent_one(&mut self) -> (Header, Pdu) {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    fn receive(&mut self, pdu: &Pdu, status: CommandStatus, sequence_number: u32) {
        self.receive_octets(&encoded(pdu, status, sequence_number));
    }

    fn receive_octets(&mut self, octets: &[u8]) {
        self.reading.extend_from_slice(octets);
        self.session.handle_read(&mut self.reading, self.now);
    }

    fn events(&mut self) -> Vec<Event<u32>> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// Submits and writes; the sequence_number.
    fn submit(&mut self, token: u32) -> u32 {
        self.queue(token);
        let (header, pdu) = self.sent_one();
        assert_eq!(pdu, Pdu::SubmitSm(submit_sm()));
        header.sequence_number
    }

    /// Submits without writing.
    fn queue(&mut self, token: u32) {
        assert_eq!(self.capacity(), Capacity::Now);
        self.session.submit(submit_sm(), token, self.now).unwrap();
    }

    fn accept(&mut self, sequence_number: u32) {
        self.receive(&submit_sm_resp("id"), OK, sequence_number);
    }

    fn refuse(&mut self, sequence_number: u32, status: CommandStatus) {
        self.receive(&Pdu::SubmitSmResp(None), status, sequence_number);
    }

    fn capacity(&mut self) -> Capacity {
        self.session.capacity(self.now)
    }

    fn set(&mut self, settings: Settings) {
        self.session.set_settings(settings, self.now);
    }

    /// Lets time pass, from timeout to timeout.
    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(timeout) = self.session.poll_timeout()
            && timeout <= until
        {
            self.now = self.now.max(timeout);
            self.session.handle_timeout(self.now);
            assert!(
                self.session
                    .poll_timeout()
                    .is_none_or(|next| next > self.now),
                "a timeout that was handled is still due: its driver would spin"
            );
        }
        self.now = until;
    }

    fn start_unbind(&mut self, patience: Duration) {
        self.session.start_unbind(patience, self.now);
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.session.closed()
    }

    /// By token.
    fn leftovers(self) -> Vec<(u32, Leftover)> {
        let mut leftovers: Vec<_> = self.session.into_leftovers().collect();
        leftovers.sort_unstable_by_key(|&(token, _)| token);
        leftovers
    }
}
