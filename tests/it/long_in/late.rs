//! What stays incomplete, comes late, is locked or refused.

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

    // A worker has dealt with it; then a part comes, and a repeat.
    world.sql("UPDATE smpp_inbox SET processed = TRUE").await;
    world
        .phones([udh8(3, 4, 4, b"four"), udh8(3, 4, 3, b"three ")])
        .await;
    world
        .until("SELECT message = 'one three four' FROM smpp_inbox WHERE parts = 4")
        .await;
    listener.until_id(id).await;
    assert_eq!(
        world.inbox("concat_ws(' ', complete, processed)").await,
        ["t t", "f f"]
    );
    world.phones([udh8(3, 4, 2, b"two ")]).await;
    world
        .until("SELECT complete FROM smpp_inbox WHERE parts = 4")
        .await;
    listener.until_id(id).await;
    world.until_inbox(&["whole", "one two three four"]).await;
    let numbers: Vec<i16> = world
        .one(
            "SELECT array_agg(rx.concat_part ORDER BY place) FROM smpp_inbox i
             CROSS JOIN unnest(i.rx_ids) WITH ORDINALITY AS r (rx_id, place) JOIN smpp_rx_queue rx ON rx.id = rx_id
             WHERE parts = 4",
        )
        .await;
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(
        world
            .one::<i64>(
                "SELECT count(*) FROM smpp_rx_queue WHERE concat_part IS NOT NULL AND inbox_id IS NULL"
            )
            .await,
        0
    );
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

#[tokio::test]
async fn a_row_that_a_worker_has_locked_delays_nothing_and_is_completed_afterwards() {
    let (world, _daemon) = bound_world().await;
    world.phones([udh8(3, 2, 1, b"first, ")]).await;
    world.age("1 hour").await;
    world.until_inbox(&["first, "]).await;
    let mut worker = world.connection("postgres").await;
    let transaction = worker.transaction().await.unwrap();
    transaction
        .execute(
            "WITH next AS (SELECT id FROM smpp_inbox WHERE NOT processed ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED)
             UPDATE smpp_inbox i SET processed = TRUE FROM next WHERE i.id = next.id",
            &[],
        )
        .await
        .unwrap();
    // The late part is stored and answered, others go their way.
    world
        .phones([
            udh8(3, 2, 2, b"late"),
            udh8(4, 2, 1, b"not "),
            udh8(4, 2, 2, b"delayed"),
        ])
        .await;
    world.until_inbox(&["first, ", "not delayed"]).await;
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 2 FROM smpp_inbox WHERE complete")
        .await;
    world.until_inbox(&["first, late", "not delayed"]).await;
    assert_eq!(world.inbox("processed").await, ["false", "false"]);
}

#[tokio::test]
async fn parts_that_a_user_has_locked_wait_for_him_alone() {
    let (world, _daemon) = bound_world().await;
    world.phones([udh8(3, 2, 1, b"locked ")]).await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    transaction
        .execute("SELECT 1 FROM smpp_rx_queue FOR UPDATE", &[])
        .await
        .unwrap();
    world
        .phones([
            udh8(3, 2, 2, b"for a while"),
            udh8(4, 2, 1, b"not "),
            udh8(4, 2, 2, b"delayed"),
        ])
        .await;
    world.until_inbox(&["not delayed"]).await;
    transaction.commit().await.unwrap();
    world
        .until_inbox(&["not delayed", "locked for a while"])
        .await;
}

#[tokio::test]
async fn a_message_that_the_inbox_refuses_delays_no_other() {
    let (world, mut daemon) = bound_world().await;
    world
        .sql("ALTER TABLE smpp_inbox ADD CONSTRAINT no_poison CHECK (message NOT LIKE '%poison%')")
        .await;
    let parts = (0..10u8).flat_map(|number| {
        let end = if number == 4 { "poison" } else { "good" };
        [
            udh8(number, 2, 1, format!("{number} is ").as_bytes()),
            udh8(number, 2, 2, end.as_bytes()),
        ]
    });
    world.phones(parts).await;
    world
        .until("SELECT count(*) = 9 FROM smpp_inbox WHERE message LIKE '% is good' AND complete")
        .await;
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_rx_queue").await,
        20
    );
    assert!(!daemon.log().contains("is poison"));
    // Nothing is lost: it is there as soon as it is let in.
    world
        .sql("ALTER TABLE smpp_inbox DROP CONSTRAINT no_poison")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    let _daemon = world.daemon();
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = '4 is poison' AND complete")
        .await;
}

#[tokio::test]
async fn a_part_that_the_table_refuses_is_kept_bare_and_the_others_appear() {
    let (world, _daemon) = bound_world().await;
    world
        .sql("ALTER TABLE smpp_rx_queue ADD CONSTRAINT no_poison CHECK (smpp_short_message <> 'poison')")
        .await;
    world
        .phones([
            udh8(1, 3, 1, b"good, "),
            udh8(1, 3, 2, b"poison"),
            udh8(1, 3, 3, b"good"),
        ])
        .await;
    let bare: bool = world
        .one(
            "SELECT kind = 'other' AND concat_set IS NULL AND pdu_parsed ->> 'error' LIKE '%no_poison%'
             FROM smpp_rx_queue WHERE smpp_short_message IS NULL",
        )
        .await;
    assert!(bare);
    world.age("1 hour").await;
    world.until_inbox(&["good, good"]).await;
    assert_eq!(world.inbox("complete").await, ["false"]);
}

#[tokio::test]
async fn a_trigger_of_the_inbox_that_waits_for_a_lock_delays_no_other() {
    let (world, _daemon) = bound_world().await;
    world
        .sql(
            "CREATE TABLE slow (id integer PRIMARY KEY);
             INSERT INTO slow VALUES (1);
             GRANT SELECT, UPDATE ON slow TO esmed;
             CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               IF NEW.message LIKE '%slow' THEN
                 PERFORM 1 FROM slow FOR UPDATE;
               END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER wait_for_it BEFORE INSERT ON smpp_inbox FOR EACH ROW EXECUTE FUNCTION wait_for_it();",
        )
        .await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    transaction
        .execute("SELECT 1 FROM slow FOR UPDATE", &[])
        .await
        .unwrap();
    let firsts = (0..10u8).map(|number| udh8(number, 2, 1, b"it is "));
    let seconds = (0..10u8).map(|number| {
        let end: &[u8] = if number == 2 { b"slow" } else { b"quick" };
        udh8(number, 2, 2, end)
    });
    world.phones(firsts.chain(seconds)).await;
    world
        .until("SELECT count(*) = 9 FROM smpp_inbox WHERE message = 'it is quick'")
        .await;
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'it is slow' AND complete")
        .await;
}
