//! Over the collected receipts, ids and state words, where they are at hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::text::Alphabet;

fn lines(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    let file = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/{name}");
            return Vec::new();
        }
        file => file.unwrap(),
    };
    file.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// What differs between a line's `expect` and the reading of its octets.
fn differences(line: &Value) -> Vec<String> {
    let octets = unhex(line["short_message_hex"].as_str().unwrap_or(""));
    let tlv = &line["tlv"];
    let network_error_code = tlv["network_error_code"].as_str().map(unhex);
    let octet = |value: &Value| value.as_u64().map(|number| u8::try_from(number).unwrap());
    let tlvs = ReceiptTlvs {
        receipted_message_id: tlv["receipted_message_id"].as_str(),
        message_state: octet(&tlv["message_state"]),
        network_error_code: network_error_code.as_deref(),
    };
    let expect = &line["expect"];
    // A condition says that only the setting for servers without esm_class makes it a receipt. That its
    // number is compared is for the recorder to see to.
    let conditional = match expect["condition"].as_str() {
        None => false,
        Some("id_outstanding_and_addresses_match") => true,
        Some(other) => panic!("what is {other}?"),
    };
    let esm_class = octet(&line["esm_class"]).unwrap_or(4);
    let text = text(
        &octets,
        octet(&line["data_coding"]).unwrap_or(0),
        Alphabet::Gsm0338,
    );
    let is_a_receipt = |kind| matches!(kind, Kind::Receipt | Kind::Intermediate);
    let strict = is_a_receipt(classify(esm_class, &text, &tlvs, false).0);
    let (kind, receipt) = classify(esm_class, &text, &tlvs, true);
    let is_receipt = is_a_receipt(kind);
    let mut wrong = Vec::new();
    let mut compare = |name: &str, expected: Value, found: Value| {
        if expected != found {
            wrong.push(format!("{name}: {found}, expected {expected}"));
        }
    };
    match &expect["is_receipt"] {
        _ if conditional => {
            compare("is_receipt by esm_class", false.into(), strict.into());
            compare("is_receipt by its text", true.into(), is_receipt.into());
        }
        Value::Null => {}
        expected => {
            compare("is_receipt by esm_class", expected.clone(), strict.into());
            compare(
                "is_receipt by its text",
                expected.clone(),
                is_receipt.into(),
            );
        }
    }
    assert_eq!(is_receipt, receipt.is_some());
    let Some(receipt) = receipt else {
        return wrong;
    };
    let state = match expect["state"].as_str() {
        Some("SCHEDULED") => "ENROUTE".into(),
        Some("SKIPPED") => "UNDELIVERABLE".into(),
        _ => expect["state"].clone(),
    };
    compare("state", state, receipt.state.map(MessageState::name).into());
    // Where it is not known, the message must stay open.
    compare(
        "final",
        expect["final"].as_bool().unwrap_or(false).into(),
        receipt.state.is_some_and(MessageState::is_final).into(),
    );
    compare("id", expect["id"].clone(), receipt.id.clone().into());
    compare(
        "text_id",
        expect["text_id"].clone(),
        receipt.text_id.clone().into(),
    );
    compare("err", expect["err"].clone(), receipt.err.clone().into());
    compare("sub", expect["sub"].clone(), receipt.sub.into());
    compare("dlvrd", expect["dlvrd"].clone(), receipt.dlvrd.into());
    compare(
        "submit_date",
        expect["submit_date"].clone(),
        receipt.submit_date.clone().into(),
    );
    compare(
        "done_date",
        expect["done_date"].clone(),
        receipt.done_date.clone().into(),
    );
    compare("text", expect["text"].clone(), receipt.text.clone().into());
    compare(
        "network_error",
        expect["network_error"].clone(),
        receipt.network_error().map_or(
            Value::Null,
            |(network, code)| serde_json::json!({"type": network, "code": code}),
        ),
    );
    let candidates = expect.get("candidate_ids").cloned();
    compare(
        "candidate_ids",
        candidates.unwrap_or_else(|| Value::Array(Vec::new())),
        receipt.candidate_ids.into(),
    );
    const COMPARED: [&str; 14] = [
        "is_receipt",
        "condition",
        "state",
        "final",
        "id",
        "text_id",
        "err",
        "sub",
        "dlvrd",
        "submit_date",
        "done_date",
        "text",
        "network_error",
        "candidate_ids",
    ];
    for name in expect.as_object().unwrap().keys() {
        if !COMPARED.contains(&name.as_str()) {
            wrong.push(format!("{name} is not compared"));
        }
    }
    wrong
}

#[test]
fn receipts_are_read_as_expected() {
    let mut failed = Vec::new();
    for (index, line) in lines("receipts.jsonl").iter().enumerate() {
        let wrong = differences(line);
        if !wrong.is_empty() {
            failed.push(format!(
                "line {}: {}\n    {}",
                index + 1,
                line["short_message"],
                wrong.join("\n    ")
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// No receipt of the collection would be missed by a server that leaves esm_class out, and no
/// look-alike taken for one.
#[test]
fn receipts_without_esm_class_are_told_from_messages() {
    let mut failed = Vec::new();
    for (index, line) in lines("receipts.jsonl").iter().enumerate() {
        let expect = &line["expect"];
        let esm_class = line["esm_class"].as_u64().unwrap_or(0);
        // With a state and an id a receipt can be told.
        let tellable = !expect["state"].is_null() && !expect["id"].is_null();
        let octets = unhex(line["short_message_hex"].as_str().unwrap_or(""));
        let text = text(&octets, 0, Alphabet::Gsm0338);
        let tlvs = ReceiptTlvs {
            receipted_message_id: line["tlv"]["receipted_message_id"].as_str(),
            message_state: line["tlv"]["message_state"]
                .as_u64()
                .map(|octet| u8::try_from(octet).unwrap()),
            network_error_code: None,
        };
        let found = looks_like_receipt(&text, &tlvs);
        let expected = match expect["is_receipt"].as_bool() {
            Some(true) if tellable => true,
            Some(false) if esm_class & 0x7C == 0 => false,
            _ => continue,
        };
        if found != expected {
            failed.push(format!("line {}: {}", index + 1, line["short_message"]));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The format that a rule names.
fn format_of(rule: &str) -> IdFormat {
    const RULES: [(&str, IdFormat); 12] = [
        ("resp hex", IdFormat::RespHex),
        ("receipt decimal -> resp hex", IdFormat::RespHex),
        ("receipt decimal zero-padded -> resp hex", IdFormat::RespHex),
        ("TLV/resp hex", IdFormat::RespHex),
        ("as above with resp padded", IdFormat::RespHex),
        ("SMPP 3.3 link: hex", IdFormat::RespHex),
        (
            "trailing h or leading 0x on a hex number",
            IdFormat::RespHex,
        ),
        ("resp decimal of a hex receipt", IdFormat::RespHex),
        ("resp decimal -> receipt hex", IdFormat::ReceiptHex),
        (
            "hyphens removed in the receipted_message_id",
            IdFormat::Uuid,
        ),
        ("suffix after @ ignored", IdFormat::ReceiptSuffix),
        (
            "hex string of the octets of the id",
            IdFormat::RespHexString,
        ),
    ];
    RULES
        .iter()
        .find(|(start, _)| rule.starts_with(start))
        .map_or(IdFormat::Same, |&(_, format)| format)
}

#[test]
fn ids_of_responses_and_receipts_meet() {
    let to_response = |format, response: &str, receipt: &str| {
        response_keys(format, receipt).contains(&canonical(response))
    };
    let to_receipt = |format, response: &str, receipt: &str| {
        let receipt = canonical(receipt);
        receipt_keys(format, response).contains(&receipt)
            || receipt_prefix(format, response).is_some_and(|prefix| receipt.starts_with(&prefix))
    };
    let mut failed = Vec::new();
    for line in lines("message_ids.jsonl") {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let (response, receipt, rule) = (text("resp_id"), text("receipt_id"), text("rule"));
        let meets = |(format, response, receipt)| {
            to_response(format, response, receipt) && to_receipt(format, response, receipt)
        };
        let right = match line["same"].as_bool() {
            Some(true) => match format_of(&rule) {
                IdFormat::RespHex => {
                    meets((IdFormat::RespHex, &response, &receipt))
                        && meets((IdFormat::ReceiptHex, &receipt, &response))
                }
                format => meets((format, &response, &receipt)),
            },
            Some(false) => !IdFormat::ALL.into_iter().any(|format| {
                to_response(format, &response, &receipt)
                    || to_receipt(format, &response, &receipt)
                    || to_response(format, &receipt, &response)
                    || to_receipt(format, &receipt, &response)
            }),
            None => true,
        };
        if !right {
            failed.push(format!("{response} {receipt} {rule}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn state_words_and_numbers_are_known() {
    let stored = |name: &Value| match name.as_str() {
        Some("SCHEDULED") => Some("ENROUTE".to_owned()),
        Some("SKIPPED") => Some("UNDELIVERABLE".to_owned()),
        name => name.map(str::to_owned),
    };
    for line in lines("statuses.jsonl") {
        let state = match line["kind"].as_str() {
            Some("receipt_stat_word") => {
                let state = MessageState::from_stat_word(line["word"].as_str().unwrap());
                assert_eq!(
                    state.map(|s| s.name().into()),
                    stored(&line["state"]),
                    "{line}"
                );
                state
            }
            Some("message_state") => {
                let octet = u8::try_from(line["value"].as_u64().unwrap()).unwrap();
                let state = MessageState::from_octet(octet);
                assert_eq!(
                    state.map(|s| s.name().into()),
                    stored(&line["name"]),
                    "{line}"
                );
                let word = line["receipt_stat"].as_str().unwrap();
                assert_eq!(MessageState::from_stat_word(word), state);
                state
            }
            _ => continue,
        };
        if let (Some(last), Some(state)) = (line["final"].as_bool(), state) {
            assert_eq!(state.is_final(), last, "{line}");
        }
    }
}
