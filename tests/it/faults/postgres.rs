//! PostgreSQL crashes, restarts, hangs, or loses connections while there is work.

use std::collections::HashMap;
use std::time::Duration;

use esmed::pdu::CommandStatus;
use esmed::sim::PhoneMessage;

use crate::support::{World, alert};

const SERVER: (&str, &str) = (
    ", esme_window_size, esme_max_submission_attempts, esme_registered_delivery",
    ", 50, 50, TRUE",
);

async fn more(world: &World, count: u64) {
    let seen = world.sim.ledger().count();
    world
        .sim
        .ledger()
        .wait_until(
            |records| records.counts().submits >= seen + count,
            Duration::from_secs(60),
        )
        .await
        .then_some(())
        .expect("more submits");
}

/// Everything that was answered with ESME_ROK has a row; a row may be there more than once where
/// the SMSC had to be told otherwise.
async fn acknowledged_is_stored(world: &World, prefix: &str) -> usize {
    let rows = world
        .rows(
            "SELECT smpp_short_message FROM smpp_rx_queue WHERE kind = 'message'",
            &[],
        )
        .await;
    let mut stored: HashMap<String, usize> = HashMap::new();
    for row in rows {
        *stored.entry(row.get(0)).or_default() += 1;
    }
    let deliveries = world.sim.ledger().deliveries();
    let mut acknowledged = 0;
    for delivery in &deliveries {
        let text = String::from_utf8_lossy(&delivery.octets).into_owned();
        if text.starts_with(prefix) && delivery.status == Some(CommandStatus::ESME_ROK) {
            assert!(
                stored.contains_key(&text),
                "{text} was acknowledged, not stored"
            );
            acknowledged += 1;
        }
    }
    acknowledged
}

#[tokio::test]
async fn restarts_under_load_lose_nothing() {
    let mut world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(20)).await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    world.queue(0..8000).await;
    for (round, pause) in [0, 0, 1, 2].into_iter().enumerate() {
        more(&world, 400).await;
        if round % 2 == 0 {
            world.cluster.stop().await;
        } else {
            world.cluster.stop_fast().await;
        }
        tokio::time::sleep(Duration::from_secs(pause)).await;
        world.cluster.start_again().await;
    }
    world.reconnect().await;
    let audit = world.all_sent(8000).await;
    // The session was never lost, so no answer was.
    let ledger = world.sim.ledger();
    assert_eq!(ledger.counts().connections, 1);
    assert_eq!(ledger.count(), 8000);
    assert_eq!(audit.flagged, 0);
    // The SMSC delivers again what it was told to keep.
    world
        .until("SELECT count(*) = 8000 FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    world.audit().await;
}

#[tokio::test]
async fn while_postgres_is_away_deliveries_are_refused_and_come_again() {
    let mut world = World::with(|behaviour| behaviour.redelivery_attempts = 10_000).await;
    world
        .enable_sim(
            ", smpp_enquire_link_timer, smpp_response_timer, smpp_inactivity_timer",
            ", 1, 1, 3",
        )
        .await;
    let mut daemon = world.daemon();
    world
        .until_ledger("a bind", |records| records.counts().bound_sessions == 1)
        .await;
    world.cluster.stop().await;
    let enquiries = world.sim.ledger().counts().enquire_links_answered;
    for n in 0..20 {
        let text = format!("phone {n}");
        assert!(
            world
                .sim
                .deliver(PhoneMessage::from_text("27831234567", "5000", &text))
        );
    }
    world
        .sim
        .ledger()
        .wait_until(
            |records| {
                let refused = |delivery: &&esmed::sim::DeliveryRecord| {
                    delivery.status == Some(CommandStatus::ESME_RX_T_APPN)
                };
                records.deliveries().iter().filter(refused).count() >= 60
            },
            Duration::from_secs(30),
        )
        .await
        .then_some(())
        .expect("temporary errors");
    // Longer than the lease, and than the session may be silent.
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.sim.enquire();
    assert!(
        world
            .sim
            .ledger()
            .wait_until(
                |records| records.counts().enquire_links_answered > enquiries,
                Duration::from_secs(30)
            )
            .await
    );
    assert_eq!(world.sim.ledger().counts().acknowledged, 0);
    world.cluster.start_again().await;
    world.reconnect().await;
    world
        .until_ledger("all of it acknowledged", |records| {
            records.counts().acknowledged == 20
        })
        .await;
    assert_eq!(acknowledged_is_stored(&world, "phone ").await, 20);
    let inbox: i64 = world
        .one("SELECT count(DISTINCT message) FROM smpp_inbox")
        .await;
    assert_eq!(inbox, 20);
    assert_eq!(world.sim.ledger().counts().connections, 1);
    // It still works, both ways.
    world.queue(0..10).await;
    world.all_sent(10).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn what_nobody_would_send_again_is_kept_until_it_can_be_stored() {
    let mut world = World::with(|behaviour| behaviour.redelivery_attempts = 10_000).await;
    world.enable_sim("", "").await;
    let daemon = world.daemon();
    world.until_bound().await;
    // A message behind it that is refused shows that it could not be stored.
    let until_refused = async |from: &str| {
        let message = PhoneMessage::from_text(from, "5000", "behind it");
        assert!(world.sim.deliver(message));
        world
            .until_ledger("a temporary error", |records| {
                records
                    .deliveries()
                    .iter()
                    .any(|it| it.source == from && it.status == Some(CommandStatus::ESME_RX_T_APPN))
            })
            .await;
    };
    let lock = world.connection("postgres").await;
    lock.batch_execute("BEGIN; LOCK TABLE smpp_rx_queue")
        .await
        .unwrap();
    alert(&world.sim, "27831110001");
    until_refused("27831110002").await;
    lock.batch_execute("COMMIT").await.unwrap();
    const STORED: &str = "SELECT count(*) = 2 FROM smpp_rx_queue WHERE smpp_source_addr = ANY ('{27831110001,27831110002}')";
    world.until(STORED).await;

    world.cluster.stop().await;
    alert(&world.sim, "27831110003");
    until_refused("27831110004").await;
    // By now the sessions know that the database is away.
    alert(&world.sim, "27831110005");
    until_refused("27831110006").await;
    world.cluster.start_again().await;
    world.reconnect().await;
    world
        .until(
            "SELECT array_agg(smpp_source_addr ORDER BY id) = '{27831110003,27831110005}' FROM smpp_rx_queue
             WHERE pdu_parsed ->> 'command_id' = 'alert_notification' AND smpp_source_addr > '27831110002'",
        )
        .await;
    drop(daemon);
}

#[tokio::test]
async fn connections_that_are_terminated_under_load() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(5)).await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    world.queue(0..10_000).await;
    for _ in 0..15 {
        more(&world, 200).await;
        // One by one in the middle of what they do, and now and then all of them.
        world
            .sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = 'esmed' AND (random() < 0.5 OR query LIKE '%picked%')",
            )
            .await;
    }
    let audit = world.all_sent(10_000).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 10_000);
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(daemon.stop().await, Some(0));
    world.audit().await;
}

#[tokio::test]
async fn a_database_that_hangs_and_goes_on() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(20)).await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    world.queue(0..4000).await;
    more(&world, 500).await;
    world.cluster.signal("STOP");
    // Longer than the lease is good for: submits stop, the session stays.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let seen = world.sim.ledger().count();
    world.sim.enquire();
    assert!(
        world
            .sim
            .ledger()
            .wait_until(
                |records| records.counts().enquire_links_answered > 0,
                Duration::from_secs(30)
            )
            .await
    );
    assert_eq!(world.sim.ledger().count(), seen);
    world.cluster.signal("CONT");
    let audit = world.all_sent(4000).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 4000);
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(daemon.stop().await, Some(0));
}
