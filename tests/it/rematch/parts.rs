//! Receipts for the parts of a long message.

use super::{rematch, server, states, unmatched};
use crate::support::World;

#[tokio::test]
async fn the_parts_of_a_message_add_up_to_one_state() {
    let world = World::new().await;
    let daemon = world.connection("esmed").await;
    // `-` is a part without a state.
    for (parts, state) in [
        ("", None),
        ("-", None),
        ("- -", None),
        ("DELIVERED", Some("DELIVERED")),
        ("DELIVERED DELIVERED", Some("DELIVERED")),
        ("DELIVERED -", Some("ENROUTE")),
        ("DELIVERED ENROUTE", Some("ENROUTE")),
        ("DELIVERED ACCEPTED", Some("ENROUTE")),
        ("ENROUTE -", Some("ENROUTE")),
        ("ACCEPTED -", Some("ACCEPTED")),
        ("UNKNOWN UNKNOWN", Some("UNKNOWN")),
        ("ACCEPTED UNKNOWN -", Some("ENROUTE")),
        ("DELETED -", Some("DELETED")),
        ("DELETED DELIVERED DELIVERED", Some("DELETED")),
        ("EXPIRED DELETED ENROUTE", Some("EXPIRED")),
        ("EXPIRED UNDELIVERABLE DELETED", Some("UNDELIVERABLE")),
        ("UNDELIVERABLE REJECTED EXPIRED DELIVERED", Some("REJECTED")),
    ] {
        world
            .sql(&format!(
                "TRUNCATE smpp_tx_queue CASCADE;
                 INSERT INTO smpp_tx_queue (id, smpp_destination_addr, smpp_short_message)
                 VALUES (1, '44', 'this'), (2, '44', 'another');
                 INSERT INTO smpp_tx_parts (tx_id, part, total, data_coding, octets, smpp_message_state)
                 SELECT 1, n, 9, 0, '', nullif(state, '-')
                 FROM regexp_split_to_table(nullif('{parts}', ''), ' ') WITH ORDINALITY AS p (state, n);
                 INSERT INTO smpp_tx_parts (tx_id, part, total, data_coding, octets, smpp_message_state)
                 VALUES (2, 1, 1, 0, '', 'REJECTED')"
            ))
            .await;
        let row = daemon
            .query_one("SELECT esmed_state_of_parts(1)", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, Option<&str>>(0), state, "{parts}");
    }
}

/// A message of three parts, all of them sent.
async fn long_message(world: &World) {
    world
        .sql(
            "TRUNCATE smpp_tx_queue, smpp_rx_queue, smpp_events CASCADE;
             INSERT INTO smpp_tx_queue (id, smpp_destination_addr, smpp_short_message, submission_done,
                                        submission_server_id, smpp_message_id, message_parts)
             VALUES (1, '44', 'long', TRUE, 1, 'a1', 3);
             INSERT INTO smpp_tx_parts (tx_id, part, total, data_coding, octets, smpp_message_id)
             SELECT 1, n, 3, 0, '', 'A' || n FROM generate_series(1, 3) AS n",
        )
        .await;
}

#[tokio::test]
async fn receipts_for_parts_add_up() {
    let world = World::new().await;
    server(&world, "", "").await;
    long_message(&world).await;
    let part_states = "SELECT string_agg(coalesce(smpp_message_state, '-'), ' ' ORDER BY part) FROM smpp_tx_parts";
    for (id, state, parts, message, events) in [
        ("a1", "DELIVERED", "DELIVERED - -", "ENROUTE", 0),
        (
            "a3",
            "UNDELIVERABLE",
            "DELIVERED - UNDELIVERABLE",
            "UNDELIVERABLE",
            0,
        ),
        (
            "a3",
            "DELIVERED",
            "DELIVERED - UNDELIVERABLE",
            "UNDELIVERABLE",
            1,
        ),
        // It gets worse without an event.
        (
            "a2",
            "REJECTED",
            "DELIVERED REJECTED UNDELIVERABLE",
            "REJECTED",
            1,
        ),
        (
            "a1",
            "ENROUTE",
            "DELIVERED REJECTED UNDELIVERABLE",
            "REJECTED",
            1,
        ),
    ] {
        unmatched(&world, 1, "44", id, state, "{\"err\": \"7\"}").await;
        assert_eq!(rematch(&world).await, 1, "{id}");
        assert_eq!(world.one::<String>(part_states).await, parts);
        assert_eq!(states(&world).await, message, "after {id} {state}");
        assert_eq!(world.events("receipt_contradicts").await, events);
    }
    let event: String = world
        .one("SELECT message || ' ' || details FROM smpp_events WHERE type = 'receipt_contradicts'")
        .await;
    assert_eq!(
        event,
        "part 3 of message 1 is UNDELIVERABLE and stays so; a later receipt says DELIVERED {\"id\": 1, \"part\": 3}"
    );

    // All of them delivered.
    long_message(&world).await;
    for id in ["a1", "a2", "a3"] {
        unmatched(&world, 1, "44", id, "DELIVERED", "{}").await;
    }
    assert_eq!(rematch(&world).await, 3);
    assert_eq!(states(&world).await, "DELIVERED");

    // While parts are still to be sent, nothing is said of the message.
    long_message(&world).await;
    world
        .sql("UPDATE smpp_tx_queue SET submission_done = FALSE")
        .await;
    unmatched(&world, 1, "44", "a2", "EXPIRED", "{}").await;
    assert_eq!(rematch(&world).await, 1);
    assert_eq!(states(&world).await, "-");
    assert_eq!(world.one::<String>(part_states).await, "- EXPIRED -");

    // One receipt stands for all, and the first final one stays.
    long_message(&world).await;
    world
        .sql("UPDATE smpp_servers SET esme_part_receipts = 'one'")
        .await;
    unmatched(&world, 1, "44", "a1", "DELIVERED", "{}").await;
    assert_eq!(rematch(&world).await, 1);
    assert_eq!(states(&world).await, "DELIVERED");
    unmatched(&world, 1, "44", "a2", "REJECTED", "{}").await;
    assert_eq!(rematch(&world).await, 1);
    assert_eq!(states(&world).await, "DELIVERED");
    assert_eq!(world.events("receipt_contradicts").await, 1);
}
