//! The daemon before and after the migration, and what goes over the wire then.

use super::{migrate, old_world, refused, run, said, texts};
use crate::support::{World, esmed, receipt};

/// TON and NPI of the sender, the sender, TON and NPI of the destination, as they are in a submit_sm.
fn addresses(pdu: &[u8]) -> (u8, u8, String, u8, u8) {
    // Behind the header (16 octets) and an empty service_type.
    assert_eq!(pdu[16], 0);
    let (ton, npi) = (pdu[17], pdu[18]);
    let end = 19 + pdu[19..].iter().position(|octet| *octet == 0).unwrap();
    let sender = String::from_utf8(pdu[19..end].to_vec()).unwrap();
    (ton, npi, sender, pdu[end + 1], pdu[end + 2])
}

#[tokio::test]
async fn the_daemon_waits_for_the_migration_and_then_sends_the_rest_as_before() {
    let world = old_world().await;
    let mut daemon = world.daemon();
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    until_log(&daemon, "waiting: ").await;
    let log = daemon.log();
    assert!(
        log.contains("has the tables of esmed 0.1.1, which are to be migrated: run as the owner or a superuser sudo -u postgres esmed migrate --as"),
        "{log}"
    );
    for command in ["check-config", "status"] {
        let line = refused(&esmed(&[command, "--config", config]).await);
        assert!(
            line.contains("has the tables of esmed 0.1.1, which are to be migrated"),
            "{line}"
        );
    }
    // The daemon does not migrate by itself.
    assert_eq!(
        world
            .one::<Option<String>>("SELECT to_regclass('esmed_schema')::text")
            .await,
        None
    );
    assert!(daemon.is_running());
    assert_eq!(daemon.log().matches("waiting: ").count(), 1);

    said(&migrate(&world, &[]).await);
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_done AND id <= 3")
        .await;
    let submits = world.sim.ledger().submits();
    assert_eq!(submits.len(), 3);
    let of = |number: &str| {
        submits
            .iter()
            .find(|submit| submit.destination == number)
            .unwrap()
    };
    let long = format!("{}wxyz", "0123456789".repeat(25));
    for (number, text) in [
        ("447911125000", "Hello @ $ _ {world}"),
        ("447911125100", "It's \"quoted\" \\ and tried"),
        ("447911125200", long.as_str()),
    ] {
        let submit = of(number);
        assert_eq!(
            &submit.octets[..],
            text.as_bytes(),
            "raw ASCII in one submit_sm"
        );
        assert_eq!(
            (submit.data_coding, submit.esm_class, submit.payload),
            (0, 0, false)
        );
        assert_eq!(
            addresses(&submit.pdu),
            (5, 0, "4479111000".to_owned(), 1, 1)
        );
        assert_eq!(submit.registered_delivery, 1, "as the server says");
    }
    // The one with priority first.
    assert_eq!(submits[0].destination, "447911125100");
    // Whatever became of them, it may be the second time.
    assert_eq!(
        texts(
            &world.db,
            "SELECT id::text FROM smpp_tx_queue WHERE possible_duplicate ORDER BY id"
        )
        .await,
        ["1", "2", "3"]
    );

    // Receipts for what 0.1.1 sent, which knew no server of a message.
    for (phone, id, stat) in [
        ("447911123420", "A001", "DELIVRD"),
        ("447911123421", "a002", "UNDELIV"),
        ("447911123429", "00a00a", "DELIVRD"),
        ("447911123422", "a003", "UNDELIV"),
        ("447911123428", "a009", "DELIVRD"),
    ] {
        assert!(world.sim.deliver(receipt(phone, id, stat, "000")));
    }
    let id_of = async |number: &str| {
        world
            .one::<i64>(&format!(
                "SELECT id FROM smpp_tx_queue WHERE smpp_destination_addr = '{number}'"
            ))
            .await
    };
    for (phone, state) in [
        ("447911123420", "DELIVERED"),
        ("447911123421", "UNDELIVERABLE"),
        ("447911123429", "DELIVERED"),
    ] {
        world.until_state(id_of(phone).await, state).await;
    }
    world
        .until("SELECT count(*) = 5 FROM smpp_rx_queue WHERE tx_queue_id BETWEEN 4 AND 16")
        .await;
    // Final ones stay, also where a time of theirs was infinite.
    assert_eq!(
        world
            .tx(id_of("447911123422").await, "smpp_message_state")
            .await
            .as_deref(),
        Some("DELIVERED")
    );
    assert_eq!(
        world
            .tx(id_of("447911123428").await, "smpp_message_state")
            .await
            .as_deref(),
        Some("REJECTED")
    );

    // A sender of the row's own is looked at for itself.
    let number = world
        .send_with(
            "447911123460",
            "x",
            ", smpp_source_addr",
            ", '447911000000'",
        )
        .await;
    let word = world
        .send_with("447911123470", "x", ", smpp_source_addr", ", 'Shop'")
        .await;
    world.until_status(number, "sent").await;
    world.until_status(word, "sent").await;
    let submits = world.sim.ledger().submits();
    let sender_of = |number: &str| {
        addresses(
            &submits
                .iter()
                .find(|it| it.destination == number)
                .unwrap()
                .pdu,
        )
    };
    assert_eq!(
        sender_of("447911123460"),
        (1, 1, "447911000000".to_owned(), 1, 1)
    );
    assert_eq!(sender_of("447911123470"), (5, 0, "Shop".to_owned(), 1, 1));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn how_the_compatible_settings_are_left() {
    let world = old_world().await;
    said(&migrate(&world, &[]).await);
    let _daemon = world.daemon();
    world.until_bound().await;
    let manual = include_str!("../../../docs/migrate.md");
    let (_, chapter) = manual
        .split_once("## Leaving the compatible settings")
        .unwrap();
    let (_, example) = chapter.split_once("```sql\n").unwrap();
    run(&world.db, example.split_once("```").unwrap().0).await;
    assert_eq!(
        texts(
            &world.db,
            "SELECT concat_ws(' ', esme_default_alphabet, esme_long_message, esme_source_addr_ton, esme_source_addr_npi, esme_addr_ton, esme_addr_npi)
             FROM smpp_servers WHERE enabled"
        )
        .await,
        ["GSM0338 udh 0 0"]
    );
    // With esme_addr_ton it binds anew: then it has heard of all.
    world
        .until("SELECT count(*) >= 2 FROM smpp_events WHERE type = 'bound'")
        .await;
    let id = world.send("447911123480", "@").await;
    world.until_status(id, "sent").await;
    let submits = world.sim.ledger().submits();
    let submit = submits
        .iter()
        .find(|it| it.destination == "447911123480")
        .unwrap();
    assert_eq!(&submit.octets[..], &[0], "GSM 03.38");
    assert_eq!(
        addresses(&submit.pdu),
        (1, 1, "4479111000".to_owned(), 1, 1)
    );
}

#[tokio::test]
async fn on_an_empty_database_it_waits_too_and_ends_when_told_to() {
    let world = old_world().await;
    run(
        &world.db,
        "DROP TABLE smpp_servers, smpp_tx_queue, smpp_rx_queue",
    )
    .await;
    let mut daemon = world.daemon();
    until_log(
        &daemon,
        "has no tables of esmed: run as the owner or a superuser ",
    )
    .await;
    assert!(daemon.is_running());
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_daemon_and_migration() {
    let world = World::new().await;
    world
        .sql("INSERT INTO esmed_schema (version) VALUES (3)")
        .await;
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    for output in [
        esmed(&["run", "--config", config]).await,
        esmed(&["check-config", "--config", config]).await,
        migrate(&world, &[]).await,
        migrate(&world, &["--print"]).await,
    ] {
        let words = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(
            words.contains("has schema version 3, this program knows 2: install a newer esmed"),
            "{words}"
        );
    }
}

pub(super) async fn until_log(daemon: &crate::support::Daemon, words: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !daemon.log().contains(words) {
        assert!(
            std::time::Instant::now() < until,
            "never said {words}: {}",
            daemon.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
