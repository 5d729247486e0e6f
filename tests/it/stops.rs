//! SIGTERM and SIGINT before there is anything to drain, and what is told at the very end.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::support::{Daemon, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a daemon has caught SIGTERM and SIGINT, which come with the numbers 15 and 2.
async fn until_caught(daemon: &Daemon) {
    const BOTH: u64 = 1 << 14 | 1 << 1;
    let status = format!("/proc/{}/status", daemon.pid());
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        if caught.is_some_and(|mask| mask & BOTH == BOTH) {
            return;
        }
        assert!(Instant::now() < until, "never caught: {caught:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ends_with_0(mut daemon: Daemon, signal: &str) {
    daemon.signal(signal);
    let status = daemon.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(0), "{signal}: {}", daemon.log());
}

#[tokio::test]
async fn a_signal_before_the_configuration_was_read() {
    let world = World::new().await;
    // Whoever opens it for reading waits for one who writes, as on a disk that is away.
    let config = world.folder().join("esmed.toml");
    let made = Command::new("mkfifo").arg(&config).status().unwrap();
    assert!(made.success());
    for signal in ["TERM", "INT"] {
        let daemon = Daemon::start(&config, "esmed");
        until_caught(&daemon).await;
        ends_with_0(daemon, signal).await;
    }
}

#[tokio::test]
async fn a_signal_while_the_database_does_not_answer() {
    let world = World::new().await;
    world.cluster.signal("STOP");
    for signal in ["TERM", "INT"] {
        let daemon = world.daemon();
        until_caught(&daemon).await;
        ends_with_0(daemon, signal).await;
    }
    world.cluster.signal("CONT");
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_status").await,
        0
    );
}

#[tokio::test]
async fn a_signal_while_there_is_no_schema() {
    let world = World::new().await;
    world
        .sql("ALTER SCHEMA public RENAME TO aside; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
        .await;
    for (signal, name) in [("TERM", "first"), ("INT", "second")] {
        let daemon = Daemon::start(&world.config(name, ""), name);
        daemon.until_logged("waiting: ").await;
        ends_with_0(daemon, signal).await;
    }
}

#[tokio::test]
async fn a_signal_right_after_the_first_line_of_the_log() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    for round in 0..6 {
        let name = format!("round-{round}");
        let daemon = Daemon::start(&world.config(&name, ""), &name);
        let until = Instant::now() + PATIENCE;
        while daemon.log().is_empty() {
            assert!(Instant::now() < until, "nothing was logged");
            tokio::task::yield_now().await;
        }
        ends_with_0(daemon, if round % 2 == 0 { "TERM" } else { "INT" }).await;
    }
    // Even where a signal came while the lease was being taken, the next one has it.
    let mut last = world.daemon();
    let id = world.send("447911123400", "Hello").await;
    world.until_status(id, "sent").await;
    assert_eq!(last.stop().await, Some(0));
    world
        .until_ledger("the last one leave", |records| {
            records.counts().open_sessions == 0
        })
        .await;
}

/// A daemon whose reload is told and can't be stored until the user commits.
async fn reloaded_behind_a_lock() -> (World, Daemon, Client) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.until_events("no_server", 1).await;
    let user = world.connection("postgres").await;
    user.batch_execute("BEGIN; LOCK TABLE smpp_events IN EXCLUSIVE MODE")
        .await
        .unwrap();
    daemon.signal("HUP");
    daemon.until_logged("config_reloaded").await;
    (world, daemon, user)
}

#[tokio::test]
async fn a_reload_at_the_very_end_is_stored() {
    let (world, mut daemon, user) = reloaded_behind_a_lock().await;
    daemon.signal("TERM");
    world.until("SELECT holder IS NULL FROM smpp_status").await;
    // All else has ended. Without anybody who waits for the event the process would be gone after half a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    user.batch_execute("COMMIT").await.unwrap();
    assert_eq!(daemon.wait(PATIENCE).await.code(), Some(0));
    assert_eq!(world.events("config_reloaded").await, 1);
}

#[tokio::test]
async fn a_reload_whose_event_cannot_be_stored_keeps_nobody() {
    let (_world, mut daemon, user) = reloaded_behind_a_lock().await;
    assert_eq!(daemon.stop().await, Some(0));
    let log = daemon.log();
    assert!(log.contains("some events were not stored"), "{log}");
    user.batch_execute("COMMIT").await.unwrap();
}
