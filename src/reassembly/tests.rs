use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

mod ends;

const GSM: Alphabet = Alphabet::Gsm0338;

fn key(source: &str, kind: Reference, reference: u16, total: u8) -> Key {
    Key {
        server_id: 1,
        source: source.to_owned(),
        destination: "4711".to_owned(),
        kind,
        reference,
        total,
    }
}

fn piece(octets: &[u8], data_coding: u8) -> Piece {
    Piece {
        data_coding,
        octets: Bytes::copy_from_slice(octets),
        fill_bits: 0,
    }
}

/// Places parts as they come, and keeps what the sets hold.
#[derive(Default)]
struct Table {
    sets: Sets,
    rows: i64,
    stored: BTreeMap<i64, BTreeMap<u8, Piece>>,
    messages: Vec<(Key, Option<String>)>,
}

impl Table {
    fn arrives(&mut self, key: &Key, number: u8, piece: &Piece, alphabet: Alphabet) -> Place {
        self.rows += 1;
        let place = self.sets.place(self.rows, key, number, piece);
        let Some(set) = place.set else {
            assert!(place.repeats.is_some() && !place.ready);
            return place;
        };
        let stored = self.stored.entry(set).or_default();
        assert!(stored.insert(number, piece.clone()).is_none());
        assert_eq!(place.ready, stored.len() == usize::from(key.total));
        if place.ready {
            self.messages.push((key.clone(), text(stored, alphabet)));
        }
        place
    }

    fn text(&mut self, key: &Key, number: u8, text: &str) -> Place {
        self.arrives(key, number, &piece(text.as_bytes(), 0), GSM)
    }

    fn texts(&self) -> Vec<&str> {
        let texts = self.messages.iter();
        texts.filter_map(|(_, text)| text.as_deref()).collect()
    }
}

fn joined(pieces: &[Piece], alphabet: Alphabet) -> Option<String> {
    text(&(1..).zip(pieces.iter().cloned()).collect(), alphabet)
}

#[test]
fn parts_in_any_order_with_repeats_are_one_message() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 7, 3);
    for (number, octets) in [(3, "c"), (1, "a"), (3, "c"), (1, "a"), (2, "b")] {
        let place = table.text(&key, number, octets);
        assert!(place.set.is_none_or(|set| set == 1));
    }
    assert_eq!(table.texts(), ["abc"]);
}

#[test]
fn what_differs_in_anything_is_another_message() {
    let first = key("44", Reference::Udh8, 7, 2);
    for other in [
        key("45", Reference::Udh8, 7, 2),
        key("44", Reference::Udh16, 7, 2),
        key("44", Reference::Sar, 7, 2),
        key("44", Reference::Udh8, 8, 2),
        key("44", Reference::Udh8, 7, 3),
        Key {
            server_id: 2,
            ..first.clone()
        },
        Key {
            destination: "4712".to_owned(),
            ..first.clone()
        },
    ] {
        let mut table = Table::default();
        table.text(&first, 1, "a");
        assert_eq!(table.text(&other, 2, "x").set, Some(2), "{other:?}");
        assert_eq!(table.text(&first, 2, "b").set, Some(1));
        assert_eq!(table.texts(), ["ab"]);
    }
}

#[test]
fn a_reference_that_is_used_again_makes_a_new_message() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 0, 2);
    for (number, octets) in [(1, "a"), (2, "b"), (2, "d"), (1, "c"), (1, "e"), (2, "f")] {
        table.text(&key, number, octets);
    }
    assert_eq!(table.texts(), ["ab", "cd", "ef"]);
}

#[test]
fn a_repeated_part_gets_into_no_new_message() {
    let key = key("44", Reference::Udh8, 7, 2);
    for again in [(1, "a"), (2, "b")] {
        for new in [[(1, "c"), (2, "d")], [(2, "d"), (1, "c")]] {
            // The repeat comes before the new message, in it, and behind it.
            for at in 0..3 {
                let mut table = Table::default();
                table.text(&key, 1, "a");
                table.text(&key, 2, "b");
                let mut parts = new.to_vec();
                parts.insert(at, again);
                for (number, octets) in parts {
                    table.text(&key, number, octets);
                }
                assert_eq!(table.texts(), ["ab", "cd"], "{again:?} {new:?} {at}");
            }
        }
    }
}

#[test]
fn a_message_that_comes_again_whole_is_one_again() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 7, 2);
    for (number, octets) in [(1, "a"), (2, "b"), (2, "b"), (1, "a"), (1, "a"), (2, "b")] {
        table.text(&key, number, octets);
    }
    assert_eq!(table.texts(), ["ab", "ab", "ab"]);
    // Repeats of two messages are none.
    for (number, octets) in [(1, "c"), (2, "d"), (1, "a"), (2, "d")] {
        table.text(&key, number, octets);
    }
    assert_eq!(table.texts(), ["ab", "ab", "ab", "cd"]);
}

#[test]
fn the_octets_of_the_first_are_known_in_all_that_repeat_it() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 7, 2);
    for (number, octets) in [(1, "a"), (2, "b"), (1, "a"), (2, "b"), (2, "b")] {
        table.text(&key, number, octets);
    }
    let place = table.text(&key, 1, "a");
    assert_eq!((place.set, place.repeats), (Some(5), Some(1)));
}

#[test]
fn of_one_part_again_and_again_few_are_kept_in_sets() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 7, 2);
    table.text(&key, 1, "a");
    let places: Vec<_> = (0..100).map(|_| table.text(&key, 1, "a")).collect();
    assert!(
        places
            .iter()
            .all(|place| place.set.is_none() && place.repeats == Some(1))
    );
    table.text(&key, 2, "b");
    let kept = (0..100).filter(|_| table.text(&key, 2, "b").set.is_some());
    assert_eq!(kept.count(), 4);
}

#[test]
fn a_part_that_came_under_its_number_with_other_octets_begins_a_new_message() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 0, 3);
    assert_eq!(table.text(&key, 1, "a").set, Some(1));
    assert_eq!(table.text(&key, 1, "x").set, Some(2));
    // Of the newest, a repeat of the oldest, of the newest.
    assert_eq!(table.text(&key, 2, "y").set, Some(2));
    assert_eq!(table.text(&key, 1, "a").set, None);
    assert_eq!(table.text(&key, 3, "z").set, Some(2));
    // Nothing but the oldest is open now.
    assert_eq!(table.text(&key, 2, "b").set, Some(1));
    assert_eq!(table.text(&key, 3, "c").set, Some(1));
    assert_eq!(table.texts(), ["xyz", "abc"]);
}

#[test]
fn the_same_octets_under_another_data_coding_are_no_repeat() {
    let mut table = Table::default();
    let key = key("44", Reference::Udh8, 0, 2);
    assert_eq!(table.arrives(&key, 1, &piece(b"ab", 0), GSM).set, Some(1));
    assert_eq!(table.arrives(&key, 1, &piece(b"ab", 8), GSM).set, Some(2));
}

/// A stored set: of each part the number, its id, and the id of what it repeats.
fn set(id: i64, inbox_id: Option<i64>, parts: &[(u8, i64, i64)]) -> Set {
    let held = |&(number, rx_id, first)| (number, Held { rx_id, first });
    Set {
        id,
        inbox_id,
        overdue: false,
        parts: parts.iter().map(held).collect(),
    }
}

#[test]
fn stored_sets_go_on() {
    let key = key("44", Reference::Udh8, 0, 3);
    let mut sets = Sets::default();
    let shown = set(10, Some(70), &[(1, 10, 10), (3, 11, 11)]);
    let complete = set(20, Some(71), &[(1, 20, 20), (2, 21, 21), (3, 22, 22)]);
    let mut old = set(30, None, &[(1, 30, 30)]);
    old.overdue = true;
    let open = set(40, None, &[(1, 40, 40)]);
    for it in [shown, complete, old, open] {
        sets.add(key.clone(), it);
    }
    let new = [(&key, 1), (&key, 3), (&key, 1)];
    assert_eq!(sets.in_question(new), [10, 11, 20, 22, 30, 40]);
    for (rx_id, octets) in [
        (10, "a"),
        (11, "c"),
        (20, "k"),
        (21, "l"),
        (22, "m"),
        (30, "p"),
        (40, "s"),
    ] {
        sets.add_piece(rx_id, piece(octets.as_bytes(), 0));
    }
    let mut place = |rx_id, number, octets: &str| {
        let place = sets.place(rx_id, &key, number, &piece(octets.as_bytes(), 0));
        (place.set, place.repeats, place.ready)
    };
    // Those in the inbox and the old one take none, the open one takes what it lacks.
    assert_eq!(place(50, 2, "x"), (Some(40), None, false));
    assert_eq!(place(51, 3, "y"), (Some(40), None, true));
    assert_eq!(place(52, 2, "z"), (Some(52), None, false));
    // Repeats of each of them are apart.
    assert_eq!(place(53, 3, "c"), (Some(53), Some(11), false));
    assert_eq!(place(54, 2, "l"), (Some(54), Some(21), false));
    assert_eq!(place(55, 1, "p"), (Some(55), Some(30), false));
    assert_eq!(place(56, 1, "k"), (Some(54), Some(20), false));
    assert_eq!(place(57, 3, "m"), (Some(54), Some(22), true));
    assert_eq!(place(58, 1, "a"), (Some(53), Some(10), false));
}

#[test]
fn characters_that_were_cut_are_whole_again() {
    let cut = |octets: &[&[u8]], data_coding, alphabet| {
        let pieces: Vec<Piece> = octets.iter().map(|it| piece(it, data_coding)).collect();
        joined(&pieces, alphabet).unwrap()
    };
    assert_eq!(cut(&[b"1\x1b", b"\x65"], 0, GSM), "1€");
    assert_eq!(cut(&[b"\xd8\x3d", b"\xde\x00"], 8, GSM), "😀");
    assert_eq!(cut(&[b"\xe2", b"\x82\xac"], 0, Alphabet::Utf8), "€");
    assert_eq!(cut(&[b"\x93", b"\xfa"], 5, GSM), "日");
}

#[test]
fn parts_with_different_data_coding_are_decoded_apart() {
    let pieces = [
        piece(b"a", 0),
        piece(b"\x04\x2f", 8),
        piece(b"\x00", 4),
        piece(b"\xe9", 3),
    ];
    assert_eq!(joined(&pieces, GSM).as_deref(), Some("aЯé"));
    let binary = [piece(b"\x01\x02", 4), piece(b"\x03", 4)];
    assert_eq!(joined(&binary, GSM), None);
    assert_eq!(joined(&[], GSM), None);
}

#[test]
fn a_gap_does_not_spoil_what_is_behind_it() {
    // The second part, which is missing, had an odd number of octets.
    let pieces = BTreeMap::from([(1, piece(b"\x04\x2f\x04", 8)), (3, piece(b"\x04\x1f", 8))]);
    assert_eq!(text(&pieces, GSM).as_deref(), Some("ЯП"));
}

/// Septets packed bit by bit (GSM 03.38, 6.1.2.1), apart from the packing of the program.
fn packed(septets: &[u8], fill_bits: u8) -> Piece {
    let mut bits = vec![false; usize::from(fill_bits)];
    for septet in septets {
        bits.extend((0..7).map(|bit| septet >> bit & 1 == 1));
    }
    let octet = |bits: &[bool]| {
        (0..8).rev().fold(0, |octet, at| {
            octet << 1 | u8::from(bits.get(at) == Some(&true))
        })
    };
    Piece {
        data_coding: 0,
        octets: bits.chunks(8).map(octet).collect(),
        fill_bits,
    }
}

#[test]
fn packed_parts_are_joined_as_septets() {
    // Headers of 6 octets (1 fill bit) and 7 (none); the escape is cut in two.
    let pieces = [packed(b"ab\x1b", 1), packed(b"\x65cd", 1)];
    assert_eq!(
        joined(&pieces, Alphabet::Gsm0338Packed).as_deref(),
        Some("ab€cd")
    );
    let pieces = [packed(b"hello", 0), packed(b"world", 0)];
    assert_eq!(
        joined(&pieces, Alphabet::Gsm0338Packed).as_deref(),
        Some("helloworld")
    );
}

/// A message in parts: its key, the text, the pieces.
type Sent = (Key, String, Vec<Piece>);

/// A part on its way.
type Arrival = (Key, u8, Piece);

fn message(sender: u8, reference: u16) -> impl Strategy<Value = Sent> {
    let kind = prop_oneof![
        Just(Reference::Udh8),
        Just(Reference::Udh16),
        Just(Reference::Sar)
    ];
    let cuts = proptest::collection::vec(any::<Index>(), 1..6);
    ("\\PC{1,40}", any::<bool>(), cuts, kind).prop_map(move |(text, wide, cuts, kind)| {
        let (octets, data_coding): (Vec<u8>, u8) = if wide {
            (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), 8)
        } else {
            (text.as_bytes().to_vec(), 0)
        };
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
        at.extend([0, octets.len()]);
        at.sort_unstable();
        let pieces: Vec<Piece> = at
            .windows(2)
            .map(|ends| piece(&octets[ends[0]..ends[1]], data_coding))
            .collect();
        let total = u8::try_from(pieces.len()).unwrap();
        let key = key(&format!("44791100000{sender}"), kind, reference, total);
        (key, text, pieces)
    })
}

fn messages() -> impl Strategy<Value = Vec<Sent>> {
    // Few references, so that several senders use the same; none uses one twice.
    (1u8..4, 1u16..4).prop_flat_map(|(senders, references)| {
        let all: Vec<_> = (0..senders)
            .flat_map(|sender| (0..references).map(move |reference| message(sender, reference)))
            .collect();
        all
    })
}

/// The parts of all messages in a random order; of each message one part up to three times more.
fn arrivals() -> impl Strategy<Value = (Vec<(Key, String)>, Vec<Arrival>)> {
    (messages(), any::<Index>(), 0usize..4).prop_flat_map(|(messages, repeated, times)| {
        let mut parts = Vec::new();
        let mut texts = Vec::new();
        for (key, text, pieces) in messages {
            let all: Vec<_> = (1u8..)
                .zip(pieces)
                .map(|(number, piece)| (key.clone(), number, piece))
                .collect();
            let again = all[repeated.index(all.len())].clone();
            parts.extend(all);
            parts.extend(std::iter::repeat_n(again, times));
            texts.push((key, text));
        }
        (Just(texts), Just(parts).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn any_text_in_any_parts_comes_out_whole((mut texts, parts) in arrivals()) {
        let mut table = Table::default();
        for (key, number, piece) in &parts {
            table.arrives(key, *number, piece, Alphabet::Utf8);
        }
        let mut messages: Vec<(Key, String)> = table
            .messages
            .into_iter()
            .map(|(key, text)| (key, text.unwrap()))
            .collect();
        messages.sort();
        texts.sort();
        prop_assert_eq!(messages, texts);
    }

    #[test]
    fn any_octets_give_a_text_or_none(
        pieces in proptest::collection::vec((any::<Vec<u8>>(), any::<u8>(), 0u8..7), 0..5),
        packed in any::<bool>(),
    ) {
        let pieces: BTreeMap<u8, Piece> = (1..)
            .zip(pieces)
            .map(|(number, (octets, data_coding, fill_bits))| {
                (number, Piece { data_coding, octets: octets.into(), fill_bits })
            })
            .collect();
        let alphabet = if packed { Alphabet::Gsm0338Packed } else { GSM };
        let is_text = |piece: &Piece| {
            text::decode(&piece.octets, piece.data_coding, alphabet).text.is_some()
        };
        prop_assert_eq!(
            text(&pieces, alphabet).is_some(),
            pieces.values().any(is_text)
        );
    }
}
