//! Receipts that matched nothing when they came, and what the parts of a long message add up to.

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
