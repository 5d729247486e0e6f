//! What stays incomplete, and comes late.

use super::{bound_world, phone, sar, udh8};
use crate::support::World;

#[tokio::test]
async fn an_incomplete_set_appears_after_the_timeout_and_a_late_part_completes_it() {
    let (world, _daemon) = bound_world().await;
    world
        .phones([
            udh8(3, 4, 1, b"one "),
            udh8(3, 4, 4, b"four"),
            phone(b"whole", 0, 0),
        ])
        .await;
    world.until_inbox(&["whole"]).await;
    world.age("25 minutes").await;
    world.next_heartbeat().await;
    world.until_inbox(&["whole"]).await;
    let mut listener = world.listen("smpp_inbox").await;
    world.age("6 minutes").await;
    world.until_inbox(&["whole", "one four"]).await;
    assert_eq!(
        world
            .inbox("concat_ws(' ', parts, complete, cardinality(rx_ids))")
            .await,
        ["1 t 1", "4 f 2"]
    );
    let id: i64 = world
        .one("SELECT id FROM smpp_inbox WHERE NOT complete")
        .await;
    listener.until_id(id).await;

    // A worker has dealt with it; then the other parts come, and a repeat. They might be of another message.
    world.sql("UPDATE smpp_inbox SET processed = TRUE").await;
    world
        .phones([
            udh8(3, 4, 4, b"four"),
            udh8(3, 4, 3, b"three "),
            udh8(3, 4, 2, b"two "),
        ])
        .await;
    world.next_heartbeat().await;
    world.until_inbox(&["whole", "one four"]).await;
    world.age("31 minutes").await;
    world
        .until("SELECT complete FROM smpp_inbox WHERE parts = 4")
        .await;
    listener.until_id(id).await;
    world.until_inbox(&["whole", "one two three four"]).await;
    assert_eq!(world.inbox("processed").await, ["true", "false"]);
    let numbers: Vec<i16> = world
        .one(
            "SELECT array_agg(rx.concat_part ORDER BY place) FROM smpp_inbox i
             CROSS JOIN unnest(i.rx_ids) WITH ORDINALITY AS r (rx_id, place) JOIN smpp_rx_queue rx ON rx.id = rx_id
             WHERE parts = 4",
        )
        .await;
    assert_eq!(numbers, [1, 2, 3, 4]);
    // What came again may be tied by the next look.
    world
        .until(
            "SELECT count(*) = 0 FROM smpp_rx_queue WHERE concat_part IS NOT NULL AND inbox_id IS NULL",
        )
        .await;
}

#[tokio::test]
async fn an_old_incomplete_message_takes_no_part_of_a_new_one() {
    let (world, _daemon) = bound_world().await;
    world.phones([udh8(7, 2, 2, b"100 to Bob")]).await;
    world.age("20 hours").await;
    world.until_inbox(&["100 to Bob"]).await;
    world
        .phones([udh8(7, 2, 1, b"Never pay "), udh8(7, 2, 2, b"Eve")])
        .await;
    world.until_inbox(&["100 to Bob", "Never pay Eve"]).await;
    assert_eq!(world.inbox("complete").await, ["false", "true"]);
}

#[tokio::test]
async fn what_does_not_fit_an_old_incomplete_message_is_one_of_its_own() {
    let (world, _daemon) = bound_world().await;
    world.phones([udh8(7, 3, 1, b"old 1, ")]).await;
    world.age("40 minutes").await;
    world.until_inbox(&["old 1, "]).await;
    world.phones([udh8(7, 3, 2, b"new 2, ")]).await;
    world.age("40 minutes").await;
    world.until_inbox(&["old 1, ", "new 2, "]).await;
    // The first of them comes again, with all the others: that is the old one.
    world
        .phones([
            udh8(7, 3, 1, b"old 1, "),
            udh8(7, 3, 2, b"old 2, "),
            udh8(7, 3, 3, b"old 3"),
        ])
        .await;
    world.age("40 minutes").await;
    world
        .until("SELECT bool_or(complete) FROM smpp_inbox")
        .await;
    world.until_inbox(&["old 1, old 2, old 3", "new 2, "]).await;
    assert_eq!(world.inbox("complete").await, ["true", "false"]);
}

#[tokio::test]
async fn the_timeout_is_a_setting() {
    let world = World::new().await;
    let _daemon = world.daemon_with("esmed", "reassembly_timeout = 1");
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.phones([sar([0, 7], 2, 2, b"half")]).await;
    world.until_inbox(&["half"]).await;
    assert_eq!(world.inbox("complete").await, ["false"]);
}
