//! Which part of which long message a submit is: the simulator's own reading.

use super::submission::{Submission, tlvs};
use crate::pdu::Tag;

/// The bit of esm_class that says that the text begins with a user data header.
pub(super) const UDH_INDICATOR: u8 = 0x40;

/// How a part says which part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SegmentKind {
    /// A user data header with a reference of 8 bits (GSM 03.40, 9.2.3.24.1).
    Udh8,
    /// A user data header with a reference of 16 bits (GSM 03.40, 9.2.3.24.8).
    Udh16,
    /// sar_msg_ref_num, sar_total_segments, sar_segment_seqnum (SMPP 3.4, 5.3.2.22 to 24).
    Sar,
}

/// A part of a long message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Segment {
    /// Where it says so.
    pub kind: SegmentKind,
    /// The same in all parts of one message.
    pub reference: u16,
    /// How many parts there are.
    pub total: u8,
    /// The number of this part, from 1.
    pub part: u8,
}

impl Segment {
    /// The part that a submit is, and the octets of its header; a header counts before TLVs.
    /// Part 0, and a part above the total, are none.
    pub(super) fn read(submission: &Submission<'_>) -> (Option<Self>, usize) {
        let octets = submission.octets();
        let header = match octets.split_first() {
            Some((&length, rest)) if submission.esm_class & UDH_INDICATOR != 0 => {
                rest.get(..usize::from(length))
            }
            _ => None,
        };
        let from_header = header.and_then(by_header);
        let segment = from_header.or_else(|| by_tlvs(submission.optional));
        let valid = |segment: &Self| (1..=segment.total).contains(&segment.part);
        (
            segment.filter(valid),
            header.map_or(0, |header| header.len() + 1),
        )
    }

    /// Whether it is one of several.
    #[must_use]
    pub fn is_of_several(&self) -> bool {
        self.total > 1
    }
}

fn by_header(mut elements: &[u8]) -> Option<Segment> {
    let mut found = None;
    while let [id, length, rest @ ..] = elements {
        let (data, next) = rest.split_at_checked(usize::from(*length))?;
        let (kind, reference, total, part) = match (*id, data) {
            (0x00, &[low, total, part]) => (SegmentKind::Udh8, u16::from(low), total, part),
            (0x08, &[high, low, total, part]) => {
                let reference = u16::from_be_bytes([high, low]);
                (SegmentKind::Udh16, reference, total, part)
            }
            _ => {
                elements = next;
                continue;
            }
        };
        found = Some(Segment {
            kind,
            reference,
            total,
            part,
        });
        elements = next;
    }
    found
}

fn by_tlvs(optional: &[u8]) -> Option<Segment> {
    let (mut reference, mut total, mut part) = (None, None, None);
    for (tag, value) in tlvs(optional) {
        match (tag, value) {
            (Tag::SAR_MSG_REF_NUM, &[high, low]) => {
                reference = Some(u16::from_be_bytes([high, low]));
            }
            (Tag::SAR_TOTAL_SEGMENTS, &[octet]) => total = Some(octet),
            (Tag::SAR_SEGMENT_SEQNUM, &[octet]) => part = Some(octet),
            _ => {}
        }
    }
    Some(Segment {
        kind: SegmentKind::Sar,
        reference: reference?,
        total: total?,
        part: part?,
    })
}
