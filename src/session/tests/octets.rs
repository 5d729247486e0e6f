//! What was written, to the octet.

use proptest::prelude::*;

use super::*;

fn octets_of_a_submit() -> usize {
    encoded(&Pdu::SubmitSm(submit_sm()), OK, 1).len()
}

#[test]
fn leftovers_are_in_doubt_exactly_when_their_last_octet_was_written() {
    let length = octets_of_a_submit();
    for written in 0..=3 * length {
        let mut pair = Pair::bound(config());
        for token in 0..3 {
            pair.queue(token);
        }
        pair.write(written);
        let whole = u32::try_from(written / length).unwrap();
        let expected = (0..3).map(|token| {
            let leftover = if token < whole {
                Leftover::InDoubt
            } else {
                Leftover::Unwritten
            };
            (token, leftover)
        });
        assert_eq!(pair.session.has_unwritten_submits(), whole < 3);
        assert_eq!(pair.leftovers(), expected.collect::<Vec<_>>(), "{written}");
    }
}

#[test]
fn other_pdus_around_a_submit_do_not_shift_the_count() {
    let mut pair = Pair::bound(config());
    pair.receive(&Pdu::EnquireLink, OK, 1);
    pair.queue(0);
    pair.receive(&Pdu::EnquireLink, OK, 2);
    let before = encoded(&Pdu::EnquireLinkResp, OK, 1).len();
    pair.write(before + octets_of_a_submit() - 1);
    assert!(pair.session.has_unwritten_submits());
    pair.write(1);
    assert!(!pair.session.has_unwritten_submits());
    assert!(!pair.session.transmit().is_empty());
    assert_eq!(pair.leftovers(), [(0, Leftover::InDoubt)]);
}

#[test]
fn a_submit_given_up_before_it_was_written_still_counts_as_unwritten() {
    let mut pair = Pair::bound(with_window(quiet(), 2));
    pair.queue(7);
    pair.pass(seconds(120));
    assert_eq!(pair.events(), [Event::Unanswered { token: 7 }]);
    assert!(
        pair.session.has_unwritten_submits(),
        "its octets must not leave unguarded"
    );
    pair.write(usize::MAX);
    assert!(!pair.session.has_unwritten_submits());
}

#[test]
fn a_submit_answered_before_it_was_written_still_counts_as_unwritten() {
    let mut pair = Pair::bound(config());
    pair.queue(7);
    pair.accept(2);
    assert_eq!(pair.events(), [answered(7, OK, "id")]);
    assert!(pair.session.has_unwritten_submits());
}

proptest! {
    #![proptest_config(cases(200))]

    /// Written in any pieces, between any submits and requests of the peer, the stream is the same.
    #[test]
    fn pieces_do_not_matter(
        steps in prop::collection::vec(
            prop_oneof![
                (1usize..90).prop_map(Some),
                Just(None),
            ],
            1..100,
        ),
    ) {
        let mut pair = Pair::bound(with_window(config(), 1000));
        let mut expected = BytesMut::new();
        for (number, step) in (2..).zip(steps) {
            match step {
                Some(octets) => pair.write(octets),
                None if number % 3 == 0 => {
                    pair.receive(&Pdu::EnquireLink, OK, number);
                    expected.extend(encoded(&Pdu::EnquireLinkResp, OK, number));
                }
                None => {
                    pair.session.set_last_sequence_number(number - 1);
                    pair.queue(number);
                    expected.extend(encoded(&Pdu::SubmitSm(submit_sm()), OK, number));
                }
            }
        }
        pair.write(usize::MAX);
        prop_assert_eq!(&pair.arrived, &expected);
        prop_assert!(pair.session.transmit().is_empty());
    }
}
