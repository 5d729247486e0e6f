//! `esmed encode`, `esmed decode` for octets of messages, and the program `esmed-sim`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
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

#[tokio::test]
async fn decode_names_what_is_no_hexadecimal_digit() {
    for (arguments, words) in [
        (&["xyz"][..], "'x', character 1 without white space,"),
        (&["00 1", "g0"], "'g', character 4 without white space,"),
        (&["0x10"], "'x', character 2 without white space,"),
        (&["000"], "3 hexadecimal digits are no whole octets"),
    ] {
        let error = refused(&esmed(&[&["decode"], arguments].concat()).await);
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// A simulator as a program.
fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esmed-sim"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn the_simulator_writes_for_who_reads() {
    let free = "127.0.0.1:0";
    let mut child = sim(&["--listen", free, "--control", free]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut place = |what: &str| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(what).unwrap().to_owned()
    };
    let listen = place("listening on ");
    let control = place("control on ");
    // bind_transceiver as "a" without a password; its line in the log has no colours, for this is no terminal.
    let bind = [
        &[0, 0, 0, 24, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1][..],
        b"a\0\0\0\x34\0\0\0",
    ]
    .concat();
    let mut client = TcpStream::connect(listen).unwrap();
    client.write_all(&bind).unwrap();
    client.read_exact(&mut [0; 16]).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.next().unwrap().unwrap();
    assert!(line.contains("bind_transceiver"), "{line:?}");
    assert!(!line.contains('\x1b'), "{line:?}");

    let ctl = |arguments: &[&str]| {
        let all = [&["ctl", "--control", &control], arguments].concat();
        words(&sim(&all).output().unwrap())
    };
    assert_eq!(
        ctl(&["help"]),
        format!("{}\n", esmed::sim::control::COMMANDS)
    );
    let list: Value = serde_json::from_str(&ctl(&["--json", "help"])).unwrap();
    let commands: Vec<_> = esmed::sim::control::COMMANDS.lines().collect();
    assert_eq!(list, json!({ "commands": commands }));
    let stats: Value = serde_json::from_str(&ctl(&["stats"])).unwrap();
    assert!(stats.is_object(), "{stats}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Of version 1, as `openssl x509 -req` makes them.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBJDCBywIUWfeYb1mSyT4+ypRpics3RnOxyIkwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE2NDYwMFoYDzIxMjYxMDI4MTY0NjAw
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASyf1FMt4T47uk7aGA7Jkc6us9YEfFPV0YuNlJ8f6ND7gcj2mS2eDuD9RvWaz8Z
hMEdjI1oeI648HxeFJxV142HMAoGCCqGSM49BAMCA0gAMEUCIQDieXfxJ5Lv7VvB
OnGYHKM3tVUs0DL89ahmFbr8g2GcrwIgTidTtbW6P9LCSKUjZRSZ5gmSiQiBkp2F
uOtZp0ZTGk8=
-----END CERTIFICATE-----
";

#[test]
fn the_simulator_names_a_file_of_tls_that_it_can_not_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let right = file("right.pem", &parameters.self_signed(&key).unwrap().pem());
    let own = file("own.key", &key.serialize_pem());
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let other = file("other.key", &other);
    let old = file("old.pem", VERSION_1);
    let empty = file("empty.pem", "");
    let missing = folder.path().join("missing.pem").display().to_string();
    for (certificate, key, words) in [
        (
            &old,
            &own,
            format!("can't use the certificate {old}: it is of version 1, and TLS needs version 3"),
        ),
        (
            &missing,
            &own,
            format!("can't read {missing}: No such file or directory"),
        ),
        (
            &right,
            &missing,
            format!("can't read {missing}: No such file or directory"),
        ),
        (
            &empty,
            &own,
            format!("can't use {empty}: it holds no certificate in PEM"),
        ),
        (
            &right,
            &right,
            format!("can't use {right}: it holds no key in PEM"),
        ),
        (
            &right,
            &other,
            format!("can't use the certificate {right}: the key {other} is that of another one"),
        ),
    ] {
        let listen = ["--listen", "127.0.0.1:0", "--tls-cert"];
        let arguments = [&listen[..], &[certificate, "--tls-key", key]].concat();
        let error = refused(&sim(&arguments).output().unwrap());
        assert!(
            error.starts_with(&format!("esmed-sim: {words}")),
            "{words}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
