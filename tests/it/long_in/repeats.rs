//! References that are used again, and parts and messages that are sent again.

use super::{bound_world, udh8, under};

#[tokio::test]
async fn a_reference_that_is_used_again_makes_a_new_message() {
    let (world, _daemon) = bound_world().await;
    for text in ["first", "second", "third"] {
        world
            .phones([
                udh8(0, 2, 1, format!("the {text} ").as_bytes()),
                udh8(0, 2, 2, format!("is always under {text} 0").as_bytes()),
            ])
            .await;
    }
    world
        .until_inbox(&[
            "the first is always under first 0",
            "the second is always under second 0",
            "the third is always under third 0",
        ])
        .await;
    assert_eq!(world.inbox("repeated").await, ["false", "false", "false"]);
}

#[tokio::test]
async fn messages_under_one_reference_that_begin_alike_are_put_together_a_minute_later() {
    let (world, _daemon) = bound_world().await;
    // After the timeout the parts that look like repeats have been given up at the same moment.
    for (reference, interval) in [(0, "61 seconds"), (1, "1 hour")] {
        world.sql("DELETE FROM smpp_inbox").await;
        for text in ["first", "second", "third"] {
            world
                .phones([
                    udh8(reference, 2, 1, b"always alike: "),
                    udh8(reference, 2, 2, text.as_bytes()),
                ])
                .await;
        }
        // What looks like a repeat might be one, and the second part the first of another message to come.
        world.next_heartbeat().await;
        world.until_inbox(&["always alike: first"]).await;
        world.age(interval).await;
        world
            .until_inbox(&[
                "always alike: first",
                "always alike: second",
                "always alike: third",
            ])
            .await;
        assert_eq!(world.inbox("complete").await, ["true", "true", "true"]);
        world
            .until("SELECT count(*) = 0 FROM smpp_rx_queue WHERE inbox_id IS NULL")
            .await;
        // One of them comes again.
        world
            .phones([
                udh8(reference, 2, 1, b"always alike: "),
                udh8(reference, 2, 2, b"second"),
            ])
            .await;
        world
            .until(
                "SELECT count(*) = 2 AND bool_or(repeated) FROM smpp_inbox WHERE message = 'always alike: second'",
            )
            .await;
    }
}

#[tokio::test]
async fn a_repeated_part_gets_into_no_new_message() {
    let (world, _daemon) = bound_world().await;
    world
        .phones([
            udh8(7, 2, 1, b"pay "),
            udh8(7, 2, 2, b"100 to Bob"),
            udh8(7, 2, 2, b"100 to Bob"),
            udh8(7, 2, 1, b"Never pay "),
            udh8(7, 2, 2, b"Eve"),
        ])
        .await;
    world
        .until_inbox(&["pay 100 to Bob", "Never pay Eve"])
        .await;
    // Nor does it where the rest of the new one never comes.
    world
        .phones([udh8(7, 2, 2, b"100 to Bob"), udh8(7, 2, 1, b"Don't pay ")])
        .await;
    world.age("2 minutes").await;
    world.next_heartbeat().await;
    world.age("1 hour").await;
    world
        .until_inbox(&["pay 100 to Bob", "Never pay Eve", "Don't pay "])
        .await;
    world
        .until("SELECT count(*) = 0 FROM smpp_rx_queue WHERE inbox_id IS NULL")
        .await;
    assert_eq!(
        world.inbox("concat_ws(' ', complete, repeated)").await,
        ["t f", "t f", "f f"]
    );
}

#[tokio::test]
async fn a_message_of_which_parts_come_again_later_stays_as_it_was_handled() {
    let (world, _daemon) = bound_world().await;
    world
        .phones([udh8(7, 2, 1, b"pay "), udh8(7, 2, 2, b"100 to Bob")])
        .await;
    world.until_inbox(&["pay 100 to Bob"]).await;
    let as_handled =
        "SELECT bool_and(processed AND NOT repeated AND cardinality(rx_ids) = 2) FROM smpp_inbox";
    world.sql("UPDATE smpp_inbox SET processed = TRUE").await;
    // The second part again, and when that is tied to the row the first.
    for (count, part) in (3..).zip([udh8(7, 2, 2, b"100 to Bob"), udh8(7, 2, 1, b"pay ")]) {
        world.phones([part]).await;
        world.age("40 minutes").await;
        world
            .until(&format!(
                "SELECT count(*) = {count} FROM smpp_rx_queue WHERE inbox_id IS NOT NULL"
            ))
            .await;
        assert!(world.one::<bool>(as_handled).await);
    }
    // And then another message under the same reference.
    world
        .phones([udh8(7, 2, 1, b"Never pay "), udh8(7, 2, 2, b"Eve")])
        .await;
    world
        .until_inbox(&["pay 100 to Bob", "Never pay Eve"])
        .await;
    assert_eq!(world.inbox("processed").await, ["true", "false"]);
}

#[tokio::test]
async fn one_part_again_and_again_leaves_little_to_look_at() {
    let (world, _daemon) = bound_world().await;
    let again = || (0..300).map(|_| udh8(7, 2, 1, b"again "));
    world.phones(again()).await;
    // What the indexes have of it (see smpp_rx_queue in sql/db.sql).
    let kept = "SELECT count(*) FROM smpp_rx_queue WHERE concat_set IS NOT NULL";
    assert_eq!(world.one::<i64>(kept).await, 1);
    world.phones([udh8(7, 2, 2, b"and again")]).await;
    world.until_inbox(&["again and again"]).await;
    world.phones(again()).await;
    let repeats = world.one::<i64>(kept).await - 2;
    assert!((1..=4).contains(&repeats), "{repeats}");
    let stored: i64 = world.one("SELECT count(*) FROM smpp_rx_queue").await;
    assert_eq!(stored, 601);
}

#[tokio::test]
async fn a_message_that_comes_again_is_marked_and_a_part_alone_is_not_shown() {
    let (world, _daemon) = bound_world().await;
    let parts = || [udh8(9, 2, 1, b"once "), udh8(9, 2, 2, b"more")];
    world.phones(parts()).await;
    world.until_inbox(&["once more"]).await;
    world.phones(parts()).await;
    world.until_inbox(&["once more", "once more"]).await;
    assert_eq!(world.inbox("repeated").await, ["false", "true"]);
    // Binary messages have no text to be known by, but their octets.
    let binary = |octets: &[u8]| {
        let (first, second) = octets.split_at(1);
        [
            under(4, udh8(10, 2, 1, first)),
            under(4, udh8(10, 2, 2, second)),
        ]
    };
    for (count, octets) in (3..).zip([[1, 2], [3, 4], [1, 2]]) {
        world.phones(binary(&octets)).await;
        world
            .until(&format!("SELECT count(*) = {count} FROM smpp_inbox"))
            .await;
    }
    assert_eq!(
        world.inbox("repeated").await,
        ["false", "true", "false", "false", "true"]
    );
    // The SMSC was not told that we have the second part.
    let [_, second] = parts();
    world.phones([second]).await;
    world.age("1 hour").await;
    world
        .until("SELECT count(*) = 0 FROM smpp_rx_queue WHERE inbox_id IS NULL")
        .await;
    assert_eq!(
        world.inbox("message IS NOT NULL").await,
        ["true", "true", "false", "false", "false"]
    );
    let tied: bool = world
        .one(
            "SELECT inbox_id = (SELECT max(id) FROM smpp_inbox WHERE message = 'once more')
             FROM smpp_rx_queue ORDER BY id DESC LIMIT 1",
        )
        .await;
    assert!(tied);
}
