//! Old rows go as `[retention]` says. The rows are made old; the clock stays as it is.

use std::collections::BTreeSet;

use crate::support::{Daemon, World};

const ALL: &str = "tx_queue = 30\nrx_queue = 30\ninbox = 30\nevents = 30";

fn daemon(world: &World, retention: &str) -> Daemon {
    Daemon::start(&config(world, retention), "esmed")
}

fn config(world: &World, retention: &str) -> std::path::PathBuf {
    world.config_text(
        "esmed",
        &format!(
            "[database]\nhost = {:?}\n[log]\nlevel = \"debug\"\n[retention]\n{retention}\n",
            world.cluster.host()
        ),
    )
}

/// The column `client_ref` or `smpp_short_message` or what else names the rows that are left.
async fn left(world: &World, query: &str) -> BTreeSet<String> {
    let rows = world.rows(query, &[]).await;
    rows.iter().map(|row| row.get(0)).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Waits until all tables were looked at: the events are the last, and one of theirs is old.
async fn until_looked(world: &World) {
    world
        .until("SELECT NOT EXISTS (SELECT FROM smpp_events WHERE type = 'old')")
        .await;
}

async fn add_old_event(world: &World) {
    world
        .sql("INSERT INTO smpp_events (at, type) VALUES (now() - interval '31 days', 'old')")
        .await;
}

#[tokio::test]
async fn messages_that_ended_go_and_no_others() {
    let world = World::new().await;
    add_old_event(&world).await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (client_ref, smpp_destination_addr, smpp_short_message, insert_timestamp, lane,
               submission_done, submission_failed, smpp_message_state, submission_timestamp, message_state_timestamp,
               submission_attempts, in_doubt, in_doubt_policy, send_after)
             SELECT ref, '447911123400', 'text', now() - interval '31 days', lane, done, failed, state,
               now() - submitted * interval '1 day', now() - told * interval '1 day', attempts, in_doubt, policy, send_after
             FROM (VALUES
               ('delivered',           'default', TRUE,  FALSE, 'DELIVERED', 31,   31,   1, FALSE, NULL::text, NULL::timestamptz),
               ('sent without state',  'default', TRUE,  FALSE, NULL,        31,   NULL, 1, FALSE, NULL, NULL),
               ('failed',              'default', FALSE, TRUE,  NULL,        31,   NULL, 3, FALSE, NULL, NULL),
               ('never answered',      'default', FALSE, TRUE,  NULL,        NULL, NULL, 1, FALSE, NULL, NULL),
               ('expired',             'default', FALSE, TRUE,  'EXPIRED',   NULL, 31,   0, FALSE, NULL, NULL),
               ('cancelled',           'default', FALSE, TRUE,  'DELETED',   NULL, 31,   0, FALSE, NULL, now() + interval '1 year'),
               ('sent lately',         'default', TRUE,  FALSE, NULL,        29,   NULL, 1, FALSE, NULL, NULL),
               ('delivered lately',    'default', TRUE,  FALSE, 'DELIVERED', 31,   29,   1, FALSE, NULL, NULL),
               ('due lately',          'default', FALSE, TRUE,  NULL,        NULL, NULL, 1, FALSE, NULL, now() - interval '1 day'),
               ('waiting',             'default', FALSE, FALSE, NULL,        NULL, NULL, 0, FALSE, NULL, NULL),
               ('scheduled',           'default', FALSE, FALSE, NULL,        NULL, NULL, 0, FALSE, NULL, now() + interval '1 day'),
               ('held',                'default', FALSE, FALSE, NULL,        31,   NULL, 1, TRUE,  'hold', NULL),
               ('failed in doubt',     'default', FALSE, TRUE,  NULL,        31,   NULL, 1, TRUE,  NULL, NULL),
               ('of another lane',     'other',   TRUE,  FALSE, 'DELIVERED', 31,   31,   1, FALSE, NULL, NULL)
             ) AS m (ref, lane, done, failed, state, submitted, told, attempts, in_doubt, policy, send_after);
             INSERT INTO smpp_tx_queue (client_ref, smpp_destination_addr, smpp_short_message, submission_done, submission_timestamp)
             VALUES ('new', '447911123400', 'text', TRUE, now());
             INSERT INTO smpp_tx_parts (tx_id, part, total, data_coding, octets)
             SELECT id, part, 2, 0, 'x' FROM smpp_tx_queue, generate_series(1, 2) AS part
             WHERE client_ref IN ('delivered', 'delivered lately')",
        )
        .await;
    let mut daemon = daemon(&world, ALL);
    until_looked(&world).await;
    let refs = left(&world, "SELECT client_ref FROM smpp_tx_queue").await;
    assert_eq!(
        refs,
        set(&[
            "sent lately",
            "delivered lately",
            "due lately",
            "waiting",
            "scheduled",
            "held",
            "failed in doubt",
            "of another lane",
            "new",
        ])
    );
    // Parts go with their message.
    let parts: i64 = world.one("SELECT count(*) FROM smpp_tx_parts").await;
    assert_eq!(parts, 2);
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    assert!(
        log.contains("old rows were deleted: 6 of smpp_tx_queue, 1 of smpp_events"),
        "{log}"
    );
    // No event tells of what was deleted as it should be.
    assert_eq!(world.events("retention_refused").await, 0);
}

#[tokio::test]
async fn pdus_and_messages_from_phones_stay_while_they_are_needed() {
    let world = World::new().await;
    add_old_event(&world).await;
    world
        .sql(
            "INSERT INTO smpp_servers (id, host, esme_system_id, esme_password, lane)
             VALUES (101, 'a', 'a', 'a', 'default'), (102, 'b', 'b', 'b', 'other');
             INSERT INTO smpp_rx_queue (id, insert_timestamp, smpp_short_message, kind, smpp_server_id, tx_queue_id, smpp_source_addr,
               receipt_message_id, concat_ref, concat_part, concat_total, concat_kind, concat_set, inbox_id)
             SELECT 1000 + row_number() OVER (), now() - days * interval '1 day', name, kind, server, tx, 'phone', message_id,
               CASE WHEN part IS NOT NULL THEN 7 END, part, CASE WHEN part IS NOT NULL THEN 2 END,
               CASE WHEN part IS NOT NULL THEN 'udh8' END, set_of, inbox
             FROM (VALUES
               ('receipt',               31, 'receipt', 101,          1::bigint, 'a',        NULL::smallint, NULL::bigint, NULL::bigint),
               ('of no server',          31, 'other',   NULL::bigint, NULL,      NULL::text, NULL,           NULL,         NULL),
               ('unmatched for a month', 31, 'receipt', 101,          NULL,      'b',        NULL,           NULL,         NULL),
               ('processed',             31, 'message', 101,          NULL,      NULL,       NULL,           NULL,         NULL),
               ('not processed',         31, 'message', 101,          NULL,      NULL,       NULL,           NULL,         NULL),
               ('of another lane',       31, 'other',   102,          NULL,      NULL,       NULL,           NULL,         NULL),
               ('part, processed',       31, 'message', 101,          NULL,      NULL,       1,              1007,         11),
               ('part, not processed',   31, 'message', 101,          NULL,      NULL,       1,              1008,         12),
               ('repeated part',         31, 'message', 101,          NULL,      NULL,       1,              NULL,         NULL),
               ('young',                 29, 'receipt', 101,          1,         'c',        NULL,           NULL,         NULL)
             ) AS m (name, days, kind, server, tx, message_id, part, set_of, inbox);
             INSERT INTO smpp_inbox (id, received_at, source, message, complete, processed, server_id, rx_ids, parts)
             SELECT id, now() - days * interval '1 day', 'phone', message, complete, processed, server, ARRAY[rx], parts
             FROM (VALUES
               (9,  31, 'processed',           TRUE,  TRUE,  101, 1004, 1),
               (10, 31, 'not processed',       TRUE,  FALSE, 101, 1005, 1),
               (11, 31, 'part, processed',     FALSE, TRUE,  101, 1007, 2),
               (12, 31, 'part, not processed', FALSE, FALSE, 101, 1008, 2),
               (13, 31, 'of another lane',     TRUE,  TRUE,  102, 1, 1),
               (14, 29, 'young',               TRUE,  TRUE,  101, 1, 1)
             ) AS m (id, days, message, complete, processed, server, rx, parts)",
        )
        .await;
    let mut daemon = daemon(&world, ALL);
    until_looked(&world).await;
    assert_eq!(
        left(&world, "SELECT smpp_short_message FROM smpp_rx_queue").await,
        set(&[
            "not processed",
            "of another lane",
            "part, not processed",
            "young"
        ])
    );
    assert_eq!(
        left(&world, "SELECT message FROM smpp_inbox").await,
        set(&[
            "not processed",
            "part, not processed",
            "of another lane",
            "young"
        ])
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_day_is_too_short_for_what_may_still_be_matched_or_put_together() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_events (at, type) VALUES (now() - interval '31 days', 'old');
             INSERT INTO smpp_rx_queue (insert_timestamp, smpp_short_message, kind, receipt_message_id, concat_part, concat_set, inbox_id)
             VALUES (now() - interval '6 days', 'may match', 'receipt', 'a', NULL, NULL, NULL),
                    (now() - interval '8 days', 'too late to match', 'receipt', 'a', NULL, NULL, NULL),
                    (now() - interval '30 hours', 'may be repeated', 'message', NULL, 1, NULL, NULL),
                    (now() - interval '30 hours', 'other', 'other', NULL, NULL, NULL, NULL),
                    (now() - interval '3 days', 'waits', 'message', NULL, 1, 1, NULL);
             INSERT INTO smpp_inbox (received_at, message, complete, processed)
             VALUES (now() - interval '30 hours', 'may be completed', FALSE, TRUE),
                    (now() - interval '30 hours', 'complete', TRUE, TRUE)",
        )
        .await;
    let mut daemon = daemon(&world, "rx_queue = 1\ninbox = 1\nevents = 1");
    until_looked(&world).await;
    assert_eq!(
        left(&world, "SELECT smpp_short_message FROM smpp_rx_queue").await,
        set(&["may match", "may be repeated", "waits"])
    );
    assert_eq!(
        left(&world, "SELECT message FROM smpp_inbox").await,
        set(&["may be completed"])
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn nothing_goes_unless_it_is_asked_for_and_a_reload_asks() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp, submission_done)
             SELECT '447911123400', 'text', now() - interval '5 years', TRUE FROM generate_series(1, 1700)",
        )
        .await;
    add_old_event(&world).await;
    let mut daemon = daemon(&world, "");
    world.until_events("no_server", 1).await;
    config(&world, "events = 30");
    daemon.signal("HUP");
    until_looked(&world).await;
    let rows: i64 = world.one("SELECT count(*) FROM smpp_tx_queue").await;
    assert_eq!(rows, 1700);
    config(&world, "tx_queue = 1826");
    daemon.signal("HUP");
    world.until_events("config_reloaded", 2).await;
    config(&world, "tx_queue = 1800");
    daemon.signal("HUP");
    world.until("SELECT count(*) = 0 FROM smpp_tx_queue").await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_reload_ends_what_is_under_way() {
    const ROWS: i64 = 20_000;
    let world = World::new().await;
    world
        .sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp, submission_done)
             SELECT '447911123400', 'text', now() - interval '5 years', TRUE FROM generate_series(1, {ROWS});
             CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(0.001); RETURN OLD; END $$;
             CREATE TRIGGER take_time BEFORE DELETE ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION take_time()"
        ))
        .await;
    add_old_event(&world).await;
    let mut daemon = daemon(&world, "tx_queue = 30");
    world
        .until(&format!("SELECT count(*) < {ROWS} FROM smpp_tx_queue"))
        .await;
    config(&world, "events = 30");
    daemon.signal("HUP");
    until_looked(&world).await;
    let left: i64 = world.one("SELECT count(*) FROM smpp_tx_queue").await;
    assert!(left > 0, "it was deleted to the last row");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn rows_that_a_table_of_the_user_needs_stay_and_keep_no_other() {
    let world = World::new().await;
    add_old_event(&world).await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp, submission_done)
             SELECT '447911123400', 'Your PIN is 4711', now() - interval '31 days', TRUE FROM generate_series(1, 1200);
             CREATE TABLE orders (sms bigint REFERENCES smpp_tx_queue);
             INSERT INTO orders VALUES (3), (900);
             INSERT INTO smpp_inbox (received_at, message, processed) VALUES (now() - interval '31 days', 'Your PIN is 4711', TRUE);
             CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'not %', OLD.message; END $$;
             CREATE TRIGGER mine BEFORE DELETE ON smpp_inbox FOR EACH ROW EXECUTE FUNCTION mine()",
        )
        .await;
    let mut daemon = daemon(&world, ALL);
    until_looked(&world).await;
    let ids: Vec<i64> = world
        .one("SELECT array_agg(id ORDER BY id) FROM smpp_tx_queue")
        .await;
    assert_eq!(ids, [3, 900]);
    world.until_events("retention_refused", 2).await;
    let messages: Vec<String> = world
        .one("SELECT array_agg(message ORDER BY id) FROM smpp_events WHERE type = 'retention_refused'")
        .await;
    assert!(
        messages[0].contains("smpp_tx_queue") && messages[0].contains("\"orders\""),
        "{messages:?}"
    );
    assert!(
        messages[1].contains("smpp_inbox") && messages[1].contains("function mine()"),
        "{messages:?}"
    );
    assert!(!messages.concat().contains("PIN"), "{messages:?}");

    // Once nothing keeps them they go the next time that all rows are looked at, and it is told.
    world
        .sql("DROP TABLE orders; DROP TRIGGER mine ON smpp_inbox")
        .await;
    config(&world, &ALL.replace("30", "29"));
    daemon.signal("HUP");
    world.until("SELECT count(*) = 0 FROM smpp_tx_queue").await;
    world.until("SELECT count(*) = 0 FROM smpp_inbox").await;
    world.until_events("retention_resumed", 2).await;
    assert_eq!(daemon.stop().await, Some(0));
    assert!(!daemon.log().contains("PIN"), "{}", daemon.log());
}

#[tokio::test]
async fn rows_that_somebody_has_locked_are_passed_over() {
    let world = World::new().await;
    add_old_event(&world).await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp, submission_done)
             SELECT '447911123400', 'text', now() - interval '31 days', TRUE FROM generate_series(1, 20)",
        )
        .await;
    let mut other = world.connection("postgres").await;
    let transaction = other.transaction().await.unwrap();
    transaction
        .batch_execute("SELECT FROM smpp_tx_queue WHERE id = 7 FOR UPDATE")
        .await
        .unwrap();
    let mut daemon = daemon(&world, ALL);
    until_looked(&world).await;
    let ids: Vec<i64> = world.one("SELECT array_agg(id) FROM smpp_tx_queue").await;
    assert_eq!(ids, [7]);
    transaction.commit().await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_daemon_that_stands_by_deletes_nothing() {
    let world = World::new().await;
    let mut first = Daemon::start(&world.config("first", ""), "first");
    world.until_events("no_server", 1).await;
    add_old_event(&world).await;
    let mut second = daemon(&world, ALL);
    second.until_logged("standing by").await;
    // It reads its configuration again, and deletes nothing until the first has ended.
    second.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    assert_eq!(world.events("old").await, 1);
    assert_eq!(first.stop().await, Some(0));
    until_looked(&world).await;
    assert_eq!(second.stop().await, Some(0));
}
