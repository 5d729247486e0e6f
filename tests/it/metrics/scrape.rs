//! The numbers, against what happened.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use esmed::sim::PhoneMessage;

use super::{documents, value_of, watched};
use crate::support::{World, esmed};

/// Metrics that a running daemon shows, without the endings of histograms.
fn families(scraped: &str) -> BTreeSet<String> {
    scraped
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn numbers_tell_what_happened() {
    let world = World::new().await;
    world
        .enable_sim(
            ", name, esme_registered_delivery, esme_window_size",
            ", 'main \"line\"', TRUE, 7",
        )
        .await;
    let (mut daemon, pages) = watched(&world, "esmed");
    world.until_bound().await;
    // By the last digits: delivered, refused for good (see the simulator's table).
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, send_after)
             VALUES ('447911123400', 'one', NULL), ('447911223400', 'two', NULL), ('447911123407', 'three', NULL),
               ('447911323400', 'later', now() + interval '1 day')",
        )
        .await;
    world
        .until("SELECT count(*) = 2 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    world.sim.deliver(PhoneMessage {
        source: "447911123400".to_owned(),
        destination: "esmed".to_owned(),
        octets: "STOP".as_bytes().into(),
        ..PhoneMessage::default()
    });
    world.until("SELECT count(*) = 1 FROM smpp_inbox").await;
    world
        .until("SELECT count(*) = 1 FROM smpp_tx_queue WHERE submission_failed")
        .await;
    pages
        .until_value(
            "esmed_queue_messages{state=\"scheduled\",lane=\"default\"}",
            1.0,
        )
        .await;
    pages
        .until_value("esmed_inbox_unprocessed_messages{lane=\"default\"}", 1.0)
        .await;
    let scraped = pages.get("/metrics").await.body;
    for (sample, value) in [
        ("esmed_submits_total{lane=\"default\"}", 3.0),
        (
            "esmed_responses_total{status=\"ESME_ROK\",lane=\"default\"}",
            2.0,
        ),
        (
            "esmed_responses_total{status=\"ESME_RINVDSTADR\",lane=\"default\"}",
            1.0,
        ),
        ("esmed_response_seconds_count{lane=\"default\"}", 3.0),
        ("esmed_queue_wait_seconds_count{lane=\"default\"}", 3.0),
        ("esmed_messages_failed_total{lane=\"default\"}", 1.0),
        (
            "esmed_receipts_total{state=\"DELIVERED\",lane=\"default\"}",
            2.0,
        ),
        (
            "esmed_deliveries_total{kind=\"receipt\",lane=\"default\"}",
            2.0,
        ),
        (
            "esmed_deliveries_total{kind=\"message\",lane=\"default\"}",
            1.0,
        ),
        ("esmed_receipt_seconds_count{lane=\"default\"}", 2.0),
        ("esmed_window_size{lane=\"default\"}", 7.0),
        ("esmed_window_in_use{lane=\"default\"}", 0.0),
        ("esmed_bound{lane=\"default\"}", 1.0),
        ("esmed_session_state{state=\"bound\",lane=\"default\"}", 1.0),
        (
            "esmed_session_state{state=\"throttled\",lane=\"default\"}",
            0.0,
        ),
        (
            "esmed_server_info{server_id=\"1\",server_name=\"main \\\"line\\\"\",lane=\"default\"}",
            1.0,
        ),
        (
            "esmed_binds_total{result=\"ok\",server_id=\"1\",lane=\"default\"}",
            1.0,
        ),
        ("esmed_events_total{type=\"bound\",lane=\"default\"}", 1.0),
        ("esmed_queue_oldest_seconds{lane=\"default\"}", 0.0),
        ("esmed_in_doubt_messages{lane=\"default\"}", 0.0),
        ("esmed_database_up{lane=\"default\"}", 1.0),
        ("esmed_lease_held{lane=\"default\"}", 1.0),
    ] {
        assert_eq!(
            value_of(&scraped, sample),
            Some(value),
            "{sample} in\n{scraped}"
        );
    }
    let rows = "esmed_database_batch_rows_total{batch=\"claim\",lane=\"default\"}";
    assert_eq!(value_of(&scraped, rows), Some(3.0));
    // No text, number or password.
    for secret in ["447911", "STOP", "smppclient1", "password", "three"] {
        assert!(!scraped.contains(secret), "{secret} in\n{scraped}");
    }

    // Everything that is documented, asked for by a rule or drawn by the dashboard is there.
    let shown = families(&scraped);
    for name in documents::known() {
        assert!(shown.contains(&name), "{name} is not in\n{scraped}");
    }
    check_by_promtool(&scraped);

    // A lost session, and submits that nobody answers.
    world.send("447911123409", "lost").await;
    world
        .until_ledger("the submit", |it| it.submits().len() > 3)
        .await;
    world.sim.drop_connections();
    pages
        .until_value(
            "esmed_sessions_lost_total{server_id=\"1\",lane=\"default\"}",
            1.0,
        )
        .await;
    pages
        .until_value("esmed_unanswered_total{lane=\"default\"}", 1.0)
        .await;
    world.sql("DELETE FROM smpp_tx_queue").await;
    assert_eq!(daemon.stop().await, Some(0));
}

fn check_by_promtool(scraped: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        eprintln!("passed over: there is no promtool here (Debian: apt-get install prometheus)");
        return;
    };
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(scraped.as_bytes()).expect("promtool reads");
    drop(input);
    let checked = promtool.wait_with_output().expect("promtool");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

/// 0.1.1 let any time be written, and so does the column still.
#[tokio::test]
async fn times_that_no_program_can_hold_stop_nothing() {
    let world = World::new().await;
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    let (mut daemon, pages) = watched(&world, "esmed");
    world.until_bound().await;
    for time in ["infinity", "-infinity", "290000-01-01Z", "4700-01-01Z BC"] {
        world
            .send_with(
                "447911123400",
                "x",
                ", insert_timestamp",
                &format!(", '{time}'"),
            )
            .await;
    }
    pages
        .until_value(
            "esmed_queue_messages{state=\"waiting\",lane=\"default\"}",
            4.0,
        )
        .await;
    let config = world.config("other", "");
    let shown = esmed(&["status", "--json", "--config", config.to_str().unwrap()]).await;
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["queue"]["waiting"], 4, "{json}");

    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE")
        .await;
    world
        .until("SELECT count(*) = 4 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED' AND NOT possible_duplicate")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_queue_that_cannot_be_counted_has_no_numbers() {
    const WAITING: &str = "esmed_queue_messages{state=\"waiting\",lane=\"default\"}";
    let world = World::new().await;
    let (mut daemon, pages) = watched(&world, "esmed");
    pages.until_value(WAITING, 0.0).await;
    world.cluster.signal("STOP");
    pages
        .until("/metrics", "forgot the queue", |it| {
            value_of(&it.body, WAITING).is_none()
        })
        .await;
    world.cluster.signal("CONT");
    world.insert(3).await;
    pages.until_value(WAITING, 3.0).await;
    assert_eq!(daemon.stop().await, Some(0));
}
