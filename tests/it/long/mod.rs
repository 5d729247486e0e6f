//! Long messages on their way out.

mod modes;
mod receipts;
mod retries;
mod troubles;

use esmed::pdu::Tag;
use esmed::sim::SubmitRecord;
use esmed::text::{Alphabet, decode_message};

use crate::support::World;

/// A world whose server, with these columns too, asks for receipts.
pub(crate) async fn world_with_receipts(columns: &str, values: &str) -> World {
    let world = World::new().await;
    world
        .enable_sim(
            &format!(", esme_registered_delivery{columns}"),
            &format!(", TRUE{values}"),
        )
        .await;
    world
}

/// A part as the SMSC saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenPart {
    pub(crate) reference: u16,
    pub(crate) part: u8,
    pub(crate) total: u8,
    pub(crate) text: String,
}

/// Reads a part by its user data header or its TLVs.
pub(crate) fn seen_part(submit: &SubmitRecord, alphabet: Alphabet) -> SeenPart {
    let (udh, text) = decode_message(
        &submit.octets,
        submit.esm_class,
        submit.data_coding,
        alphabet,
    );
    assert_eq!(text.warning, None, "{submit:?}");
    let text = text.text.expect("a text");
    if let Some(concat) = udh.and_then(|udh| udh.concat) {
        return SeenPart {
            reference: concat.reference,
            part: concat.part,
            total: concat.total,
            text,
        };
    }
    let tlv = |tag| submit.tlvs.get(tag).expect("a TLV of a part").to_vec();
    let reference = tlv(Tag::SAR_MSG_REF_NUM);
    SeenPart {
        reference: u16::from_be_bytes([reference[0], reference[1]]),
        part: tlv(Tag::SAR_SEGMENT_SEQNUM)[0],
        total: tlv(Tag::SAR_TOTAL_SEGMENTS)[0],
        text,
    }
}

/// Three parts of GSM 03.38 in every mode.
pub(crate) fn three_parts() -> String {
    let mut text = String::new();
    for number in 0.. {
        text += &format!("sentence {number}; ");
        if text.len() > 400 {
            break;
        }
    }
    text
}

impl World {
    /// Parts of a message as text: `part|done|failed|attempts|state`, in order.
    pub(crate) async fn parts(&self, id: i64) -> Vec<String> {
        let query =
            "SELECT concat_ws('|', part, submission_done, submission_failed, submission_attempts,
                       coalesce(smpp_message_state, '-'))
                     FROM smpp_tx_parts WHERE tx_id = $1 ORDER BY part";
        let rows = self.rows(query, &[&id]).await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The parts that the SMSC saw of the messages to a number, in the order in which they came.
    pub(crate) fn seen(&self, destination: &str) -> Vec<u8> {
        let submits = self.sim.ledger().submits_to(destination);
        submits
            .iter()
            .map(|submit| seen_part(submit, Alphabet::Gsm0338).part)
            .collect()
    }

    /// Waits until the SMSC saw so many submits to a number.
    pub(crate) async fn until_seen_to(&self, destination: &str, count: usize) {
        self.until_ledger("the parts", |records| {
            records.submits_to(destination).count() >= count
        })
        .await;
    }
}
