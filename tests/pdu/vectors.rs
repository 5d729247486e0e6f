//! All of `../shared/data/pdus.jsonl`; passes without looking where that folder is missing. What it
//! holds is described in the README beside it; the kinds of case are also in `cases.rs`.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use esmed::pdu::{
    DecodeError, Decoded, Fault, FieldValue, Fields, Frame, FrameDecoder, FrameError, Pdu, Tlvs,
    error_to_json, to_json,
};
use serde_json::{Value, json};

use crate::octets;

/// The vectors; `None` where the folder is missing.
fn vectors() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/pdus.jsonl");
    let lines = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/pdus.jsonl");
            return None;
        }
        lines => lines.unwrap(),
    };
    Some(
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn hex_of(vector: &Value) -> Bytes {
    octets(vector["hex"].as_str().unwrap())
}

fn number(vector: &Value, name: &str) -> Option<u32> {
    vector[name].as_u64().map(|it| u32::try_from(it).unwrap())
}

/// The fields of a PDU in the shape that the vectors have.
fn shown(fields: Fields<'_>) -> Value {
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        let value = match value {
            FieldValue::Integer(number) => json!(number),
            FieldValue::Text(text) => json!(std::str::from_utf8(text).unwrap()),
            FieldValue::Octets(octets) => json!(format!("{octets:x}")),
            FieldValue::List(entries) => entries.into_iter().map(shown).collect(),
            FieldValue::Tlvs(tlvs) => {
                if !tlvs.0.is_empty() {
                    object.insert("tlvs".into(), shown_tlvs(tlvs));
                }
                continue;
            }
        };
        object.insert(name.into(), value);
    }
    Value::Object(object)
}

fn shown_tlvs(tlvs: &Tlvs) -> Value {
    tlvs.0
        .iter()
        .map(|tlv| {
            json!({
                "tag": format!("0x{:04X}", tlv.tag.0), "name": tlv.tag.name(),
                "length": tlv.value.len(), "value": format!("{:x}", tlv.value),
            })
        })
        .collect()
}

fn encoded(pdu: &Pdu, frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    pdu.encode(
        frame.header.command_status,
        frame.header.sequence_number,
        &mut out,
    )
    .unwrap();
    out
}

fn has(decoded: &Decoded, fault: Fault) -> bool {
    decoded
        .warnings
        .iter()
        .any(|warning| warning.fault == fault)
}

/// The warning that a `deviation` asks for; `None` for one that needs none.
fn fault_of(command: &str, deviation: &str) -> Option<Fault> {
    Some(match deviation {
        // The addresses of these hold 64 octets (4.7.1, 4.12.1), not 20 as those of submit_sm.
        "source_addr longer than 20" if matches!(command, "alert_notification" | "data_sm") => {
            return None;
        }
        "body present although command_status is not 0" => Fault::BodyDespiteError,
        "mandatory body missing" => Fault::MissingBody,
        "command_status not 0 in a request" => Fault::StatusInRequest,
        "sequence_number out of range 1..0x7fffffff" => Fault::SequenceOutOfRange,
        "UDH indicator set but no complete UDH" => Fault::BrokenUdh,
        "sm_length above 254 (v3.4)" => Fault::SmLengthAbove254,
        "a TLV occurs twice" => Fault::TlvRepeated,
        "short_message and message_payload together" => Fault::TwoTexts,
        tlv if tlv.starts_with("TLV ") => Fault::TlvMalformed,
        long if long.contains(" longer than ") => Fault::TooLong,
        reserved if reserved.ends_with(" is reserved") => return None,
        other => panic!("no fault for the deviation: {other}"),
    })
}

#[test]
fn valid_vectors_decode_to_their_fields_and_encode_back() {
    let Some(vectors) = vectors() else { return };
    let (mut exact, mut lenient, mut claimed) = (0, 0, 0);
    for vector in vectors.iter().filter(|vector| vector["valid"] == true) {
        let note = vector["note"].as_str().unwrap();
        let frame = Frame::from_octets(hex_of(vector)).unwrap();
        assert_eq!(
            Some(frame.header.command_id.0),
            number(vector, "command_id")
        );
        assert_eq!(frame.header.command_id.name(), vector["command"].as_str());
        assert_eq!(
            Some(frame.header.command_status.0),
            number(vector, "command_status")
        );
        assert_eq!(
            Some(frame.header.sequence_number),
            number(vector, "sequence_number")
        );
        let decoded = frame.decode().unwrap();
        assert_eq!(shown(decoded.pdu.fields()), vector["fields"], "{note}");
        assert_eq!(encoded(&decoded.pdu, &frame), frame.octets, "{note}");
        if vector["strict"] == true {
            assert_eq!(decoded.warnings, [], "{note}");
            exact += 1;
            continue;
        }
        lenient += 1;
        for deviation in vector["deviation"].as_array().unwrap() {
            if let Some(fault) = fault_of(
                vector["command"].as_str().unwrap(),
                deviation.as_str().unwrap(),
            ) {
                assert!(has(&decoded, fault), "{note}: {:?}", decoded.warnings);
                claimed += 1;
            }
        }
    }
    println!("{exact} exact, {lenient} lenient with {claimed} warnings asked for");
    assert!(exact > 0 && lenient > 0 && claimed > 0);
}

/// Whether what became of the octets names the `error` of the vector.
fn names(error: &str, result: &Result<Decoded, DecodeError>) -> bool {
    match (error, result) {
        ("unknown_command_id", Err(DecodeError::UnknownCommand(_)))
        | ("missing_nul" | "truncated_mandatory", Err(DecodeError::Truncated { .. }))
        | ("bad_dest_flag", Err(DecodeError::BadDestFlag(_))) => true,
        (_, Err(_)) => false,
        ("missing_nul", Ok(decoded)) => has(decoded, Fault::MissingNul),
        ("sm_length_past_end", Ok(decoded)) => has(decoded, Fault::SmLengthPastEnd),
        ("tlv_length_past_end", Ok(decoded)) => has(decoded, Fault::TlvLengthPastEnd),
        // A PDU that has no optional parameters has no cut one either.
        ("truncated_tlv_header", Ok(decoded)) => {
            has(decoded, Fault::TruncatedTlvHeader) || has(decoded, Fault::TrailingOctets)
        }
        _ => false,
    }
}

/// Whether the reason why octets are not one PDU names the `error` of the vector.
fn names_frame_error(error: &str, reason: FrameError, got: usize) -> bool {
    match (error, reason) {
        ("short_header", FrameError::ShortHeader(_))
        | ("command_length_lt_16", FrameError::TooShort(_)) => true,
        ("command_length_gt_octets", FrameError::LengthMismatch { length, .. }) => {
            length as usize > got
        }
        ("octets_after_command_length", FrameError::LengthMismatch { length, .. }) => {
            (length as usize) < got
        }
        _ => false,
    }
}

#[test]
fn invalid_vectors_keep_octets_and_header_and_have_a_reason() {
    let Some(vectors) = vectors() else { return };
    let (mut unframed, mut undecoded, mut warned) = (0, 0, 0);
    for vector in vectors.iter().filter(|vector| vector["valid"] == false) {
        let note = vector["note"].as_str().unwrap();
        let error = vector["error"].as_str().unwrap();
        let all = hex_of(vector);
        let frame = match Frame::from_octets(all.clone()) {
            Ok(frame) => frame,
            Err(reason) => {
                assert!(
                    names_frame_error(error, reason, all.len()),
                    "{note}: {reason}"
                );
                assert!(
                    error_to_json(None, &reason)["error"].is_string(),
                    "{note}: {reason}"
                );
                unframed += 1;
                continue;
            }
        };
        assert_eq!(frame.octets, all, "{note}");
        if let Some(id) = number(vector, "command_id") {
            assert_eq!(frame.header.command_id.0, id, "{note}");
        }
        if let Some(sequence_number) = number(vector, "sequence_number") {
            assert_eq!(frame.header.sequence_number, sequence_number, "{note}");
        }
        let decoded = frame.decode();
        assert!(names(error, &decoded), "{note}: {error}, but {decoded:?}");
        let value = to_json(&frame, &decoded, None);
        if let Ok(decoded) = &decoded {
            assert!(!value["warnings"].as_array().unwrap().is_empty(), "{note}");
            warned += 1;
            let fields = shown(decoded.pdu.fields());
            for (name, partial) in vector["partial"].as_object().into_iter().flatten() {
                check_partial(name, partial, &fields, note);
            }
        } else {
            assert!(value["error"].is_string(), "{note}");
            undecoded += 1;
        }
    }
    println!("{unframed} unframed, {undecoded} undecoded, {warned} read with warnings");
    assert!(unframed > 0 && undecoded > 0 && warned > 0);
}

/// Of a list, what is known of its beginning.
fn check_partial(name: &str, partial: &Value, fields: &Value, note: &str) {
    match partial {
        Value::Array(entries) => {
            let got = fields[name].as_array().unwrap();
            assert!(got.starts_with(entries), "{note}: {name}");
        }
        value => assert_eq!(&fields[name], value, "{note}: {name}"),
    }
}

#[test]
fn a_stream_of_all_frames_cut_anywhere_loses_none() {
    let Some(vectors) = vectors() else { return };
    let frames: Vec<Bytes> = vectors
        .iter()
        .map(hex_of)
        .filter(|all| Frame::from_octets(all.clone()).is_ok())
        .collect();
    assert!(!frames.is_empty());
    let stream: Vec<u8> = frames.concat();
    let decoder = FrameDecoder::default();
    for size in [1, 2, 3, 5, 7, 15, 16, 17, 31, 101, 1023, stream.len()] {
        let mut buffer = BytesMut::new();
        let mut got = Vec::new();
        for piece in stream.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = decoder.next_frame(&mut buffer).unwrap() {
                got.push(frame.octets);
            }
        }
        assert!(buffer.is_empty());
        assert!(got == frames, "in pieces of {size}");
    }
    println!("{} frames, {} octets", frames.len(), stream.len());
}

#[test]
fn a_stream_that_cannot_be_framed_ends_with_a_reason_or_waits() {
    let Some(vectors) = vectors() else { return };
    let (mut refused, mut waiting) = (0, 0);
    for vector in vectors.iter().filter(|vector| vector["valid"] == false) {
        let all = hex_of(vector);
        let mut buffer = BytesMut::from(&all[..]);
        let decoder = FrameDecoder::default();
        let mut taken = 0;
        let end = loop {
            match decoder.next_frame(&mut buffer) {
                Ok(Some(frame)) => taken += frame.octets.len(),
                end => break end,
            }
        };
        assert_eq!(taken + buffer.len(), all.len(), "{}", vector["note"]);
        match end {
            Ok(_) => waiting += 1,
            Err(FrameError::TooShort(_) | FrameError::TooLong { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    println!("{refused} refused, {waiting} wait for more");
    assert!(refused > 0 && waiting > 0);
}
