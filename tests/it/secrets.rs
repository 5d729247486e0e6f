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

#[tokio::test]
async fn nothing_that_goes_wrong_with_a_text_shows_it_in_text() {
    go_wrong("trace", "text").await;
}

#[tokio::test]
async fn nothing_that_goes_wrong_with_a_text_shows_it_in_json() {
    go_wrong("trace", "json").await;
}

/// Triggers whose errors quote the row: a cast, an exception with its words, a statement made of a text.
const TRIGGERS: &str = "
  CREATE FUNCTION cast_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.message_parts := NEW.smpp_short_message::integer; RETURN NEW; END $$;
  CREATE TRIGGER cast_it BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
    WHEN (NEW.smpp_destination_addr = '447911123500' AND NEW.submission_done) EXECUTE FUNCTION cast_it();
  CREATE FUNCTION say_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not \"%\" to %', NEW.smpp_short_message, NEW.smpp_destination_addr
       USING DETAIL = NEW.smpp_short_message, ERRCODE = '23514'; END $$;
  CREATE TRIGGER say_it BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
    WHEN (NEW.smpp_destination_addr = '447911123600' AND NEW.submission_done) EXECUTE FUNCTION say_it();
  CREATE FUNCTION run_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'SELECT 1 ' || quote_ident(NEW.smpp_short_message) || ' ' || quote_ident(NEW.smpp_short_message); RETURN NEW; END $$;
  CREATE TRIGGER run_it BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
    WHEN (NEW.smpp_destination_addr = '447911123700' AND NEW.submission_started_at IS NOT NULL) EXECUTE FUNCTION run_it();
  CREATE FUNCTION store_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'from %: %', NEW.smpp_source_addr, NEW.pdu_raw; END $$;
  CREATE TRIGGER store_it BEFORE INSERT ON smpp_rx_queue FOR EACH ROW
    WHEN (NEW.pdu_raw LIKE '%' || encode('refuse it', 'hex') || '%') EXECUTE FUNCTION store_it();";

async fn go_wrong(level: &str, format: &str) {
    const UNICODE: &str = "Ваш код 4711 ☎";
    let world = World::with(|behaviour| {
        behaviour.credentials = Some(("smppclient1".to_owned(), PASSWORD.to_owned()));
    })
    .await;
    let write = |more: &str| {
        let host = world.cluster.host();
        let text = format!(
            "[log]\nlevel = {level:?}\nformat = {format:?}\n[database]\nhost = {host:?}\n{more}\n"
        );
        world.config_text("esmed", &text)
    };
    let config = write(&format!("pass = {DATABASE_PASSWORD:?}"));
    let mut daemon = Daemon::start(&config, "esmed");
    world.sql(TRIGGERS).await;
    world
        .sql(&format!(
            "INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password, esme_bind_transceiver,
                                       esme_registered_delivery, esme_retry_delay)
             VALUES (TRUE, '127.0.0.1', {}, 'smppclient1', '{PASSWORD}', TRUE, TRUE, 0.1)",
            world.sim.addr().port()
        ))
        .await;
    world.until_bound().await;
    let long = TEXT.repeat(30);
    world
        .sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_optional_parameters, smpp_source_addr)
             VALUES ('447911123400', '{UNICODE}', NULL, NULL), ('447911123402', '{long}', NULL, NULL),
                    ('447911123442', '{long}', NULL, NULL), ('447911123400', '{TEXT}', '{{\"0x1402\": \"tlv-secret\"}}', NULL),
                    ('447911123400', '{TEXT}', '{{\"user_message_reference\": \"tlv-secret\"}}', NULL),
                    ('447911123400', '{TEXT}', '{{\"tlv-secret\": 7}}', NULL),
                    ('447911123400', '{TEXT}', NULL, 'secret-sender-that-is-too-long'),
                    ('447911123411', '{TEXT}', NULL, NULL), ('447911123407', '{TEXT}', NULL, NULL),
                    ('447911123500', '{TEXT}', NULL, NULL), ('447911123600', '{TEXT}', NULL, NULL)"
        ))
        .await;
    let phone = "447911000001";
    world
        .sim
        .deliver(PhoneMessage::from_text(phone, "12345", UNICODE));
    for part in PhoneMessage::from_long_text(phone, "12345", 7, &long).unwrap() {
        world.sim.deliver(part);
    }
    world.sim.deliver(PhoneMessage::from_text(
        phone,
        "12345",
        "Your PIN is 4711, refuse it",
    ));
    world.until_events("record_refused", 2).await;
    world.until_events("store_refused", 1).await;
    world
        .until("SELECT count(*) = 4 FROM smpp_tx_queue WHERE submission_failed")
        .await;
    world
        .until("SELECT count(*) = 5 FROM smpp_tx_queue WHERE smpp_message_state IS NOT NULL")
        .await;
    world
        .until("SELECT count(*) = 2 FROM smpp_inbox WHERE complete")
        .await;
    // And a file that is not right.
    for (number, wrong) in (1..).zip([
        format!("pass = {DATABASE_PASSWORD}"),
        format!("pass = [{DATABASE_PASSWORD:?}]"),
        format!("sslmode = {DATABASE_PASSWORD:?}"),
        DATABASE_PASSWORD.to_owned(),
    ]) {
        write(&wrong);
        daemon.signal("HUP");
        world.until_events("config_refused", number).await;
    }
    write("pass = \"another-secret\"");
    daemon.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    world
        .sql("DROP TRIGGER cast_it ON smpp_tx_queue; DROP TRIGGER say_it ON smpp_tx_queue")
        .await;
    world
        .until("SELECT count(*) = 7 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world.send("447911123700", TEXT).await;
    world.until_events("claim_refused", 1).await;
    assert_eq!(daemon.stop().await, Some(0));

    let log = daemon.log();
    let events: String = world
        .one("SELECT string_agg(e::text, chr(10)) FROM smpp_events e")
        .await;
    let status: String = world
        .one("SELECT string_agg(s::text, chr(10)) FROM smpp_status s")
        .await;
    let hex = |octets: Vec<u8>| -> String { octets.iter().map(|it| format!("{it:02x}")).collect() };
    let ucs2 = UNICODE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for secret in [
        DATABASE_PASSWORD,
        PASSWORD,
        "another-secret",
        "PIN",
        "Ваш",
        "tlv-secret",
        "secret-sender",
        "447911",
        &hex(TEXT.as_bytes().to_vec()),
        &hex(ucs2),
    ] {
        for (place, text) in [("log", &log), ("events", &events), ("status", &status)] {
            assert!(!text.contains(secret), "{secret:?} in the {place}:\n{text}");
        }
    }
}
