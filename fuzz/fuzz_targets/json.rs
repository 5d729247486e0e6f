//! The JSON of any PDU: no panic, and no string with U+0000, which PostgreSQL refuses.
#![no_main]

use bytes::Bytes;
use esmed::pdu::{Frame, TextView, to_json};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    if input.len() < 12 {
        return;
    }
    let Ok(length) = u32::try_from(input.len() + 4) else {
        return;
    };
    let octets = Bytes::from([&length.to_be_bytes(), input].concat());
    let frame = Frame::from_octets(octets).expect("the length is true");
    let text = String::from_utf8_lossy(input).into_owned();
    let view = TextView {
        udh: Some(Value::from(text.clone())),
        text: Some(text),
        ..TextView::default()
    };
    for view in [None, Some(&view)] {
        let value = to_json(&frame, &frame.decode(), view);
        check(&value);
        let written = value.to_string();
        let read: Value = serde_json::from_str(&written).expect("it is JSON");
        assert_eq!(read, value);
    }
});

fn check(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains('\0')),
        Value::Array(values) => values.iter().for_each(check),
        Value::Object(object) => {
            assert!(object.keys().all(|key| !key.contains('\0')));
            object.values().for_each(check);
        }
        _ => {}
    }
}
