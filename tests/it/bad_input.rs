//! The program and what it can't work with: one clear line and an exit code.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{World, esmed};

/// The one line on standard error of a subcommand that has to fail.
async fn refused(command: &str, config: &Path) -> String {
    let output = esmed(&[command, "--config", config.to_str().unwrap()]).await;
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{command}: {line}");
    assert_eq!(line.lines().count(), 1, "{command}: {line}");
    assert!(line.starts_with("esmed: "), "{line}");
    line
}

/// Run and check-config have to say the same; returns it.
async fn refused_by_all(config: &Path, words: &[&str]) {
    refused_by(&["run", "check-config", "status"], config, words).await;
}

async fn refused_by_those_that_look(config: &Path, words: &[&str]) {
    refused_by(&["check-config", "status"], config, words).await;
}

async fn refused_by(commands: &[&str], config: &Path, words: &[&str]) {
    for command in commands {
        let line = refused(command, config).await;
        for word in words {
            assert!(line.contains(word), "{command}, {word}: {line}");
        }
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn configurations() {
    let world = World::new().await;
    let host = world.cluster.host();
    for (text, words) in [
        (
            "[database]\nhots = \"x\"\n",
            &["line 2", "hots", "host"][..],
        ),
        ("[daemons]\n", &["line 1", "daemons"]),
        ("[daemon]\nlane = 7\n", &["line 2"]),
        ("[daemon]\nlane = \"\"\n", &["lane"]),
        ("[daemon]\npoll_interval = 0\n", &["poll_interval"]),
        ("[database\n", &["line 1"]),
        ("[database]\nport = 70000\n", &["line 2"]),
        ("[log]\nlevel = \"loud\"\n", &["line 2", "info"]),
    ] {
        let config = world.config_text("bad", text);
        refused_by_all(&config, words).await;
    }
    let missing = world.folder().join("missing.toml");
    refused_by_all(&missing, &["missing.toml"]).await;

    let good = world.config_text("good", &format!("[database]\nhost = {host:?}\n"));
    let output = esmed(&["check-config", "--config", good.to_str().unwrap()]).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("valid") && text.contains("no server is enabled"),
        "{text}"
    );
    world.enable_sim("", "").await;
    let output = esmed(&["check-config", "--config", good.to_str().unwrap()]).await;
    assert!(stdout(&output).contains("is enabled"));
    assert_eq!(world.sim.ledger().counts().connections, 0);
}

#[tokio::test]
async fn databases_that_are_not_there_or_not_ready() {
    let world = World::new().await;
    let host = world.cluster.host();
    let config =
        |lines: &str| world.config_text("bad", &format!("[database]\nhost = {host:?}\n{lines}\n"));
    let unreachable = world.config_text("bad", "[database]\nhost = \"127.0.0.1\"\nport = 1\n");
    refused_by_all(&unreachable, &["can't connect", "127.0.0.1", "port 1"]).await;
    refused_by_all(&config("name = \"nosuch\""), &["can't connect", "nosuch"]).await;
    refused_by_all(&config("user = \"nobody_at_all\""), &["nobody_at_all"]).await;
    // The daemon waits for these to be migrated (tests/it/migrate).
    refused_by_those_that_look(
        &config("name = \"postgres\""),
        &["no tables of esmed", "esmed migrate"],
    )
    .await;

    for (name, encoding) in [("latin", "LATIN1"), ("ascii", "SQL_ASCII")] {
        world
            .sql(&format!(
                "CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
            ))
            .await;
        refused_by_all(
            &config(&format!("name = \"{name}\"")),
            &[encoding, "UTF8", "esmed migrate"],
        )
        .await;
    }

    world.sql("CREATE ROLE stranger LOGIN").await;
    let stranger = config("user = \"stranger\"");
    let words = ["rights", "smpp_tx_queue", "GRANT esmed TO stranger"];
    refused_by(&["run", "check-config"], &stranger, &words).await;
    let words = ["rights", "smpp_status", "GRANT esmed_monitor TO stranger"];
    refused_by(&["status", "events"], &stranger, &words).await;
    // One that has the rights of the daemon will do.
    world.sql("GRANT esmed TO stranger").await;
    let output = esmed(&[
        "check-config",
        "--config",
        config("user = \"stranger\"").to_str().unwrap(),
    ])
    .await;
    assert_eq!(output.status.code(), Some(0));

    world.sql("UPDATE esmed_schema SET version = 3").await;
    refused_by_all(&config(""), &["schema version 3", "newer esmed"]).await;
    world.sql("UPDATE esmed_schema SET version = 1").await;
    refused_by_those_that_look(&config(""), &["schema version 1", "esmed migrate"]).await;
    world.sql("DELETE FROM esmed_schema").await;
    refused_by_those_that_look(&config(""), &["schema version none"]).await;
    // As 0.1.1 left it: tables, and no word of a version.
    world.sql("DROP TABLE esmed_schema").await;
    refused_by_those_that_look(&config(""), &["0.1.1", "esmed migrate"]).await;
}

#[tokio::test]
async fn the_environment() {
    let world = World::new().await;
    let config = world.config("esmed", "");
    let run = |name: &'static str, value: &'static str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_esmed"))
            .args(["check-config", "--config"])
            .arg(&config)
            .env(name, value)
            .output()
            .expect("esmed")
    };
    let output = run("ESMED_DATABASE_NAME", "nosuch");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nosuch"));
    let output = run("ESMED_DATABASE_NAMES", "nosuch");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ESMED_DATABASE_NAME"));
    let output = run("ESMED_DAEMON_LANE", "bulk");
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("lane bulk"));
}

#[tokio::test]
async fn wrong_usage_has_exit_code_2() {
    for arguments in [
        &[][..],
        &["rnu"],
        &["run", "--confg", "x"],
        &["decode"],
        &["decode", "--alphabet", "KLINGON", "00"],
        &["status", "more"],
    ] {
        let output = esmed(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let output = esmed(arguments).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn decode() {
    // deliver_sm from SMPP 3.4's fields: source 1234, destination 99, data_coding 0, "Hi @".
    let good = "0000002c 00000005 00000000 00000007
                00 01 01 3132333400 00 00 393900 00 00 00 00 00 00 00 00 00 04 48692000";
    let digits: String = good.split_whitespace().collect();
    // The length field has to be right for one PDU.
    let good = format!("{:08x}{}", digits.len() / 2, &digits[8..]);
    let output = esmed(&["decode", &good]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["command_id"], "deliver_sm");
    assert_eq!(json["sequence_number"], 7);
    assert_eq!(json["source_addr"], "1234");
    assert_eq!(json["destination_addr"], "99");
    assert_eq!(json["short_message"], "Hi @");
    assert_eq!(json["short_message_hex"], "48692000");
    // In upper case, in pieces, and in another alphabet.
    let upper = good.to_uppercase();
    let (head, tail) = upper.split_at(10);
    let output = esmed(&["decode", "--alphabet", "LATIN1", head, tail]).await;
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["short_message"], "Hi \u{2400}");

    for (arguments, words) in [
        (&["decode", "000"][..], "no whole octets"),
        (&["decode", "0x00"], "no hexadecimal digit"),
        (&["decode", "00zz"], "no hexadecimal digit"),
        (&["decode", "0011"], "not one PDU"),
        (
            &["decode", "00000011000000050000000000000007"],
            "not one PDU",
        ),
    ] {
        let output = esmed(arguments).await;
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains(words), "{line}");
        assert!(output.stdout.is_empty());
    }
    // A frame that can't be decoded is shown as it would be stored.
    let output = esmed(&["decode", "0000001200000005000000000000000741ff"]).await;
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(json["error"].is_string(), "{json}");
    assert_eq!(json["sequence_number"], 7);
}
