//! The ledger as JSON, for the control port.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::ledger::Records;
use super::records::{BindRecord, DeliveryRecord, SubmitRecord};
use super::segment::Segment;
use crate::hex;
use crate::pdu::{CommandStatus, Tlvs};

pub(super) fn stats(records: &Records) -> Value {
    let mut all: Map<String, Value> = records
        .counts()
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    all.insert("peak_window".into(), json!(records.peak_window()));
    all.insert("truncated".into(), json!(records.truncated()));
    Value::Object(all)
}

pub(super) fn last<T>(list: &[T], number: usize, show: impl Fn(&T) -> Value) -> Value {
    let begin = list.len().saturating_sub(number);
    Value::Array(list[begin..].iter().map(show).collect())
}

pub(super) fn submit(record: &SubmitRecord) -> Value {
    json!({
        "session": record.session,
        "command_id": record.command_id.to_string(),
        "sequence_number": record.sequence_number,
        "source_addr": record.source,
        "destination_addr": record.destination,
        "octets": hex::encode(&record.octets),
        "message_payload": record.payload,
        "segment": record.segment.map(segment),
        "data_coding": record.data_coding,
        "esm_class": record.esm_class,
        "registered_delivery": record.registered_delivery,
        "optional_parameters": tlvs(&record.tlvs),
        "status": status(record.status),
        "message_id": record.message_id,
        "at": time(record.at),
    })
}

pub(super) fn delivery(record: &DeliveryRecord) -> Value {
    json!({
        "session": record.session,
        "sequence_number": record.sequence_number,
        "kind": format!("{:?}", record.kind).to_lowercase(),
        "message_id": record.message_id,
        "state": record.state.map(super::State::text),
        "source_addr": record.source,
        "destination_addr": record.destination,
        "octets": hex::encode(&record.octets),
        "attempt": record.attempt,
        "status": status(record.status),
        "at": time(record.at),
    })
}

pub(super) fn bind(record: &BindRecord) -> Value {
    json!({
        "session": record.session,
        "command_id": record.mode.to_string(),
        "system_id": record.system_id,
        "password_ok": record.password_ok,
        "system_type": record.system_type,
        "interface_version": record.interface_version,
        "status": status(record.status),
        "at": time(record.at),
    })
}

fn segment(segment: Segment) -> Value {
    json!({
        "kind": format!("{:?}", segment.kind).to_lowercase(),
        "reference": segment.reference,
        "part": segment.part,
        "total": segment.total,
    })
}

fn status(status: Option<CommandStatus>) -> Option<String> {
    status.map(|status| format!("{status:?}"))
}

fn tlvs(tlvs: &Tlvs) -> Value {
    let one =
        |tlv: &crate::pdu::Tlv| json!([format!("0x{:04x}", tlv.tag.0), hex::encode(&tlv.value)]);
    tlvs.0.iter().map(one).collect()
}

fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}
