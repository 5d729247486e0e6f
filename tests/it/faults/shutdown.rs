//! SIGTERM and SIGINT, whatever happens meanwhile.

use std::time::{Duration, Instant};

use esmed::pdu::CommandStatus;
use esmed::sim::PhoneMessage;

use crate::support::{Daemon, World, hold_answers, let_answers_go};

async fn more(world: &World, count: u64) {
    let seen = world.sim.ledger().count();
    world
        .until_ledger("more", |records| records.counts().submits >= seen + count)
        .await;
}

/// After a clean stop nothing is in flight or in doubt, and what was acknowledged is stored.
async fn nothing_in_flight(world: &World) {
    let left: i64 = world
        .one(
            "SELECT count(*) FROM smpp_tx_queue
             WHERE submission_started_at IS NOT NULL OR in_doubt OR possible_duplicate",
        )
        .await;
    assert_eq!(left, 0);
    world.audit().await;
    // What was stored too late to be acknowledged will come again.
    let acknowledged = world.sim.ledger().counts().acknowledged;
    let stored: i64 = world.one("SELECT count(*) FROM smpp_rx_queue").await;
    assert!(u64::try_from(stored).unwrap() >= acknowledged);
}

async fn stopped_under_load(signal: &str) {
    let world =
        World::with(|behaviour| behaviour.response_delay = Duration::from_millis(200)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_registered_delivery",
            ", 100, TRUE",
        )
        .await;
    let mut daemon = world.daemon();
    world.queue(0..3000).await;
    for round in 1..=3 {
        more(&world, 300).await;
        world
            .sim
            .deliver(PhoneMessage::from_text("27831234567", "5000", "STOP"));
        daemon.signal(signal);
        let status = daemon.wait(Duration::from_secs(60)).await;
        assert_eq!(status.code(), Some(0));
        world
            .until_ledger("the unbind", |records| {
                records.counts().unbinds == round && records.counts().open_sessions == 0
            })
            .await;
        nothing_in_flight(&world).await;
        let free: bool = world.one("SELECT holder IS NULL FROM smpp_status").await;
        assert!(free, "the lease was not given back");
        daemon = world.daemon();
    }
    let audit = world.all_sent(3000).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 3000);
    assert_eq!(world.sim.ledger().violations(), [""; 0]);
}

#[tokio::test]
async fn sigterm_under_load_leaves_nothing_in_flight() {
    stopped_under_load("TERM").await;
}

#[tokio::test]
async fn sigint_under_load_leaves_nothing_in_flight() {
    stopped_under_load("INT").await;
}

#[tokio::test]
async fn sigterm_while_the_smsc_is_mute_ends_after_the_drain() {
    let world = World::new().await;
    world
        .enable_sim(", esme_window_size, esme_in_doubt", ", 20, 'hold'")
        .await;
    let mut daemon = Daemon::start(&world.config("mute", "drain_timeout = 1"), "mute");
    world.queue(0..100).await;
    world.all_sent(100).await;
    world.sim.behave(|behaviour| behaviour.mute.all = true);
    world.queue(100..200).await;
    world
        .until_ledger("a window", |records| records.counts().submits == 120)
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    let audit = world.audit().await;
    assert_eq!(audit.count("held"), 20, "{audit:?}");
    assert_eq!(audit.count("waiting"), 80, "{audit:?}");
    assert_eq!((audit.flagged, world.sim.ledger().count()), (0, 120));
}

#[tokio::test]
async fn sigterm_while_the_database_is_away_ends_with_1() {
    for hangs in [false, true] {
        let mut world =
            World::with(|behaviour| behaviour.response_delay = Duration::from_millis(200)).await;
        world
            .enable_sim(
                ", esme_window_size, esme_max_submission_attempts",
                ", 50, 50",
            )
            .await;
        let mut daemon = Daemon::start(&world.config("away", "drain_timeout = 2"), "away");
        world.queue(0..1000).await;
        more(&world, 200).await;
        if hangs {
            world.cluster.signal("STOP");
        } else {
            world.cluster.stop().await;
        }
        assert_eq!(daemon.stop().await, Some(1), "hangs: {hangs}");
        // The SMSC was told properly all the same.
        assert_eq!(world.sim.ledger().counts().unbinds, 1);
        if hangs {
            world.cluster.signal("CONT");
        } else {
            world.cluster.start_again().await;
            world.reconnect().await;
        }
        let _daemon = world.daemon();
        let audit = world.all_sent(1000).await;
        // What was answered and not recorded.
        assert!(audit.flagged > 0, "{audit:?}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let world = World::with(|behaviour| behaviour.mute.submits = true).await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    world.queue(0..20).await;
    world
        .until_ledger("a window", |records| records.counts().submits == 10)
        .await;
    daemon.signal("TERM");
    let asked = Instant::now();
    daemon.until_logged("stopping").await;
    assert!(daemon.is_running());
    daemon.signal("TERM");
    assert_eq!(daemon.wait(Duration::from_secs(20)).await.code(), Some(1));
    // Not the drain_timeout of 30 s.
    assert!(asked.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn sigterm_in_standby() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let mut first = Daemon::start(&world.config("first", ""), "first");
    world.until_bound().await;
    let mut second = Daemon::start(&world.config("second", ""), "second");
    second.until_logged("standing by").await;
    assert_eq!(second.stop().await, Some(0));
    assert!(first.is_running());
    world.queue(0..5).await;
    world.all_sent(5).await;
    assert_eq!(first.stop().await, Some(0));
    assert_eq!(world.sim.ledger().counts().connections, 1);
}

#[tokio::test]
async fn sigterm_while_there_is_no_session() {
    // Waiting after a refused connection, and after refused credentials.
    let world = World::with(|behaviour| {
        behaviour.bind_status = Some(CommandStatus::ESME_RINVPASWD);
    })
    .await;
    world.enable_sim("", "").await;
    world.queue(0..5).await;
    let mut daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = 'waiting')")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    world.sim.stop().await;
    let mut daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'connection_failed')")
        .await;
    assert_eq!(daemon.stop().await, Some(0));

    // Waiting for the bind response.
    world.sim.restart().unwrap();
    world.sim.behave(|behaviour| {
        behaviour.bind_status = None;
        behaviour.mute.binds = true;
    });
    let mut daemon = world.daemon();
    let binds = world.sim.ledger().counts().binds;
    world
        .until_ledger("a bind", |records| records.counts().binds > binds)
        .await;
    assert_eq!(daemon.stop().await, Some(0));

    // Waiting for the connection: nobody takes it out of the queue of a full listener.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    socket2::SockRef::from(&listener).listen(0).unwrap();
    let _full: Vec<_> = (0..4)
        .filter_map(|_| {
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()
        })
        .collect();
    world
        .sql(&format!(
            "UPDATE smpp_servers SET port = {}",
            address.port()
        ))
        .await;
    let mut daemon = world.daemon();
    world
        .until("SELECT session_state = 'connecting' FROM smpp_status")
        .await;
    assert_eq!(daemon.stop().await, Some(0));

    // No server at all.
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    let mut daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'no_server')")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    let audit = world.audit().await;
    assert_eq!(audit.count("waiting"), 5);
}

#[tokio::test]
async fn sigterm_and_then_the_lease_is_lost() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_secs(4)).await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    world.queue(0..20).await;
    world
        .until_ledger("a window", |records| records.counts().submits == 10)
        .await;
    daemon.signal("TERM");
    world
        .sql("UPDATE smpp_status SET epoch = epoch + 1, holder = 'elsewhere', lease_expires_at = now() + interval '1 hour'")
        .await;
    let status = daemon.wait(Duration::from_secs(30)).await;
    assert!(status.code().is_some());
    // What was in flight is the successor's to resolve, or is in doubt.
    assert_eq!(world.sim.ledger().count(), 10);
}

#[tokio::test]
async fn the_first_signal_after_the_lease_was_lost_is_no_second_one() {
    let world = World::with(hold_answers).await;
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    let mut daemon = world.daemon();
    world.send("27820001100", "its row is locked").await;
    world
        .until_ledger("the message", |records| records.counts().submits == 1)
        .await;
    // What can't be recorded keeps the daemon from standing by.
    let user = world.connection("postgres").await;
    user.batch_execute("BEGIN; UPDATE smpp_tx_queue SET client_ref = 'mine'")
        .await
        .unwrap();
    let_answers_go(&world.sim);
    world
        .until_ledger("its answer", |records| records.counts().accepted == 1)
        .await;
    world
        .sql("UPDATE smpp_status SET epoch = epoch + 1, holder = 'elsewhere', lease_expires_at = now() + interval '1 hour'")
        .await;
    daemon
        .until_logged("the lease of the lane is another")
        .await;
    daemon.signal("TERM");
    daemon.until_logged("stopping, as soon as").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(daemon.is_running(), "{}", daemon.log());
    user.batch_execute("ROLLBACK").await.unwrap();
    let status = daemon.wait(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0));
    assert!(!daemon.log().contains("second signal"), "{}", daemon.log());
}
