//! The JSON view, from octets typed after the tables of the specification.

use esmed::pdu::{Frame, TextView, error_to_json, to_json};
use serde_json::{Value, json};

use crate::frame;

fn view(frame: &Frame, text: Option<&TextView>) -> Value {
    to_json(frame, &frame.decode(), text)
}

/// The keys of an object in their order.
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// A receipt: "ab" from 27831 to 123, with receipted_message_id "9c", message_state 2, and a tag
/// of the vendor.
const RECEIPT: &str = "00 01 01 3237383331 00 00 00 313233 00 04 00 00 00 00 00 00 00 00 02 6162
    001e 0003 396300  0427 0001 02  1401 0002 CAFE";

#[test]
fn a_receipt_has_every_field_under_its_name_in_wire_order() {
    let text = TextView {
        text: Some("ab".into()),
        udh: None,
        receipt: Some(json!({"id": "9c"})),
        warnings: Vec::new(),
    };
    let value = view(&frame(5, 0, 7, RECEIPT), Some(&text));
    let expected = json!({
        "command_id": "deliver_sm", "command_status": "ESME_ROK", "sequence_number": 7,
        "service_type": "",
        "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "27831",
        "dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "123",
        "esm_class": 4, "protocol_id": 0, "priority_flag": 0,
        "schedule_delivery_time": "", "validity_period": "",
        "registered_delivery": 0, "replace_if_present_flag": 0,
        "data_coding": 0, "sm_default_msg_id": 0,
        "sm_length": 2, "short_message": "ab", "short_message_hex": "6162",
        "optional_parameters": {
            "receipted_message_id": "9c", "message_state": "DELIVERED", "0x1401": "cafe",
        },
        "receipt": {"id": "9c"},
    });
    assert_eq!(value, expected);
    assert_eq!(keys(&value), keys(&expected));
}

#[test]
fn a_text_that_nobody_decoded_is_null_beside_its_octets() {
    let value = view(&frame(5, 0, 7, RECEIPT), None);
    assert_eq!(value["short_message"], Value::Null);
    assert_eq!(value["short_message_hex"], "6162");
}

#[test]
fn the_text_of_data_sm_stands_where_users_look_for_it() {
    // message_payload "ab"
    let data_sm = frame(
        0x103,
        0,
        7,
        "00 01 01 3100 01 01 3200 00 00 00  0424 0002 6162",
    );
    let text = TextView {
        text: Some("ab".into()),
        ..TextView::default()
    };
    let value = view(&data_sm, Some(&text));
    assert_eq!(value["short_message"], "ab");
    assert_eq!(value["optional_parameters"]["message_payload"], "6162");
    assert!(value.get("short_message_hex").is_none());
}

#[test]
fn passwords_are_not_shown() {
    let bind = frame(9, 0, 1, "75 00 736563726574 00 00 34 00 00 00");
    let value = view(&bind, None);
    assert_eq!(value["password"], "***");
    assert_eq!(value["interface_version"], 0x34);
    let outbind = view(&frame(11, 0, 1, "75 00 736563726574 00"), None);
    assert_eq!(outbind["password"], "***");
    let debug = format!("{bind:?} {:?}", bind.decode());
    assert!(!debug.contains("secret") && !debug.contains("736563"));
}

#[test]
fn a_repeated_parameter_becomes_an_array() {
    let body = "6100 0427 0001 01  0427 0001 02  001d 0002 7800  0427 0001 0a";
    let value = view(&frame(0x8000_0004, 0, 1, body), None);
    assert_eq!(
        value["optional_parameters"],
        json!({"message_state": ["ENROUTE", "DELIVERED", 10], "additional_status_info_text": "x"})
    );
    assert_eq!(
        value["warnings"],
        json!(["TLV message_state occurs more than once"])
    );
}

#[test]
fn lists_show_their_entries() {
    let body = "00 00 00 00 02 01 01 01 333600 02 6c00 00 00 00 00 00 00 00 00 00 00";
    let value = view(&frame(0x21, 0, 1, body), None);
    assert_eq!(value["number_of_dests"], 2);
    assert_eq!(
        value["dest_addresses"],
        json!([
            {"dest_flag": 1, "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "36"},
            {"dest_flag": 2, "dl_name": "l"},
        ])
    );
    assert_eq!(value["short_message"], "");
    let response = view(
        &frame(0x8000_0021, 0, 1, "6d00 01 01 01 3600 0000000b"),
        None,
    );
    assert_eq!(response["no_unsuccess"], 1);
    assert_eq!(response["unsuccess_sme"][0]["error_status_code"], 11);
}

#[test]
fn octets_that_are_not_utf8_are_read_as_latin1_with_a_warning() {
    let value = view(&frame(0x8000_0004, 0, 1, "61e9 00"), None);
    assert_eq!(value["message_id"], "a\u{e9}");
    assert_eq!(
        value["warnings"],
        json!(["message_id has octets that are not ASCII"])
    );
}

#[test]
fn no_string_holds_a_nul() {
    let text = TextView {
        text: Some("a\0b".into()),
        udh: Some(json!({"k\0": ["\0", {"deep": "\0"}]})),
        receipt: Some(json!("\0")),
        warnings: vec!["w\0".into()],
    };
    let value = view(&frame(5, 0, 7, RECEIPT), Some(&text));
    assert!(!value.to_string().contains("\\u0000"));
    assert_eq!(value["short_message"], "a\u{2400}b");
    assert_eq!(value["udh"]["k\u{2400}"][1]["deep"], "\u{2400}");
    assert_eq!(value["warnings"], json!(["w\u{2400}"]));
}

#[test]
fn what_cannot_be_decoded_has_its_header_and_a_reason() {
    let unknown = frame(0x110, 0x0001_2345, 9, "");
    assert_eq!(
        view(&unknown, None),
        json!({
            "error": "unknown command_id 0x00000110",
            "command_id": "0x00000110", "command_status": "0x00012345", "sequence_number": 9,
        })
    );
    let cut = view(&frame(5, 0, 9, "00 01"), None);
    assert_eq!(
        cut["error"],
        "the PDU ends before source_addr_npi, at octet 2 of the body"
    );
    assert_eq!(error_to_json(None, &"a\0b"), json!({"error": "a\u{2400}b"}));
}

#[test]
fn a_body_without_fields_is_its_header() {
    assert_eq!(
        view(&frame(0x15, 0, 3, ""), None),
        json!({"command_id": "enquire_link", "command_status": "ESME_ROK", "sequence_number": 3})
    );
    assert_eq!(
        keys(&view(&frame(0x8000_0004, 8, 3, ""), None)),
        ["command_id", "command_status", "sequence_number"]
    );
}
