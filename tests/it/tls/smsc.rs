//! Messages through TLS, versions, and ports that speak something else.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use esmed::sim::{Tls, TlsVersion};

use super::{Authority, files, last_event, point, secured, told, world};
use crate::support::simulator;

#[tokio::test]
async fn a_message_and_its_receipt_go_through_tls_of_either_version() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let _daemon = world.daemon();
    let id = world.send("447911123400", "through TLS").await;
    world.until_state(id, "DELIVERED").await;
    let tls = files(&world, "one", &authority.issue(&["127.0.0.1"]));
    for (version, words) in [
        (TlsVersion::V12, "over TLS 1.2 (TLS_ECDHE_"),
        (TlsVersion::V13, "over TLS 1.3 (TLS13_"),
    ] {
        let sim = secured(Tls {
            version: Some(version),
            ..tls.clone()
        });
        let before = last_event(&world).await;
        point(&world, &sim, "esme_password = 'password'").await;
        told(&world, "binding", before, words).await;
        let id = world.send("447911123400", "through TLS").await;
        world.until_state(id, "DELIVERED").await;
        assert_eq!(sim.ledger().count(), 1);
    }
    assert_eq!(world.events("connection_failed").await, 0);
    assert_eq!(world.events("tls_unverified").await, 0);
    assert_eq!(world.events("certificate_expires").await, 0);
}

#[tokio::test]
async fn a_port_without_tls_and_one_with_it_are_told_apart() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let plain = simulator(|_| {});
    point(&world, &plain, "esme_tls = TRUE").await;
    let mut daemon = world.daemon();
    let words = format!("is port {} the one for TLS?", plain.addr().port());
    told(&world, "connection_failed", 0, &words).await;
    // And the other way round.
    point(&world, &world.sim, "esme_tls = FALSE").await;
    told(&world, "bind_failed", 0, "esme_tls").await;
    assert!(daemon.is_running());
    point(&world, &world.sim, "esme_tls = TRUE").await;
    world.until_bound().await;
}

#[tokio::test]
async fn a_close_of_either_side_and_a_lost_connection_are_as_without_tls() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    // Its close_notify, and then none.
    assert_eq!(world.sim.unbind_all(), 1);
    told(&world, "connection_lost", 0, "unbind from the SMSC").await;
    world.until_events("bound", 2).await;
    world.sim.stop().await;
    told(&world, "connection_lost", 0, "connection lost").await;
    world.sim.restart().unwrap();
    world.until_events("bound", 3).await;
    assert_eq!(world.sim.drop_connections(), 1);
    world.until_events("bound", 4).await;
    let id = world.send("447911123400", "after all that").await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(daemon.stop().await, Some(0));
    let counts = world.sim.ledger().counts();
    assert_eq!(counts.unbinds, 1, "the last unbind arrived through TLS");
}

#[tokio::test]
async fn a_server_that_is_silent_or_hangs_up_is_told_and_tried_again() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    world
        .sql(&format!(
            "UPDATE smpp_servers SET port = {port}, smpp_session_init_timer = 1"
        ))
        .await;
    let _daemon = world.daemon();
    let (held, _) = silent.accept().await.unwrap();
    let words = format!("no answer to the TLS handshake in time; is port {port} the one for TLS?");
    told(&world, "connection_failed", 0, &words).await;
    drop(held);
    let (mut next, _) = silent.accept().await.unwrap();
    // It reads the hello, so that its close is no reset.
    let mut hello = [0; 4096];
    assert!(next.read(&mut hello).await.unwrap() > 0);
    drop(next);
    let words = "ended the connection within the TLS handshake";
    told(&world, "connection_failed", 0, words).await;
    point(&world, &world.sim, "smpp_session_init_timer = 30").await;
    world.until_bound().await;
}

#[tokio::test]
async fn a_handshake_that_hangs_holds_up_no_end() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    world
        .sql(&format!(
            "UPDATE smpp_servers SET port = {port}, smpp_session_init_timer = 3600"
        ))
        .await;
    let mut daemon = world.daemon();
    let (_held, _) = silent.accept().await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(world.events("connection_failed").await, 0);
}
