//! A PDU as JSON under the names of the specification: `pdu_parsed` of smpp_rx_queue.

use std::fmt::Display;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::wire::text_of;
use super::{
    DecodeError, Decoded, FieldValue, Fields, Frame, Header, TlvValue, Tlvs, message_state_name,
};

/// What those who know data_coding, headers and receipts add to the JSON of a PDU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextView {
    /// The decoded text, from short_message or from message_payload; `None` when it can't be
    /// decoded.
    pub text: Option<String>,
    /// The user data header.
    pub udh: Option<Value>,
    /// The fields of a delivery receipt.
    pub receipt: Option<Value>,
    /// In words, added to those of the PDU.
    pub warnings: Vec<String>,
}

/// A PDU as JSON.
///
/// `command_id`, `command_status` and `sequence_number` come first, then the mandatory fields in
/// the order of the wire. Ids and states are names, or hexadecimal numbers such as `"0x00000400"`
/// where they have none. `short_message` is the text of `text` wherever it was found (`null` when
/// it is not known), `short_message_hex` the field's octets. `optional_parameters` holds numbers,
/// texts or lower-case hex under name or `"0x1401"`, and an array where one occurs more than once.
/// `optional_parameters`, `udh`, `receipt` and `warnings` are only there when there is something in
/// them. A password is shown as `***`.
///
/// What can't be decoded yields `error` and the header, as [`error_to_json`] gives them.
///
/// No string in it holds U+0000, which PostgreSQL refuses; it becomes U+2400.
#[must_use]
pub fn to_json(
    frame: &Frame,
    decoded: &Result<Decoded, DecodeError>,
    text: Option<&TextView>,
) -> Value {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return error_to_json(Some(&frame.header), error),
    };
    let mut object = header(&frame.header);
    let mut optional = Map::new();
    for (name, value) in decoded.pdu.fields() {
        match value {
            FieldValue::Tlvs(tlvs) => optional = optional_parameters(tlvs),
            FieldValue::Octets(octets) => {
                let known = text.and_then(|view| view.text.as_deref());
                let known = known.or(octets.is_empty().then_some(""));
                object.insert(name.into(), json!(known));
                object.insert(format!("{name}_hex"), hex(octets));
            }
            value => {
                object.insert(name.into(), field(name, value));
            }
        }
    }
    if let Some(text) = text.and_then(|view| view.text.as_ref()) {
        // data_sm has its text in message_payload alone.
        object.entry("short_message").or_insert_with(|| json!(text));
    }
    if !optional.is_empty() {
        object.insert("optional_parameters".into(), Value::Object(optional));
    }
    let mut warnings: Vec<String> = decoded.warnings.iter().map(ToString::to_string).collect();
    if let Some(view) = text {
        if let Some(udh) = &view.udh {
            object.insert("udh".into(), udh.clone());
        }
        if let Some(receipt) = &view.receipt {
            object.insert("receipt".into(), receipt.clone());
        }
        warnings.extend_from_slice(&view.warnings);
    }
    if !warnings.is_empty() {
        object.insert("warnings".into(), json!(warnings));
    }
    without_nul(Value::Object(object))
}

/// `{"error": …, "command_id": …, "command_status": …, "sequence_number": …}` for what can't be
/// decoded or stored; without a header `error` alone.
#[must_use]
pub fn error_to_json(of: Option<&Header>, error: &dyn Display) -> Value {
    let mut object = Map::new();
    object.insert("error".into(), json!(error.to_string()));
    if let Some(of) = of {
        object.extend(header(of));
    }
    without_nul(Value::Object(object))
}

fn header(header: &Header) -> Map<String, Value> {
    let status = header.command_status;
    let status = status
        .name()
        .map_or_else(|| format!("0x{:08x}", status.0), str::to_owned);
    let mut object = Map::new();
    object.insert("command_id".into(), json!(header.command_id.to_string()));
    object.insert("command_status".into(), json!(status));
    object.insert("sequence_number".into(), json!(header.sequence_number));
    object
}

fn field(name: &str, value: FieldValue<'_>) -> Value {
    match value {
        FieldValue::Integer(state) if name == "message_state" => {
            u8::try_from(state).map_or_else(|_| json!(state), message_state)
        }
        FieldValue::Integer(number) => json!(number),
        FieldValue::Text(_) if name == "password" => json!("***"),
        FieldValue::Text(octets) => json!(text_of(octets)),
        FieldValue::Octets(octets) => hex(octets),
        FieldValue::List(entries) => entries.into_iter().map(list_entry).collect(),
        FieldValue::Tlvs(tlvs) => Value::Object(optional_parameters(tlvs)),
    }
}

fn list_entry(fields: Fields<'_>) -> Value {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), field(name, value)))
        .collect()
}

fn optional_parameters(tlvs: &Tlvs) -> Map<String, Value> {
    let mut object = Map::new();
    for tlv in &tlvs.0 {
        let value = match tlv.read().0 {
            TlvValue::Integer(number) => json!(number),
            TlvValue::Text(text) => json!(text),
            TlvValue::Octets(octets) => hex(&octets),
            TlvValue::Present => json!(true),
            TlvValue::MessageState(state) => message_state(state),
        };
        match object.entry(tlv.tag.to_string()) {
            serde_json::map::Entry::Vacant(entry) => {
                entry.insert(value);
            }
            serde_json::map::Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(values) => values.push(value),
                first => {
                    let values = vec![first.take(), value];
                    *first = Value::Array(values);
                }
            },
        }
    }
    object
}

fn message_state(state: u8) -> Value {
    message_state_name(state).map_or_else(|| json!(state), |name| json!(name))
}

fn hex(octets: &Bytes) -> Value {
    Value::String(crate::hex::encode(octets))
}

/// Replaces U+0000 in every string and key.
fn without_nul(mut value: Value) -> Value {
    replace_nul(&mut value);
    value
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = plain(text),
        Value::Array(values) => values.iter_mut().for_each(replace_nul),
        Value::Object(object) => {
            if object.keys().any(|key| key.contains('\0')) {
                let renamed = std::mem::take(object).into_iter();
                *object = renamed.map(|(key, value)| (plain(&key), value)).collect();
            }
            object.values_mut().for_each(replace_nul);
        }
        _ => {}
    }
}

fn plain(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
