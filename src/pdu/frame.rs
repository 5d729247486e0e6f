//! Framing by command_length, and the header (SMPP 3.4, 3.2).

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::wire::Reader;
use super::{CommandId, CommandStatus, DecodeError, Decoded, Pdu};

/// Octets of a header: four 32-bit integers.
pub const HEADER_LENGTH: usize = 16;

/// The longest PDU that is read unless told otherwise: a message_payload of 64 KiB with its header
/// and every other TLV fits.
pub const DEFAULT_MAX_LENGTH: usize = 70_000;

/// The header that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Octets of the whole PDU, header included.
    pub command_length: u32,
    /// Which PDU it is.
    pub command_id: CommandId,
    /// Error code of a response, 0 in a request.
    pub command_status: CommandStatus,
    /// Ties a response to its request.
    pub sequence_number: u32,
}

impl Header {
    fn read(octets: &[u8; HEADER_LENGTH]) -> Self {
        let mut buf = &octets[..];
        Self {
            command_length: buf.get_u32(),
            command_id: CommandId(buf.get_u32()),
            command_status: CommandStatus(buf.get_u32()),
            sequence_number: buf.get_u32(),
        }
    }
}

/// One PDU as it was received: header and all octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    /// The whole PDU, header included.
    pub octets: Bytes,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither a text nor a password must reach a log by way of Debug.
        f.debug_struct("Frame")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// The stream can't be cut into PDUs any more; the session has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// command_length is below the 16 octets of a header.
    #[error("command_length {0} is below 16, the length of a header")]
    TooShort(u32),
    /// command_length is above the limit.
    #[error("command_length {length} is above the limit of {limit} octets")]
    TooLong {
        /// As received.
        length: u32,
        /// The limit in force.
        limit: usize,
    },
    /// `octets` are not exactly one PDU (only from [`Frame::from_octets`]).
    #[error("{got} octets, but command_length says {length}")]
    LengthMismatch {
        /// As received.
        length: u32,
        /// How many octets there were.
        got: usize,
    },
    /// Fewer than 16 octets (only from [`Frame::from_octets`]).
    #[error("{0} octets are less than the 16 of a header")]
    ShortHeader(usize),
}

impl FrameError {
    /// Whether it is TLS that came: who speaks it answers what it can't read with an alert (0x15), version 3.x.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::TooLong { length, .. } if length >> 16 == 0x1503)
    }
}

impl Frame {
    /// Takes octets that are exactly one PDU.
    ///
    /// # Errors
    /// When they are not.
    pub fn from_octets(octets: Bytes) -> Result<Self, FrameError> {
        let Some(head) = octets.first_chunk::<HEADER_LENGTH>() else {
            return Err(FrameError::ShortHeader(octets.len()));
        };
        let header = Header::read(head);
        if (header.command_length as usize) < HEADER_LENGTH {
            return Err(FrameError::TooShort(header.command_length));
        }
        if header.command_length as usize != octets.len() {
            return Err(FrameError::LengthMismatch {
                length: header.command_length,
                got: octets.len(),
            });
        }
        Ok(Self { header, octets })
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When the command is unknown or a mandatory field is missing; header and octets stay usable.
    pub fn decode(&self) -> Result<Decoded, DecodeError> {
        let mut reader = Reader::new(self.octets.slice(HEADER_LENGTH..));
        let pdu = Pdu::read(self.header, &mut reader)?;
        Ok(Decoded {
            pdu,
            warnings: reader.into_warnings(),
        })
    }
}

/// Cuts a stream of octets into frames.
#[derive(Debug, Clone, Copy)]
pub struct FrameDecoder {
    max_length: usize,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_LENGTH)
    }
}

impl FrameDecoder {
    /// A decoder that refuses PDUs of more than `max_length` octets.
    #[must_use]
    pub fn new(max_length: usize) -> Self {
        Self { max_length }
    }

    /// Takes the next whole PDU off the front of `buffer`; `None` while more octets are needed.
    ///
    /// Never reserves memory by what command_length claims.
    ///
    /// # Errors
    /// When command_length can't be true; `buffer` is left as it is.
    pub fn next_frame(&self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(word) = buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*word);
        if (length as usize) < HEADER_LENGTH {
            return Err(FrameError::TooShort(length));
        }
        if length as usize > self.max_length {
            return Err(FrameError::TooLong {
                length,
                limit: self.max_length,
            });
        }
        if buffer.len() < length as usize {
            return Ok(None);
        }
        let octets = buffer.split_to(length as usize).freeze();
        Frame::from_octets(octets).map(Some)
    }
}
