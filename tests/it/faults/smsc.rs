//! An SMSC that drops, unbinds, stays mute, refuses, or is away.

use std::time::Duration;

use esmed::pdu::CommandStatus;

use crate::support::World;

/// More attempts than any of these tests can use up, and timers of one second; but five for an answer, which may be late
/// where the machine is busy.
const PATIENT: (&str, &str) = (
    ", esme_max_submission_attempts, smpp_response_timer, smpp_enquire_link_timer, smpp_session_init_timer",
    ", 50, 5, 1, 1",
);

async fn event(world: &World, kind: &str) {
    world
        .until(&format!(
            "SELECT EXISTS (SELECT FROM smpp_events WHERE type = '{kind}')"
        ))
        .await;
}

#[tokio::test]
async fn connections_that_are_dropped() {
    let world = World::with(|behaviour| {
        behaviour.drop_after = Some(100);
        behaviour.response_delay = Duration::from_millis(5);
    })
    .await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    let _daemon = world.daemon();
    world.queue(0..330).await;
    let audit = world.all_sent(330).await;
    let ledger = world.sim.ledger();
    let sessions = ledger.counts().connections;
    assert!(sessions >= 4, "{sessions}");
    // At most a window with each connection.
    assert!(audit.flagged as u64 <= (sessions - 1) * 10, "{audit:?}");
    assert_eq!(ledger.count(), 330 + audit.repeated as u64);
}

#[tokio::test]
async fn an_unbind_under_load_puts_nothing_in_doubt() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(50)).await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    let _daemon = world.daemon();
    world.queue(0..300).await;
    for round in 1..=2 {
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits > seen + 50)
            .await;
        assert_eq!(world.sim.unbind_all(), 1);
        world
            .until_ledger("the answer", |records| {
                records.counts().unbinds_answered == round
            })
            .await;
    }
    let audit = world.all_sent(300).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 300);
    assert_eq!(world.sim.ledger().violations(), [""; 0]);
}

#[tokio::test]
async fn a_peer_that_goes_mute_and_speaks_again() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(10)).await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    let _daemon = world.daemon();
    world.queue(0..300).await;
    world
        .until_ledger("some", |records| records.counts().submits > 100)
        .await;
    world.sim.behave(|behaviour| behaviour.mute.all = true);
    event(&world, "connection_lost").await;
    world.sim.behave(|behaviour| behaviour.mute.all = false);
    let audit = world.all_sent(300).await;
    // Two windows: what was unanswered, and once more while the session was not yet given up.
    assert!(audit.flagged <= 20, "{audit:?}");
}

#[tokio::test]
async fn enquire_links_that_stay_unanswered_end_the_session() {
    let world = World::with(|behaviour| behaviour.mute.enquire_links = true).await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    let _daemon = world.daemon();
    event(&world, "connection_lost").await;
    world
        .sim
        .behave(|behaviour| behaviour.mute.enquire_links = false);
    // The next session may have asked already, and ends in a while.
    world.sim.drop_connections();
    world.queue(0..5).await;
    let audit = world.all_sent(5).await;
    assert_eq!(audit.flagged, 0);
    // An SMSC that answers them keeps its session, although nothing else happens in it.
    let binds = world.sim.ledger().counts().binds;
    let asked = world.sim.ledger().counts().enquire_links;
    world
        .until_ledger("three more enquiries", |records| {
            records.counts().enquire_links >= asked + 3
        })
        .await;
    assert_eq!(world.sim.ledger().counts().binds, binds);
}

#[tokio::test]
async fn binds_that_stay_unanswered_are_repeated() {
    let world = World::with(|behaviour| behaviour.mute.binds = true).await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    world.queue(0..5).await;
    let _daemon = world.daemon();
    event(&world, "bind_timeout").await;
    world.sim.behave(|behaviour| behaviour.mute.binds = false);
    let audit = world.all_sent(5).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 5);
}

#[tokio::test]
async fn binds_that_are_refused() {
    let world = World::with(|behaviour| {
        behaviour.bind_status = Some(CommandStatus::ESME_RSYSERR);
    })
    .await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    world.queue(0..5).await;
    let mut daemon = world.daemon();
    event(&world, "bind_failed").await;
    world
        .until_ledger("a second try", |records| {
            records.counts().binds_refused == 2
        })
        .await;
    // Wrong credentials: only a change of the row brings the next try before long.
    world.sim.behave(|behaviour| {
        behaviour.bind_status = None;
        behaviour.credentials = Some(("smppclient1".into(), "changed".into()));
    });
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE message LIKE '%ESME_RINVPASWD%')")
        .await;
    assert!(daemon.is_running());
    world
        .sql("UPDATE smpp_servers SET esme_password = 'changed'")
        .await;
    let audit = world.all_sent(5).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 5);
}

#[tokio::test]
async fn an_smsc_that_is_away_at_the_start_and_again_later() {
    let world = World::new().await;
    world.sim.stop().await;
    world.enable_sim(PATIENT.0, PATIENT.1).await;
    world.queue(0..200).await;
    let _daemon = world.daemon();
    event(&world, "connection_failed").await;
    world
        .sim
        .behave(|behaviour| behaviour.refuse_connections = true);
    world.sim.restart().unwrap();
    event(&world, "bind_failed").await;
    world.sim.behave(|behaviour| {
        behaviour.refuse_connections = false;
        behaviour.response_delay = Duration::from_millis(20);
    });
    world
        .until_ledger("some", |records| records.counts().submits > 50)
        .await;
    world.sim.stop().await;
    event(&world, "connection_lost").await;
    world.sim.restart().unwrap();
    world.connect_anew().await;
    let audit = world.all_sent(200).await;
    assert!(audit.flagged <= 10, "{audit:?}");
}
