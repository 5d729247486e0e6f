//! What must not stand in the log.

use esmed::sim::PhoneMessage;

use crate::support::{Daemon, World};

const DATABASE_PASSWORD: &str = "database-secret";
const PASSWORD: &str = "smsc-secret-1";
const WRONG_PASSWORD: &str = "smsc-secret-2";
const TEXT: &str = "Your PIN is 4711";

#[tokio::test]
async fn no_password_and_no_text_at_info() {
    check("info").await;
}

#[tokio::test]
async fn no_password_and_no_text_at_debug() {
    check("debug").await;
}

async fn check(level: &str) {
    let world = World::with(|behaviour| {
        behaviour.credentials = Some(("smppclient1".to_owned(), PASSWORD.to_owned()));
    })
    .await;
    let config = world.config_text(
        "esmed",
        &format!(
            "[database]\nhost = {:?}\npass = {DATABASE_PASSWORD:?}\n[daemon]\ndrain_timeout = 1\n[log]\nlevel = {level:?}\n",
            world.cluster.host()
        ),
    );
    let mut daemon = Daemon::start(&config, "esmed");
    world
        .sql(&format!(
            "INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password, esme_bind_transceiver,
                                       esme_registered_delivery, esme_retry_delay)
             VALUES (TRUE, '127.0.0.1', {}, 'smppclient1', '{WRONG_PASSWORD}', TRUE, TRUE, 0.1)",
            world.sim.addr().port()
        ))
        .await;
    world.until_events("bind_failed", 1).await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_password = '{PASSWORD}'"
        ))
        .await;
    world.until_bound().await;

    // Sent, refused, unanswered, not fit to be sent, refused by the database.
    world
        .sql(&format!(
            "ALTER TABLE smpp_rx_queue ADD CONSTRAINT no_pin CHECK (smpp_short_message NOT LIKE '%PIN%');
             ALTER TABLE smpp_tx_queue ADD CONSTRAINT not_done CHECK (NOT (submission_done AND smpp_destination_addr LIKE '%40'));
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_data_coding)
             SELECT number, '{TEXT}', data_coding FROM (VALUES
               ('447911123400', NULL), ('447911123401', NULL), ('447911123406', NULL), ('447911123407', NULL),
               ('447911123411', NULL), ('447911123409', NULL), ('447911123440', NULL),
               ('447911123400', 99), ('', NULL)) AS m (number, data_coding)"
        ))
        .await;
    world
        .sim
        .deliver(PhoneMessage::from_text("447911000001", "12345", TEXT));
    world
        .until(
            "SELECT count(*) >= 1 FROM smpp_rx_queue WHERE pdu_parsed ->> 'error' LIKE '%no_pin%'",
        )
        .await;
    world.until_events("record_refused", 1).await;
    world
        .until("SELECT count(*) = 4 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_failed")
        .await;
    world.sim.drop_connections();
    world.until_events("bound", 2).await;
    world
        .sql("ALTER TABLE smpp_tx_queue DROP CONSTRAINT not_done; UPDATE smpp_servers SET enabled = FALSE")
        .await;
    world
        .until("SELECT count(*) = 5 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(daemon.stop().await, Some(0));

    let log = daemon.log();
    assert!(log.contains("bound to "), "{log}");
    let events: String = world
        .one("SELECT string_agg(e::text, chr(10)) FROM smpp_events e")
        .await;
    let status: String = world
        .one("SELECT string_agg(s::text, chr(10)) FROM smpp_status s")
        .await;
    for secret in [DATABASE_PASSWORD, PASSWORD, WRONG_PASSWORD, "Your PIN"] {
        // The events and the status are read by dashboards.
        for (place, text) in [("log", &log), ("events", &events), ("status", &status)] {
            assert!(!text.contains(secret), "{secret:?} in the {place}:\n{text}");
        }
    }
    let hex: String = TEXT.bytes().map(|octet| format!("{octet:02x}")).collect();
    assert!(!log.contains(&hex), "{log}");
}
