//! More deliveries than a slow database takes.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use esmed::pdu::CommandStatus;
use esmed::sim::{DeliveryKind, PhoneMessage};

use crate::support::World;

/// Resident memory of a process in MB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kilobytes
        .expect("VmHWM")
        .trim()
        .parse::<u64>()
        .expect("a number")
        / 1024
}

#[tokio::test]
async fn a_flood_of_deliveries_while_they_cannot_be_stored() {
    const EACH: u32 = 10_000;
    let world = World::with(|behaviour| {
        behaviour.deliver_window = 5000;
        behaviour.redelivery_delay = Duration::from_millis(500);
        behaviour.redelivery_attempts = 10_000;
        behaviour.receipt_delay = Duration::from_millis(500);
    })
    .await;
    world
        .enable_sim(
            ", esme_window_size, esme_registered_delivery",
            ", 200, TRUE",
        )
        .await;
    let mut daemon = world.daemon();
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    transaction
        .batch_execute("LOCK TABLE smpp_rx_queue IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    for n in 0..EACH {
        let text = format!("message {n}");
        assert!(
            world
                .sim
                .deliver(PhoneMessage::from_text("27831234567", "5000", &text))
        );
    }
    world.queue(0..EACH).await;
    // More than may wait in the daemon; the rest is refused, and none acknowledged.
    world
        .until_ledger("temporary errors", |records| {
            records.counts().delivery_errors > 20_000
        })
        .await;
    assert_eq!(world.sim.ledger().counts().acknowledged, 0);
    transaction.commit().await.unwrap();
    world
        .until_ledger("all of it acknowledged", |records| {
            records.counts().acknowledged == u64::from(2 * EACH)
        })
        .await;
    world
        .until(&format!(
            "SELECT count(*) = {EACH} FROM smpp_tx_queue WHERE smpp_message_state = 'DELIVERED'"
        ))
        .await;
    // No commit was in doubt, so nothing is there twice.
    let rows: i64 = world.one("SELECT count(*) FROM smpp_rx_queue").await;
    assert_eq!(rows, i64::from(2 * EACH));
    let stored: HashSet<String> = world
        .rows("SELECT message FROM smpp_inbox", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(stored.len(), EACH as usize);
    let acknowledged = world.sim.ledger().deliveries();
    for delivery in acknowledged {
        let taken = delivery.status == Some(CommandStatus::ESME_ROK);
        if taken && delivery.kind == DeliveryKind::Message {
            let text = String::from_utf8_lossy(&delivery.octets).into_owned();
            assert!(stored.contains(&text), "{text}");
        }
    }
    let memory = resident(daemon.pid());
    assert!(memory < 100, "{memory} MB");
    let audit = world.all_sent(EACH).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().counts().connections, 1);
    assert_eq!(daemon.stop().await, Some(0));
}
