//! Files that are missing, wrong, or replaced.

use std::fs;

use super::{Authority, files, last_event, point, secured, told, world, write};

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_may_be_mended() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let path = world.folder().join("late.pem");
    let late = path.display();
    let right = files(&world, "own", &authority.issue(&["esmed"]));
    let (certificate, key) = (right.certificate.display(), right.key.display());
    let mut daemon = world.daemon();
    world.until_bound().await;
    let empty = write(&world, "empty.pem", "");
    let folder = world.folder().display();
    for (columns, words) in [
        (
            format!("esme_tls_ca_file = '{folder}'"),
            format!("esme_tls_ca_file: {folder} is not a file"),
        ),
        (
            format!("esme_tls_ca_file = '{}'", empty.display()),
            "empty.pem holds no certificate".to_owned(),
        ),
        (
            format!("esme_tls_ca_file = '{key}'"),
            "own.key holds no certificate".to_owned(),
        ),
        (
            format!("esme_tls_cert_file = '{certificate}', esme_tls_key_file = '{certificate}'"),
            "esme_tls_key_file: ".to_owned(),
        ),
        (
            format!("esme_tls_cert_file = '{certificate}', esme_tls_key_file = '{late}'"),
            format!("esme_tls_key_file: can''t read {late}"),
        ),
    ] {
        let before = last_event(&world).await;
        let ca = world.folder().join("ca.pem");
        let ca = format!("esme_tls_ca_file = '{}'", ca.display());
        let reset = "esme_tls_cert_file = NULL, esme_tls_key_file = NULL";
        let all = if columns.contains("ca_file") {
            format!("{columns}, {reset}")
        } else {
            format!("{ca}, {columns}")
        };
        point(&world, &world.sim, &all).await;
        told(&world, "connection_failed", before, &words).await;
    }
    assert_eq!(world.events("server_unusable").await, 0);
    // It comes into being, and the daemon finds it by itself.
    let before = last_event(&world).await;
    fs::copy(&right.key, &path).unwrap();
    told(&world, "bound", before, "").await;
    assert!(daemon.is_running());
    let log = daemon.log();
    let key = fs::read_to_string(&right.key).unwrap();
    let body = key.lines().nth(1).unwrap();
    assert!(!log.contains(body), "nothing of a key is logged");
}

#[tokio::test]
async fn files_that_are_replaced_are_used_by_the_next_connection() {
    let old = Authority::new("old authority");
    let new = Authority::new("new authority");
    let world = world(&old, |_| {}).await;
    let tls = files(&world, "server", &old.issue(&["127.0.0.1"]));
    let sim = secured(tls);
    point(&world, &sim, "esme_tls = TRUE").await;
    let _daemon = world.daemon();
    world.until_bound().await;
    // The server is first.
    files(&world, "server", &new.issue(&["127.0.0.1"]));
    assert_eq!(sim.drop_connections(), 1);
    told(&world, "connection_failed", 0, "issued by CN=new authority").await;
    let before = last_event(&world).await;
    write(&world, "ca.pem", &format!("{}{}", old.pem(), new.pem()));
    told(&world, "bound", before, "").await;
    let id = world.send("447911123400", "by the new one").await;
    world.until_state(id, "DELIVERED").await;
}
