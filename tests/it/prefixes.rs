//! The sender by prefix.

use std::time::{Duration, Instant};

use crate::support::{Daemon, World, simulator};

/// How long a test waits for what has to happen: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A part of the South African example of Vumi's documentation, with senders made up.
const SOUTH_AFRICA: &str = "INSERT INTO smpp_prefixes (prefix, operator, source_addr) VALUES
    ('27710', 'MTN', '27830000001'), ('27711', 'VODACOM', '27820000001'), ('27717', 'MTN', '27830000001'),
    ('2772', 'VODACOM', '27820000001'), ('2773', 'MTN', '27830000001'),
    ('2774', 'CELLC', '27840000001'), ('27741', 'VIRGIN', '27741000001'),
    ('2782', 'VODACOM', '27820000001'), ('2783', 'MTN', '27830000001'), ('2784', 'CELLC', '27840000001'),
    ('2781', '8TA', '38100'), ('27', 'UNKNOWN', 'Somebody')";

async fn bound_world(columns: &str, values: &str) -> (World, Daemon) {
    let world = World::new().await;
    world.sql(SOUTH_AFRICA).await;
    let daemon = world.daemon();
    world.enable_sim(columns, values).await;
    world.until_bound().await;
    (world, daemon)
}

/// The sender of a message to this number.
async fn sender(world: &World, number: &str) -> String {
    sender_with(world, number, "", "").await
}

async fn sender_with(world: &World, number: &str, columns: &str, values: &str) -> String {
    let id = world.send_with(number, "text", columns, values).await;
    world.until_status(id, "sent").await;
    world.sim.ledger().submits().pop().unwrap().source
}

#[tokio::test]
async fn the_longest_prefix_names_the_sender() {
    let (world, _daemon) = bound_world(
        ", esme_source_addr, esme_country_code, esme_source_addr_ton, esme_source_addr_npi",
        ", 'server', '27', 4, 9",
    )
    .await;
    for (number, expected) in [
        ("27831234500", "27830000001"),
        ("27821234500", "27820000001"),
        ("27721234500", "27820000001"),
        ("27841234500", "27840000001"),
        ("27710234500", "27830000001"),
        ("27711234500", "27820000001"),
        ("27740234500", "27840000001"),
        ("27741234500", "27741000001"),
        ("27811234500", "38100"),
        // The first digits count as they are sent.
        ("0831234500", "27830000001"),
        ("+27831234500", "27830000001"),
        ("0027831234500", "27830000001"),
        ("27601234500", "Somebody"),
        ("447911123400", "server"),
    ] {
        assert_eq!(sender(&world, number).await, expected, "{number}");
    }
    // TON and NPI of the server are those of its own sender; others are detected.
    for (number, ton, npi) in [
        ("27831234500", 1, 1),
        ("27811234500", 3, 1),
        ("27601234500", 5, 0),
        ("447911123400", 4, 9),
    ] {
        sender(&world, number).await;
        let submit = world.sim.ledger().submits().pop().unwrap();
        assert_eq!(submit.pdu[17..19], [ton, npi], "{number}");
    }
    // The row comes before the prefix, also with an empty sender.
    for own in ["Bistro", ""] {
        let value = format!(", '{own}'");
        let found = sender_with(&world, "27831234500", ", smpp_source_addr", &value).await;
        assert_eq!(found, own);
    }
}

#[tokio::test]
async fn the_example_of_the_documents() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    world.example("## Sender by prefix").await;
    let _daemon = world.daemon();
    world.until_bound().await;
    for (number, expected) in [
        ("0831234567", "27830000001"),
        ("0741234567", "27741000001"),
        ("0601234567", "27000000000"),
    ] {
        assert_eq!(sender(&world, number).await, expected, "{number}");
    }
}

#[tokio::test]
async fn every_part_of_a_long_message_has_it() {
    let (world, _daemon) = bound_world(
        ", esme_long_message, esme_country_code, esme_registered_delivery",
        ", 'sar', '27', TRUE",
    )
    .await;
    let text = "a".repeat(400);
    let id = world
        .send_with(
            "0831234500",
            &text,
            ", smpp_optional_parameters, smpp_validity_period",
            r#", '{"0x1401": {"hex": "6162"}}', '1 hour'"#,
        )
        .await;
    world.until_state(id, "DELIVERED").await;
    // Another form of the same number: its references follow on.
    let second = world.send("27831234500", &text).await;
    world.until_state(second, "DELIVERED").await;
    let submits = world.sim.ledger().submits();
    assert_eq!(submits.len(), 6);
    for submit in &submits {
        assert_eq!(submit.source, "27830000001");
        assert_eq!(submit.destination, "27831234500");
    }
    for submit in &submits[..3] {
        let tags: Vec<u16> = submit.tlvs.0.iter().map(|tlv| tlv.tag.0).collect();
        // The row's, then sar_msg_ref_num, sar_total_segments and sar_segment_seqnum.
        assert_eq!(tags, [0x1401, 0x020C, 0x020E, 0x020F]);
        let head = b"\0\x01\x0127830000001\0\x01\x0127831234500\0\0\0\0\x00000000010000000R\0";
        assert_eq!(&submit.pdu[16..16 + head.len()], head);
    }
    let reference = |at: usize| submits[at].segment.unwrap().reference;
    assert_eq!(reference(3), reference(0).wrapping_add(1));
}

#[tokio::test]
async fn changes_are_heeded_at_once() {
    let world = World::new().await;
    // Nothing is polled: what is heard counts.
    let _daemon = world.daemon_with("esmed", "poll_interval = 3600");
    world.until_listening().await;
    world.enable_sim(", esme_source_addr", ", 'server'").await;
    world.until_bound().await;
    assert_eq!(sender(&world, "27831234500").await, "server");
    for (change, expected) in [
        (
            "INSERT INTO smpp_prefixes VALUES ('27', 'any', 'first')",
            "first",
        ),
        (
            "INSERT INTO smpp_prefixes VALUES ('2783', 'MTN', 'second')",
            "second",
        ),
        (
            "UPDATE smpp_prefixes SET source_addr = 'third' WHERE prefix = '2783'",
            "third",
        ),
        // An exception: as the server says.
        (
            "UPDATE smpp_prefixes SET source_addr = NULL WHERE prefix = '2783'",
            "server",
        ),
        ("DELETE FROM smpp_prefixes WHERE prefix = '2783'", "first"),
        ("TRUNCATE smpp_prefixes", "server"),
    ] {
        world.sql(change).await;
        // A message that was inserted behind the change is sent by it.
        assert_eq!(sender(&world, "27831234500").await, expected, "{change}");
    }
    assert_eq!(world.sim.ledger().binds().len(), 1);
}

#[tokio::test]
async fn changes_are_found_without_a_notification() {
    let world = World::new().await;
    let _daemon = world.daemon_with("esmed", "poll_interval = 1");
    world.enable_sim("", "").await;
    world.until_bound().await;
    world
        .sql(
            "DROP TRIGGER smpp_prefixes_notify_change ON smpp_prefixes;
             INSERT INTO smpp_prefixes VALUES ('27', 'any', 'found')",
        )
        .await;
    // By a later look.
    let until = Instant::now() + PATIENCE;
    while sender(&world, "27831234500").await != "found" {
        assert!(Instant::now() < until, "never found");
    }
}

#[tokio::test]
async fn each_server_has_its_own() {
    let world = World::new().await;
    let other = simulator(|_| {});
    let first = world
        .add_server(&world.sim, true, ", esme_source_addr", ", 'server'")
        .await;
    let second = world.add_server(&other, false, "", "").await;
    world
        .sql(&format!(
            "INSERT INTO smpp_prefixes (prefix, source_addr, server_id) VALUES
               ('2783', 'all', NULL), ('2783', 'first', {first}), ('27831', 'longer', {second}),
               ('2784', 'all', NULL), ('44', 'second', {second})"
        ))
        .await;
    let _daemon = world.daemon();
    world.until_bound().await;
    for (number, expected) in [
        ("27831234500", "first"),
        ("27841234500", "all"),
        ("447911123400", "server"),
    ] {
        assert_eq!(sender(&world, number).await, expected, "{number}");
    }
    world
        .sql(&format!(
            "UPDATE smpp_servers SET enabled = TRUE WHERE id = {second}"
        ))
        .await;
    world.until_events("server_switched", 1).await;
    for (number, expected) in [
        ("27831234500", "longer"),
        ("27832234500", "all"),
        ("447911123400", "second"),
    ] {
        let id = world.send(number, "text").await;
        world.until_status(id, "sent").await;
        let submit = other.ledger().submits().pop().unwrap();
        assert_eq!(submit.source, expected, "{number}");
    }
}

#[tokio::test]
async fn what_can_be_in_the_table() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_prefixes (prefix, source_addr, server_id)
             VALUES ('', 'a', NULL), ('27', 'a', NULL), ('27', 'b', 1), ('27', 'c', 2)",
        )
        .await;
    for (prefix, source, server, named) in [
        ("'27'", "'d'", "NULL", "smpp_prefixes_once_for_all_servers"),
        ("'27'", "'d'", "2", "smpp_prefixes_once_a_server"),
        ("'+27'", "'d'", "NULL", "prefix_at_most_20_digits"),
        ("repeat('1', 21)", "'d'", "NULL", "prefix_at_most_20_digits"),
        ("NULL", "'d'", "NULL", "prefix"),
        (
            "'28'",
            "repeat('d', 21)",
            "NULL",
            "source_addr_at_most_20_octets",
        ),
    ] {
        let statement = format!(
            "INSERT INTO smpp_prefixes (prefix, source_addr, server_id) VALUES ({prefix}, {source}, {server})"
        );
        let error = world.db.batch_execute(&statement).await.unwrap_err();
        let error = error.as_db_error().unwrap().to_string();
        assert!(error.contains(named), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_keeps_what_was_read_and_is_told_once() {
    let (world, _daemon) = bound_world("", "").await;
    assert_eq!(sender(&world, "27831234500").await, "27830000001");
    world
        .sql(
            "REVOKE SELECT ON smpp_prefixes FROM esmed;
             UPDATE smpp_prefixes SET source_addr = 'new' WHERE prefix = '2783'",
        )
        .await;
    world.until_events("prefixes_unread", 1).await;
    assert_eq!(sender(&world, "27831234500").await, "27830000001");
    let event = "SELECT status || ' ' || message FROM smpp_events WHERE type = 'prefixes_unread'";
    let event: String = world.one(event).await;
    assert!(
        event.starts_with(
            "degraded smpp_prefixes can't be read, senders are chosen by what was read before"
        ),
        "{event}"
    );
    // It is tried again and again.
    world.next_heartbeat().await;
    world.next_heartbeat().await;
    world.sql("GRANT SELECT ON smpp_prefixes TO esmed").await;
    world.until_events("prefixes_read", 1).await;
    assert_eq!(sender(&world, "27831234500").await, "new");
    assert_eq!(world.events("prefixes_unread").await, 1);
}

#[tokio::test]
async fn nothing_is_sent_before_the_table_has_been_read() {
    let world = World::new().await;
    world.sql(SOUTH_AFRICA).await;
    let locker = world.connection("postgres").await;
    locker
        .batch_execute("BEGIN; LOCK TABLE smpp_prefixes")
        .await
        .unwrap();
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    let id = world.send("27831234500", "text").await;
    world.until_events("prefixes_unread", 1).await;
    world.next_heartbeat().await;
    assert_eq!(world.status(id).await, "waiting");
    assert_eq!(world.sim.ledger().count(), 0);
    locker.batch_execute("COMMIT").await.unwrap();
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().submits()[0].source, "27830000001");
    world.until_events("prefixes_read", 1).await;
}

#[tokio::test]
async fn of_too_many_rows_the_longest_prefixes_are_not_heeded() {
    let (world, _daemon) = bound_world("", "").await;
    world
        .sql(
            "INSERT INTO smpp_prefixes (prefix, source_addr)
             SELECT '4479' || lpad(n::text, 8, '0'), 'many' FROM generate_series(1, 100000) AS n",
        )
        .await;
    world.until_events("prefixes_unread", 1).await;
    assert_eq!(sender(&world, "27741234500").await, "27741000001");
    assert_eq!(sender(&world, "447900000001").await, "many");
    // 12 rows of the example come before the many.
    assert_eq!(sender(&world, "447900099988").await, "many");
    assert_eq!(sender(&world, "447900099989").await, "");
    world
        .sql("DELETE FROM smpp_prefixes WHERE prefix LIKE '27_'")
        .await;
    world
        .sql("DELETE FROM smpp_prefixes WHERE source_addr = 'many' AND prefix >= '447900099000'")
        .await;
    world.until_events("prefixes_read", 1).await;
    assert_eq!(sender(&world, "447900098999").await, "many");
    assert_eq!(sender(&world, "447900099000").await, "");
}
