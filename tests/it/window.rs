//! A slow SMSC, and the window.

use std::time::Duration;

use crate::support::World;

#[tokio::test]
async fn rows_are_submitted_once_each_however_slow_the_answers_are() {
    let world = World::with(|behaviour| {
        behaviour.slow_response_delay = Duration::from_secs(7);
    })
    .await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_window_size", ", 100").await;
    world.until_bound().await;
    // One INSERT each: every one of them wakes the daemon, and the poll finds the rows too.
    for number in 100..200 {
        world
            .send(&format!("44791112{number}08"), "slowly answered")
            .await;
    }
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().count(), 100);
    let once =
        "SELECT bool_and(submission_attempts = 1 AND NOT possible_duplicate) FROM smpp_tx_queue";
    assert!(world.one::<bool>(once).await);
}

#[tokio::test]
async fn the_window_is_used_and_never_passed() {
    let world = World::with(|behaviour| {
        behaviour.response_delay = Duration::from_millis(20);
        behaviour.max_window = Some(7);
    })
    .await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_window_size", ", 7").await;
    world.insert(300).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    let ledger = world.sim.ledger();
    assert_eq!(ledger.peak_window(), 7);
    assert_eq!(ledger.violations(), Vec::<String>::new());
    assert_eq!(ledger.count(), 300);
}
