//! A database that does not do what it is asked, or does not answer, although its connections stand.

use esmed::pdu::CommandStatus;
use esmed::sim::{PhoneMessage, Records};

use crate::support::{World, alert, hold_answers};

/// A message from a phone that was answered so.
fn answered(records: &Records, from: &str, status: CommandStatus) -> bool {
    let deliveries = records.deliveries();
    deliveries
        .iter()
        .any(|it| it.source == from && it.status == Some(status))
}

#[tokio::test]
async fn a_statement_that_is_cancelled_costs_nobody_a_message() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let daemon = world.daemon();
    world.until_bound().await;
    world
        .sql(
            "CREATE TABLE slow ();
             INSERT INTO slow DEFAULT VALUES;
             CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
               BEGIN IF EXISTS (SELECT FROM slow) THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$;
             CREATE TRIGGER wait_for_it BEFORE INSERT ON smpp_rx_queue
             FOR EACH ROW EXECUTE FUNCTION wait_for_it()",
        )
        .await;
    let message = PhoneMessage::from_text("27831110001", "5000", "whole");
    assert!(world.sim.deliver(message));
    const SLEEPS: &str = "FROM pg_stat_activity WHERE usename = 'esmed' AND wait_event = 'PgSleep'";
    world.until(&format!("SELECT count(*) = 1 {SLEEPS}")).await;
    world.sql("DELETE FROM slow").await;
    let cancelled: bool = world
        .one(&format!("SELECT bool_and(pg_cancel_backend(pid)) {SLEEPS}"))
        .await;
    assert!(cancelled);
    world
        .until("SELECT array_agg(message) = '{whole}' FROM smpp_inbox")
        .await;
    let kinds: String = world
        .one("SELECT string_agg(kind, ' ') FROM smpp_rx_queue WHERE smpp_source_addr = '27831110001'")
        .await;
    assert_eq!(kinds, "message");
    assert_eq!(world.events("store_refused").await, 0);
    drop(daemon);
}

#[tokio::test]
async fn what_nobody_would_send_again_is_kept_while_a_trigger_refuses_it() {
    let world = World::with(|behaviour| behaviour.redelivery_attempts = 10_000).await;
    world.enable_sim("", "").await;
    let daemon = world.daemon();
    world.until_bound().await;
    world
        .sql(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
             CREATE TRIGGER no BEFORE INSERT ON smpp_rx_queue FOR EACH ROW EXECUTE FUNCTION no()",
        )
        .await;
    alert(&world.sim, "27831110001");
    world.until_events("store_refused", 1).await;
    let told: String = world
        .one("SELECT message FROM smpp_events WHERE type = 'store_refused'")
        .await;
    assert!(
        told.starts_with("a received PDU can't be stored, it is kept and tried again: "),
        "{told}"
    );
    let message = PhoneMessage::from_text("27831110002", "5000", "behind it");
    assert!(world.sim.deliver(message));
    world
        .until_ledger("a temporary error", |records| {
            answered(records, "27831110002", CommandStatus::ESME_RX_T_APPN)
        })
        .await;
    world.sql("DROP TRIGGER no ON smpp_rx_queue").await;
    // Whole, not as hex alone.
    world
        .until(
            "SELECT count(*) = 1 FROM smpp_rx_queue
             WHERE smpp_source_addr = '27831110001' AND pdu_parsed ->> 'command_id' = 'alert_notification'",
        )
        .await;
    world
        .until("SELECT array_agg(message) = '{behind it}' FROM smpp_inbox")
        .await;
    drop(daemon);
}

/// As a primary does whose synchronous standby is away: each COMMIT waits, and no time limit ends it.
#[tokio::test]
async fn commits_that_are_not_answered() {
    let world = World::with(|behaviour| behaviour.redelivery_attempts = 10_000).await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    world.queue(0..20).await;
    world.all_sent(20).await;
    let standbys = async |names: &str| {
        world
            .sql(&format!(
                "ALTER SYSTEM SET synchronous_standby_names = '{names}'"
            ))
            .await;
        world.sql("SELECT pg_reload_conf()").await;
    };
    standbys("nobody").await;
    daemon.until_logged("database_lost").await;
    // The recorder may wait for the answer to what came before; the next one is refused all the same.
    alert(&world.sim, "27831110001");
    let message = PhoneMessage::from_text("27831110002", "5000", "late");
    assert!(world.sim.deliver(message));
    world
        .until_ledger("a temporary error", |records| {
            answered(records, "27831110002", CommandStatus::ESME_RX_T_APPN)
        })
        .await;
    standbys("").await;
    world.until_events("database_back", 1).await;
    world.queue(20..40).await;
    let audit = world.all_sent(40).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 40));
    world
        .until("SELECT count(*) > 0 FROM smpp_inbox WHERE message = 'late'")
        .await;
    world
        .until("SELECT count(*) = 1 FROM smpp_rx_queue WHERE smpp_source_addr = '27831110001'")
        .await;
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(world.events("database_lost").await, 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_lease_that_somebody_keeps_from_being_renewed() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    let lock = world.connection("postgres").await;
    lock.batch_execute("BEGIN; SELECT FROM smpp_status FOR UPDATE")
        .await
        .unwrap();
    world.until_events("lease_unrenewed", 1).await;
    world.queue(0..10).await;
    lock.batch_execute("COMMIT").await.unwrap();
    world.until_events("lease_renewed", 1).await;
    let audit = world.all_sent(10).await;
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 10));
    let told: String = world
        .one(
            "SELECT string_agg(type || ' ' || status || ' ' || component, ', ' ORDER BY id)
             FROM smpp_events WHERE component = 'database'",
        )
        .await;
    assert_eq!(
        told,
        "lease_unrenewed down database, lease_renewed ok database"
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn an_outage_that_only_messages_from_phones_have_met_ends() {
    let mut world = World::with(|behaviour| behaviour.redelivery_attempts = 0).await;
    world.enable_sim("", "").await;
    let daemon = world.daemon();
    world.until_bound().await;
    world.cluster.stop().await;
    let message = PhoneMessage::from_text("27831110001", "5000", "never again");
    assert!(world.sim.deliver(message));
    world
        .until_ledger("a temporary error", |records| {
            answered(records, "27831110001", CommandStatus::ESME_RX_T_APPN)
        })
        .await;
    daemon.until_logged("database_lost").await;
    world.cluster.start_again().await;
    world.reconnect().await;
    world.until_events("database_back", 1).await;
    assert_eq!(world.events("database_lost").await, 1);
    drop(daemon);
}

#[tokio::test]
async fn results_that_met_an_outage_are_told_where_their_rows_are_gone() {
    let world = World::with(hold_answers).await;
    world
        .enable_sim(", esme_window_size, esme_registered_delivery", ", 20, TRUE")
        .await;
    let daemon = world.daemon();
    world.queue(0..20).await;
    world
        .until_ledger("all of them", |records| records.counts().submits == 20)
        .await;
    world
        .sql(
            "ALTER ROLE esmed NOLOGIN;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'esmed'",
        )
        .await;
    // What became of them is known now, and finds no database.
    world.sim.drop_connections();
    daemon.until_logged("not back yet").await;
    world.sql("DELETE FROM smpp_tx_queue").await;
    world.sql("ALTER ROLE esmed LOGIN").await;
    world.until_events("result_discarded", 20).await;
    drop(daemon);
}
