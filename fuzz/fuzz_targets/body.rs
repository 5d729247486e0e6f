//! Any body of any command: read without a panic, and an exact one written back as it was.
#![no_main]

use bytes::{Bytes, BytesMut};
use esmed::pdu::Frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // Everything but command_length, which is counted here.
    if input.len() < 12 {
        return;
    }
    let Ok(length) = u32::try_from(input.len() + 4) else {
        return;
    };
    let octets = Bytes::from([&length.to_be_bytes(), input].concat());
    let frame = Frame::from_octets(octets).expect("the length is true");
    let Ok(decoded) = frame.decode() else {
        return;
    };
    let mut out = BytesMut::new();
    decoded
        .pdu
        .encode(
            frame.header.command_status,
            frame.header.sequence_number,
            &mut out,
        )
        .expect("what was read can be written");
    let written = Frame::from_octets(out.freeze()).expect("what was written is a frame");
    if decoded.warnings.is_empty() {
        assert_eq!(written.octets, frame.octets);
    }
    // What is lenient in is exact out: nothing changes any more.
    let again = written.decode().expect("what was written can be read");
    assert_eq!(again.pdu, decoded.pdu);
});
