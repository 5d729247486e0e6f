//! SIGHUP: the configuration is read again.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Cluster, Daemon, LISTENERS, World, hold_answers, let_answers_go};

fn text(cluster: &Cluster, more: &str) -> String {
    format!("[database]\nhost = {:?}\n{more}\n", cluster.host())
}

async fn details(world: &World) -> Value {
    world
        .one("SELECT details FROM smpp_events WHERE type = 'config_reloaded' ORDER BY id DESC LIMIT 1")
        .await
}

#[tokio::test]
async fn a_reload_tells_what_holds_and_what_needs_a_restart() {
    let world = World::new().await;
    let write = |more: &str| world.config_text("esmed", &text(&world.cluster, more));
    let config = write("port = 5432\n[log]\nlevel = \"info\"");
    let mut daemon = Daemon::start(&config, "esmed");
    world.enable_sim("", "").await;
    world.until_bound().await;
    assert!(!daemon.log().contains("DEBUG"), "{}", daemon.log());

    write(
        "port = 5433\nname = \"other\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n[daemon]\npoll_interval = 7\nmax_unrecorded = 5\n[retention]\nevents = 400",
    );
    daemon.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    let details = details(&world).await;
    assert_eq!(
        details,
        serde_json::json!({
            "changed": ["[daemon] poll_interval", "[log] level", "[log] format", "[retention] events"],
            "needs_restart": ["[database] port", "[database] name", "[daemon] max_unrecorded"],
        })
    );
    let message: String = world
        .one("SELECT message FROM smpp_events WHERE type = 'config_reloaded'")
        .await;
    assert!(
        message.ends_with(
            "; needs a restart: [database] port, [database] name, [daemon] max_unrecorded"
        ),
        "{message}"
    );
    // From here on the log is JSON, and has lines of the level debug.
    world.until_listening().await;
    world
        .sql(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}"))
        .await;
    daemon.until_logged("\"level\":\"debug\"").await;
    let log = daemon.log();
    let line = log
        .lines()
        .find(|line| line.contains("config_reloaded"))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "info");
    assert_eq!(line["type"], "config_reloaded");
    assert_eq!(line["component"], "daemon");

    // The session stays, and the same file brings nothing new but what still needs a restart.
    daemon.signal("HUP");
    world.until_events("config_reloaded", 2).await;
    assert_eq!(
        self::details(&world).await["changed"],
        serde_json::json!([])
    );
    let id = world.send("447911123400", "still here").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.events("bound").await, 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_file_with_an_error_is_refused_as_a_whole() {
    let world = World::new().await;
    let good = text(&world.cluster, "[log]\nlevel = \"info\"");
    let config = world.config_text("esmed", &good);
    let mut daemon = Daemon::start(&config, "esmed");
    world.enable_sim("", "").await;
    world.until_bound().await;
    let wrong = [
        (
            text(
                &world.cluster,
                "[log]\nlevel = \"debug\"\n[retention]\nevents = 0",
            ),
            "[retention] events",
        ),
        ("[log]\nlevel = \"debug\"\n[deamon]\n".to_owned(), "deamon"),
        ("[log]\nlevel = debug\n".to_owned(), "line 2"),
    ];
    for (number, (text, named)) in (1..).zip(&wrong) {
        world.config_text("esmed", text);
        daemon.signal("HUP");
        world.until_events("config_refused", number).await;
        let (message, status): (String, String) = {
            let rows = world
                .rows("SELECT message, status FROM smpp_events WHERE type = 'config_refused' ORDER BY id DESC LIMIT 1", &[])
                .await;
            (rows[0].get(0), rows[0].get(1))
        };
        assert!(message.contains(named), "{message}");
        assert_eq!(status, "degraded");
    }
    fs::remove_file(&config).unwrap();
    daemon.signal("HUP");
    world.until_events("config_refused", 4).await;
    assert!(!daemon.log().contains("DEBUG"), "{}", daemon.log());
    world.config_text("esmed", &good);
    daemon.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    assert_eq!(details(&world).await["changed"], serde_json::json!([]));
    assert_eq!(world.events("bound").await, 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn variables_still_override_after_a_reload() {
    let world = World::new().await;
    let config = world.config_text("esmed", &text(&world.cluster, "[log]\nlevel = \"info\""));
    let mut daemon = Daemon::start_with(&config, "esmed", &[("ESMED_LOG_LEVEL", "warn")]);
    world.until_events("no_server", 1).await;
    world.config_text(
        "esmed",
        &text(
            &world.cluster,
            "[log]\nlevel = \"debug\"\n[daemon]\ndrain_timeout = 3",
        ),
    );
    daemon.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    assert_eq!(
        details(&world).await["changed"],
        serde_json::json!(["[daemon] drain_timeout"])
    );
    assert!(!daemon.log().contains("INFO"), "{}", daemon.log());
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_shorter_poll_interval_holds_at_once() {
    let world = World::new().await;
    // Without notifications only the poll finds a message.
    world
        .sql("ALTER TABLE smpp_tx_queue DISABLE TRIGGER USER")
        .await;
    let with = |seconds: u32| {
        let more = format!("[daemon]\npoll_interval = {seconds}");
        world.config_text("esmed", &text(&world.cluster, &more))
    };
    world.enable_sim("", "").await;
    let mut daemon = Daemon::start(&with(86_400), "esmed");
    world.until_bound().await;
    let first = world.send("447911123400", "first").await;
    with(1);
    daemon.signal("HUP");
    world.until_status(first, "sent").await;
    let second = world.send("447911123400", "second").await;
    world.until_status(second, "sent").await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_daemon_that_stands_by_reads_it_again_too() {
    let world = World::new().await;
    let mut first = Daemon::start(
        &world.config_text("first", &text(&world.cluster, "")),
        "first",
    );
    world.until_events("no_server", 1).await;
    let config = world.config_text("second", &text(&world.cluster, ""));
    let mut second = Daemon::start(&config, "second");
    second.until_logged("standing by").await;
    world.config_text(
        "second",
        &text(&world.cluster, "[daemon]\ndrain_timeout = 3"),
    );
    second.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    world.config_text("second", "drain_timeout = 3");
    second.signal("HUP");
    world.until_events("config_refused", 1).await;
    assert_eq!(second.stop().await, Some(0));
    assert_eq!(first.stop().await, Some(0));
}

#[tokio::test]
async fn while_postgres_is_away_it_is_read_and_told_later() {
    let mut world = World::new().await;
    let config = world.config_text("esmed", &text(&world.cluster, ""));
    let mut daemon = Daemon::start(&config, "esmed");
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.cluster.stop_fast().await;
    world.config_text("esmed", &text(&world.cluster, "[log]\nformat = \"json\""));
    daemon.signal("HUP");
    daemon.until_logged("config_reloaded").await;
    world.cluster.start_again().await;
    world.reconnect().await;
    world.until_events("config_reloaded", 1).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_hangup_during_the_drain_does_not_end_it() {
    let world = World::with(hold_answers).await;
    let config = world.config_text(
        "esmed",
        &text(&world.cluster, "[daemon]\ndrain_timeout = 30"),
    );
    let mut daemon = Daemon::start(&config, "esmed");
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    world.until_bound().await;
    let id = world.send("447911123400", "its answer is late").await;
    world
        .until_ledger("the message", |records| records.submits().len() == 1)
        .await;
    daemon.signal("TERM");
    daemon.until_logged("stopping: no new submits").await;
    daemon.signal("HUP");
    world.until_events("config_reloaded", 1).await;
    assert!(daemon.is_running());
    let_answers_go(&world.sim);
    assert_eq!(daemon.wait(Duration::from_secs(60)).await.code(), Some(0));
    assert_eq!(world.status(id).await, "sent");
}

/// A PostgreSQL that takes connections and says nothing.
#[tokio::test]
async fn a_hangup_before_the_database_is_reached_does_not_end_it() {
    let world = World::new().await;
    world.cluster.signal("STOP");
    let config = world.config_text("esmed", &text(&world.cluster, ""));
    let mut daemon = Daemon::start(&config, "esmed");
    daemon.until_caught(1).await;
    daemon.signal("HUP");
    daemon.until_logged("config_reloaded").await;
    assert!(daemon.is_running());
    world.cluster.signal("CONT");
    world.until_events("no_server", 1).await;
    world.until_events("config_reloaded", 1).await;
    assert_eq!(daemon.stop().await, Some(0));
}

/// The file lies on a disk that is away, say: here somebody has it open for writing and writes nothing.
#[tokio::test]
async fn a_file_that_hangs_does_not_keep_the_daemon_from_ending() {
    let world = World::new().await;
    let config = world.config_text("esmed", &text(&world.cluster, ""));
    let mut daemon = Daemon::start(&config, "esmed");
    world.until_events("no_server", 1).await;
    fs::remove_file(&config).unwrap();
    let made = Command::new("mkfifo").arg(&config).status().unwrap();
    assert!(made.success());
    daemon.signal("HUP");
    // Without O_NONBLOCK it would wait for a reader, and with it it fails until there is one.
    const O_NONBLOCK: i32 = 0o4000;
    let until = Instant::now() + Duration::from_secs(60);
    let _writer = loop {
        let open = fs::File::options()
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open(&config);
        match open {
            Ok(writer) => break writer,
            Err(_) => assert!(Instant::now() < until, "it never reads its file"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(daemon.stop().await, Some(0));
}
