//! `esme_bind_mode = 'transmitter+receiver'`: a pair of sessions with one account.

use std::time::Duration;

use esmed::pdu::{CommandId, CommandStatus};
use esmed::sim::{BindRecord, PhoneMessage};

use crate::support::{World, hold_answers, let_answers_go};

const PAIR: (&str, &str) = (
    ", esme_bind_mode, esme_registered_delivery",
    ", 'transmitter+receiver', TRUE",
);

/// Waits until `smpp_status` has this state.
/// The accepted binds of this kind.
fn binds(world: &World, mode: CommandId) -> Vec<BindRecord> {
    let mut binds = world.sim.ledger().binds();
    binds.retain(|bind| bind.mode == mode && bind.status == Some(CommandStatus::ESME_ROK));
    binds
}

/// Events of a type, as `session status`, in their order.
async fn told(world: &World, kind: &str) -> Vec<String> {
    let query = format!(
        "SELECT coalesce(details ->> 'session', '-') || ' ' || coalesce(status, '-')
         FROM smpp_events WHERE type = '{kind}' ORDER BY id"
    );
    let rows = world.rows(&query, &[]).await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn submits_leave_by_the_transmitter_and_receipts_come_to_the_receiver() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    let id = world.send("447911123400", "by a pair").await;
    world.until_state(id, "DELIVERED").await;
    assert!(world.sim.deliver(PhoneMessage::from_text(
        "447911000001",
        "12345",
        "from a phone"
    )));
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'from a phone'")
        .await;

    let transmitters = binds(&world, CommandId::BIND_TRANSMITTER);
    let receivers = binds(&world, CommandId::BIND_RECEIVER);
    assert_eq!((transmitters.len(), receivers.len()), (1, 1));
    assert_eq!(transmitters[0].system_id, receivers[0].system_id);
    let ledger = world.sim.ledger();
    assert_eq!(ledger.submits()[0].session, transmitters[0].session);
    for delivery in ledger.deliveries() {
        assert_eq!(delivery.session, receivers[0].session);
    }
    let mut bound = told(&world, "bound").await;
    // The one that came last made it whole.
    assert!(bound[1].ends_with(" ok"), "{bound:?}");
    bound.sort();
    assert!(bound[0].starts_with("receiver "), "{bound:?}");
    assert!(bound[1].starts_with("transmitter "), "{bound:?}");
    assert_eq!(told(&world, "starting").await, ["- down"]);

    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(ledger.counts().unbinds, 2);
    assert_eq!(told(&world, "ended").await, ["- -"]);
    assert_eq!(ledger.violations(), [""; 0]);
}

#[tokio::test]
async fn submits_go_on_while_the_receiver_is_refused() {
    let world = World::with(|behaviour| {
        behaviour.receiver_bind_status = Some(CommandStatus::ESME_RALYBND);
    })
    .await;
    let _daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    let id = world.send("447911123400", "no receiver").await;
    world.until_status(id, "sent").await;
    world.until_session("transmitter_only").await;
    world.until_events("bind_failed", 2).await;
    assert_eq!(told(&world, "bound").await, ["transmitter degraded"]);
    let failed = told(&world, "bind_failed").await;
    assert_eq!(failed[1], "receiver degraded");
    assert_eq!(world.tx(id, "smpp_message_state").await, None);

    world
        .sim
        .behave(|behaviour| behaviour.receiver_bind_status = None);
    world.until_state(id, "DELIVERED").await;
    world.until_session("bound").await;
    assert_eq!(
        told(&world, "bound").await,
        ["transmitter degraded", "receiver ok"]
    );
    assert_eq!(binds(&world, CommandId::BIND_TRANSMITTER).len(), 1);
}

#[tokio::test]
async fn each_is_bound_again_by_itself() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;

    let receiver = binds(&world, CommandId::BIND_RECEIVER)[0].session;
    assert!(world.sim.drop_session(receiver));
    world.until_events("bound", 3).await;
    assert_eq!(told(&world, "connection_lost").await, ["receiver degraded"]);
    assert_eq!(told(&world, "bound").await[2], "receiver ok");
    assert_eq!(binds(&world, CommandId::BIND_TRANSMITTER).len(), 1);

    let transmitter = binds(&world, CommandId::BIND_TRANSMITTER)[0].session;
    assert!(world.sim.drop_session(transmitter));
    world.until_events("bound", 4).await;
    let lost = told(&world, "connection_lost").await;
    assert_eq!(lost[1], "transmitter down");
    assert_eq!(told(&world, "bound").await[3], "transmitter ok");
    assert_eq!(binds(&world, CommandId::BIND_RECEIVER).len(), 2);
    let id = world.send("447911123400", "after both").await;
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn a_drain_keeps_the_receiver_until_the_last_answer() {
    let world = World::with(hold_answers).await;
    let mut daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    let id = world.send("447911123400", "the last one").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    daemon.signal("TERM");
    world.until_events("unbinding", 1).await;
    assert_eq!(told(&world, "unbinding").await, ["transmitter down"]);
    assert_eq!(world.sim.ledger().counts().open_sessions, 2);
    // The receipt leaves first, to the receiver, and then the answer.
    let_answers_go(&world.sim);
    let status = daemon.wait(Duration::from_secs(60)).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        told(&world, "unbinding").await,
        ["transmitter down", "receiver down"]
    );
    assert_eq!(world.status(id).await, "sent");
    assert_eq!(
        world.tx(id, "smpp_message_state").await.as_deref(),
        Some("DELIVERED")
    );
    assert_eq!(world.sim.ledger().counts().unbinds, 2);
    world
        .until_ledger("the end of both", |records| {
            records.counts().open_sessions == 0
        })
        .await;
}

#[tokio::test]
async fn a_drain_that_gets_no_answer_ends_both_in_time() {
    let world = World::with(|behaviour| behaviour.mute.submits = true).await;
    let mut daemon = world.daemon_with("esmed", "drain_timeout = 1");
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    let id = world.send("447911123400", "never answered").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(world.sim.ledger().counts().unbinds, 2);
    assert_eq!(
        world
            .tx(id, "(possible_duplicate OR in_doubt)")
            .await
            .as_deref(),
        Some("true")
    );
}

#[tokio::test]
async fn a_change_of_mode_under_load_rebinds_and_puts_nothing_in_doubt() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(50)).await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    world.queue(0..600).await;
    for (round, mode) in ["'transmitter+receiver'", "'transceiver'"]
        .into_iter()
        .enumerate()
    {
        let seen = world.sim.ledger().counts().submits;
        world
            .until_ledger("more", |records| records.counts().submits > seen + 50)
            .await;
        world
            .sql(&format!("UPDATE smpp_servers SET esme_bind_mode = {mode}"))
            .await;
        world
            .until_ledger("the unbind", |records| {
                records.counts().unbinds > round as u64
            })
            .await;
    }
    let audit = world.all_sent(600).await;
    assert_eq!(audit.flagged, 0);
    let ledger = world.sim.ledger();
    assert_eq!(ledger.count(), 600);
    world
        .until_ledger("the binds", |records| records.binds().len() == 4)
        .await;
    assert_eq!(binds(&world, CommandId::BIND_TRANSCEIVER).len(), 2);
    assert_eq!(binds(&world, CommandId::BIND_TRANSMITTER).len(), 1);
    assert_eq!(binds(&world, CommandId::BIND_RECEIVER).len(), 1);
    assert!(ledger.peak_window() <= 10);
    assert_eq!(ledger.violations(), [""; 0]);
}

#[tokio::test]
async fn what_is_delivered_to_the_transmitter_is_kept_too() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    // deliver_sm, sequence_number 77, from "1" to "2", text "hi".
    let octets: &[u8] = &[
        0, 0, 0, 37, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 77, // header
        0, 1, 1, b'1', 0, 1, 1, b'2', 0, // service_type, source, destination
        0, 0, 0, 0, 0, 0, 0, 0, 0, 2, b'h', b'i',
    ];
    assert_eq!(world.sim.send_raw(octets), 2);
    world
        .until("SELECT count(*) = 2 FROM smpp_rx_queue WHERE smpp_short_message = 'hi'")
        .await;
}

#[tokio::test]
async fn a_transmitter_that_is_lost_again_and_again_loses_nothing() {
    let world = World::with(|behaviour| {
        behaviour.drop_after = Some(100);
        behaviour.response_delay = Duration::from_millis(5);
    })
    .await;
    world
        .enable_sim(
            ", esme_bind_mode, esme_max_submission_attempts",
            ", 'transmitter+receiver', 50",
        )
        .await;
    let _daemon = world.daemon();
    world.queue(0..330).await;
    let audit = world.all_sent(330).await;
    let ledger = world.sim.ledger();
    let lost = binds(&world, CommandId::BIND_TRANSMITTER).len() - 1;
    assert!(lost >= 3, "{lost}");
    assert!(audit.flagged <= lost * 10, "{audit:?}");
    assert_eq!(ledger.count(), 330 + audit.repeated as u64);
    assert!(ledger.peak_window() <= 10);
    assert_eq!(binds(&world, CommandId::BIND_RECEIVER).len(), 1);
}

#[tokio::test]
async fn both_end_with_the_lease() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    world.sql("DELETE FROM smpp_status").await;
    world.until_events("bound", 4).await;
    world
        .until_ledger("the end of the first two", |records| {
            records.counts().open_sessions == 2
        })
        .await;
    let id = world.send("447911123400", "under the next lease").await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(binds(&world, CommandId::BIND_TRANSMITTER).len(), 2);
    assert_eq!(binds(&world, CommandId::BIND_RECEIVER).len(), 2);
}

#[tokio::test]
async fn a_receiver_that_is_lost_while_they_drain_is_bound_again_for_the_last_receipt() {
    let world = World::with(hold_answers).await;
    let mut daemon = world.daemon();
    world.enable_sim(PAIR.0, PAIR.1).await;
    world.until_session("bound").await;
    let id = world.send("447911123400", "the last one").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    daemon.signal("TERM");
    world.until_events("unbinding", 1).await;
    let receiver = binds(&world, CommandId::BIND_RECEIVER)[0].session;
    assert!(world.sim.drop_session(receiver));
    world.until_events("connection_lost", 1).await;
    world
        .until_ledger("another receiver", |records| {
            records.counts().open_sessions == 2
        })
        .await;
    let_answers_go(&world.sim);
    let status = daemon.wait(Duration::from_secs(60)).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(world.status(id).await, "sent");
    assert_eq!(binds(&world, CommandId::BIND_RECEIVER).len(), 2);
    assert_eq!(binds(&world, CommandId::BIND_TRANSMITTER).len(), 1);
    assert_eq!(
        world.tx(id, "smpp_message_state").await.as_deref(),
        Some("DELIVERED")
    );
}
