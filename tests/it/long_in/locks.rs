//! What is locked or refused.

use super::{bound_world, udh8};

#[tokio::test]
async fn a_row_that_a_worker_has_locked_delays_nothing_and_is_completed_afterwards() {
    let (world, _daemon) = bound_world().await;
    world.phones([udh8(3, 2, 1, b"first, ")]).await;
    world.age("1 hour").await;
    world.until_inbox(&["first, "]).await;
    world.phones([udh8(3, 2, 2, b"late")]).await;
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
    // The late part can't be added, others go their way.
    world.age("1 hour").await;
    world
        .phones([udh8(4, 2, 1, b"not "), udh8(4, 2, 2, b"delayed")])
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
    world.until_events("store_refused", 1).await;
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'it is slow' AND complete")
        .await;
}

#[tokio::test]
async fn a_trigger_without_a_right_delays_no_other_and_is_told() {
    let (world, _daemon) = bound_world().await;
    world
        .sql(
            "CREATE TABLE votes (phone text);
             CREATE FUNCTION vote() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN INSERT INTO votes VALUES (NEW.source); RETURN NEW; END';
             CREATE TRIGGER vote AFTER INSERT ON smpp_inbox FOR EACH ROW
               WHEN (NEW.message LIKE '%votes') EXECUTE FUNCTION vote();",
        )
        .await;
    // More of them than halving finds in one go, and each before the others.
    let firsts = (0..30u8).map(|number| udh8(number, 2, 1, b"it "));
    let seconds = (0..30u8).map(|number| {
        let end: &[u8] = if number < 20 {
            b"votes"
        } else {
            b"does not vote"
        };
        udh8(number, 2, 2, end)
    });
    world.phones(firsts.chain(seconds)).await;
    world
        .until("SELECT count(*) = 10 FROM smpp_inbox WHERE message = 'it does not vote'")
        .await;
    world.until_events("store_refused", 1).await;
    let message: String = world
        .one("SELECT message FROM smpp_events WHERE type = 'store_refused'")
        .await;
    assert!(
        message.contains("permission denied for table votes"),
        "{message}"
    );
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_inbox").await,
        10
    );
}

#[tokio::test]
async fn very_many_locks_of_one_user_delay_no_other() {
    let (world, _daemon) = bound_world().await;
    world
        .sql(
            "CREATE TABLE slow (id integer PRIMARY KEY);
             INSERT INTO slow VALUES (1);
             GRANT SELECT, UPDATE ON slow TO esmed;
             CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN PERFORM 1 FROM slow FOR UPDATE; RETURN NEW; END';
             CREATE TRIGGER wait_for_it BEFORE INSERT ON smpp_inbox FOR EACH ROW
               WHEN (NEW.message LIKE '%slow') EXECUTE FUNCTION wait_for_it();",
        )
        .await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    transaction
        .execute("SELECT 1 FROM slow FOR UPDATE", &[])
        .await
        .unwrap();
    let message = |number: u8, end: &[u8]| [udh8(number, 2, 1, b"it is "), udh8(number, 2, 2, end)];
    world
        .phones((0..20u8).flat_map(|number| message(number, b"slow")))
        .await;
    world
        .phones((20..30u8).flat_map(|number| message(number, b"quick")))
        .await;
    world
        .until("SELECT count(*) = 10 FROM smpp_inbox WHERE message = 'it is quick'")
        .await;
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 20 FROM smpp_inbox WHERE message = 'it is slow' AND complete")
        .await;
}
