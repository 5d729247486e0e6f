use proptest::prelude::*;
use serde_json::json;

use super::*;

mod joined;
mod plans;

/// A style that refuses no text of a few thousand characters.
fn style(alphabet: Alphabet, long_message: LongMessage) -> Style {
    Style {
        alphabet,
        long_message,
        max_parts: 255,
        ..Style::default()
    }
}

fn forced(data_coding: u8) -> Wanted {
    Wanted {
        data_coding: Some(data_coding),
        message_class: None,
    }
}

/// A text of any length in one piece.
fn whole(text: &str, wanted: Wanted, alphabet: Alphabet) -> Result<Plan, TextError> {
    plan(text, wanted, &style(alphabet, LongMessage::Payload))
}

#[test]
fn alphabets_have_the_names_of_the_column() {
    for alphabet in Alphabet::ALL {
        assert_eq!(alphabet.name().parse(), Ok(alphabet));
    }
    let error = "gsm".parse::<Alphabet>().unwrap_err().to_string();
    assert!(
        error.contains("'gsm'") && error.contains("GSM0338_PACKED"),
        "{error}"
    );
}

#[test]
fn septets_are_packed_as_in_the_specification() {
    assert_eq!(
        gsm7::pack(b"1234567", 0),
        [0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x1A]
    );
    assert_eq!(
        gsm7::unpack(&[0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x1A], 0),
        b"1234567\r"
    );
    assert_eq!(
        gsm7::pack(b"12345678", 0),
        [0x31, 0xD9, 0x8C, 0x56, 0xB3, 0xDD, 0x70]
    );
    assert_eq!(gsm7::pack(b"", 0), [0u8; 0]);
    assert_eq!(gsm7::pack(b"", 1), [0u8; 0]);
    // Behind a header of six octets, one bit is filled: 0x31 << 1.
    assert_eq!(gsm7::pack(b"1", 1), [0x62]);
    assert_eq!(gsm7::unpack(&[0x62], 1), b"1");
    for padding in [0x0D, 0x00] {
        let septets = [b"1234567".as_slice(), &[padding]].concat();
        assert_eq!(gsm7::without_padding(&septets, 7, 0), b"1234567");
    }
    assert_eq!(gsm7::without_padding(b"12345678", 7, 0), b"12345678");
    assert_eq!(gsm7::without_padding(b"123456\r", 7, 1), b"123456\r");
}

#[test]
fn octets_are_decoded_by_data_coding() {
    let decoded = |octets: &[u8], data_coding| decode(octets, data_coding, Alphabet::Gsm0338);
    let text = |octets: &[u8], data_coding| {
        let decoded = decoded(octets, data_coding);
        assert_eq!(decoded.warning, None, "{data_coding}");
        decoded.text
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(text(&[0x00, 0x11, 0x1B, 0x65], 0), some("@_€"));
    assert_eq!(text(b"@_", 1), some("@_"));
    // 0x80 is a control in ISO-8859-1, and € in windows-1252.
    assert_eq!(text(&[0xE9, 0x80], 3), some("é\u{80}"));
    assert_eq!(text(&[0x82, 0xA0], 5), some("あ"));
    assert_eq!(text(&[0xBF], 6), some("П"));
    assert_eq!(text(&[0xE9], 7), some("י"));
    assert_eq!(text(&[0xD8, 0x3D, 0xDE, 0x00], 8), some("😀"));
    assert_eq!(text(b"\x1b$B$\"\x1b(B", 10), some("あ"));
    assert_eq!(text(&[0xA4, 0xA2], 13), some("あ"));
    assert_eq!(text(&[0xB0, 0xA1], 14), some("가"));
    for binary in [2, 4, 0x14, 0xF4, 0xF7] {
        assert_eq!(text(&[1, 2], binary), None);
    }
    for default in [0x10, 0x11, 0x50, 0xC0, 0xC8, 0xD0, 0xF0, 0xF3] {
        assert_eq!(text(&[0x11], default), some("_"));
    }
    for wide in [0x18, 0x58, 0xE0, 0xE8] {
        assert_eq!(text(&[0x04, 0x2F], wide), some("Я"));
    }
    for unknown in [9, 11, 12, 15, 0x1C, 0x30, 0x80, 0xBF] {
        let decoded = decoded(&[0x11], unknown);
        assert_eq!(decoded.text, None);
        let warning = format!("data_coding {unknown} is not known");
        assert_eq!(decoded.warning, Some(warning));
    }
}

#[test]
fn what_has_no_character_is_replaced_and_told() {
    let cases: [(&[u8], u8, Alphabet, &str); 8] = [
        (&[0x61, 0xE9], 0, Alphabet::Gsm0338, "a\u{FFFD}"),
        (&[0x1B, 0x61, 0x62], 0, Alphabet::Gsm0338, "\u{FFFD}b"),
        (&[0x61, 0x1B], 0, Alphabet::Gsm0338, "a\u{FFFD}"),
        (&[0x61, 0xE9], 1, Alphabet::Gsm0338, "a\u{FFFD}"),
        (&[0x61, 0xE9], 0, Alphabet::Utf8, "a\u{FFFD}"),
        (&[0x00, 0x61, 0x00], 8, Alphabet::Gsm0338, "a"),
        (&[0xD8, 0x3D], 8, Alphabet::Gsm0338, "\u{FFFD}"),
        (&[0x61, 0xFF], 13, Alphabet::Gsm0338, "a\u{FFFD}"),
    ];
    for (octets, data_coding, alphabet, text) in cases {
        let decoded = decode(octets, data_coding, alphabet);
        assert_eq!(decoded.text.as_deref(), Some(text));
        assert!(decoded.warning.is_some());
    }
}

#[test]
fn a_user_data_header_is_split_off() {
    let (udh, rest) = split_udh(b"\x05\x00\x03\x10\x02\x01id:7").unwrap();
    assert_eq!(rest, b"id:7");
    let concat = Concat {
        reference: 16,
        part: 1,
        total: 2,
        wide: false,
    };
    assert_eq!(udh.concat, Some(concat));
    assert_eq!((udh.length, udh.fill_bits()), (6, 1));
    assert_eq!(
        udh.to_json(),
        json!({
            "elements": [{"id": 0, "hex": "100201"}],
            "concat": {"reference": 16, "part": 1, "total": 2},
        })
    );
    // Ports, then a reference of 16 bits.
    let octets = b"\x0c\x05\x04\x15\x81\x00\x00\x08\x04\x12\x34\x03\x02rest";
    let (udh, rest) = split_udh(octets).unwrap();
    assert_eq!(rest, b"rest");
    let concat = Concat {
        reference: 0x1234,
        part: 2,
        total: 3,
        wide: true,
    };
    assert_eq!(udh.concat, Some(concat));
    assert_eq!(udh.elements.len(), 2);
    assert_eq!(udh.fill_bits(), 1);
    assert_eq!(
        udh.to_json()["ports"],
        json!({"destination": 5505, "source": 0})
    );
    let (udh, rest) = split_udh(b"\x04\x04\x02\xf0\xe1rest").unwrap();
    assert_eq!(rest, b"rest");
    assert_eq!(
        udh.to_json(),
        json!({
            "elements": [{"id": 4, "hex": "f0e1"}],
            "ports": {"destination": 240, "source": 225},
        })
    );
    let (udh, rest) = split_udh(&[0]).unwrap();
    assert_eq!((udh.to_json(), rest.len()), (json!({"elements": []}), 0));
}

#[test]
fn a_broken_user_data_header_is_told() {
    assert_eq!(split_udh(b""), Err(UdhError::Empty));
    let error = UdhError::PastEnd {
        length: 105,
        left: 3,
    };
    assert_eq!(split_udh(b"id:7"), Err(error));
    assert_eq!(split_udh(&[2, 0, 3, 1]), Err(UdhError::Element { id: 0 }));
    assert_eq!(split_udh(&[1, 7]), Err(UdhError::Element { id: 7 }));
    // No such part: an element, but nothing to join by.
    for parts in [[7, 2, 0], [7, 2, 3], [7, 0, 0]] {
        let octets = [&[5, 0, 3][..], &parts].concat();
        assert_eq!(split_udh(&octets).unwrap().0.concat, None);
    }
}

#[test]
fn a_message_is_decoded_behind_its_header() {
    let header = [0x05, 0x00, 0x03, 0x10, 0x02, 0x01];
    let plain = [&header[..], b"Hi"].concat();
    let (udh, decoded) = decode_message(&plain, 0x40, 0, Alphabet::Gsm0338);
    assert!(udh.is_some());
    assert_eq!(decoded.text.as_deref(), Some("Hi"));
    let packed = [&header[..], &gsm7::pack(b"Hello", 1)].concat();
    let (_, decoded) = decode_message(&packed, 0x40, 0, Alphabet::Gsm0338Packed);
    assert_eq!(decoded.text.as_deref(), Some("Hello"));
    let (udh, decoded) = decode_message(b"id:7", 0x44, 0, Alphabet::Gsm0338);
    assert_eq!(udh, None);
    assert_eq!(decoded.text.as_deref(), Some("id:7"));
    assert!(decoded.warning.is_some());
    let (udh, decoded) = decode_message(b"Hi", 0x00, 0, Alphabet::Gsm0338);
    assert_eq!((udh, decoded.text.as_deref()), (None, Some("Hi")));
}

#[test]
fn parts_are_joined_before_they_are_decoded() {
    fn text(parts: &[&[u8]], data_coding: u8, alphabet: Alphabet) -> (Option<String>, bool) {
        let parts: Vec<(&[u8], u8)> = parts.iter().map(|&octets| (octets, 0)).collect();
        let decoded = decode_parts(&parts, data_coding, alphabet);
        (decoded.text, decoded.warning.is_some())
    }
    let whole = |text: &str| (Some(text.to_owned()), false);
    let gsm = Alphabet::Gsm0338;
    assert_eq!(text(&[b"a\x1b", b"\x65b"], 0, gsm), whole("a€b"));
    assert_eq!(
        text(&[b"\x00a\xd8\x3d", b"\xde\x00\x00b"], 8, gsm),
        whole("a😀b")
    );
    assert_eq!(text(&[b"\x04", b"\x2f"], 8, gsm), whole("Я"));
    assert_eq!(text(&[b"\xe2\x82", b"\xac"], 0, Alphabet::Utf8), whole("€"));
    // Shift_JIS: 93 FA is one character.
    assert_eq!(text(&[b"\x93", b"\xfa"], 5, gsm), whole("日"));
    // ISO-2022-JP: the first part is left in JIS X 0208, the second begins in ASCII.
    assert_eq!(
        text(&[b"\x1b$BF|", b"x\x1b$BF|\x1b(B"], 10, gsm),
        whole("日x日")
    );
    assert_eq!(text(&[b"\x1b$BF|", b"F|\x1b(B"], 10, gsm), whole("日日"));
    assert_eq!(text(&[b"ab", b"cd"], 4, gsm), (None, false));
    let (broken, warned) = text(&[b"a\x80", b"b"], 0, gsm);
    assert_eq!((broken.as_deref(), warned), (Some("a\u{FFFD}b"), true));
    assert_eq!(text(&[], 0, gsm), whole(""));
    // Packed: "ab" behind one fill bit is 0xc2 0x62, "cd" behind none 0x63 0x32.
    let packed = decode_parts(
        &[(b"\xc2\x62", 1), (b"\x63\x32", 0)],
        0,
        Alphabet::Gsm0338Packed,
    );
    assert_eq!(packed.text.as_deref(), Some("abcd"));
}

fn gsm_text() -> impl Strategy<Value = String> {
    let characters: Vec<char> = (0..=0x7F)
        .filter(|&code| code != gsm7::ESCAPE)
        .map(|code| vec![code])
        .chain([0x0A, 0x14, 0x28, 0x2F, 0x40, 0x65].map(|code| vec![gsm7::ESCAPE, code]))
        .flat_map(|septets| gsm7::decode(&septets).text.chars().collect::<Vec<_>>())
        .collect();
    proptest::collection::vec(proptest::sample::select(characters), 0..200)
        .prop_map(|characters| characters.into_iter().collect())
}

fn alphabet() -> impl Strategy<Value = Alphabet> {
    proptest::sample::select(Alphabet::ALL.to_vec())
}

proptest! {
    #[test]
    fn gsm_texts_come_back(text in gsm_text()) {
        let septets = gsm7::encode(&text).unwrap();
        prop_assert_eq!(gsm7::septets(&text), Some(septets.len()));
        let decoded = gsm7::decode(&septets);
        prop_assert_eq!((decoded.text, decoded.replaced), (text, false));
    }

    #[test]
    fn encode_and_septets_agree(text in "\\PC{0,50}") {
        prop_assert_eq!(gsm7::encode(&text).ok().map(|septets| septets.len()), gsm7::septets(&text));
    }

    #[test]
    fn what_has_says_encode_does(ch in any::<char>()) {
        prop_assert_eq!(gsm7::has(ch), gsm7::encode(ch.encode_utf8(&mut [0; 4])).is_ok());
    }

    #[test]
    fn packed_septets_come_back(
        septets in proptest::collection::vec(0u8..0x80, 0..170),
        fill_bits in 0u8..7,
    ) {
        let octets = gsm7::pack(&septets, fill_bits);
        let mut expected = septets.clone();
        if !septets.is_empty() && (septets.len() * 7 + usize::from(fill_bits)) % 8 == 1 {
            expected.push(0x0D);
        }
        prop_assert_eq!(gsm7::unpack(&octets, fill_bits), expected);
    }

    #[test]
    fn any_octets_are_decoded(
        octets in proptest::collection::vec(any::<u8>(), 0..260),
        esm_class in any::<u8>(),
        data_coding in any::<u8>(),
        alphabet in alphabet(),
    ) {
        let _ = decode_message(&octets, esm_class, data_coding, alphabet);
        for data_coding in 0..=255 {
            let _ = decode(&octets, data_coding, alphabet);
        }
        if let Ok((udh, rest)) = split_udh(&octets) {
            prop_assert_eq!(udh.length + rest.len(), octets.len());
            let _ = udh.to_json();
        }
    }
}
