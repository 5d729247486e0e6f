//! What the log looks like, and how much it says.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use esmed::sim::PhoneMessage;
use serde_json::Value;

use crate::support::{Daemon, World, receipt};

fn config(world: &World, log: &str) -> std::path::PathBuf {
    let host = world.cluster.host();
    let text = format!("[database]\nhost = {host:?}\n[log]\n{log}\n");
    world.config_text("esmed", &text)
}

/// The log file before it is written to, as the journal's stream is known before the start.
fn stream(config: &Path) -> String {
    let log = fs::File::create(config.with_file_name("esmed.log")).unwrap();
    let log = log.metadata().unwrap();
    format!("{}:{}", log.dev(), log.ino())
}

#[tokio::test]
async fn json_has_one_flat_object_a_line() {
    let world = World::new().await;
    let config = config(&world, "format = \"json\"\nlevel = \"debug\"");
    // The form is as asked for, wherever it goes.
    let stream = stream(&config);
    let mut daemon = Daemon::start_with(&config, "esmed", &[("JOURNAL_STREAM", &stream)]);
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sim.drop_connections();
    world.until_events("bound", 2).await;
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    let mut types = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let object = line.as_object().unwrap();
        let keys: Vec<&str> = object.keys().map(String::as_str).take(3).collect();
        assert_eq!(keys, ["timestamp", "level", "message"], "{line}");
        let time = line["timestamp"].as_str().unwrap();
        assert!(
            time.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(time).is_ok(),
            "{line}"
        );
        assert!(
            ["error", "warn", "info", "debug"].contains(&line["level"].as_str().unwrap()),
            "{line}"
        );
        assert!(!line["message"].as_str().unwrap().is_empty(), "{line}");
        assert!(
            object
                .values()
                .all(|value| !value.is_object() && !value.is_array()),
            "{line}"
        );
        if let Some(kind) = line["type"].as_str() {
            types.push(kind.to_owned());
            assert_eq!(line["component"], "smpp", "{line}");
            assert!(
                line["status"].is_string() || kind == "ended" || kind == "no_server",
                "{line}"
            );
        }
    }
    for kind in [
        "starting",
        "binding",
        "bound",
        "connection_lost",
        "unbinding",
        "ended",
    ] {
        assert!(types.iter().any(|it| it == kind), "{kind}: {log}");
    }
}

#[tokio::test]
async fn the_journal_gets_priorities_and_no_times() {
    let world = World::new().await;
    let config = config(&world, "level = \"debug\"");
    let stream = stream(&config);
    let mut daemon = Daemon::start_with(&config, "esmed", &[("JOURNAL_STREAM", &stream)]);
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sim.drop_connections();
    world.until_events("bound", 2).await;
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    for line in log.lines() {
        let (priority, message) = line.split_at(3);
        assert!(["<3>", "<4>", "<6>", "<7>"].contains(&priority), "{line}");
        let word = message.split(' ').next().unwrap();
        assert!(
            chrono::DateTime::parse_from_rfc3339(word).is_err(),
            "{line}"
        );
    }
    assert!(log.contains("\n<6>bound to "), "{log}");
    let lost = |line: &&str| line.contains("type=connection_lost");
    assert!(log.lines().find(lost).unwrap().starts_with("<4>"), "{log}");
}

#[tokio::test]
async fn a_file_gets_times_and_no_colours_although_the_variable_is_inherited() {
    let world = World::new().await;
    let config = config(&world, "");
    let mut daemon = Daemon::start_with(&config, "esmed", &[("JOURNAL_STREAM", "8:12345")]);
    world.until_events("no_server", 1).await;
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    assert!(!log.contains('\x1b'), "{log}");
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        assert!(
            rest.starts_with(" INFO ") || rest.starts_with(" WARN "),
            "{line}"
        );
    }
}

#[tokio::test]
async fn messages_leave_no_lines_and_what_repeats_few() {
    let world = World::new().await;
    let mut daemon = Daemon::start(&config(&world, ""), "esmed");
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.insert(300).await;
    for number in 0..50 {
        let text = format!("hello {number}");
        let phone = PhoneMessage::from_text("447911000001", "12345", &text);
        world.sim.deliver(phone);
    }
    world
        .until("SELECT count(*) = 300 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world.until("SELECT count(*) = 50 FROM smpp_inbox").await;
    let story = daemon.log().lines().count();
    assert!(story <= 6, "{}", daemon.log());
    // Each of these is an event; the log tells of the first few.
    let rows = world
        .rows("SELECT smpp_message_id, smpp_destination_addr FROM smpp_tx_queue ORDER BY id LIMIT 100", &[])
        .await;
    for row in rows {
        let (id, phone): (String, String) = (row.get(0), row.get(1));
        for stat in ["DELIVRD", "UNDELIV"] {
            world.sim.deliver(receipt(&phone, &id, stat, "000"));
        }
    }
    world.until_events("receipt_contradicts", 100).await;
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("type=receipt_contradicts"));
    assert_eq!(lines.count(), 5, "{log}");
    assert!(log.lines().count() <= story + 10, "{log}");
}
