//! The codec from outside: golden octets, vectors, an independent codec, and octets without sense.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cases;
mod faults;
mod json;
mod oracle;
mod properties;
mod statuses;
mod tlvs;
mod vectors;

use bytes::Bytes;
use esmed::pdu::Frame;

/// Octets from hexadecimal digits; spaces and line ends between them are left out.
fn octets(hex: &str) -> Bytes {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0, "{hex}");
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}

/// A frame of these header fields and this body; command_length is counted.
fn frame(command_id: u32, command_status: u32, sequence_number: u32, body: &str) -> Frame {
    let body = octets(body);
    let mut all = Vec::new();
    let length = u32::try_from(16 + body.len()).unwrap();
    for word in [length, command_id, command_status, sequence_number] {
        all.extend(word.to_be_bytes());
    }
    all.extend(body);
    Frame::from_octets(all.into()).unwrap()
}

/// service_type to sm_default_msg_id of submit_sm and deliver_sm: from "12" to "34", `esm_class`
/// in the middle.
fn sm(esm_class: &str, rest: &str) -> String {
    format!("434d5400 01 01 313200 02 08 333400 {esm_class} 00 01 00 00 01 00 00 00 {rest}")
}
