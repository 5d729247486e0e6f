//! A raw SMPP client: it sends what it is told and shows what it gets.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pdu::{
    Bind, CommandStatus, DeliverSm, Frame, FrameDecoder, MessageIdResp, Pdu, ShortMessage, SubmitSm,
};
use crate::sim::{Config, Records, Sim};

/// Far more than anything here takes.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

pub(super) const OK: CommandStatus = CommandStatus::ESME_ROK;

pub(super) struct Client {
    stream: TcpStream,
    input: BytesMut,
    next: u32,
}

impl Client {
    pub(super) async fn connect(addr: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(addr).await.unwrap(),
            input: BytesMut::new(),
            next: 1,
        }
    }

    pub(super) async fn transceiver(sim: &Sim) -> Self {
        Self::bound(sim, "esmed", Pdu::BindTransceiver).await
    }

    pub(super) async fn bound(sim: &Sim, system_id: &str, mode: fn(Bind) -> Pdu) -> Self {
        let mut client = Self::connect(sim.addr()).await;
        let (status, _) = client.ask(&mode(bind(system_id, "secret"))).await;
        assert_eq!(status, OK);
        client
    }

    pub(super) async fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    pub(super) async fn send(&mut self, pdu: &Pdu, status: CommandStatus, sequence: u32) {
        let mut out = BytesMut::new();
        pdu.encode(status, sequence, &mut out).unwrap();
        self.send_octets(&out).await;
    }

    /// Sends a request; gives its sequence_number.
    pub(super) async fn request(&mut self, pdu: &Pdu) -> u32 {
        let sequence = self.next;
        self.next += 1;
        self.send(pdu, OK, sequence).await;
        sequence
    }

    /// The next PDU; `None` when the connection has ended.
    pub(super) async fn next_frame(&mut self) -> Option<Frame> {
        let read = async {
            loop {
                if let Some(frame) = FrameDecoder::default().next_frame(&mut self.input).unwrap() {
                    return Some(frame);
                }
                if !matches!(self.stream.read_buf(&mut self.input).await, Ok(1..)) {
                    return None;
                }
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("a PDU")
    }

    /// The next PDU, decoded, which must be exact.
    pub(super) async fn next(&mut self) -> (Frame, Pdu) {
        let frame = self.next_frame().await.expect("a PDU before the end");
        let decoded = frame.decode().unwrap();
        assert_eq!(decoded.warnings, []);
        (frame, decoded.pdu)
    }

    /// Sends a request and reads its response, which must come next.
    pub(super) async fn ask(&mut self, pdu: &Pdu) -> (CommandStatus, Pdu) {
        let sequence = self.request(pdu).await;
        let (frame, response) = self.next().await;
        assert_eq!(frame.header.sequence_number, sequence);
        assert_eq!(frame.header.command_id, pdu.command_id().response());
        (frame.header.command_status, response)
    }

    /// Submits; gives status and message_id.
    pub(super) async fn submit(
        &mut self,
        destination: &str,
        registered: u8,
    ) -> (CommandStatus, String) {
        let (status, response) = self.ask(&submit(destination, registered)).await;
        (status, message_id(&response))
    }

    /// The next PDU, which must be a deliver_sm; answers it.
    pub(super) async fn delivery(&mut self, status: CommandStatus) -> DeliverSm {
        let (frame, pdu) = self.next().await;
        let Pdu::DeliverSm(body) = pdu else {
            panic!("{pdu:?} instead of deliver_sm");
        };
        let response = Pdu::DeliverSmResp((status == OK).then(MessageIdResp::default));
        self.send(&response, status, frame.header.sequence_number)
            .await;
        body
    }

    pub(super) async fn ended(&mut self) -> bool {
        self.next_frame().await.is_none()
    }
}

pub(super) fn bind(system_id: &str, password: &str) -> Bind {
    Bind {
        system_id: system_id.into(),
        password: password.into(),
        interface_version: 0x34,
        ..Bind::default()
    }
}

pub(super) fn submit(destination: &str, registered_delivery: u8) -> Pdu {
    Pdu::SubmitSm(SubmitSm {
        source_addr: "12345".into(),
        source_addr_ton: 3,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: destination.into(),
        registered_delivery,
        short_message: ShortMessage(Bytes::from_static(b"hello")),
        ..SubmitSm::default()
    })
}

pub(super) fn message_id(pdu: &Pdu) -> String {
    match pdu {
        Pdu::SubmitSmResp(body) | Pdu::DataSmResp(body) => body
            .as_ref()
            .map(|body| body.message_id.to_text())
            .unwrap_or_default(),
        other => panic!("{other:?} instead of a response"),
    }
}

pub(super) fn text(body: &DeliverSm) -> String {
    String::from_utf8(body.short_message.0.to_vec()).unwrap()
}

pub(super) fn start() -> Sim {
    Sim::start(Config::default()).unwrap()
}

pub(super) async fn wait(sim: &Sim, condition: impl FnMut(&Records) -> bool) {
    assert!(sim.ledger().wait_until(condition, DEADLINE).await);
}
