//! Texts out: coding, class and parts, with octets from the specification or another implementation.

use super::*;

fn octets(text: &str, alphabet: Alphabet) -> (u8, Vec<u8>) {
    let plan = whole(text, Wanted::default(), alphabet).unwrap();
    assert_eq!((plan.parts.len(), plan.payload), (1, false));
    (plan.data_coding, plan.parts[0].to_vec())
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The parts with their headers, reference 0x2A.
fn with_headers(text: &str, style: &Style) -> Vec<Vec<u8>> {
    let plan = plan(text, Wanted::default(), style).unwrap();
    let total = u8::try_from(plan.parts.len()).unwrap();
    (1..=total)
        .zip(&plan.parts)
        .map(|(part, octets)| {
            let mut whole = concat_header(style.long_message, 0x2A, total, part);
            whole.extend_from_slice(octets);
            whole
        })
        .collect()
}

fn lengths(text: &str, alphabet: Alphabet, way: LongMessage) -> Vec<usize> {
    plan(text, Wanted::default(), &style(alphabet, way))
        .unwrap()
        .part_units(way)
}

#[test]
fn texts_go_out_in_the_default_alphabet_or_as_ucs2() {
    let gsm = |text| octets(text, Alphabet::Gsm0338);
    assert_eq!(gsm("@_$£€"), (0, vec![0x00, 0x11, 0x02, 0x01, 0x1B, 0x65]));
    assert_eq!(gsm("Я😀"), (8, vec![0x04, 0x2F, 0xD8, 0x3D, 0xDE, 0x00]));
    assert_eq!(gsm("a\nb"), (0, b"a\nb".to_vec()));
    assert_eq!(gsm(""), (0, vec![]));
    let wide = whole("Я😀", Wanted::default(), Alphabet::Gsm0338).unwrap();
    assert_eq!((wide.units, wide.coding), (3, Coding::Ucs2));
    let plain = whole("€a", Wanted::default(), Alphabet::Gsm0338).unwrap();
    assert_eq!((plain.units, plain.coding), (3, Coding::Gsm));
}

#[test]
fn the_default_alphabet_is_that_of_the_server() {
    assert_eq!(octets("@é", Alphabet::Gsm0338), (0, vec![0x00, 0x05]));
    assert_eq!(octets("@é", Alphabet::Latin1), (0, vec![0x40, 0xE9]));
    assert_eq!(octets("@é", Alphabet::Utf8), (0, vec![0x40, 0xC3, 0xA9]));
    assert_eq!(octets("@é", Alphabet::Ascii), (8, vec![0, 0x40, 0, 0xE9]));
    assert_eq!(octets("@a", Alphabet::Ascii), (0, vec![0x40, 0x61]));
    // € is windows-1252, not ISO-8859-1.
    assert_eq!(octets("€", Alphabet::Latin1), (8, vec![0x20, 0xAC]));
    let packed = octets("hellohello", Alphabet::Gsm0338Packed);
    assert_eq!(packed, (0, unhex("E8329BFD4697D9EC37")));
}

#[test]
fn a_forced_data_coding_says_how_the_text_is_encoded() {
    let octets = |text, data_coding| {
        let plan = whole(text, forced(data_coding), Alphabet::Gsm0338).unwrap();
        assert_eq!(plan.data_coding, data_coding);
        plan.parts[0].to_vec()
    };
    assert_eq!(octets("_", 0), [0x11]);
    assert_eq!(octets("_", 1), [0x5F]);
    assert_eq!(octets("ç", 3), [0xE7]);
    assert_eq!(octets("ç", 8), [0x00, 0xE7]);
    assert_eq!(octets("あ", 5), [0x82, 0xA0]);
    assert_eq!(octets("П", 6), [0xBF]);
    assert_eq!(octets("י", 7), [0xE9]);
    assert_eq!(octets("あ", 10), b"\x1b$B$\"\x1b(B");
    assert_eq!(octets("あ", 13), [0xA4, 0xA2]);
    assert_eq!(octets("가", 14), [0xB0, 0xA1]);
    for default in [0x10, 0x13, 0xC0, 0xC8, 0xDF, 0xF0, 0xF3] {
        assert_eq!(octets("_", default), [0x11], "{default}");
    }
    for wide in [0x18, 0x1B, 0xE0, 0xEF] {
        assert_eq!(octets("_", wide), [0x00, 0x5F], "{wide}");
    }
}

#[test]
fn a_forced_data_coding_names_the_first_character_that_does_not_fit() {
    let refused =
        |text, data_coding| whole(text, forced(data_coding), Alphabet::Gsm0338).unwrap_err();
    assert_eq!(
        refused("aça", 0).to_string(),
        "character 'ç' (U+00E7) at position 2 is not in GSM 03.38, which data_coding 0 asks for"
    );
    assert_eq!(
        refused("éé€€", 3),
        TextError::Character {
            ch: '€',
            position: 3,
            coding: Coding::Latin1,
            data_coding: 3,
        }
    );
    for (text, data_coding, ch) in [
        ("é", 1, 'é'),
        ("a😀", 5, '😀'),
        ("a漢", 6, '漢'),
        ("Я", 7, 'Я'),
        ("a가", 10, '가'),
        ("a가", 13, '가'),
        ("a😀", 14, '😀'),
        // These would come out as \ and as wide katakana.
        ("100¥", 5, '¥'),
        ("アｱ", 10, 'ｱ'),
        ("ç", 0xF0, 'ç'),
    ] {
        match refused(text, data_coding) {
            TextError::Character { ch: named, .. } => assert_eq!(named, ch, "{data_coding}"),
            other => panic!("{data_coding}: {other}"),
        }
    }
}

#[test]
fn texts_are_not_sent_as_binary_data() {
    for data_coding in 0..=0xFF {
        let refused = whole("a", forced(data_coding), Alphabet::Gsm0338).err();
        // Whatever is sent can be read.
        let readable = decode(&[0x00, 0x61], data_coding, Alphabet::Gsm0338)
            .text
            .is_some();
        assert!(readable || refused.is_some(), "{data_coding}");
        match refused {
            Some(error) => {
                assert_eq!(error, TextError::DataCoding(data_coding));
                let binary = [2, 4, 0x14, 0x15, 0x16, 0x17, 0xF4, 0xF5, 0xF6, 0xF7];
                let words = format!("data_coding {data_coding} ");
                assert!(error.to_string().starts_with(&words), "{error}");
                assert_eq!(
                    error.to_string().contains("binary"),
                    binary.contains(&data_coding),
                    "{error}"
                );
            }
            None => assert!(
                matches!(data_coding, 0 | 1 | 3 | 5..=8 | 10 | 13 | 14 | 0x10..=0x13
                    | 0x18..=0x1B | 0xC0..=0xEF | 0xF0..=0xF3),
                "{data_coding}"
            ),
        }
    }
}

#[test]
fn a_class_is_part_of_data_coding() {
    let wanted = |data_coding, class| Wanted {
        data_coding,
        message_class: Some(class),
    };
    let sent = |text, data_coding, class| {
        whole(text, wanted(data_coding, class), Alphabet::Gsm0338).map(|plan| plan.data_coding)
    };
    for class in 0..=3 {
        assert_eq!(sent("a", None, class), Ok(0xF0 + class));
        assert_eq!(sent("я", None, class), Ok(0x18 + class));
        assert_eq!(sent("a", Some(0), class), Ok(0xF0 + class));
        assert_eq!(sent("a", Some(8), class), Ok(0x18 + class));
        for (text, data_coding) in [("a", 0xF0 + class), ("я", 0x18 + class)] {
            let plan = whole(text, wanted(None, class), Alphabet::Gsm0338).unwrap();
            let read = decode(&plan.parts[0], data_coding, Alphabet::Gsm0338);
            assert_eq!(read.text.as_deref(), Some(text));
        }
    }
    let error = sent("я", Some(0), 0).unwrap_err().to_string();
    assert!(error.contains('я'), "{error}");
    for other in [1, 3, 5, 0x10, 0xF1] {
        let error = sent("a", Some(other), 0).unwrap_err().to_string();
        assert!(
            error.contains("smpp_message_class 0") && error.contains("smpp_data_coding"),
            "{error}"
        );
    }
    assert_eq!(sent("a", None, 4), Err(TextError::NoClass(4)));
}

#[test]
fn parts_have_the_lengths_of_the_specification() {
    use Alphabet::{Ascii, Gsm0338, Gsm0338Packed, Latin1, Utf8};
    use LongMessage::{Sar, Udh, Udh16};
    for (alphabet, one, udh, wide) in [
        (Gsm0338, 160, 153, 152),
        (Gsm0338Packed, 160, 153, 152),
        (Ascii, 160, 153, 152),
        (Latin1, 140, 134, 133),
        (Utf8, 140, 134, 133),
    ] {
        for (way, part) in [(Udh, udh), (Udh16, wide), (Sar, wide)] {
            let a = |count| lengths(&"a".repeat(count), alphabet, way);
            assert_eq!(a(one), [one], "{alphabet} {way:?}");
            assert_eq!(a(one + 1), [part, one + 1 - part]);
            assert_eq!(a(2 * part), [part, part]);
            assert_eq!(a(2 * part + 1), [part, part, 1]);
        }
    }
    for (way, part) in [(Udh, 67), (Udh16, 66), (Sar, 66)] {
        let wide = |count| lengths(&"я".repeat(count), Gsm0338, way);
        assert_eq!(wide(70), [70]);
        assert_eq!(wide(71), [part, 71 - part]);
        assert_eq!(wide(2 * part + 1), [part, part, 1]);
    }
}

#[test]
fn an_escape_and_a_pair_stay_whole() {
    let gsm = |text: String, way| lengths(&text, Alphabet::Gsm0338, way);
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(100));
    assert_eq!(gsm(text, LongMessage::Udh), [152, 102]);
    let text = format!("{}€{}", "a".repeat(151), "b".repeat(100));
    assert_eq!(gsm(text, LongMessage::Udh), [153, 100]);
    assert_eq!(gsm("€".repeat(100), LongMessage::Udh16), [152, 48]);
    assert_eq!(gsm("€".repeat(100), LongMessage::Udh), [152, 48]);
    assert_eq!(gsm("😀".repeat(40), LongMessage::Udh), [66, 14]);
    assert_eq!(gsm("😀".repeat(40), LongMessage::Sar), [66, 14]);
    let utf8 = lengths(&"é".repeat(100), Alphabet::Utf8, LongMessage::Udh16);
    assert_eq!(utf8, [132, 68]);
    let kanji = "漢".repeat(100);
    let parts = |data_coding| {
        plan(
            &kanji,
            forced(data_coding),
            &style(Alphabet::Gsm0338, LongMessage::Udh16),
        )
        .unwrap()
        .part_units(LongMessage::Udh16)
    };
    assert_eq!(parts(5), [132, 68]);
    assert_eq!(parts(13), [132, 68]);
    // Three octets of escape before and behind: 63 and 37 characters.
    assert_eq!(parts(10), [132, 80]);
}

#[test]
fn packed_parts_are_those_of_another_implementation() {
    // TP-UD of the two SMS-SUBMIT of python-messaging 0.5.13, reference 0x2A.
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(4);
    let style = style(Alphabet::Gsm0338Packed, LongMessage::Udh);
    assert_eq!(
        with_headers(&text[..170], &style),
        [
            unhex(concat!(
                "0500032A0201A8E832285E4F8FD720B1FC7D7783CC6F3C485D6FC3E7A0B7BD2C07D1D165103BACCF83C8",
                "EFB30B44459741F17A7ABC0689E5EFBB1B647EE341EA7A1B3E07BDED6539888E2E83D8617D1E447E9F5D",
                "202ABA0C8AD7D3E335482C7FDFDD20F31B0F52D7DBF039E86D2FCB41747419C40EEBF320F2FBEC0251D1",
                "6550BC9E1EAF4162F9FBEE0699DF"
            )),
            unhex("0500032A0202F02075BD0D9F83DEF6B21C44479741"),
        ]
    );
}

#[test]
fn a_packed_part_says_how_many_septets_it_has() {
    let packed = |text: String, way| lengths(&text, Alphabet::Gsm0338Packed, way);
    let a = |count| "a".repeat(count);
    // A full part ends with its octet: a reader could take `@` there for padding.
    let text = format!("{}@{}", a(152), a(100));
    assert_eq!(packed(text, LongMessage::Udh), [151, 102]);
    let text = format!("{}\r{}", a(151), a(100));
    assert_eq!(packed(text, LongMessage::Sar), [150, 102]);
    // One septet less leaves seven bits over, which could be one more.
    let text = format!("{}€{}", a(152), a(100));
    assert_eq!(packed(text, LongMessage::Udh), [151, 103]);
    let text = format!("{}€€{}", a(150), a(100));
    assert_eq!(packed(text, LongMessage::Udh), [150, 104]);
}

#[test]
fn octets_of_parts_are_the_text_in_order() {
    let text = format!("{}{}", "a".repeat(153), "b".repeat(10));
    let parts = with_headers(&text, &style(Alphabet::Gsm0338, LongMessage::Udh));
    assert_eq!(parts[0][..7], [5, 0, 3, 0x2A, 2, 1, b'a']);
    assert_eq!(parts[0].len(), 159);
    assert_eq!(parts[1], b"\x05\x00\x03\x2a\x02\x02bbbbbbbbbb");
    let text = format!("{}{}", "a".repeat(152), "b".repeat(10));
    let parts = with_headers(&text, &style(Alphabet::Gsm0338, LongMessage::Udh16));
    assert_eq!(parts[1], b"\x06\x08\x04\x00\x2a\x02\x02bbbbbbbbbb");
    let parts = with_headers(&text, &style(Alphabet::Gsm0338, LongMessage::Sar));
    assert_eq!(parts[1], b"bbbbbbbbbb");
}

#[test]
fn a_long_text_goes_whole_into_message_payload() {
    let style = style(Alphabet::Gsm0338, LongMessage::Payload);
    let one = plan(&"a".repeat(160), Wanted::default(), &style).unwrap();
    assert!(!one.payload);
    let plan = plan(&"a".repeat(161), Wanted::default(), &style).unwrap();
    assert_eq!((plan.payload, plan.parts.len()), (true, 1));
    assert_eq!(plan.parts[0], vec![b'a'; 161]);
}

#[test]
fn reasons_say_length_and_limit() {
    let refused = |text: &str, long_message, max_parts| {
        let style = Style {
            long_message,
            max_parts,
            ..Style::default()
        };
        plan(text, Wanted::default(), &style)
            .unwrap_err()
            .to_string()
    };
    let a = |count| "a".repeat(count);
    assert_eq!(
        refused(&a(1531), LongMessage::Udh, 10),
        "text too long: 1531 septets take 11 parts, and esme_max_parts is 10"
    );
    assert_eq!(
        refused(&a(1531), LongMessage::Payload, 10),
        "text too long: 1531 septets take 11 parts, and esme_max_parts is 10"
    );
    assert_eq!(
        refused(&"я".repeat(71), LongMessage::Sar, 1),
        "text too long: 71 UCS2 characters take 2 parts, and esme_max_parts is 1"
    );
    assert_eq!(
        refused(&a(40_000), LongMessage::Udh, 255),
        "text too long: 40000 septets take 262 parts, and esme_max_parts is 255"
    );
    assert_eq!(
        refused(&a(161), LongMessage::Reject, 10),
        "text too long: 161 septets take 2 parts, one message holds 160, and esme_long_message is reject"
    );
    assert_eq!(
        refused(&"я".repeat(128), LongMessage::None, 10),
        "text too long: 128 UCS2 characters are 256 octets, one submit holds 254, and esme_long_message is none"
    );
    let none = |text: String| {
        let style = style(Alphabet::Gsm0338, LongMessage::None);
        plan(&text, Wanted::default(), &style).map(|plan| plan.parts[0].len())
    };
    assert_eq!(none(a(254)), Ok(254));
    assert!(none(a(255)).is_err());
}

#[test]
fn replaced_is_only_what_keeps_a_text_from_the_default_alphabet() {
    let sent = |text, wanted| {
        let style = Style {
            transliterate: true,
            ..Style::default()
        };
        plan(text, wanted, &style).map(|plan| (plan.data_coding, plan.parts[0].to_vec(), plan.note))
    };
    let note = |note: &str| Some(note.to_owned());
    let free = Wanted::default();
    assert_eq!(
        sent("“é”…", free),
        Ok((0, b"\"\x05\"...".to_vec(), note("transliterated: “ ” …")))
    );
    assert_eq!(sent("é", free), Ok((0, vec![0x05], None)));
    // What does not fit in spite of it goes as it was written.
    let wide = (8, vec![0x20, 0x1C, 0x04, 0x4F], None);
    assert_eq!(sent("“я", free), Ok(wide));
    let class = Wanted {
        message_class: Some(0),
        ..free
    };
    assert_eq!(
        sent("–", class),
        Ok((0xF0, b"-".to_vec(), note("transliterated: –")))
    );
    assert_eq!(
        sent("–", forced(0)),
        Ok((0, b"-".to_vec(), note("transliterated: –")))
    );
    assert!(sent("–", forced(1)).is_err());
    assert!(sent("–", forced(0xF0)).is_err());
    assert_eq!(sent("–", forced(8)), Ok((8, vec![0x20, 0x13], None)));
    match sent("–я", forced(0)).unwrap_err() {
        TextError::Character { ch, position, .. } => assert_eq!((ch, position), ('–', 1)),
        other => panic!("{other}"),
    }
}

#[test]
fn what_offends_is_listed_once_in_order() {
    let found = |text, alphabet| offending(text, alphabet);
    assert_eq!(found("“a” “я€", Alphabet::Gsm0338), ['“', '”', 'я']);
    assert_eq!(found("“a” “я€", Alphabet::Utf8), []);
    assert_eq!(found("é€é", Alphabet::Latin1), ['€']);
    assert_eq!(found("é€é", Alphabet::Ascii), ['é', '€']);
}
