//! What users do to the tables while there is work.

use std::time::Duration;

use crate::support::audit::queue;
use crate::support::{World, hold_answers, let_answers_go};

const SERVER: (&str, &str) = (", esme_window_size", ", 20");

async fn more(world: &World, count: u64) {
    let seen = world.sim.ledger().count();
    world
        .until_ledger("more", |records| records.counts().submits >= seen + count)
        .await;
}

#[tokio::test]
async fn rows_that_a_user_holds_locked_delay_no_other() {
    let world = World::with(hold_answers).await;
    world
        .enable_sim(", esme_window_size, esme_registered_delivery", ", 20, TRUE")
        .await;
    let mut daemon = world.daemon();
    world.queue(0..500).await;
    world
        .until_ledger("a window", |records| records.counts().submits >= 20)
        .await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    let held = transaction
        .execute(
            "UPDATE smpp_tx_queue SET client_ref = 'mine ' || id WHERE id IN (
               SELECT id FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL ORDER BY id LIMIT 5)",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(held, 5);
    // Some that wait are locked too; they are not claimed.
    let waiting = transaction
        .execute(
            "UPDATE smpp_tx_queue SET client_ref = 'mine ' || id WHERE id IN (
               SELECT id FROM smpp_tx_queue WHERE submission_started_at IS NULL AND NOT submission_done
               ORDER BY id DESC LIMIT 5)",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(waiting, 5);
    let_answers_go(&world.sim);
    world
        .until("SELECT count(*) = 490 FROM smpp_tx_queue WHERE submission_done")
        .await;
    transaction.commit().await.unwrap();
    let audit = world.all_sent(500).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 500));
    let kept: i64 = world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE client_ref LIKE 'mine %'")
        .await;
    assert_eq!(kept, 10);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn rows_that_are_locked_when_their_receipts_come_delay_no_other() {
    // No receipt leaves before the row is locked.
    let world = World::with(|behaviour| behaviour.deliver_window = 0).await;
    world
        .enable_sim(", esme_window_size, esme_registered_delivery", ", 20, TRUE")
        .await;
    let mut daemon = world.daemon();
    world.queue(0..100).await;
    world
        .until("SELECT count(*) = 100 FROM smpp_tx_queue WHERE submission_done")
        .await;
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    transaction
        .execute(
            "UPDATE smpp_tx_queue SET client_ref = 'mine' WHERE smpp_destination_addr = '2782000005000'",
            &[],
        )
        .await
        .unwrap();
    world.sim.behave(|behaviour| behaviour.deliver_window = 100);
    world.queue(100..600).await;
    world
        .until(
            "SELECT count(*) = 600 AND count(*) FILTER (WHERE smpp_message_state = 'DELIVERED') = 599
             FROM smpp_tx_queue",
        )
        .await;
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 600 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    let audit = world.all_sent(600).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(daemon.stop().await, Some(0));
}

const TABLES: [&str; 5] = [
    "smpp_tx_queue",
    "smpp_rx_queue",
    "smpp_servers",
    "smpp_status",
    "smpp_events",
];

#[tokio::test]
async fn a_table_that_is_locked_for_a_while() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(20)).await;
    world
        .enable_sim(", esme_window_size, esme_registered_delivery", ", 50, TRUE")
        .await;
    let mut daemon = world.daemon();
    for (round, table) in (0..).zip(TABLES) {
        let submitted = world.sim.ledger().count();
        world.queue(round * 1000..round * 1000 + 1000).await;
        world
            .until_ledger("more", |records| records.counts().submits > submitted + 200)
            .await;
        let mut user = world.connection("postgres").await;
        let transaction = user.transaction().await.unwrap();
        transaction
            .batch_execute(&format!(
                "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)"
            ))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }
    let audit = world.all_sent(5000).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 5000));
    assert_eq!(world.sim.ledger().counts().connections, 1);
    world
        .until("SELECT count(*) = 5000 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    let refused: i64 = world
        .one("SELECT count(*) FROM smpp_events WHERE type IN ('record_refused', 'store_refused')")
        .await;
    assert!(refused < 20, "{refused} events");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn while_deliveries_cannot_be_stored_messages_leave() {
    let world = World::new().await;
    world
        .enable_sim(", esme_window_size, esme_registered_delivery", ", 50, TRUE")
        .await;
    let mut daemon = world.daemon();
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    // As CREATE INDEX does.
    transaction
        .batch_execute("LOCK TABLE smpp_rx_queue IN SHARE MODE")
        .await
        .unwrap();
    world.queue(0..2000).await;
    world
        .until("SELECT count(*) = 2000 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(world.sim.ledger().counts().acknowledged, 0);
    transaction.commit().await.unwrap();
    world
        .until("SELECT count(*) = 2000 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    let audit = world.all_sent(2000).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(daemon.stop().await, Some(0));
}

/// A trigger of a user that fails for one row.
fn trigger(condition: &str) -> String {
    trigger_that("RAISE EXCEPTION 'not this one'", condition)
}

fn trigger_that(does: &str, condition: &str) -> String {
    format!(
        "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN {does}; RETURN NEW; END $$;
         CREATE TRIGGER mine BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION mine()"
    )
}

#[tokio::test]
async fn an_outcome_that_a_trigger_refuses_is_kept() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world
        .sql(&trigger(
            "NEW.smpp_destination_addr = '2782000000700' AND NEW.submission_done",
        ))
        .await;
    let mut daemon = world.daemon();
    world.queue(0..500).await;
    world
        .until("SELECT count(*) = 499 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world.queue(500..1000).await;
    world
        .until("SELECT count(*) = 999 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'record_refused' AND message LIKE '%function mine()%')")
        .await;
    world.sql("DROP TRIGGER mine ON smpp_tx_queue").await;
    let audit = world.all_sent(1000).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 1000));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_row_whose_claim_a_trigger_refuses_delays_no_other() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world
        .sql(&trigger("NEW.smpp_destination_addr = '2782000000700'"))
        .await;
    let mut daemon = world.daemon();
    world.queue(0..500).await;
    world
        .until("SELECT count(*) = 499 FROM smpp_tx_queue WHERE submission_done")
        .await;
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'claim_refused' AND message LIKE '%function mine()%')")
        .await;
    world.sql("DROP TRIGGER mine ON smpp_tx_queue").await;
    let audit = world.all_sent(500).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 500));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn rows_that_are_deleted_or_reset_under_way() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(200)).await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    world.queue(0..1000).await;
    more(&world, 100).await;
    world
        .sql("DELETE FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL")
        .await;
    more(&world, 100).await;
    world
        .sql("DELETE FROM smpp_tx_queue WHERE submission_done")
        .await;
    more(&world, 100).await;
    world.sql("TRUNCATE smpp_tx_queue CASCADE").await;
    world.queue(2000..2500).await;
    more(&world, 100).await;
    world
        .sql("UPDATE smpp_servers SET name = 'a new name', esme_retry_delay = 7")
        .await;
    let audit = world.all_sent(500).await;
    assert_eq!(audit.flagged, 0);
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'result_discarded')")
        .await;
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(world.sim.ledger().peak_window(), 20);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn messages_come_from_transactions_of_every_length() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    // The lowest ids are committed last.
    let mut user = world.connection("postgres").await;
    let long = user.transaction().await.unwrap();
    long.batch_execute(&queue(0..50)).await.unwrap();
    let mut other = world.connection("postgres").await;
    let undone = other.transaction().await.unwrap();
    undone.batch_execute(&queue(50..100)).await.unwrap();
    world.queue(100..300).await;
    world
        .until("SELECT count(*) = 200 FROM smpp_tx_queue WHERE submission_done")
        .await;
    undone.rollback().await.unwrap();
    long.commit().await.unwrap();
    let audit = world.all_sent(250).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 250));
    assert_eq!(daemon.stop().await, Some(0));
}

/// What would stop everything, if it were not a function of the user that says so: a table that is not there, say.
#[tokio::test]
async fn a_trigger_that_cannot_run_for_one_row_delays_no_other() {
    for (condition, kind) in [
        ("", "claim_refused"),
        ("AND NEW.submission_done", "record_refused"),
    ] {
        for does in [
            "EXECUTE format('SELECT FROM %I', NEW.smpp_destination_addr)",
            "RAISE EXCEPTION 'no' USING ERRCODE = 'connection_failure'",
        ] {
            let world = World::new().await;
            world.enable_sim(SERVER.0, SERVER.1).await;
            let condition = format!("NEW.smpp_destination_addr = '2782000000700' {condition}");
            world.sql(&trigger_that(does, &condition)).await;
            let mut daemon = world.daemon();
            world.queue(0..500).await;
            world
                .until("SELECT count(*) = 499 FROM smpp_tx_queue WHERE submission_done")
                .await;
            world.until_events(kind, 1).await;
            let told: String = world
                .one("SELECT coalesce(string_agg(type || ': ' || message, '; '), '') FROM smpp_events
                      WHERE message LIKE '%2782000000700%' OR type IN ('claims_stopped', 'database_lost')")
                .await;
            assert_eq!(told, "", "{does}");
            if kind == "record_refused" {
                world.sql("DROP TRIGGER mine ON smpp_tx_queue").await;
                let audit = world.all_sent(500).await;
                assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 500));
            }
            assert_eq!(daemon.stop().await, Some(0));
        }
    }
}

#[tokio::test]
async fn a_trigger_that_can_run_for_no_row_is_told_once() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world
        .sql(&trigger_that("PERFORM FROM no_table", "TRUE"))
        .await;
    let mut daemon = world.daemon();
    world.queue(0..600).await;
    world.until_events("claims_stopped", 1).await;
    world.sql("DROP TRIGGER mine ON smpp_tx_queue").await;
    // Those that were left out are tried again after a while.
    let audit = world.all_sent(600).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 600));
    world.until_events("claims_resumed", 1).await;
    assert_eq!(world.events("claims_stopped").await, 1);
    assert_eq!(daemon.stop().await, Some(0));
}
