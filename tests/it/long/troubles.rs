//! Long messages while daemons die, users lock and triggers refuse.

use std::collections::HashMap;
use std::time::Duration;

use esmed::pdu::CommandStatus;
use esmed::text::Alphabet;

use super::{seen_part, three_parts};
use crate::support::World;

impl World {
    /// Queues three-part messages, each to a number of its own.
    async fn queue_long(&self, count: u32) {
        self.sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', '{}' FROM generate_series(1, {count}) AS n",
            three_parts()
        ))
        .await;
    }

    /// No part was accepted twice unless its message is flagged, and each message arrived whole.
    async fn audit_long(&self) -> usize {
        let rows = self
            .rows(
                "SELECT smpp_destination_addr, possible_duplicate FROM smpp_tx_queue WHERE submission_done",
                &[],
            )
            .await;
        let flagged: HashMap<String, bool> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut may_have: HashMap<(String, u8), usize> = HashMap::new();
        let mut accepted: HashMap<String, Vec<u8>> = HashMap::new();
        for submit in self.sim.ledger().submits() {
            let part = seen_part(&submit, Alphabet::Gsm0338).part;
            if submit.status.is_none_or(|it| it == CommandStatus::ESME_ROK) {
                *may_have
                    .entry((submit.destination.clone(), part))
                    .or_default() += 1;
            }
            if submit.status == Some(CommandStatus::ESME_ROK) {
                accepted.entry(submit.destination).or_default().push(part);
            }
        }
        let mut repeated = 0;
        for ((to, part), count) in &may_have {
            if *count > 1 {
                repeated += 1;
                assert!(flagged[to], "part {part} to {to}: {count} times, unflagged");
            }
        }
        for to in flagged.keys() {
            let mut parts = accepted[to].clone();
            parts.sort_unstable();
            parts.dedup();
            assert_eq!(parts, [1, 2, 3], "{to}");
        }
        repeated
    }
}

#[tokio::test]
async fn killed_again_and_again_every_part_is_sent_and_every_repeat_is_flagged() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(100)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 100, 50",
        )
        .await;
    world.queue_long(600).await;
    for _ in 0..4 {
        let daemon = world.daemon();
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits >= seen + 200)
            .await;
        daemon.kill();
    }
    let mut daemon = world.daemon();
    world
        .until("SELECT count(*) = 600 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert!(world.audit_long().await > 0, "nothing was in doubt");
    let open = "SELECT count(*) FROM smpp_tx_parts WHERE submission_started_at IS NOT NULL OR NOT submission_done";
    assert_eq!(world.one::<i64>(open).await, 0);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_restart_puts_no_part_in_doubt() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(100)).await;
    world.enable_sim(", esme_window_size", ", 20").await;
    world.queue_long(100).await;
    for _ in 0..3 {
        let mut daemon = world.daemon();
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits >= seen + 50)
            .await;
        assert_eq!(daemon.stop().await, Some(0));
        let open = "SELECT count(*) FROM smpp_tx_parts WHERE submission_started_at IS NOT NULL";
        assert_eq!(world.one::<i64>(open).await, 0);
    }
    let _daemon = world.daemon();
    world
        .until("SELECT count(*) = 100 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(world.audit_long().await, 0);
    assert_eq!(world.sim.ledger().count(), 300);
    assert!(world.sim.ledger().peak_window() <= 20);
}

#[tokio::test]
async fn connections_that_are_lost_under_load() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(50)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 50, 50",
        )
        .await;
    world.queue_long(400).await;
    let _daemon = world.daemon();
    for _ in 0..4 {
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits >= seen + 150)
            .await;
        world.sim.drop_connections();
        world.connect_anew().await;
    }
    world
        .until("SELECT count(*) = 400 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert!(world.audit_long().await > 0, "nothing was in doubt");
}

#[tokio::test]
async fn parts_that_a_trigger_refuses_delay_no_other_message() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    world
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.smpp_destination_addr = '447911000100' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON smpp_tx_parts FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    let _daemon = world.daemon();
    let refused = world.send("447911000100", &three_parts()).await;
    let good = world.send("447911000200", &three_parts()).await;
    let short = world.send("447911000100", "short").await;
    world.until_status(good, "sent").await;
    world.until_status(short, "sent").await;
    world.until_status(refused, "retrying").await;
    let info = world.tx(refused, "submission_info").await.unwrap();
    assert!(
        info.starts_with("its parts can't be stored: ") && info.contains("function refuse()"),
        "{info}"
    );
    assert_eq!(
        world.tx(refused, "submission_attempts").await.as_deref(),
        Some("0")
    );
    world
        .sql(
            "DROP TRIGGER refuse ON smpp_tx_parts; UPDATE smpp_tx_queue SET next_attempt_at = NULL",
        )
        .await;
    world.until_status(refused, "sent").await;
    assert_eq!(world.sim.ledger().submits_to("447911000100").len(), 4);
}

#[tokio::test]
async fn a_message_that_is_deleted_or_reset_under_way_leaves_no_part_behind() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(500)).await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    let deleted = world.send("447911000100", &three_parts()).await;
    world.until_seen_to("447911000100", 3).await;
    world
        .sql(&format!("DELETE FROM smpp_tx_queue WHERE id = {deleted}"))
        .await;
    world.until_events("result_discarded", 1).await;
    let parts = "SELECT count(*) FROM smpp_tx_parts";
    assert_eq!(world.one::<i64>(parts).await, 0);
    // One that is set back begins anew, and what becomes of the first attempt is told.
    let reset = world.send("447911000300", &three_parts()).await;
    world.until_seen_to("447911000300", 3).await;
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET submission_started_at = NULL, submission_attempts = 0 WHERE id = {reset}"
        ))
        .await;
    world.until_events("result_discarded", 2).await;
    world.until_status(reset, "sent").await;
    let open = "SELECT count(*) FROM smpp_tx_parts WHERE submission_started_at IS NOT NULL OR NOT submission_done";
    assert_eq!(world.one::<i64>(open).await, 0);
    // The lane goes on.
    let good = world.send("447911000200", &three_parts()).await;
    world.until_status(good, "sent").await;
}

#[tokio::test]
async fn a_cancelled_message_is_not_tried_again() {
    let world = World::new().await;
    world.enable_sim(", esme_retry_delay", ", 3600").await;
    let _daemon = world.daemon();
    let id = world.send("447911000142", &three_parts()).await;
    world.until_status(id, "retrying").await;
    let cancelled: String = world.one(&format!("SELECT esmed_cancel({id})")).await;
    assert_eq!(cancelled, "cancelled");
    let good = world.send("447911000200", &three_parts()).await;
    world.until_status(good, "sent").await;
    assert_eq!(world.status(id).await, "cancelled");
    assert_eq!(world.seen("447911000142"), [1, 2, 3]);
}

#[tokio::test]
async fn a_frozen_leader_does_not_touch_the_parts_of_its_successor() {
    let world = World::new().await;
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    // The first claim commits, but its answer finds the daemon stopped.
    world
        .sql(
            "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END';
             CREATE TRIGGER wait_here BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
               WHEN (OLD.submission_started_at IS NULL AND NEW.submission_started_at IS NOT NULL
                     AND OLD.submission_attempts = 0)
               EXECUTE FUNCTION wait_here()",
        )
        .await;
    let first = world.daemon();
    world.until_bound().await;
    world.sql("SELECT pg_advisory_lock(42)").await;
    let id = world.send("447911000104", &three_parts()).await;
    world
        .until("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')")
        .await;
    let epoch = world.epoch().await;
    first.signal("STOP");
    world.sql("SELECT pg_advisory_unlock(42)").await;
    world.until_status(id, "started").await;
    let _second = world.daemon_with("second", "");
    world.until_epoch(epoch + 1).await;
    world.until_status(id, "sent").await;
    let parts = world.parts(id).await;
    assert_eq!(parts.len(), 3);
    first.signal("CONT");
    // It has noticed that the lane is another's once it stands by again.
    for _ in 0..3 {
        world.next_heartbeat().await;
    }
    assert_eq!(world.parts(id).await, parts);
    assert_eq!(world.tx(id, "message_parts").await.as_deref(), Some("3"));
    assert_eq!(world.status(id).await, "sent");
}

#[tokio::test]
async fn parts_that_somebody_has_locked_delay_no_other_message() {
    let world = World::new().await;
    world.enable_sim(", esme_retry_delay", ", 3600").await;
    let _daemon = world.daemon();
    let id = world.send("447911000142", &three_parts()).await;
    world.until_status(id, "retrying").await;
    let user = world.connection("postgres").await;
    user.batch_execute("BEGIN; SELECT FROM smpp_tx_parts WHERE part = 2 FOR UPDATE")
        .await
        .unwrap();
    world
        .sql("UPDATE smpp_tx_queue SET next_attempt_at = NULL")
        .await;
    world
        .until(&format!(
            "SELECT submission_info LIKE '%locked%' FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await;
    let good = world.send("447911000200", &three_parts()).await;
    world.until_status(good, "sent").await;
    assert_eq!(world.seen("447911000142"), [1, 2, 3]);
    user.batch_execute("ROLLBACK").await.unwrap();
    world.until_status(id, "sent").await;
    assert_eq!(world.seen("447911000142"), [1, 2, 3, 2]);
}
