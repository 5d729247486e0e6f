//! Which parts belong together.

use esmed::sim::PhoneMessage;

use super::{UDH, bound_world, from, sar, udh8, udh16};

#[tokio::test]
async fn parts_in_any_order_with_repeats_become_one_row() {
    let (world, _daemon) = bound_world().await;
    let mut listener = world.listen("smpp_inbox").await;
    world
        .phones([
            udh8(7, 3, 3, b"three"),
            udh8(7, 3, 1, b"one "),
            udh8(7, 3, 3, b"three"),
            udh8(7, 3, 2, b"two "),
        ])
        .await;
    world.until_inbox(&["one two three"]).await;
    let row = &world
        .rows(
            "SELECT i.id, source, destination, parts, complete, processed, repeated, server_id,
               (SELECT array_agg(concat_part ORDER BY place) FROM unnest(rx_ids) WITH ORDINALITY AS r (rx_id, place)
                JOIN smpp_rx_queue rx ON rx.id = rx_id),
               received_at = (SELECT min(insert_timestamp) FROM smpp_rx_queue),
               (SELECT count(*) FROM smpp_rx_queue rx WHERE rx.inbox_id = i.id AND concat_kind = 'udh8' AND concat_ref = 7
                AND concat_set = (SELECT min(id) FROM smpp_rx_queue) AND concat_repeats IS NULL),
               (SELECT count(*) FROM smpp_rx_queue WHERE concat_set IS NULL AND concat_repeats = (SELECT min(id) FROM smpp_rx_queue))
             FROM smpp_inbox i",
            &[],
        )
        .await[0];
    assert_eq!(row.get::<_, String>(1), "447911000001");
    assert_eq!(row.get::<_, String>(2), "12345");
    assert_eq!(row.get::<_, i16>(3), 3);
    assert!(row.get::<_, bool>(4));
    assert!(!row.get::<_, bool>(5) && !row.get::<_, bool>(6));
    assert_eq!(row.get::<_, i64>(7), 1);
    assert_eq!(row.get::<_, Vec<i16>>(8), [1, 2, 3]);
    assert!(row.get::<_, bool>(9));
    assert_eq!(row.get::<_, i64>(10), 3);
    assert_eq!(row.get::<_, i64>(11), 1, "the repeat says what it repeats");
    listener.until_id(row.get(0)).await;
}

#[tokio::test]
async fn references_of_each_kind_from_several_senders_at_once() {
    let (world, _daemon) = bound_world().await;
    let (a, b) = ("447911000001", "447911000002");
    // The number 5 in each of the three kinds, by two senders; one part of each, then the other.
    let mut first = Vec::new();
    let mut second = Vec::new();
    for (sender, name) in [(a, "a"), (b, "b")] {
        let text = |kind: &str, part: u8| format!("{name} {kind} {part}.").into_bytes();
        first.push(from(sender, udh8(5, 2, 2, &text("udh8", 2))));
        first.push(from(sender, udh16([0, 5], 2, 1, &text("udh16", 1))));
        first.push(from(sender, sar([0, 5], 2, 2, &text("sar", 2))));
        second.push(from(sender, sar([0, 5], 2, 1, &text("sar", 1))));
        second.push(from(sender, udh16([0, 5], 2, 2, &text("udh16", 2))));
        second.push(from(sender, udh8(5, 2, 1, &text("udh8", 1))));
    }
    world.phones(first).await;
    world.phones(second).await;
    world.until("SELECT count(*) = 6 FROM smpp_inbox").await;
    let mut messages = world
        .inbox("source || ' ' || complete || ' ' || message")
        .await;
    messages.sort();
    assert_eq!(
        messages,
        [
            "447911000001 true a sar 1.a sar 2.",
            "447911000001 true a udh16 1.a udh16 2.",
            "447911000001 true a udh8 1.a udh8 2.",
            "447911000002 true b sar 1.b sar 2.",
            "447911000002 true b udh16 1.b udh16 2.",
            "447911000002 true b udh8 1.b udh8 2.",
        ]
    );
    let columns: Vec<String> = world
        .rows(
            "SELECT DISTINCT format('%s %s %s', concat_kind, concat_ref, concat_total) FROM smpp_rx_queue ORDER BY 1",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(columns, ["sar 5 2", "udh16 5 2", "udh8 5 2"]);
}

#[tokio::test]
async fn a_burst_of_long_messages_is_put_together() {
    let (world, _daemon) = bound_world().await;
    let mut parts: Vec<PhoneMessage> = (0..100u8)
        .flat_map(|number| {
            let sender = format!("4479110000{number:02}");
            (1..=3).map(move |part| {
                let text = format!("{number}/{part} ");
                from(&sender, udh8(1, 3, part, text.as_bytes()))
            })
        })
        .collect();
    parts.reverse();
    world.phones(parts).await;
    world.until("SELECT count(*) = 100 FROM smpp_inbox").await;
    let right: i64 = world
        .one(
            "SELECT count(*) FROM smpp_inbox
             WHERE complete AND NOT repeated
               AND message = format('%1$s/1 %1$s/2 %1$s/3 ', right(source, 2)::integer)",
        )
        .await;
    assert_eq!(right, 100);
}

#[tokio::test]
async fn a_restart_between_the_parts_loses_nothing() {
    let (world, mut daemon) = bound_world().await;
    world
        .phones([
            udh8(1, 3, 2, b"after a stop "),
            udh16([1, 1], 2, 1, b"after "),
        ])
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = world.daemon();
    world
        .phones([udh8(1, 3, 1, b"one "), sar([0, 1], 2, 2, b"a kill")])
        .await;
    daemon.kill();
    let _daemon = world.daemon();
    world
        .phones([
            sar([0, 1], 2, 1, b"and by "),
            udh16([1, 1], 2, 2, b"both"),
            udh8(1, 3, 3, b"and a kill"),
        ])
        .await;
    world.until("SELECT count(*) = 3 FROM smpp_inbox").await;
    let mut messages = world.inbox("message").await;
    messages.sort();
    assert_eq!(
        messages,
        ["after both", "and by a kill", "one after a stop and a kill"]
    );
}

#[tokio::test]
async fn a_whole_set_that_a_killed_daemon_left_is_put_together_at_the_next_start() {
    let (world, daemon) = bound_world().await;
    world
        .phones([udh8(1, 2, 1, b"as if "), udh8(1, 2, 2, b"in between")])
        .await;
    world.until_inbox(&["as if in between"]).await;
    // More parts that wait than are looked at in one go, all of them newer.
    let alone = (0..450).map(|number| {
        let sender = format!("447911001{number:03}");
        from(&sender, udh8(1, 2, 1, b"alone"))
    });
    world.phones(alone).await;
    daemon.kill();
    // As it is when a daemon is killed behind the commit of the last part.
    world
        .sql("UPDATE smpp_rx_queue SET inbox_id = NULL; DELETE FROM smpp_inbox")
        .await;
    let _daemon = world.daemon();
    world.until_inbox(&["as if in between"]).await;
    assert_eq!(world.inbox("complete").await, ["true"]);
}

#[tokio::test]
async fn a_receipt_that_looks_like_a_part_is_a_receipt() {
    let (world, _daemon) = bound_world().await;
    let text = b"id:77 sub:001 dlvrd:001 submit date:2401010000 done date:2401010001 stat:DELIVRD err:000 text:x";
    let receipt = PhoneMessage {
        esm_class: UDH | 4,
        ..udh8(1, 2, 1, text)
    };
    world.phones([receipt]).await;
    let row = &world
        .rows(
            "SELECT kind, concat_set IS NULL AND concat_part IS NULL FROM smpp_rx_queue",
            &[],
        )
        .await[0];
    assert_eq!(row.get::<_, String>(0), "receipt");
    assert!(row.get::<_, bool>(1));
}
