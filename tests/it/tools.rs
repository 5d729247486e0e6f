//! `esmed encode` and `esmed decode` for octets of messages.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::esmed;

fn words(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn view(output: &Output) -> Value {
    serde_json::from_str(&words(output)).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn encode_tells_what_forces_ucs2_and_what_it_costs() {
    let output = esmed(&["encode", "It’s", "5 € \u{A0}😀"]).await;
    assert_eq!(
        words(&output),
        "\
coding  UCS2 (data_coding 8)
length  12 UCS2 characters (70 in one message)
parts   1
  1  12 UCS2 characters, 24 octets: 004900742019007300200035002020ac002000a0d83dde00
not in the default alphabet:
  U+2019  ’  could be \"'\"
  U+00A0    could be \" \"
  U+1F600  😀
"
    );
    let output = esmed(&["encode", "It’s 5 €"]).await;
    let words = words(&output);
    let last = words.lines().last();
    assert_eq!(
        last,
        Some("with these replaced: GSM 03.38 (data_coding 0), 9 septets, 1 part")
    );
}

#[tokio::test]
async fn encode_shows_each_part_with_its_header() {
    let text = "a".repeat(161);
    let output = esmed(&[
        "encode",
        "--long-message",
        "udh16",
        "--message-class",
        "0",
        &text,
    ])
    .await;
    let expected = format!(
        "\
coding  GSM 03.38 (data_coding 0xF0)
length  161 septets (160 in one message)
parts   2, headers with reference 0
  1  152 septets, 159 octets: 06080400000201 {}
  2  9 septets, 16 octets: 06080400000202 616161616161616161
",
        "61".repeat(152)
    );
    assert_eq!(words(&output), expected);
}

#[tokio::test]
async fn encode_has_json_for_programs() {
    let output = esmed(&["encode", "--json", "--data-coding", "0x18", "a😀"]).await;
    assert_eq!(
        view(&output),
        json!({
            "coding": "UCS2",
            "data_coding": 24,
            "length": 3,
            "unit": "UCS2 characters",
            "payload": false,
            "parts": [{"units": 3, "header": "", "octets": "0061d83dde00"}],
            "note": null,
            "offending": [],
            "replaced": null,
        })
    );
    let output = esmed(&["encode", "--json", "–"]).await;
    let view = view(&output);
    assert_eq!(
        view["offending"],
        json!([{"character": "–", "codepoint": "U+2013", "replacement": "-"}])
    );
    assert_eq!(
        view["replaced"],
        json!({"coding": "GSM0338", "data_coding": 0, "length": 1, "unit": "septets", "parts": 1})
    );
}

#[tokio::test]
async fn encode_says_why_a_text_is_refused() {
    let long = "a".repeat(161);
    for (arguments, words) in [
        (&["--max-parts", "1", &long][..], "esme_max_parts is 1"),
        (
            &["--long-message", "reject", &long],
            "esme_long_message is reject",
        ),
        (&["--data-coding", "0", "я"], "'я' (U+044F) at position 1"),
        (&["--data-coding", "4", "a"], "binary"),
        (
            &["--data-coding", "3", "--message-class", "0", "a"],
            "smpp_message_class",
        ),
    ] {
        let output = esmed(&[&["encode"][..], arguments].concat()).await;
        let error = refused(&output);
        assert!(error.contains(words), "{error}");
    }
    for wrong in [
        ["--data-coding", "256"],
        ["--data-coding", "-1"],
        ["--message-class", "4"],
        ["--max-parts", "0"],
        ["--long-message", "cut"],
        ["--alphabet", "GSM"],
    ] {
        let output = esmed(&["encode", wrong[0], wrong[1], "a"]).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn encode_reads_standard_input() {
    let run = |input: &'static [u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_esmed"))
            .args(["encode", "--transliterate", "--json", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    let view = view(&run("two\nlines…\n".as_bytes()));
    assert_eq!(view["parts"][0]["octets"], "74776f0a6c696e65732e2e2e");
    assert_eq!(view["note"], "transliterated: …");
    assert!(refused(&run(b"\xff")).contains("UTF-8"));
}

#[tokio::test]
async fn decode_reads_the_octets_of_a_message() {
    let decode = async |arguments: &[&str]| {
        let output = esmed(&[&["decode"], arguments].concat()).await;
        view(&output)
    };
    assert_eq!(
        decode(&["--data-coding", "0", "00 11 1b65"]).await,
        json!({"text": "@_€", "udh": null, "warnings": []})
    );
    let hex = "0500032a0201 d83dde00";
    assert_eq!(
        decode(&["--data-coding", "0x08", "--esm-class", "0x40", hex]).await,
        json!({
            "text": "😀",
            "udh": {
                "elements": [{"id": 0, "hex": "2a0201"}],
                "concat": {"reference": 42, "part": 1, "total": 2},
            },
            "warnings": [],
        })
    );
    let packed = [
        "--data-coding",
        "0",
        "--alphabet",
        "GSM0338_PACKED",
        "e8329bfd4697d9ec37",
    ];
    assert_eq!(decode(&packed).await["text"], "hellohello");
    assert_eq!(
        decode(&["--data-coding", "4", "0102"]).await["text"],
        Value::Null
    );
    let odd = decode(&["--data-coding", "8", "006100"]).await;
    assert_eq!(odd["text"], "a");
    assert_eq!(odd["warnings"].as_array().unwrap().len(), 1);
}
