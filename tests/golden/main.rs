//! Texts between esmed and other implementations: what they encode is decoded here, esmed makes
//! the same octets, and they decode what esmed makes. How the files are made: CONTRIBUTING.md.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod decode;
mod encode;
mod net_smpp;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use esmed::pdu::{Fault, Frame, Pdu, SubmitSm, Tag};
use esmed::text::LongMessage;
use serde_json::Value;

/// One text as a library sends it.
struct Message {
    /// For messages of tests: library, text, way, note.
    name: String,
    text: String,
    way: LongMessage,
    /// The data_coding that it was asked for; 0: what fits.
    asked: u8,
    /// The reference of its parts.
    reference: u16,
    /// Whether esmed makes the same octets.
    exact: bool,
    pdus: Vec<Bytes>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// The texts by their names.
fn texts() -> BTreeMap<String, String> {
    let texts: Vec<BTreeMap<String, String>> = serde_json::from_str(&read("texts.json")).unwrap();
    let pair = |mut text: BTreeMap<String, String>| {
        (text.remove("name").unwrap(), text.remove("text").unwrap())
    };
    texts.into_iter().map(pair).collect()
}

/// All that the libraries made.
fn messages() -> Vec<Message> {
    let texts = texts();
    let files = ["smpplib.jsonl", "aiosmpplib.jsonl", "npm.jsonl"].map(read);
    let lines = files.iter().flat_map(|file| file.lines());
    lines.map(|line| message(line, &texts)).collect()
}

fn message(line: &str, texts: &BTreeMap<String, String>) -> Message {
    let value: Value = serde_json::from_str(line).unwrap();
    let word = |name: &str| value[name].as_str().unwrap().to_owned();
    let octets = |hex: &Value| octets(hex.as_str().unwrap());
    Message {
        name: format!(
            "{}, {}, {}, {}",
            word("library"),
            word("text"),
            word("way"),
            value["note"]
        ),
        text: texts[&word("text")].clone(),
        way: LongMessage::from_name(&word("way")).unwrap(),
        asked: value["asked"].as_u64().unwrap().try_into().unwrap(),
        reference: value["reference"].as_u64().unwrap().try_into().unwrap(),
        exact: value["exact"].as_bool().unwrap(),
        pdus: value["pdus"]
            .as_array()
            .unwrap()
            .iter()
            .map(octets)
            .collect(),
    }
}

fn octets(hex: &str) -> Bytes {
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    assert_eq!(hex.len() % 2, 0, "{hex}");
    hex.as_bytes().chunks(2).map(octet).collect()
}

/// A PDU that has to be a submit_sm without a fault; one alone is known, sm_length 255.
fn submit_sm(octets: &Bytes) -> SubmitSm {
    let decoded = Frame::from_octets(octets.clone())
        .unwrap()
        .decode()
        .unwrap();
    for warning in &decoded.warnings {
        assert_eq!(warning.fault, Fault::SmLengthAbove254, "{warning}");
    }
    match decoded.pdu {
        Pdu::SubmitSm(body) => {
            let too_long = body.short_message.0.len() == 255;
            assert_eq!(decoded.warnings.len(), usize::from(too_long));
            body
        }
        other => panic!("{other:?}"),
    }
}

/// message_payload, or short_message where there is none.
fn octets_of(body: &SubmitSm) -> Bytes {
    match body.tlvs.get(Tag::MESSAGE_PAYLOAD) {
        Some(payload) => payload.clone(),
        None => body.short_message.0.clone(),
    }
}
