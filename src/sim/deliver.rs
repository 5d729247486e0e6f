//! deliver_sm as the simulator writes it: receipts and messages from phones.

use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, Datelike, Timelike};

use super::answer::{begin, finish};
use super::behaviour::{Behaviour, ReceiptStyle, put};
use super::mail::{Content, Receipt};
use super::outcome::State;
use super::phone::PhoneMessage;
use crate::pdu::{CommandId, CommandStatus, Tag};

const RECEIPT: u8 = 0x04;
const INTERMEDIATE: u8 = 0x20;
/// Network type GSM in network_error_code (5.3.2.31).
const GSM: u8 = 3;

/// Appends a deliver_sm. By hand, because a load test has one for each submit.
pub(super) fn encode(
    content: &Content,
    behaviour: &Behaviour,
    sequence_number: u32,
    unix_now: i64,
    out: &mut BytesMut,
) {
    let start = begin(
        CommandId::DELIVER_SM,
        CommandStatus::ESME_ROK,
        sequence_number,
        out,
    );
    match content {
        Content::Receipt(receipt) => put_receipt(receipt, behaviour, unix_now, out),
        Content::Message(message) => put_message(message, out),
    }
    finish(start, out);
}

fn put_message(message: &PhoneMessage, out: &mut BytesMut) {
    put_start(
        (1, 1, message.source.as_bytes()),
        (0, 1, message.destination.as_bytes()),
        message.esm_class,
        message.data_coding,
        out,
    );
    match u8::try_from(message.octets.len()) {
        Ok(length @ ..=254) => {
            out.put_u8(length);
            out.put_slice(&message.octets);
        }
        _ => {
            out.put_u8(0);
            put_tlv(Tag::MESSAGE_PAYLOAD, &message.octets, out);
        }
    }
    for tlv in &message.tlvs.0 {
        put_tlv(tlv.tag, &tlv.value, out);
    }
}

fn put_receipt(receipt: &Receipt, behaviour: &Behaviour, unix_now: i64, out: &mut BytesMut) {
    let esm_class = if receipt.intermediate {
        INTERMEDIATE
    } else {
        RECEIPT
    };
    let (from, to) = (&receipt.destination, &receipt.source);
    put_start(
        (from.ton, from.npi, &from.digits),
        (to.ton, to.npi, &to.digits),
        esm_class,
        0,
        out,
    );
    let length_at = out.len();
    out.put_u8(0);
    if behaviour.receipts != ReceiptStyle::Tlv {
        put_receipt_text(receipt, behaviour, unix_now, out);
        // The parts of the text add up to less than 254 octets.
        out[length_at] = u8::try_from(out.len() - length_at - 1).unwrap_or(u8::MAX);
    }
    if behaviour.receipts != ReceiptStyle::Text {
        let id = behaviour.ids.receipt(receipt.number);
        let mut value = Vec::with_capacity(id.len() + 1);
        value.put_slice(id.as_bytes());
        value.put_u8(0);
        put_tlv(Tag::RECEIPTED_MESSAGE_ID, &value, out);
        put_tlv(Tag::MESSAGE_STATE, &[receipt.state.code()], out);
        if receipt.state.error() != 0 {
            let [high, low] = receipt.state.error().to_be_bytes();
            put_tlv(Tag::NETWORK_ERROR_CODE, &[GSM, high, low], out);
        }
    }
}

/// The text of Appendix B, times in UTC.
fn put_receipt_text(receipt: &Receipt, behaviour: &Behaviour, unix_now: i64, out: &mut BytesMut) {
    let delivered = u8::from(receipt.state == State::Delivered);
    out.put_slice(b"id:");
    behaviour.ids.put_receipt(receipt.number, out);
    put(
        out,
        format_args!(" sub:001 dlvrd:{delivered:03} submit date:"),
    );
    put_date(receipt.submitted, out);
    out.put_slice(b" done date:");
    put_date(unix_now, out);
    put(
        out,
        format_args!(
            " stat:{} err:{:03} text:",
            receipt.state.text(),
            receipt.state.error()
        ),
    );
    out.put_slice(&receipt.text);
}

/// YYMMDDhhmm
fn put_date(unix: i64, out: &mut BytesMut) {
    let date = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    put(
        out,
        format_args!(
            "{:02}{:02}{:02}{:02}{:02}",
            date.year() % 100,
            date.month(),
            date.day(),
            date.hour(),
            date.minute()
        ),
    );
}

/// The fields up to sm_length.
fn put_start(
    from: (u8, u8, &[u8]),
    to: (u8, u8, &[u8]),
    esm_class: u8,
    data_coding: u8,
    out: &mut BytesMut,
) {
    out.put_u8(0); // service_type
    for (ton, npi, digits) in [from, to] {
        out.put_slice(&[ton, npi]);
        out.put_slice(digits);
        out.put_u8(0);
    }
    // protocol_id, priority_flag, schedule_delivery_time, validity_period, registered_delivery,
    // replace_if_present_flag; data_coding; sm_default_msg_id.
    out.put_slice(&[esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0]);
}

fn put_tlv(tag: Tag, value: &[u8], out: &mut BytesMut) {
    // A length field of two octets can't say more; a longer value is cut.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.put_u16(tag.0);
    out.put_u16(length);
    out.put_slice(&value[..usize::from(length)]);
}

/// The text for the ledger: a message's octets, nothing for a receipt.
pub(super) fn octets(content: &Content) -> Bytes {
    match content {
        Content::Receipt(_) => Bytes::new(),
        Content::Message(message) => message.octets.clone(),
    }
}
