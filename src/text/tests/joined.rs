//! Whatever is cut can be put together again.

use super::*;

/// Texts of up to some parts, with all that is hard to cut.
fn long_text() -> impl Strategy<Value = String> {
    let plain = proptest::sample::select("abc @\rè€[]{}~^|\\".chars().collect::<Vec<_>>());
    let wide = proptest::sample::select("aя漢😀👍🏽é‘\u{301}ｱ¥가П".chars().collect::<Vec<_>>());
    let characters = |one: proptest::strategy::BoxedStrategy<char>| {
        proptest::collection::vec(one, 0..1500).prop_map(|all| all.into_iter().collect())
    };
    prop_oneof![
        any::<String>(),
        characters(any::<char>().boxed()),
        characters(plain.clone().boxed()),
        characters(proptest::sample::select(vec!['a', '@', '\r', '€']).boxed()),
        characters(prop_oneof![9 => plain, 1 => wide.clone()].boxed()),
        characters(wide.boxed()),
        characters(proptest::sample::select(vec!['a', '@', 'あ', '漢']).boxed()),
        characters(proptest::sample::select(vec!['a', '@', '가', '힣']).boxed()),
        characters(proptest::sample::select(vec!['a', 'ж', 'Я', '§']).boxed()),
        characters(proptest::sample::select(vec!['a', '1', 'א', 'ת']).boxed()),
    ]
}

fn way() -> impl Strategy<Value = LongMessage> {
    proptest::sample::select(LongMessage::ALL.to_vec())
}

fn data_coding() -> impl Strategy<Value = Option<u8>> {
    proptest::option::of(proptest::sample::select(vec![
        0, 1, 3, 5, 6, 7, 8, 10, 13, 14, 0x11, 0x19, 0xC8, 0xE0, 0xF0,
    ]))
}

/// Reads the parts as a receiver does, and joins them.
fn joined(plan: &Plan, style: &Style) -> String {
    let total = u8::try_from(plan.parts.len()).unwrap();
    let reference = 0x1234;
    (1..=total)
        .zip(&plan.parts)
        .map(|(part, octets)| {
            let header = match total {
                1 => Vec::new(),
                _ => concat_header(style.long_message, reference, total, part),
            };
            let esm_class = if header.is_empty() { 0 } else { 0x40 };
            let all = [&header, &octets[..]].concat();
            let (udh, read) = decode_message(&all, esm_class, plan.data_coding, style.alphabet);
            assert_eq!(read.warning, None);
            if let Some(concat) = udh.and_then(|udh| udh.concat) {
                assert_eq!((concat.part, concat.total), (part, total));
                let mask = if concat.wide { 0xFFFF } else { 0xFF };
                assert_eq!(concat.reference, reference & mask);
            } else {
                assert!(header.is_empty());
            }
            read.text.unwrap()
        })
        .collect()
}

/// What a text may lose at its very end where septets are packed: see `gsm7::without_padding`.
fn kept<'a>(text: &'a str, plan: &Plan, style: &Style) -> &'a str {
    let fill = usize::from(plan.parts.len() > 1 && style.long_message == LongMessage::Udh);
    let last = plan.part_units(style.long_message).pop().unwrap();
    let whole = plan.coding == Coding::GsmPacked && (last * 7 + fill).is_multiple_of(8);
    if whole && last > 0 && text.ends_with(['@', '\r']) {
        &text[..text.len() - 1]
    } else {
        text
    }
}

/// The parts that a text takes, counted character by character.
fn parts_needed(text: &str, coding: Coding, way: LongMessage) -> usize {
    let width = |ch: char| match coding {
        Coding::Gsm => gsm7::septets(ch.encode_utf8(&mut [0; 4])).unwrap(),
        Coding::Ucs2 => ch.len_utf16(),
        Coding::Utf8 => ch.len_utf8(),
        Coding::ShiftJis | Coding::EucJp | Coding::EucKr => {
            coding.octets(ch.encode_utf8(&mut [0; 4])).unwrap().len()
        }
        _ => 1,
    };
    let most = coding.units_part(way);
    let (mut parts, mut used) = (1, 0);
    for ch in text.chars() {
        if used + width(ch) > most {
            parts += 1;
            used = 0;
        }
        used += width(ch);
    }
    parts
}

proptest! {
    #[test]
    fn split_and_joined_a_text_is_itself(text in long_text(), data_coding in data_coding()) {
        for alphabet in Alphabet::ALL {
            for way in LongMessage::ALL {
                let style = style(alphabet, way);
                for data_coding in [None, data_coding] {
                    let wanted = Wanted { data_coding, message_class: None };
                    if let Ok(plan) = plan(&text, wanted, &style) {
                        prop_assert_eq!(joined(&plan, &style), kept(&text, &plan, &style));
                        prop_assert_eq!(plan.note, None);
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_that_was_not_forced_is_refused_only_for_its_length(
        text in long_text(),
        alphabet in alphabet(),
        way in way(),
        class in proptest::option::of(0u8..4),
    ) {
        let wanted = Wanted { data_coding: None, message_class: class };
        match plan(&text, wanted, &style(alphabet, way)) {
            Ok(plan) => prop_assert_eq!(plan.parts.is_empty(), false),
            Err(TextError::Submit { octets, .. }) => {
                prop_assert!(way == LongMessage::None && octets > 254);
            }
            Err(TextError::Rejected { .. }) => prop_assert_eq!(way, LongMessage::Reject),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn no_part_is_longer_than_the_air_or_a_submit_takes(
        text in long_text(),
        alphabet in alphabet(),
        way in way(),
        data_coding in data_coding(),
    ) {
        let style = style(alphabet, way);
        let wanted = Wanted { data_coding, message_class: None };
        let Ok(plan) = plan(&text, wanted, &style) else { return Ok(()) };
        let lengths = plan.part_units(way);
        if plan.coding != Coding::Iso2022Jp {
            prop_assert_eq!(lengths.iter().sum::<usize>(), plan.units);
        }
        let header = if plan.parts.len() > 1 { concat_header(way, 1, 2, 1).len() } else { 0 };
        // What the SMSC writes for parts by TLVs.
        let header_on_air = if plan.parts.len() > 1 { header.max(6) } else { 0 };
        let sar = if plan.parts.len() > 1 && way == LongMessage::Sar { 7 } else { header_on_air };
        for (octets, units) in plan.parts.iter().zip(lengths) {
            prop_assert!(plan.payload || header + octets.len() <= SHORT_MESSAGE_MAX);
            if plan.payload || way == LongMessage::None {
                continue;
            }
            let on_air = match plan.coding {
                Coding::Gsm | Coding::GsmPacked | Coding::Ascii => {
                    ((sar * 8).div_ceil(7) * 7 + units * 7).div_ceil(8)
                }
                _ => sar + octets.len(),
            };
            prop_assert!(on_air <= 140, "{} octets", on_air);
        }
    }

    #[test]
    fn a_text_is_refused_exactly_when_it_takes_more_parts(
        text in long_text(),
        alphabet in alphabet(),
        way in proptest::sample::select(vec![
            LongMessage::Udh, LongMessage::Udh16, LongMessage::Sar, LongMessage::Payload,
        ]),
        data_coding in data_coding(),
    ) {
        let wanted = Wanted { data_coding, message_class: None };
        let with = |max_parts| plan(&text, wanted, &Style { max_parts, ..style(alphabet, way) });
        let Ok(free) = with(255) else { return Ok(()) };
        let parts = match with(1) {
            Ok(_) => 1,
            Err(TextError::Parts { parts, units, allowed, .. }) => {
                prop_assert_eq!((units, allowed), (free.units, 1));
                parts
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert_eq!(free.parts.len(), if way == LongMessage::Payload { 1 } else { parts });
        prop_assert_eq!(parts > 1, free.units > free.coding.units_single());
        let most = u8::try_from(parts).unwrap();
        prop_assert_eq!(with(most), Ok(free.clone()));
        if parts > 1 {
            prop_assert!(with(most - 1).is_err());
            // No part is shorter than it has to be, where that does not depend on bits or escapes.
            if !matches!(free.coding, Coding::GsmPacked | Coding::Iso2022Jp) {
                prop_assert_eq!(parts, parts_needed(&text, free.coding, way));
            }
        }
    }

    #[test]
    fn a_text_is_replaced_whole_or_not_at_all(
        text in long_text(),
        alphabet in alphabet(),
    ) {
        let style = style(alphabet, LongMessage::Payload);
        let replacing = Style { transliterate: true, ..style };
        let free = Wanted::default();
        let (plain, replaced) = (plan(&text, free, &style), plan(&text, free, &replacing));
        let found = offending(&text, alphabet);
        let fits = found.iter().all(|&ch| replacement(ch).is_some());
        let (Ok(plain), Ok(replaced)) = (plain, replaced) else { return Ok(()) };
        prop_assert_eq!(replaced.note.is_some(), fits && !found.is_empty());
        if replaced.note.is_none() {
            prop_assert_eq!(replaced, plain);
            return Ok(());
        }
        let expected: String = text
            .chars()
            .map(|ch| match replacement(ch) {
                Some(plain) if found.contains(&ch) => plain.to_owned(),
                _ => ch.to_string(),
            })
            .collect();
        prop_assert_eq!(replaced.data_coding, 0);
        prop_assert_eq!(joined(&replaced, &replacing), kept(&expected, &replaced, &replacing));
    }
}
