//! A session by hand: bind, enquire_link, unbind, one request at a time.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::pdu::{CommandId, CommandStatus, Frame, FrameDecoder, FrameError, Pdu};
use crate::tls::Stream;

/// How long an unbind may take: it is a matter of politeness.
const UNBIND: Duration = Duration::from_secs(2);

/// Why a request has no answer; one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("no answer within {0} s")]
    Silent(u64),
    #[error("the SMSC closed the connection")]
    Closed,
    #[error("the SMSC ended the session with unbind")]
    Unbound,
    #[error("what comes back is no SMPP: {0}")]
    Garbage(FrameError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the request can't be written: {0}")]
    Unwritable(String),
}

/// A connection on which one request at a time is under way.
pub(super) struct Probe {
    stream: Stream,
    buffer: BytesMut,
    sequence_number: u32,
    /// Deliveries that the SMSC was asked to keep.
    pub(super) refused: usize,
}

impl Probe {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            sequence_number: 0,
            refused: 0,
        }
    }

    /// Sends a request and awaits its answer.
    pub(super) async fn request(
        &mut self,
        pdu: &Pdu,
        patience: Duration,
    ) -> Result<Frame, ProbeError> {
        let until = Instant::now() + patience;
        timeout_at(until, self.exchange(pdu))
            .await
            .unwrap_or(Err(ProbeError::Silent(patience.as_secs())))
    }

    async fn exchange(&mut self, pdu: &Pdu) -> Result<Frame, ProbeError> {
        self.sequence_number += 1;
        let sequence_number = self.sequence_number;
        self.write(pdu, CommandStatus::ESME_ROK, sequence_number)
            .await?;
        let decoder = FrameDecoder::default();
        loop {
            let frame = decoder
                .next_frame(&mut self.buffer)
                .map_err(ProbeError::Garbage)?;
            let Some(frame) = frame else {
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(ProbeError::Closed);
                }
                continue;
            };
            let header = frame.header;
            if header.command_id.is_response() {
                if header.sequence_number == sequence_number {
                    return Ok(frame);
                }
                continue;
            }
            self.serve(header.command_id, header.sequence_number)
                .await?;
        }
    }

    /// Answers what the SMSC asks meanwhile. Nothing is stored here, so deliveries are to come again.
    async fn serve(&mut self, command: CommandId, sequence_number: u32) -> Result<(), ProbeError> {
        let (answer, status) = match command {
            CommandId::ENQUIRE_LINK => (Pdu::EnquireLinkResp, CommandStatus::ESME_ROK),
            CommandId::DELIVER_SM => {
                self.refused += 1;
                (Pdu::DeliverSmResp(None), CommandStatus::ESME_RX_T_APPN)
            }
            CommandId::DATA_SM => {
                self.refused += 1;
                (Pdu::DataSmResp(None), CommandStatus::ESME_RX_T_APPN)
            }
            CommandId::UNBIND => {
                self.write(&Pdu::UnbindResp, CommandStatus::ESME_ROK, sequence_number)
                    .await?;
                return Err(ProbeError::Unbound);
            }
            _ => return Ok(()),
        };
        self.write(&answer, status, sequence_number).await
    }

    async fn write(
        &mut self,
        pdu: &Pdu,
        status: CommandStatus,
        sequence_number: u32,
    ) -> Result<(), ProbeError> {
        let mut octets = BytesMut::new();
        pdu.encode(status, sequence_number, &mut octets)
            .map_err(|error| ProbeError::Unwritable(error.to_string()))?;
        self.stream.write_all(&octets).await?;
        Ok(self.stream.flush().await?)
    }

    /// Unbinds, and closes.
    pub(super) async fn end(mut self) -> Result<(), ProbeError> {
        self.request(&Pdu::Unbind, UNBIND).await.map(drop)
    }
}
