//! Receipts that matched nothing when they came.

use esmed::receipt::IdFormat;
use esmed::sim::IdStyle;

use crate::support::World;

mod ids;
mod parts;

/// Messages that server 1 has accepted: number, id and, behind a colon, the state.
async fn sent(world: &World, messages: &str) {
    world
        .sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, submission_done,
                                        submission_server_id, submission_timestamp, smpp_message_id, smpp_message_state)
             SELECT split_part(m, ' ', 1), 'x', TRUE, 1, now(), split_part(split_part(m, ' ', 2), ':', 1),
                    nullif(split_part(m, ':', 2), '')
             FROM unnest(string_to_array('{messages}', ', ')) WITH ORDINALITY AS t (m, n) ORDER BY n"
        ))
        .await;
}

/// A receipt that was stored and belongs to no message: from server, number, id, state and more of
/// `pdu_parsed -> 'receipt'`.
async fn unmatched(world: &World, server: i64, source: &str, id: &str, state: &str, more: &str) {
    world
        .sql(&format!(
            "INSERT INTO smpp_rx_queue (smpp_server_id, smpp_source_addr, receipt_message_id, kind, pdu_parsed)
             VALUES ({server}, '{source}', '{id}', 'receipt', jsonb_build_object(
               'esm_class', 4,
               'receipt', jsonb_build_object('id', '{id}', 'state', '{state}') || '{more}'))"
        ))
        .await;
}

async fn rematch(world: &World) -> i64 {
    world.one("SELECT esmed_rematch()").await
}

/// The states of all messages in the order of their ids; `-` for none.
async fn states(world: &World) -> String {
    world
        .one("SELECT string_agg(coalesce(smpp_message_state, '-'), ' ' ORDER BY id) FROM smpp_tx_queue")
        .await
}

async fn server(world: &World, columns: &str, values: &str) {
    world
        .sql(&format!(
            "INSERT INTO smpp_servers (host, esme_system_id, esme_password{columns})
             VALUES ('h' || (SELECT count(*) FROM smpp_servers), 's', 'p'{values})"
        ))
        .await;
}

#[tokio::test]
async fn the_format_is_corrected_and_what_was_missed_is_applied() {
    let world = World::with(|behaviour| behaviour.ids = IdStyle::RespHex).await;
    world.sql("CREATE ROLE shop LOGIN IN ROLE esmed_app").await;
    let shop = world.connection("shop").await;
    let mut listener = world.listen("smpp_delivery").await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    let good = world.send("447911123400", "good").await;
    let bad = world.send("447911123401", "bad").await;
    world
        .until("SELECT count(*) = 2 FROM smpp_unmatched_receipts")
        .await;
    world.until_status(good, "sent").await;
    world.until_status(bad, "sent").await;
    assert_eq!(states(&world).await, "- -");

    let formats: Vec<(String, i64, i64)> = shop
        .query("SELECT * FROM esmed_id_formats(1)", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    assert_eq!(formats.len(), IdFormat::ALL.len());
    assert_eq!(formats[0], ("resp_hex".to_owned(), 2, 2));
    assert!(
        formats[1..].iter().all(|row| (row.1, row.2) == (0, 2)),
        "{formats:?}"
    );

    let rematch = async || {
        let row = shop.query_one("SELECT esmed_rematch()", &[]).await.unwrap();
        row.get::<_, i64>(0)
    };
    assert_eq!(rematch().await, 0);
    world
        .sql("UPDATE smpp_servers SET esme_message_id_format = 'resp_hex'")
        .await;
    assert_eq!(rematch().await, 2);
    assert_eq!(states(&world).await, "DELIVERED UNDELIVERABLE");
    assert_eq!(listener.next().await, format!("{{\"ids\":[{good},{bad}]}}"));
    for (column, value) in [
        ("smpp_error_code", "001"),
        ("smpp_network_error_code", "030001"),
        ("(message_state_timestamp IS NOT NULL)", "true"),
    ] {
        assert_eq!(world.tx(bad, column).await.as_deref(), Some(value));
    }
    let left: i64 = world
        .one("SELECT count(*) FROM smpp_unmatched_receipts")
        .await;
    assert_eq!(left, 0);
    assert_eq!(rematch().await, 0);
    // The daemon has the new format too.
    world.next_heartbeat().await;
    let id = world.send("447911123400", "by the daemon").await;
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn states_follow_on_each_other_as_in_the_daemon() {
    let world = World::new().await;
    server(&world, "", "").await;
    sent(
        &world,
        "441 1, 442 2, 443 3, 444 4:ENROUTE, 445 5:DELIVERED, 446 6:DELIVERED, 447 7",
    )
    .await;
    for (source, id, state) in [
        ("441", "1", "ENROUTE"),
        ("441", "1", "DELIVERED"),
        ("442", "2", "EXPIRED"),
        ("442", "2", "ENROUTE"),
        ("443", "3", "UNDELIVERABLE"),
        ("443", "3", "DELIVERED"),
        ("444", "4", "REJECTED"),
        ("445", "5", "DELIVERED"),
        ("446", "6", "DELETED"),
    ] {
        unmatched(&world, 1, source, id, state, "{\"err\": \"012\"}").await;
    }
    // A word that nobody knows.
    world
        .sql(
            "INSERT INTO smpp_rx_queue (smpp_server_id, receipt_message_id, kind, pdu_parsed)
             VALUES (1, '7', 'receipt', '{\"receipt\": {\"id\": \"7\", \"stat\": \"ODD\", \"err\": \"099\"}}')",
        )
        .await;
    assert_eq!(rematch(&world).await, 10);
    assert_eq!(
        states(&world).await,
        "DELIVERED EXPIRED UNDELIVERABLE REJECTED DELIVERED DELIVERED -"
    );
    let codes: String = world
        .one(
            "SELECT string_agg(coalesce(smpp_error_code, '-'), ' ' ORDER BY id) FROM smpp_tx_queue",
        )
        .await;
    assert_eq!(codes, "012 012 012 012 - - -");
    let events: Vec<String> = world
        .rows(
            "SELECT concat_ws(' ', lane, component, message, details) FROM smpp_events
             WHERE type = 'receipt_contradicts' AND status IS NULL ORDER BY id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        events,
        [
            "default queue message 3 is UNDELIVERABLE and stays so; a later receipt says DELIVERED {\"id\": 3}",
            "default queue message 6 is DELIVERED and stays so; a later receipt says DELETED {\"id\": 6}",
        ]
    );
    let tied: bool = world
        .one("SELECT bool_and(tx_queue_id::text = receipt_message_id) FROM smpp_rx_queue")
        .await;
    assert!(tied);
}

#[tokio::test]
async fn of_several_messages_the_one_that_is_meant_gets_it() {
    let world = World::new().await;
    server(&world, "", "").await;
    server(&world, "", "").await;
    // 1 and 2: two servers with the same ids. 4: without a server, from an older version.
    sent(&world, "441 0A, 441 0a, 442 b, 443 c").await;
    world
        .sql(
            "UPDATE smpp_tx_queue SET submission_server_id = 2 WHERE id = 2;
             UPDATE smpp_tx_queue SET submission_server_id = NULL WHERE id = 4",
        )
        .await;
    unmatched(&world, 1, "441", "A", "DELIVERED", "{}").await;
    unmatched(&world, 2, "441", "A", "EXPIRED", "{}").await;
    unmatched(&world, 2, "442", "B", "EXPIRED", "{}").await;
    unmatched(&world, 2, "443", "C", "REJECTED", "{}").await;
    assert_eq!(rematch(&world).await, 3);
    assert_eq!(states(&world).await, "DELIVERED EXPIRED - REJECTED");

    // Not final first, then the same number, then the newest.
    world
        .sql("TRUNCATE smpp_tx_queue, smpp_rx_queue CASCADE")
        .await;
    sent(
        &world,
        "441 1:DELETED, 441 1, 441 1, 442 1, 441 2, 442 2, 443 3",
    )
    .await;
    unmatched(&world, 1, "+441", "1", "DELIVERED", "{}").await;
    unmatched(&world, 1, "449", "2", "DELIVERED", "{}").await;
    // Nothing is younger than the receipt that is about it.
    world
        .sql("UPDATE smpp_tx_queue SET insert_timestamp = now() + interval '1 hour' WHERE smpp_message_id = '3'")
        .await;
    unmatched(&world, 1, "443", "3", "DELIVERED", "{}").await;
    assert_eq!(rematch(&world).await, 2);
    assert_eq!(states(&world).await, "DELETED - DELIVERED - - DELIVERED -");
    world
        .sql(
            "UPDATE smpp_tx_queue SET insert_timestamp = now() - interval '1 day',
               submission_timestamp = now() + interval '2 hours' WHERE smpp_message_id = '3'",
        )
        .await;
    assert_eq!(rematch(&world).await, 0);
    world
        .sql("UPDATE smpp_tx_queue SET submission_timestamp = now() + interval '5 minutes' WHERE smpp_message_id = '3'")
        .await;
    assert_eq!(rematch(&world).await, 1);
}

#[tokio::test]
async fn every_id_of_a_receipt_is_tried_in_the_form_of_its_server() {
    let world = World::new().await;
    for format in IdFormat::ALL {
        server(&world, ", esme_message_id_format", &format!(", '{format}'")).await;
        let (response, receipt, other) = match format {
            IdFormat::Same => ("00A1", "a1", "a2"),
            IdFormat::RespHex => ("1Fh", "31", "1f"),
            IdFormat::ReceiptHex => ("31", "0x1F", "31"),
            IdFormat::Uuid => (
                "4a38dc46-5125-4969-90be-72104c340d5c",
                "4A38DC465125496990BE72104C340D5C",
                "4a38dc46512549690be72104c340d5c",
            ),
            IdFormat::ReceiptSuffix => ("1479978899.39", "1479978899.39@1154", "1479978899.3@1154"),
            IdFormat::RespHexString => ("414243", "ABC", "abc"),
        };
        let id: i64 = world.one("SELECT max(id) FROM smpp_servers").await;
        sent(&world, &format!("44 {response}")).await;
        world
            .sql(&format!(
                "UPDATE smpp_tx_queue SET submission_server_id = {id} WHERE submission_server_id = 1 AND id > 1"
            ))
            .await;
        unmatched(&world, id, "44", other, "EXPIRED", "{}").await;
        unmatched(&world, id, "44", receipt, "DELIVERED", "{}").await;
        assert_eq!(rematch(&world).await, 1, "{format}");
        world.sql("TRUNCATE smpp_rx_queue").await;
    }
    assert_eq!(states(&world).await, ["DELIVERED"; 6].join(" "));

    // A text with several ids; and a TLV that has the form of the response beside the text's id.
    world.sql("TRUNCATE smpp_tx_queue CASCADE").await;
    sent(&world, "44 28D2E34E, 44 5000").await;
    unmatched(
        &world,
        1,
        "44",
        "149994-11",
        "DELIVERED",
        "{\"candidate_ids\": [\"149994-11\", \"28D2E34E\"]}",
    )
    .await;
    assert_eq!(rematch(&world).await, 1);
    world
        .sql("UPDATE smpp_tx_queue SET submission_server_id = 2")
        .await;
    unmatched(
        &world,
        2,
        "44",
        "5000",
        "DELIVERED",
        "{\"text_id\": \"0000020480\"}",
    )
    .await;
    assert_eq!(rematch(&world).await, 1);
    assert_eq!(states(&world).await, "DELIVERED DELIVERED");
}

#[tokio::test]
async fn what_only_its_text_calls_a_receipt_must_come_from_the_number() {
    let world = World::new().await;
    server(&world, "", "").await;
    sent(&world, "441 1").await;
    unmatched(&world, 1, "449", "1", "DELIVERED", "{}").await;
    world
        .sql("UPDATE smpp_rx_queue SET pdu_parsed = jsonb_set(pdu_parsed, '{esm_class}', '3')")
        .await;
    assert_eq!(rematch(&world).await, 0);
    world
        .sql("UPDATE smpp_rx_queue SET smpp_source_addr = '441'")
        .await;
    assert_eq!(rematch(&world).await, 1);
}

#[tokio::test]
async fn what_somebody_has_locked_is_left_for_the_next_time() {
    let world = World::new().await;
    server(&world, "", "").await;
    sent(&world, "441 1, 442 2, 443 3").await;
    for (source, id) in [("441", "1"), ("442", "2"), ("443", "3")] {
        unmatched(&world, 1, source, id, "DELIVERED", "{}").await;
    }
    let other = world.connection("postgres").await;
    other
        .batch_execute(
            "BEGIN;
             SELECT FROM smpp_tx_queue WHERE id = 1 FOR UPDATE;
             SELECT FROM smpp_rx_queue WHERE receipt_message_id = '3' FOR UPDATE",
        )
        .await
        .unwrap();
    assert_eq!(rematch(&world).await, 1);
    assert_eq!(states(&world).await, "- DELIVERED -");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(rematch(&world).await, 2);
    assert_eq!(states(&world).await, "DELIVERED DELIVERED DELIVERED");
}

#[tokio::test]
async fn many_at_once_are_told_without_their_ids() {
    let world = World::new().await;
    let mut listener = world.listen("smpp_delivery").await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, submission_done, smpp_message_id)
             SELECT '44' || n, 'x', TRUE, n FROM generate_series(100001, 102000) AS n;
             INSERT INTO smpp_rx_queue (smpp_server_id, receipt_message_id, kind, pdu_parsed)
             SELECT 1, n, 'receipt', '{\"receipt\": {\"state\": \"DELIVERED\"}}' FROM generate_series(100001, 102000) AS n",
        )
        .await;
    assert_eq!(rematch(&world).await, 2000);
    assert_eq!(listener.next().await, "");
}
