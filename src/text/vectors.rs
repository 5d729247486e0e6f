//! Over the collected characters and texts, where they are at hand.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn lines(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/gsm0338.jsonl");
    let file = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/gsm0338.jsonl");
            return Vec::new();
        }
        file => file.unwrap(),
    };
    file.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["kind"] == kind)
        .collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn every_character_has_its_code() {
    for line in lines("char") {
        let code = unhex(line["code"].as_str().unwrap());
        let Some(ch) = line["char"].as_str() else {
            assert!(gsm7::decode(&code).replaced);
            continue;
        };
        assert_eq!(gsm7::encode(ch), Ok(code.clone()), "{line}");
        assert_eq!(gsm7::septets(ch), Some(code.len()));
        assert_eq!(line["septets"], code.len());
        let decoded = gsm7::decode(&code);
        assert_eq!((decoded.text.as_str(), decoded.replaced), (ch, false));
    }
}

#[test]
fn every_text_has_its_octets() {
    for line in lines("string") {
        let text = line["text"].as_str().unwrap();
        let septets = line["septets"]
            .as_u64()
            .map(|count| usize::try_from(count).unwrap());
        assert_eq!(gsm7::septets(text), septets, "{line}");
        assert_eq!(line["gsm7"], septets.is_some());
        let style = Style {
            max_parts: 255,
            ..Style::default()
        };
        let plan = |data_coding| {
            let wanted = Wanted {
                data_coding,
                message_class: None,
            };
            super::plan(text, wanted, &style).unwrap()
        };
        let free = plan(None);
        match septets {
            Some(septets) => {
                assert_eq!((free.data_coding, free.units), (0, septets));
                let octets = line["gsm_octets"].as_str().map(unhex);
                assert_eq!(Some(free.parts.concat()), octets, "{line}");
            }
            None => assert_eq!(free.data_coding, 8, "{line}"),
        }
        assert_eq!(line["segments"], free.parts.len(), "{line}");
        let lengths = json!(free.part_units(LongMessage::Udh));
        assert_eq!(line["segment_lengths"], lengths, "{line}");
        let wide = plan(Some(8));
        assert_eq!(line["ucs2_units"], wide.units, "{line}");
        for plan in [free, wide] {
            let decoded: String = plan
                .parts
                .iter()
                .map(|part| decode(part, plan.data_coding, Alphabet::Gsm0338))
                .inspect(|decoded| assert_eq!(decoded.warning, None))
                .filter_map(|decoded| decoded.text)
                .collect();
            assert_eq!(decoded, text);
        }
    }
}
