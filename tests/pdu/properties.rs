//! What holds for any octets.

use bytes::{Bytes, BytesMut};
use esmed::pdu::{CommandId, Frame, FrameDecoder, FrameError, TextView, to_json};
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame of a known command with any body; its parts are chosen so that bodies often make sense.
fn frames() -> impl Strategy<Value = Frame> {
    let pieces = prop_oneof![
        4 => Just(vec![0]),
        2 => vec(any::<u8>(), 1..4),
        2 => vec(0x30_u8..0x3A, 1..25),
        1 => vec(any::<u8>(), 0..300),
        // A TLV whose length is true.
        2 => (prop_oneof![Just(0x001E_u16), Just(0x0427), Just(0x0424), any::<u16>()], vec(any::<u8>(), 0..5))
            .prop_map(|(tag, value)| {
                let length = u16::try_from(value.len()).unwrap();
                [&tag.to_be_bytes(), &length.to_be_bytes(), &value[..]].concat()
            }),
    ];
    let id = (0..CommandId::ALL.len()).prop_map(|at| CommandId::ALL[at].0);
    let id = prop_oneof![9 => id, 1 => any::<u32>()];
    let status = prop_oneof![Just(0_u32), any::<u32>()];
    (id, status, any::<u32>(), vec(pieces, 0..40)).prop_map(|(id, status, sequence, pieces)| {
        let body = pieces.concat();
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut octets = Vec::new();
        for word in [length, id, status, sequence] {
            octets.extend(word.to_be_bytes());
        }
        octets.extend(body);
        Frame::from_octets(octets.into()).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decoding_never_panics_and_exact_pdus_are_written_back(frame in frames()) {
        let decoded = frame.decode();
        if let Ok(decoded) = &decoded && decoded.warnings.is_empty() {
            let mut out = BytesMut::new();
            let header = frame.header;
            decoded.pdu.encode(header.command_status, header.sequence_number, &mut out).unwrap();
            prop_assert_eq!(out.freeze(), frame.octets);
        }
    }

    #[test]
    fn every_pdu_has_a_json_that_postgresql_takes(frame in frames(), text in any::<Option<String>>()) {
        let view = TextView { text, ..TextView::default() };
        let value = to_json(&frame, &frame.decode(), Some(&view));
        prop_assert!(!value.to_string().contains("\\u0000"));
        prop_assert!(value["command_id"].is_string());
    }

    #[test]
    fn a_frame_decoder_takes_only_what_is_there(octets in vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(&octets[..]);
        let capacity = buffer.capacity();
        let decoder = FrameDecoder::new(100);
        let mut taken = 0;
        loop {
            match decoder.next_frame(&mut buffer) {
                Ok(Some(frame)) => taken += frame.octets.len(),
                Ok(None) => break,
                Err(FrameError::TooShort(length)) => {
                    prop_assert!(length < 16);
                    break;
                }
                Err(FrameError::TooLong { length, limit }) => {
                    prop_assert!(length as usize > limit);
                    break;
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        prop_assert_eq!(taken + buffer.len(), octets.len());
        prop_assert!(buffer.capacity() <= capacity);
    }

    #[test]
    fn exactly_one_pdu_or_a_reason(octets in vec(any::<u8>(), 0..40)) {
        let octets = Bytes::from(octets);
        if let Ok(frame) = Frame::from_octets(octets.clone()) {
            prop_assert_eq!(frame.header.command_length as usize, octets.len());
        }
    }
}

#[test]
fn a_length_that_is_waited_for_reserves_nothing() {
    let mut buffer = BytesMut::from(&[0x00, 0x01, 0x00, 0x00, 0, 0, 0, 5][..]);
    let capacity = buffer.capacity();
    assert_eq!(FrameDecoder::default().next_frame(&mut buffer), Ok(None));
    assert_eq!(buffer.capacity(), capacity);
}
