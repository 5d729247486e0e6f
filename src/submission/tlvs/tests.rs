//! TLVs on the wire, octets by SMPP 3.4, 5.3.2, and what is refused.

use bytes::BytesMut;

use super::*;
use crate::pdu::{CommandStatus, Pdu, SubmitSm};

/// The optional parameters of a submit_sm on the wire.
fn wire(json: &str) -> Vec<u8> {
    let tlvs = read(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let submit_sm = SubmitSm {
        tlvs,
        ..SubmitSm::default()
    };
    let mut out = BytesMut::new();
    Pdu::SubmitSm(submit_sm)
        .encode(CommandStatus::ESME_ROK, 1, &mut out)
        .unwrap();
    // A header of 16 octets and 17 empty fields.
    out[16 + 17..].to_vec()
}

fn refused(json: &str) -> String {
    match read(json) {
        Ok(tlvs) => panic!("{json}: {tlvs:?}"),
        Err(error) => error,
    }
}

#[test]
fn the_example_of_the_contract() {
    assert_eq!(
        wire(r#"{"0x1402": "text", "user_message_reference": 7, "0x1401": {"hex": "6162"}}"#),
        b"\x02\x04\0\x02\0\x07\x14\x01\0\x02ab\x14\x02\0\x04text"
    );
    assert_eq!(wire("{}"), b"");
}

#[test]
fn values_by_their_type() {
    for (json, octets) in [
        // Tags and sizes: SMPP 3.4, 5.3.2.
        (r#"{"source_port": 9200}"#, &b"\x02\x0a\0\x02\x23\xf0"[..]),
        (r#"{"SOURCE_PORT": 65535}"#, b"\x02\x0a\0\x02\xff\xff"),
        (r#"{"0x020A": 0}"#, b"\x02\x0a\0\x02\0\0"),
        (r#"{"privacy_indicator": 3}"#, b"\x02\x01\0\x01\x03"),
        (r#"{"language_indicator": 255}"#, b"\x02\x0d\0\x01\xff"),
        (r#"{"dest_telematics_id": 1}"#, b"\0\x08\0\x02\0\x01"),
        (
            r#"{"qos_time_to_live": 4294967295}"#,
            b"\0\x17\0\x04\xff\xff\xff\xff",
        ),
        (r#"{"sms_signal": 258}"#, b"\x12\x03\0\x02\x01\x02"),
        (r#"{"receipted_message_id": "abc"}"#, b"\0\x1e\0\x04abc\0"),
        (
            r#"{"receipted_message_id": {"cstring": ""}}"#,
            b"\0\x1e\0\x01\0",
        ),
        // There without a value, or with one.
        (
            r#"{"alert_on_message_delivery": {"hex": ""}}"#,
            b"\x13\x0c\0\0",
        ),
        (r#"{"alert_on_message_delivery": 1}"#, b"\x13\x0c\0\x01\x01"),
        // ton, npi and digits of a callback number.
        (
            r#"{"callback_num": {"hex": "01010131323334"}}"#,
            b"\x03\x81\0\x07\x01\x01\x011234",
        ),
        // Octets are taken as they are, whatever the type.
        (
            r#"{"source_port": {"hex": "0aFF00"}}"#,
            b"\x02\x0a\0\x03\x0a\xff\0",
        ),
        // Unknown tags.
        (r#"{"0x1401": {"cstring": "ab"}}"#, b"\x14\x01\0\x03ab\0"),
        (r#"{"0x1401": "é"}"#, b"\x14\x01\0\x02\xc3\xa9"),
        (r#"{"0x1401": ""}"#, b"\x14\x01\0\0"),
    ] {
        assert_eq!(wire(json), octets, "{json}");
    }
}

#[test]
fn refusals_name_the_parameter_and_what_would_be_right() {
    for (json, words) in [
        (
            r#"{"source_port": 65536}"#,
            &["\"source_port\"", "is 65536", "0 to 65535"][..],
        ),
        (r#"{"source_port": -1}"#, &["is -1", "0 to 65535"]),
        (r#"{"source_port": 1.5}"#, &["is 1.5", "whole number"]),
        (r#"{"privacy_indicator": 256}"#, &["0 to 255"]),
        (r#"{"qos_time_to_live": 4294967296}"#, &["0 to 4294967295"]),
        (
            r#"{"source_port": 99999999999999999999999}"#,
            &["0 to 65535"],
        ),
        (r#"{"source_port": "80"}"#, &["is a text", "0 to 65535"]),
        (r#"{"source_port": true}"#, &["is a boolean", "0 to 65535"]),
        (r#"{"source_port": null}"#, &["is null", "0 to 65535"]),
        (r#"{"source_port": [1]}"#, &["is an array", "0 to 65535"]),
        (
            r#"{"receipted_message_id": 7}"#,
            &["is a number", "up to 64 characters"],
        ),
        (
            r#"{"receipted_message_id": "aé"}"#,
            &["U+00E9 as character 2", "ASCII"],
        ),
        (
            r#"{"receipted_message_id": "a\u0000"}"#,
            &["U+0000 as character 2"],
        ),
        (
            r#"{"callback_num": "1234"}"#,
            &["is a text", "hex", "4 to 19 octets"],
        ),
        (r#"{"network_error_code": 3}"#, &["hex", "of 3 octets"]),
        (r#"{"alert_on_message_delivery": true}"#, &["\"hex\": \"\""]),
        (
            r#"{"source_port": {"cstring": "80"}}"#,
            &["is a cstring", "0 to 65535"],
        ),
        (
            r#"{"0x1401": 7}"#,
            &["\"0x1401\"", "is a number", "hex", "cstring"],
        ),
        (r#"{"0x1401": false}"#, &["is a boolean"]),
        (r#"{"0x1401": {"text": "a"}}"#, &["hex", "cstring"]),
        (
            r#"{"0x1401": {"hex": "61", "cstring": "a"}}"#,
            &["hex", "cstring"],
        ),
        (r#"{"0x1401": {"hex": 61}}"#, &["is an object; it must be"]),
        (r#"{"0x1401": {}}"#, &["is an object; it must be"]),
        (
            r#"{"0x1401": {"hex": "612"}}"#,
            &["has 3 hex digits", "two for each"],
        ),
        (
            r#"{"0x1401": {"hex": "6x"}}"#,
            &["U+0078 (x) as hex digit 2"],
        ),
        (r#"{"0x1401": {"hex": "é1"}}"#, &["U+00E9 as hex digit 1"]),
        (
            r#"{"user_mesage_reference": 7}"#,
            &["\"user_mesage_reference\" is no TLV", "0xffff"],
        ),
        (r#"{"5121": "a"}"#, &["\"5121\" is no TLV"]),
        (r#"{"0x10000": "a"}"#, &["is no TLV"]),
        (r#"{"0x": "a"}"#, &["is no TLV"]),
        (
            r#"{"message_payload": {"hex": "61"}}"#,
            &["\"message_payload\" can't be given", "smpp_short_message"],
        ),
        (
            r#"{"0x0424": {"hex": "61"}}"#,
            &["\"0x0424\" can't be given"],
        ),
        (
            r#"{"sar_msg_ref_num": 1}"#,
            &["can't be given", "esme_long_message"],
        ),
        (r#"{"sar_total_segments": 1}"#, &["can't be given"]),
        (r#"{"sar_segment_seqnum": 1}"#, &["can't be given"]),
        (
            r#"{"source_port": 1, "0x020a": 2}"#,
            &["\"source_port\"", "\"0x020a\"", "the same TLV"],
        ),
        ("[]", &["can't be read"]),
    ] {
        let reason = refused(json);
        for word in words {
            assert!(reason.contains(word), "{json}: {reason}");
        }
    }
}

#[test]
fn lengths() {
    let text = |octets: usize| "a".repeat(octets);
    let id = |octets: usize| format!(r#"{{"receipted_message_id": "{}"}}"#, text(octets));
    assert_eq!(wire(&id(64)).len(), 4 + 65);
    assert!(refused(&id(65)).contains("65 characters; it must have 64"));
    let one = |octets: usize| format!(r#"{{"0x1401": "{}"}}"#, text(octets));
    assert_eq!(wire(&one(4092)).len(), 4096);
    assert!(refused(&one(4093)).contains("4097 octets together; they may have 4096"));
    let two = format!(r#"{{"0x1401": "{}", "0x1402": "a"}}"#, text(4088));
    assert!(refused(&two).contains("\"0x1402\" is too much: with it the TLVs have 4097"));
    assert!(refused(&one(LONGEST)).contains("more than 16384 characters"));
    let reason = refused(&format!(r#"{{"{}": 1}}"#, text(10_000)));
    assert!(reason.len() < 300, "{reason}");
    // Deeper than anybody means it.
    let deep = format!(r#"{{"0x1401": {}1{}}}"#, "[".repeat(500), "]".repeat(500));
    assert!(refused(&deep).contains("can't be read"));
}

#[test]
fn a_reason_repeats_no_text() {
    let reason = refused(r#"{"source_port": "secret", "0x1401": "secret"}"#);
    assert!(!reason.contains("secret"), "{reason}");
    let reason = refused(r#"{"receipted_message_id": "secretü"}"#);
    assert!(!reason.contains("secret"), "{reason}");
}
