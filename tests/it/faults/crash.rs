//! kill -9, and daemons that follow one another.

use std::time::Duration;

use crate::support::{Daemon, World};

const MAX_UNRECORDED: i64 = 300;

fn start(world: &World) -> Daemon {
    let config = world.config("crash", &format!("max_unrecorded = {MAX_UNRECORDED}"));
    Daemon::start(&config, "crash")
}

async fn more(world: &World, count: u64) {
    let seen = world.sim.ledger().count();
    world
        .until_ledger("more", |records| records.counts().submits >= seen + count)
        .await;
}

/// Rows with an open attempt once all that the killed daemon had asked for is done.
async fn started(world: &World) -> i64 {
    world
        .until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'esmed')")
        .await;
    world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL")
        .await
}

#[tokio::test]
async fn killed_again_and_again_every_message_is_sent_and_every_repeat_is_flagged() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(150)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 200, 50",
        )
        .await;
    world.queue(0..3000).await;
    let mut in_doubt = 0;
    for _ in 0..5 {
        let daemon = start(&world);
        more(&world, 350).await;
        daemon.kill();
        let started = started(&world).await;
        assert!(started > 0, "nothing was in flight");
        assert!(started <= MAX_UNRECORDED, "{started} in doubt");
        in_doubt += started;
    }
    let mut daemon = start(&world);
    let audit = world.all_sent(3000).await;
    assert!(audit.repeated > 0, "{audit:?}");
    assert!(
        audit.flagged as i64 <= in_doubt,
        "{audit:?}, {in_doubt} in doubt"
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn killed_under_the_policies_fail_and_hold_nothing_is_sent_twice() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(150)).await;
    world
        .enable_sim(", esme_window_size, esme_in_doubt", ", 100, 'fail'")
        .await;
    world.queue(0..2000).await;
    world
        .sql("UPDATE smpp_tx_queue SET in_doubt_policy = 'hold' WHERE id % 2 = 0")
        .await;
    let mut in_doubt = 0;
    for _ in 0..3 {
        let daemon = start(&world);
        more(&world, 300).await;
        daemon.kill();
        in_doubt += started(&world).await;
    }
    let _daemon = start(&world);
    world
        .until("SELECT bool_and(status IN ('sent', 'failed', 'held')) FROM smpp_tx_status")
        .await;
    let audit = world.audit().await;
    assert_eq!((audit.repeated, audit.flagged), (0, 0));
    assert!(
        audit.count("failed") > 0 && audit.count("held") > 0,
        "{audit:?}"
    );
    let unknown = audit.count("failed") + audit.count("held");
    assert_eq!(i64::try_from(unknown).unwrap(), in_doubt, "{audit:?}");
    let rows: i64 = world.one("SELECT count(*) FROM smpp_in_doubt").await;
    assert_eq!(rows, in_doubt);
}

#[tokio::test]
async fn a_frozen_leader_does_not_touch_what_its_successor_has_in_flight() {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(300)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 50, 50",
        )
        .await;
    world.queue(0..1500).await;
    let first = Daemon::start(&world.config("first", ""), "first");
    more(&world, 100).await;
    let epoch = world.epoch().await;
    let second = Daemon::start(&world.config("second", ""), "second");
    // It is frozen in the middle of a claim, whose answer it will not get.
    let user = world.connection("postgres").await;
    user.batch_execute("BEGIN; LOCK TABLE smpp_tx_queue IN EXCLUSIVE MODE")
        .await
        .unwrap();
    world
        .until(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
               WHERE usename = 'esmed' AND query LIKE '%picked%' AND wait_event_type = 'Lock')",
        )
        .await;
    first.signal("STOP");
    user.batch_execute("ROLLBACK").await.unwrap();
    world.until_epoch(epoch + 1).await;
    more(&world, 200).await;
    // Whatever the first one was waiting for, it gets no answer.
    world
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = 'esmed' AND backend_start < (SELECT started_at FROM smpp_status)",
        )
        .await;
    // It learns late that the lease is another's.
    user.batch_execute("BEGIN; LOCK TABLE smpp_status IN SHARE MODE")
        .await
        .unwrap();
    first.signal("CONT");
    tokio::time::sleep(Duration::from_millis(800)).await;
    user.batch_execute("ROLLBACK").await.unwrap();
    world.all_sent(1500).await;
    let discarded: i64 = world
        .one("SELECT count(*) FROM smpp_events WHERE type = 'result_discarded'")
        .await;
    // The first one's own, which the second one took over.
    assert!(discarded <= 50 + 100, "{discarded}");
    drop(second);
    // The first one stands by, and takes over.
    world.until_epoch(epoch + 2).await;
    world.queue(2000..2100).await;
    world.all_sent(1600).await;
}
