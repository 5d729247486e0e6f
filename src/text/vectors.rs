//! Over the collected characters and texts, where they are at hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

fn lines(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/gsm0338.jsonl");
    let Ok(file) = fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
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
        let encoded = encode(text, Alphabet::Gsm0338);
        match septets {
            Some(septets) => {
                assert_eq!((encoded.data_coding, encoded.units), (0, septets));
                let octets = line["gsm_octets"].as_str().map(unhex);
                assert_eq!(Some(encoded.octets.to_vec()), octets, "{line}");
            }
            None => assert_eq!(encoded.data_coding, 8, "{line}"),
        }
        let wide = encode_as(text, 8, Alphabet::Gsm0338).unwrap();
        assert_eq!(line["ucs2_units"], wide.units, "{line}");
        assert_eq!(wide.octets.len(), wide.units * 2);
        let single = fits_single(&encoded, Limit::Message).is_ok();
        assert_eq!(single, line["segments"] == 1, "{line}");
        for encoded in [encoded, wide] {
            let decoded = decode(&encoded.octets, encoded.data_coding, Alphabet::Gsm0338);
            assert_eq!(decoded.text.as_deref(), Some(text));
            assert_eq!(decoded.warning, None);
        }
    }
}
