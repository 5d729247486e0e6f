//! A stream in pieces: no frame is lost or made up, and no memory is reserved by a length.
#![no_main]

use bytes::BytesMut;
use esmed::pdu::FrameDecoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first octet says how long the pieces are.
    let Some((&size, stream)) = input.split_first() else {
        return;
    };
    let decoder = FrameDecoder::new(1000);
    let mut buffer = BytesMut::new();
    let mut got = Vec::new();
    let mut fed = 0;
    'stream: for piece in stream.chunks(usize::from(size).max(1)) {
        buffer.extend_from_slice(piece);
        fed += piece.len();
        loop {
            let before = buffer.capacity();
            match decoder.next_frame(&mut buffer) {
                Ok(Some(frame)) => {
                    assert_eq!(frame.header.command_length as usize, frame.octets.len());
                    got.extend_from_slice(&frame.octets);
                }
                Ok(None) => {
                    assert!(buffer.capacity() <= before);
                    break;
                }
                Err(_) => break 'stream,
            }
        }
    }
    got.extend_from_slice(&buffer);
    assert_eq!(got, stream[..fed]);
});
