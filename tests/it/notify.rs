//! What a service manager is told, through a socket as systemd gives it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::support::{Daemon, World, hold_answers, let_answers_go};

const PATIENCE: Duration = Duration::from_secs(60);

/// The manager's end of the socket, and what came out of it.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    seen: Vec<String>,
    /// What was waited for is before this.
    next: usize,
}

impl Manager {
    fn new(world: &World, name: &str) -> Self {
        let path = world.folder().join(format!("{name}.socket"));
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self {
            socket,
            path,
            seen: Vec::new(),
            next: 0,
        }
    }

    /// A daemon under this manager.
    fn start(&self, world: &World, name: &str) -> Daemon {
        let config = world.config(name, "");
        let socket = self.path.to_str().expect("a path");
        // systemd takes a third of this for its own patience; here it makes the daemon talk.
        let environment = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "300000")];
        Daemon::start_with(&config, name, &environment)
    }

    /// Waits for an assignment behind the last that was waited for.
    async fn until(&mut self, wanted: &str) {
        let look = async {
            let mut datagram = [0; 4096];
            loop {
                let ahead = &self.seen[self.next..];
                if let Some(place) = ahead.iter().position(|line| line == wanted) {
                    self.next += place + 1;
                    return;
                }
                let octets = self.socket.recv(&mut datagram).await.expect("a datagram");
                let text = std::str::from_utf8(&datagram[..octets]).expect("UTF-8");
                self.seen.extend(text.lines().map(str::to_owned));
            }
        };
        let found = timeout(PATIENCE, look).await.is_ok();
        let mut seen = self.seen.clone();
        seen.dedup();
        assert!(found, "never {wanted:?} but {seen:#?}");
    }

    fn place(&self, wanted: &str) -> Option<usize> {
        self.seen.iter().position(|line| line == wanted)
    }
}

#[tokio::test]
async fn the_service_manager_hears_of_start_session_and_end() {
    let world = World::with(hold_answers).await;
    let mut manager = Manager::new(&world, "first");
    let mut daemon = manager.start(&world, "first");
    // Before there is any server to bind to.
    manager.until("READY=1").await;
    manager
        .until("STATUS=no server is enabled, 0 waiting")
        .await;
    // A name must not become an assignment of its own.
    world
        .enable_sim(
            ", name, esme_window_size, esme_registered_delivery",
            ", E'My SMSC\\nREADY=1', 1, TRUE",
        )
        .await;
    let port = world.sim.addr().port();
    let bound = format!("STATUS=bound to My SMSC READY=1 (127.0.0.1:{port})");
    manager.until(&format!("{bound}, 0 waiting")).await;
    manager.until("WATCHDOG=1").await;

    world.insert(3).await;
    manager.until(&format!("{bound}, 3 waiting")).await;
    world
        .until_ledger("the submit", |records| records.submits().len() == 1)
        .await;
    daemon.signal("TERM");
    manager.until("STOPPING=1").await;
    manager
        .until("STATUS=draining: what is under way is awaited")
        .await;
    // However long it takes, it may: the unit's patience is not over while answers are awaited.
    manager.until("EXTEND_TIMEOUT_USEC=30000000").await;
    manager.until("WATCHDOG=1").await;
    let_answers_go(&world.sim);
    assert_eq!(daemon.wait(PATIENCE).await.code(), Some(0));
    let ready = manager.seen.iter().filter(|line| *line == "READY=1");
    assert_eq!(ready.count(), 1, "{:#?}", manager.seen);
    assert!(manager.place("READY=1") < manager.place("STOPPING=1"));
}

#[tokio::test]
async fn who_stands_by_or_has_lost_the_database_is_ready_and_feeds_the_watchdog() {
    let world = World::new().await;
    let mut first_manager = Manager::new(&world, "first");
    let first = first_manager.start(&world, "first");
    world.enable_sim("", "").await;
    world.until_bound().await;
    let holder: String = world.one("SELECT holder FROM smpp_status").await;
    let holder = holder.split(' ').next().expect("a host");

    let mut manager = Manager::new(&world, "second");
    let mut second = manager.start(&world, "second");
    manager.until("READY=1").await;
    let standing_by = format!("STATUS=standing by: {holder} serves the lane");
    manager.until(&standing_by).await;
    for _ in 0..5 {
        manager.until("WATCHDOG=1").await;
    }
    assert_eq!(second.stop().await, Some(0));
    manager.until("STOPPING=1").await;

    world.cluster.stop().await;
    let port = world.sim.addr().port();
    let away = format!("STATUS=database away; bound to 127.0.0.1:{port}");
    first_manager.until(&away).await;
    for _ in 0..5 {
        first_manager.until("WATCHDOG=1").await;
    }
    world.cluster.start_again().await;
    let back = format!("STATUS=bound to 127.0.0.1:{port}, 0 waiting");
    first_manager.until(&back).await;
    drop(first);
}

#[tokio::test]
async fn a_reload_is_told_from_its_beginning_to_its_end() {
    let world = World::new().await;
    let mut manager = Manager::new(&world, "esmed");
    let mut daemon = manager.start(&world, "esmed");
    manager.until("READY=1").await;
    let good = world.config("esmed", "");
    for wrong in [false, true] {
        if wrong {
            std::fs::write(&good, "[deamon]\n").expect("a file");
        }
        let from = monotonic_usec();
        daemon.signal("HUP");
        manager.until("RELOADING=1").await;
        // In the same datagram, so that the manager knows which of its signals it answers.
        let time = manager.seen[manager.next].strip_prefix("MONOTONIC_USEC=");
        let time: u64 = time.expect("a time").parse().expect("microseconds");
        manager.until("READY=1").await;
        assert!((from..=monotonic_usec()).contains(&time), "{from} {time}");
    }
    world.until_events("config_refused", 1).await;
    assert_eq!(daemon.stop().await, Some(0));
    manager.until("STOPPING=1").await;
    let behind = &manager.seen[manager.next..];
    assert!(!behind.iter().any(|line| line == "READY=1"), "{behind:#?}");
}

fn monotonic_usec() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1000).expect("a time")
}
