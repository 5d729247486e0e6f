//! Which server is enabled, and what a change of its row does to the session.

use std::time::Duration;

use tokio::time::timeout;

use esmed::pdu::CommandStatus;
use esmed::sim::PhoneMessage;

use crate::support::{World, hold_answers, let_answers_go, simulator, until_seen};

#[tokio::test]
async fn a_toggle_binds_the_new_server_while_the_old_one_still_owes_answers() {
    let world = World::with(hold_answers).await;
    let mut daemon = world.daemon();
    let old = world
        .add_server(&world.sim, true, ", esme_registered_delivery", ", TRUE")
        .await;
    world.insert(3).await;
    world
        .until_ledger("three submits", |records| records.submits().len() == 3)
        .await;

    let other = simulator(|_| {});
    let new = world.add_server(&other, true, "", "").await;
    assert!(
        !world
            .one::<bool>(&format!(
                "SELECT enabled FROM smpp_servers WHERE id = {old}"
            ))
            .await
    );
    until_seen(&other.ledger(), "a bind", |records| {
        records.counts().bound_sessions == 1
    })
    .await;
    let fourth = world.send("447911999900", "by the new one").await;
    world.until_status(fourth, "sent").await;
    let owed = world.sim.ledger().submits();
    assert!(owed.iter().all(|submit| submit.status.is_none()));
    world.until_events("server_switched", 1).await;

    let_answers_go(&world.sim);
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    world
        .until_ledger("an unbind and its end", |records| {
            records.counts().unbinds == 1 && records.counts().open_sessions == 0
        })
        .await;
    assert_eq!(world.sim.ledger().count(), 3);
    assert_eq!(other.ledger().count(), 1);
    for submit in world.sim.ledger().submits() {
        let number = &submit.destination;
        let query = format!(
            "SELECT smpp_message_id || '/' || submission_server_id || '/' || smpp_message_state
             FROM smpp_tx_queue WHERE smpp_destination_addr = '{number}'"
        );
        let expected = format!("{}/{old}/DELIVERED", submit.message_id.unwrap());
        assert_eq!(world.one::<String>(&query).await, expected);
    }
    let doubts = "SELECT count(*) FROM smpp_tx_queue
                  WHERE in_doubt OR possible_duplicate OR submission_attempts <> 1";
    assert_eq!(world.one::<i64>(doubts).await, 0);

    // The end of the old session is not reported as that of the new one.
    world.until_events("ended", 1).await;
    world.next_heartbeat().await;
    let state: String = world
        .one("SELECT session_state || ' ' || server_id FROM smpp_status")
        .await;
    assert_eq!(state, format!("bound {new}"));
    assert_eq!(other.ledger().binds().len(), 1);
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(other.ledger().counts().unbinds, 1);
}

#[tokio::test]
async fn with_no_server_enabled_the_session_ends_and_rows_wait() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    world
        .until_ledger("an unbind and its end", |records| {
            records.counts().unbinds == 1 && records.counts().open_sessions == 0
        })
        .await;
    world.until_events("no_server", 1).await;
    let id = world.send("447911123400", "waits").await;
    world
        .until("SELECT session_state = 'closed' AND server_id IS NULL AND queue_depth = 1 FROM smpp_status")
        .await;
    assert_eq!(world.status(id).await, "waiting");
    world.sql("UPDATE smpp_servers SET enabled = TRUE").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().binds().len(), 2);
    assert_eq!(world.sim.ledger().count(), 1);
    // Once, not at each look.
    assert_eq!(world.events("no_server").await, 1);
}

#[tokio::test]
async fn a_server_that_is_deleted_is_left() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sql("DELETE FROM smpp_servers").await;
    world
        .until_ledger("an unbind", |records| records.counts().unbinds == 1)
        .await;
    assert!(daemon.is_running());
}

#[tokio::test]
async fn only_what_the_session_depends_on_rebinds() {
    let world = World::with(hold_answers).await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery, esme_window_size", ", TRUE, 1")
        .await;
    world.insert(5).await;
    world
        .until_ledger("a submit", |records| !records.submits().is_empty())
        .await;
    world
        .sql("UPDATE smpp_servers SET name = 'renamed', esme_window_size = 3, esme_throttle_delay = 2")
        .await;
    world
        .until_ledger("three submits", |records| records.submits().len() >= 3)
        .await;
    let_answers_go(&world.sim);
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    let ledger = world.sim.ledger();
    assert_eq!(ledger.peak_window(), 3);
    assert_eq!(ledger.binds().len(), 1);

    world
        .sql("UPDATE smpp_servers SET esme_password = 'another'")
        .await;
    world
        .until_ledger("a second bind", |records| records.binds().len() == 2)
        .await;
    assert_eq!(ledger.counts().unbinds, 1);
    let id = world.send("447911123440", "after the rebind").await;
    world.until_status(id, "sent").await;
    assert_eq!(ledger.count(), 6);
}

#[tokio::test]
async fn a_rebind_with_the_same_account_unbinds_first_and_puts_nothing_in_doubt() {
    let world = World::with(hold_answers).await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    let id = world.send("447911123400", "owed").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    world
        .sql("UPDATE smpp_servers SET smpp_system_type = 'other'")
        .await;
    let later = world.send("447911123440", "later").await;
    // Time for a second bind that would be wrong.
    world.next_heartbeat().await;
    assert_eq!(world.sim.ledger().binds().len(), 1);
    assert_eq!(world.status(id).await, "started");
    let_answers_go(&world.sim);
    world
        .until_ledger("a second bind", |records| {
            let rebound = records.binds().len() == 2;
            assert!(!rebound || records.counts().unbinds == 1);
            rebound
        })
        .await;
    world.until_status(id, "sent").await;
    world.until_status(later, "sent").await;
    let ledger = world.sim.ledger();
    assert_eq!(ledger.binds()[1].system_type, "other");
    assert_eq!(ledger.count(), 2);
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate OR in_doubt")
            .await,
        0
    );
}

#[tokio::test]
async fn a_paused_server_stays_bound_and_receives_and_goes_on_at_once() {
    let world = World::new().await;
    // Nothing is found by the poll.
    let _daemon = world.daemon_with("esmed", "poll_interval = 3600");
    world.enable_sim(", esme_submit_paused", ", TRUE").await;
    world.until_bound().await;
    let id = world.send("447911123400", "paused").await;
    assert!(world.sim.deliver(PhoneMessage::from_text(
        "447911000001",
        "12345",
        "from a phone"
    )));
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'from a phone'")
        .await;
    world.next_heartbeat().await;
    assert_eq!(world.status(id).await, "waiting");
    assert_eq!(world.sim.ledger().count(), 0);
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE")
        .await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().binds().len(), 1);
}

#[tokio::test]
async fn a_server_with_an_empty_host_is_an_event_and_can_be_mended() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world
        .sql(
            "INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password)
             VALUES (TRUE, '', 2775, 'smppclient1', 'password')",
        )
        .await;
    let id = world.send("447911123400", "waits for a host").await;
    world.until_events("server_unusable", 1).await;
    world.next_heartbeat().await;
    assert!(daemon.is_running());
    assert_eq!(world.status(id).await, "waiting");
    let message: String = world
        .one("SELECT message FROM smpp_events WHERE type = 'server_unusable'")
        .await;
    assert!(message.contains("empty host"), "{message}");
    assert_eq!(world.events("server_unusable").await, 1);
    world
        .sql(&format!(
            "UPDATE smpp_servers SET host = '127.0.0.1', port = {}",
            world.sim.addr().port()
        ))
        .await;
    world.until_status(id, "sent").await;
}

#[tokio::test]
async fn a_key_without_a_certificate_makes_a_server_unusable() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world
        .enable_sim(", esme_tls, esme_tls_key_file", ", TRUE, 'key.pem'")
        .await;
    world.until_events("server_unusable", 1).await;
    assert!(daemon.is_running());
    assert_eq!(world.sim.ledger().counts().connections, 0);
    world.sql("UPDATE smpp_servers SET esme_tls = FALSE").await;
    world.until_bound().await;
}

#[tokio::test]
async fn long_credentials_give_a_warning() {
    let system_id = "sixteen-octets-a";
    let password = "longer than 8";
    let world = World::with(|behaviour| {
        behaviour.credentials = Some((system_id.to_owned(), password.to_owned()));
    })
    .await;
    let _daemon = world.daemon();
    world
        .sql(&format!(
            "INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password)
             VALUES (TRUE, '127.0.0.1', {}, '{system_id}', '{password}')",
            world.sim.addr().port()
        ))
        .await;
    world.until_bound().await;
    world.until_events("server_warning", 2).await;
    let warnings = "SELECT string_agg(message, ' ' ORDER BY id) FROM smpp_events WHERE type = 'server_warning'";
    let warnings: String = world.one(warnings).await;
    assert!(
        warnings.contains("esme_system_id has 16 octets"),
        "{warnings}"
    );
    assert!(
        warnings.contains("esme_password has 13 octets"),
        "{warnings}"
    );
    let bind = &world.sim.ledger().binds()[0];
    assert_eq!(bind.system_id, system_id);
    assert!(bind.password_ok);
}

#[tokio::test]
async fn after_a_wrong_password_the_corrected_row_binds_at_once() {
    let world = World::with(|behaviour| {
        behaviour.credentials = Some(("smppclient1".to_owned(), "right".to_owned()));
    })
    .await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_events("bind_failed", 1).await;
    let refused = &world.sim.ledger().binds()[0];
    assert!(!refused.password_ok);
    assert_ne!(refused.status, Some(CommandStatus::ESME_ROK));
    world
        .sql("UPDATE smpp_servers SET esme_password = 'right'")
        .await;
    // Without the correction it would be tried again after three quarters of a minute at the earliest.
    timeout(Duration::from_secs(30), world.until_bound())
        .await
        .expect("a bind at once");
    assert_eq!(world.sim.ledger().binds().len(), 2);
}

#[tokio::test]
async fn rows_that_were_claimed_ahead_leave_by_the_new_server_at_once() {
    let world = World::with(hold_answers).await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery, esme_window_size", ", TRUE, 2")
        .await;
    world.insert(5).await;
    // Two fill the window, two more are claimed behind them.
    world
        .until("SELECT count(*) = 4 FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL")
        .await;
    world
        .until_ledger("a full window", |records| records.submits().len() == 2)
        .await;
    let other = simulator(|_| {});
    let new = world.add_server(&other, true, "", "").await;
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(world.sim.ledger().counts().accepted, 0);
    let_answers_go(&world.sim);
    world
        .until("SELECT count(*) = 5 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(world.sim.ledger().count(), 2);
    assert_eq!(other.ledger().count(), 3);
    let counted = format!(
        "SELECT count(*) FROM smpp_tx_queue
         WHERE submission_attempts = 1 AND NOT possible_duplicate AND submission_server_id = {new}"
    );
    assert_eq!(world.one::<i64>(&counted).await, 3);
}

#[tokio::test]
async fn servers_that_cannot_be_read_are_told() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world
        .sql("REVOKE SELECT ON smpp_status_classes FROM esmed; UPDATE smpp_servers SET port = 1")
        .await;
    world.until_events("servers_unread", 1).await;
    let (message, status): (String, String) = {
        let rows = world
            .rows(
                "SELECT message, status FROM smpp_events WHERE type = 'servers_unread'",
                &[],
            )
            .await;
        (rows[0].get(0), rows[0].get(1))
    };
    assert!(message.contains("smpp_status_classes"), "{message}");
    assert_eq!(status, "degraded");
    // The session that there is goes on.
    let id = world.send("447911123400", "as before").await;
    world.until_status(id, "sent").await;
    world
        .sql("GRANT SELECT ON smpp_status_classes TO esmed")
        .await;
    world.until_events("servers_read", 1).await;
    world.until_events("connection_failed", 1).await;
    assert_eq!(world.events("servers_unread").await, 1);
}

#[tokio::test]
async fn a_right_to_read_what_belongs_to_the_servers_is_needed_at_the_start() {
    let world = World::new().await;
    world
        .sql("REVOKE SELECT ON smpp_status_classes FROM esmed")
        .await;
    let mut daemon = world.daemon();
    assert_eq!(daemon.wait(Duration::from_secs(60)).await.code(), Some(1));
    let log = daemon.log();
    assert!(log.contains("SELECT on smpp_status_classes"), "{log}");
}

#[tokio::test]
async fn a_column_whose_type_changes_is_read_all_the_same() {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    let until_window = async |window: i32| {
        world
            .sql(&format!(
                "UPDATE smpp_servers SET esme_window_size = {window}"
            ))
            .await;
        world
            .until(&format!("SELECT window_size = {window} FROM smpp_status"))
            .await;
    };
    // By any connection of the daemon.
    for window in 2..=4 {
        until_window(window).await;
    }
    world
        .sql("ALTER TABLE smpp_servers ALTER COLUMN name TYPE varchar(100)")
        .await;
    for window in 5..=9 {
        until_window(window).await;
    }
    let log = daemon.log();
    assert!(log.matches("cached plan").count() <= 1, "{log}");
}

#[tokio::test]
async fn a_rebind_begins_the_time_of_the_session_anew() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    for (times, system_type) in [(2, "a"), (3, "b"), (4, "c")] {
        let before: String = world.one("SELECT clock_timestamp()::text").await;
        world
            .sql(&format!(
                "UPDATE smpp_servers SET smpp_system_type = '{system_type}'"
            ))
            .await;
        world.until_events("bound", times).await;
        world
            .until(&format!(
                "SELECT session_state = 'bound' AND since > '{before}' FROM smpp_status"
            ))
            .await;
    }
}
