//! Answers to submits, as values that can wait.

use bytes::{BufMut, BytesMut};

use super::behaviour::IdStyle;
use crate::pdu::{CommandId, CommandStatus, HEADER_LENGTH};

/// A response to a submit_sm or data_sm, not yet written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// Of the response.
    pub(super) command_id: CommandId,
    pub(super) status: CommandStatus,
    pub(super) sequence_number: u32,
    /// The message's number, where it is accepted.
    pub(super) number: u64,
    /// Where the submit stands in the ledger.
    pub(super) entry: Option<usize>,
}

impl Answer {
    /// Appends the PDU. By hand, because this is done for each submit of a load test.
    pub(super) fn encode(&self, ids: IdStyle, out: &mut BytesMut) {
        let start = begin(self.command_id, self.status, self.sequence_number, out);
        if self.status == CommandStatus::ESME_ROK {
            ids.put_response(self.number, out);
            out.put_u8(0);
        }
        finish(start, out);
    }
}

/// Appends a header whose length [`finish`] sets.
pub(super) fn begin(
    command_id: CommandId,
    status: CommandStatus,
    sequence_number: u32,
    out: &mut BytesMut,
) -> usize {
    let start = out.len();
    let mut header = [0; HEADER_LENGTH];
    header[4..8].copy_from_slice(&command_id.0.to_be_bytes());
    header[8..12].copy_from_slice(&status.0.to_be_bytes());
    header[12..].copy_from_slice(&sequence_number.to_be_bytes());
    out.put_slice(&header);
    start
}

/// Sets command_length of the PDU that begins at `start` and ends with the buffer.
pub(super) fn finish(start: usize, out: &mut BytesMut) {
    // What the simulator writes is far below 4 GiB.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a PDU that is only a header.
pub(super) fn put_header(
    command_id: CommandId,
    status: CommandStatus,
    sequence_number: u32,
    out: &mut BytesMut,
) {
    let start = begin(command_id, status, sequence_number, out);
    finish(start, out);
}
