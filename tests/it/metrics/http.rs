//! Paths, and clients that mean no good.

use std::net::TcpListener;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Pages, watched, watched_at};
use crate::support::{World, esmed};

#[tokio::test]
async fn ready_is_bound_with_a_database_and_says_why_not() {
    let mut world = World::new().await;
    let (_first, pages) = watched(&world, "first");
    let says = |why: &'static str| move |it: &super::Answer| it.status == 503 && it.body == why;
    pages
        .until("/ready", "said why", says("no server is enabled\n"))
        .await;
    assert_eq!(pages.get("/health").await.status, 200);

    world.enable_sim("", "").await;
    let ready = |it: &super::Answer| it.status == 200 && it.body == "ready\n";
    pages.until("/ready", "was ready", ready).await;

    let (mut second, standby) = watched(&world, "second");
    standby
        .until("/ready", "stood by", |it| {
            it.status == 503
                && it.body.starts_with("standing by: ")
                && it.body.ends_with(" serves the lane\n")
        })
        .await;
    assert_eq!(standby.get("/health").await.status, 200);
    assert!(standby.get("/").await.body.contains("standing by"));
    let scraped = standby.get("/metrics").await.body;
    assert!(scraped.contains("esmed_lease_held{lane=\"default\"} 0"));
    assert!(!scraped.contains("esmed_queue_messages{"), "{scraped}");
    assert_eq!(second.stop().await, Some(0));

    world.cluster.stop().await;
    pages
        .until("/ready", "said why", says("the database is away\n"))
        .await;
    assert_eq!(pages.get("/health").await.status, 200);
    let scraped = pages.get("/metrics").await.body;
    assert!(scraped.contains("esmed_database_up{lane=\"default\"} 0"));
    pages
        .until("/status.json", "knew no queue", |it| {
            it.body.contains("\"queue\":null")
        })
        .await;
    world.cluster.start_again().await;
    world.reconnect().await;
    pages.until("/ready", "was ready", ready).await;

    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    pages
        .until("/ready", "said why", says("no server is enabled\n"))
        .await;
}

#[tokio::test]
async fn only_what_is_there_is_answered_and_with_headers() {
    let world = World::new().await;
    let (_daemon, pages) = watched(&world, "esmed");
    let page = pages.until("/", "answered", |it| it.status == 200).await;
    for header in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; script-src 'sha256-",
        "frame-ancestors 'none'",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert!(!page.head.contains("unsafe-inline"));
    let head = pages
        .send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(pages.get("/../etc/passwd").await.status, 404);
    assert_eq!(pages.get("/favicon.ico").await.status, 404);
    let posted = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc";
    let answer = pages.send(posted).await.unwrap();
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: get, head"));
    // Whoever asks, and by whatever name.
    let old = pages.send(b"GET /health HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(old.status, 200);
}

#[tokio::test]
async fn clients_that_are_slow_or_talk_nonsense_do_no_harm() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let (mut daemon, pages) = watched(&world, "esmed");
    pages
        .until("/ready", "was ready", |it| it.status == 200)
        .await;
    // More than there are places, and none of them says what it wants.
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(pages.address).await.unwrap();
        stream.write_all(b"GET /metr").await.unwrap();
        slow.push(stream);
    }
    let long = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'y'; 100_000]].concat();
    for nonsense in [
        b"\x00\x00\x00\x10\x00\x00\x00\x09".as_slice(),
        b"\r\n",
        &long,
    ] {
        let mut stream = TcpStream::connect(pages.address).await.unwrap();
        // It may be cut off while it talks.
        let _ = stream.write_all(nonsense).await;
        slow.push(stream);
    }
    let id = world.send("447911123400", "Hello").await;
    world.until_status(id, "sent").await;
    // They are cut off, and there is place again.
    assert_eq!(pages.get("/health").await.status, 200);
    assert!(daemon.is_running());
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_does_not_stop_messages_and_is_told() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let pages = Pages::free();
    let other = TcpListener::bind(pages.address).unwrap();
    let daemon = watched_at(&world, "esmed", pages);
    let id = world.send("447911123400", "Hello").await;
    world.until_status(id, "sent").await;
    world.until_events("metrics_failed", 1).await;
    let said = format!("[metrics] can't listen on {}: ", pages.address);
    assert!(daemon.log().contains(&said), "{said}");

    let config = world.folder().join("esmed.toml").display().to_string();
    let checked = esmed(&["check-config", "--config", &config]).await;
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("metrics: can't listen on"), "{said}");
    assert_eq!(checked.status.code(), Some(1));

    drop(other);
    pages
        .until("/ready", "was ready", |it| it.status == 200)
        .await;
    world.until_events("metrics_resumed", 1).await;
    let checked = esmed(&["check-config", "--config", &config]).await;
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("is served by esmed already"), "{said}");
    assert_eq!(checked.status.code(), Some(0));
}

#[tokio::test]
async fn a_daemon_that_waits_for_a_migration_says_what_to_run() {
    let world = World::new().await;
    world
        .sql("ALTER SCHEMA public RENAME TO aside; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
        .await;
    let (mut daemon, pages) = watched(&world, "esmed");
    let answer = pages
        .until("/ready", "waited", |it| it.body.starts_with("waiting: "))
        .await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("esmed migrate"), "{}", answer.body);
    assert_eq!(pages.get("/health").await.status, 200);
    let status = pages.get("/status.json").await.body;
    assert!(status.contains("\"role\":\"waiting\""), "{status}");
    // Meanwhile its file may change, which is told as soon as there is where to.
    daemon.signal("HUP");
    daemon.until_logged("config_reloaded").await;
    world
        .sql("DROP SCHEMA public; ALTER SCHEMA aside RENAME TO public")
        .await;
    pages
        .until("/ready", "went on", |it| {
            it.body == "no server is enabled\n"
        })
        .await;
    world.until_events("config_reloaded", 1).await;
    assert_eq!(daemon.stop().await, Some(0));
}
