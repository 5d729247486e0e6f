//! Streams and PDUs that are not SMPP.

use proptest::prelude::*;

use super::*;
use crate::pdu::FrameError;

#[test]
fn what_cannot_be_framed_is_nacked_kept_and_ends_the_session() {
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let cases: [(&[u8], FrameError); 4] = [
        (&[0, 0, 0, 0], FrameError::TooShort(0)),
        (&[0, 0, 0, 15, 1, 2, 3], FrameError::TooShort(15)),
        (
            &[0, 1, 0x11, 0x71],
            FrameError::TooLong {
                length: 70_001,
                limit: 70_000,
            },
        ),
        (
            http,
            FrameError::TooLong {
                length: 0x4854_5450,
                limit: 70_000,
            },
        ),
    ];
    for (octets, error) in cases {
        for open in [true, false] {
            let mut pair = if open {
                Pair::open(quiet())
            } else {
                Pair::bound(quiet())
            };
            pair.sent();
            pair.receive_octets(octets);
            let (header, pdu) = pair.sent_one();
            assert_eq!(pdu, Pdu::GenericNack);
            assert_eq!(header.command_status, CommandStatus::ESME_RINVCMDLEN);
            assert_eq!(header.sequence_number, 0);
            assert_eq!(pair.events(), [Event::Garbage(octets.to_vec().into())]);
            assert_eq!(pair.closed(), Some(&CloseReason::Framing(error)));
            pair.receive_octets(b"more");
            assert_eq!(pair.events(), [], "told once");
        }
    }
}

#[test]
fn a_long_stream_of_garbage_is_not_kept_whole() {
    let mut pair = Pair::bound(quiet());
    pair.receive_octets(&[0xFF; 50_000]);
    let events = pair.events();
    let [Event::Garbage(kept)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(kept[..], [0xFF; 1024]);
}

#[test]
fn pdus_before_the_garbage_count() {
    let mut pair = Pair::bound(quiet());
    let number = pair.submit(1);
    let mut octets = encoded(&submit_sm_resp("id"), OK, number);
    octets.extend_from_slice(&[0, 0, 0, 3]);
    pair.receive_octets(&octets);
    assert_eq!(pair.events()[0], answered(1, OK, "id"));
    assert!(matches!(pair.closed(), Some(CloseReason::Framing(_))));
}

#[test]
fn the_longest_pdu_is_whole() {
    let mut pair = Pair::bound(quiet());
    let mut octets = vec![0; 70_000];
    octets[..16].copy_from_slice(&[0, 1, 0x11, 0x70, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
    for piece in octets.chunks(999) {
        pair.receive_octets(piece);
    }
    assert!(matches!(pair.events()[..], [Event::Delivery(_)]));
}

#[test]
fn an_undecodable_response_is_still_an_answer() {
    let mut pair = Pair::bound(quiet());
    let number = pair.submit(1);
    // A message_id of 70 octets without its NUL.
    let mut octets = encoded(&Pdu::SubmitSmResp(None), OK, number);
    octets[3] = 86;
    octets.extend_from_slice(&[b'7'; 70]);
    pair.receive_octets(&octets);
    assert_eq!(pair.events(), [answered(1, OK, &"7".repeat(70))]);
}

proptest! {
    #![proptest_config(cases(300))]

    /// Whatever comes, in whatever pieces: no panic, no spinning timer, each submit one end.
    #[test]
    fn no_octets_at_all_do_harm(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                // Headers that are nearly right.
                (16u8..40, 0u8..2, 0u8..0x22, 0u8..6, prop::collection::vec(any::<u8>(), 0..24))
                    .prop_map(|(length, response, command, number, body)| {
                        let mut octets = vec![0, 0, 0, length, response << 7, 0, 0, command];
                        octets.extend([0, 0, 0, 0, 0, 0, 0, number]);
                        octets.extend(body);
                        octets.resize(usize::from(length), 0);
                        octets
                    }),
            ],
            1..40,
        ),
        bound in any::<bool>(),
    ) {
        let mut pair = if bound { Pair::bound(config()) } else { Pair::open(config()) };
        let mut tokens = 0;
        let mut ended = Vec::new();
        for piece in pieces {
            if pair.capacity() == Capacity::Now {
                pair.queue(tokens);
                tokens += 1;
            }
            pair.receive_octets(&piece);
            pair.write(23);
            pair.pass(Duration::from_millis(700));
            ended.extend(pair.events().into_iter().filter_map(|event| match event {
                Event::Answered { token, .. } | Event::Unanswered { token } => Some(token),
                _ => None,
            }));
        }
        ended.extend(pair.leftovers().into_iter().map(|(token, _)| token));
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..tokens).collect::<Vec<_>>());
    }
}
