//! Window and rate are never exceeded.

use std::time::Duration;

use esmed::sim::Records;

use crate::support::World;

async fn set_window(world: &World, window: u32) {
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_window_size = {window}"
        ))
        .await;
    world
        .until(&format!("SELECT window_size = {window} FROM smpp_status"))
        .await;
}

fn no_violation(records: &Records) {
    assert_eq!(records.violations(), [""; 0]);
}

#[tokio::test]
async fn a_window_of_seven_is_filled_and_never_passed() {
    let world = World::with(|behaviour| {
        behaviour.max_window = Some(7);
        behaviour.response_delay = Duration::from_millis(20);
    })
    .await;
    world.enable_sim(", esme_window_size", ", 7").await;
    // There is work at the very start.
    world.queue(0..300).await;
    let _daemon = world.daemon();
    world.all_sent(300).await;
    assert_eq!(world.sim.ledger().peak_window(), 7);
    assert_eq!(world.sim.ledger().count(), 300);
    world.sim.ledger().read(no_violation);
}

#[tokio::test]
async fn a_window_that_changes_under_load_is_never_passed() {
    let world = World::with(|behaviour| {
        behaviour.max_window = Some(7);
        behaviour.response_delay = Duration::from_millis(20);
    })
    .await;
    world.enable_sim(", esme_window_size", ", 7").await;
    let _daemon = world.daemon();
    world.queue(0..5000).await;
    let ledger = world.sim.ledger();
    world
        .until_ledger("a full window", |records| records.peak_window() == 7)
        .await;
    set_window(&world, 3).await;
    // What was under way when the window became smaller is answered by now, or will soon be.
    let seen = ledger.count();
    world
        .until_ledger("more", |records| records.counts().submits > seen + 20)
        .await;
    world.sim.behave(|behaviour| behaviour.max_window = Some(3));
    let seen = ledger.count();
    world
        .until_ledger("more", |records| records.counts().submits > seen + 100)
        .await;
    ledger.read(no_violation);
    world
        .sim
        .behave(|behaviour| behaviour.max_window = Some(12));
    set_window(&world, 12).await;
    world
        .until_ledger("a full window", |records| records.peak_window() == 12)
        .await;
    ledger.read(no_violation);
    // None of that was a rebind.
    assert_eq!(ledger.counts().connections, 1);
}

#[tokio::test]
async fn a_window_holds_over_rebinds_and_lost_connections() {
    let world = World::with(|behaviour| {
        behaviour.max_window = Some(7);
        behaviour.response_delay = Duration::from_millis(10);
    })
    .await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 7, 20",
        )
        .await;
    let _daemon = world.daemon();
    world.queue(0..1500).await;
    for round in 1..=3 {
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits > seen + 150)
            .await;
        world
            .sql(&format!(
                "UPDATE smpp_servers SET smpp_enquire_link_timer = 20 + {round}"
            ))
            .await;
        world
            .until_ledger("a rebind", |records| records.counts().unbinds == round)
            .await;
    }
    world
        .until_ledger("the bind", |records| records.counts().bound_sessions == 1)
        .await;
    // Whatever was rebound was drained before.
    let flagged: i64 = world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate")
        .await;
    assert_eq!(flagged, 0);
    let seen = world.sim.ledger().count();
    world
        .until_ledger("more", |records| records.counts().submits > seen + 50)
        .await;
    world.sim.drop_connections();
    let audit = world.all_sent(1500).await;
    assert!(audit.flagged <= 7, "{audit:?}");
    let ledger = world.sim.ledger();
    assert_eq!(ledger.peak_window(), 7);
    ledger.read(no_violation);
}

#[tokio::test]
async fn the_rate_is_never_passed() {
    const RATE: u32 = 50;
    let world = World::with(|behaviour| behaviour.max_window = Some(7)).await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 7, 50")
        .await;
    let _daemon = world.daemon();
    world.queue(0..200).await;
    // A rebind is no new allowance.
    world
        .until_ledger("some", |records| records.counts().submits > 60)
        .await;
    world
        .sql("UPDATE smpp_servers SET smpp_enquire_link_timer = 25")
        .await;
    world.all_sent(200).await;
    let ledger = world.sim.ledger();
    ledger.read(no_violation);
    let times: Vec<_> = ledger.submits().iter().map(|submit| submit.at).collect();
    for (index, first) in times.iter().enumerate() {
        let within = times[index..]
            .iter()
            .take_while(|at| at.duration_since(*first).unwrap_or_default() < Duration::from_secs(1))
            .count();
        // The simulator may see one late that left in the second before.
        assert!(within <= (RATE + RATE / 5) as usize, "{within} in a second");
    }
    let all = times[199].duration_since(times[0]).unwrap();
    assert!(all >= Duration::from_millis(3500), "{all:?}");
}
