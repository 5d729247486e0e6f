//! URLs of databases: heeded as a whole, or refused.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{application, err, run};
use crate::support::{World, esmed};

#[tokio::test]
async fn what_as_does_not_heed_is_refused_before_anything_is_done() {
    let world = World::new().await;
    application(&world).await;
    let host = world.cluster.host();
    symlink(".s.PGSQL.5432", Path::new(&host).join(".s.PGSQL.54991")).unwrap();
    for (rest, word) in [
        ("/esmed?channel_binding=require", "channel_binding"),
        ("db.invalid/esmed?hostaddr=127.0.0.1", "hostaddr"),
        ("127.0.0.1:1,127.0.0.1:54991/esmed", "ports differ"),
        (
            "/esmed?target_session_attrs=read-only",
            "target_session_attrs",
        ),
        ("/esmed?options=-c%20work_mem%3D1MB", "options"),
        ("/esmed?sslmode=verify-full", "sslrootcert"),
    ] {
        let url = format!("postgresql://app:Geheim9@{rest}");
        for command in [
            &["send", "--as", &url, "447911123400", "x"][..],
            &["doctor", "--as", &url, "--to", "447911123400"],
        ] {
            let refused = run(&world, command).await;
            let said = err(&refused);
            // What depends on the file as well is found on the way.
            if command[0] == "send" || word != "sslrootcert" {
                assert_eq!(refused.status.code(), Some(2), "{command:?}: {refused:?}");
                assert!(said.contains(word) && said.contains("--as"), "{said}");
                assert_eq!(said.lines().count(), 1, "{said}");
            }
            assert!(!said.contains("Geheim9"), "{said}");
        }
    }
    let rows = "SELECT count(*) FROM smpp_tx_queue";
    assert_eq!(world.one::<i64>(rows).await, 0);
    // The parameters take the place of what stands before them, as for libpq.
    for url in [
        format!(
            "postgresql://app@/esmed?host={host}&port=54991&application_name=shop&connect_timeout=3"
        ),
        format!("postgresql://app@db.invalid:1/esmed?host={host}&port=54991"),
        format!("postgresql://app@/esmed?host={host},db.invalid"),
    ] {
        let sent = run(&world, &["send", "--as", &url, "447911123400", "x"]).await;
        assert_eq!(sent.status.code(), Some(0), "{url}: {sent:?}");
    }
    assert_eq!(world.one::<i64>(rows).await, 3);
}

#[tokio::test]
async fn a_url_in_the_place_of_a_host_is_refused_and_not_shown() {
    let world = World::new().await;
    for host in ["postgresql://u:Geheim9@127.0.0.1/d", "u:Geheim9@127.0.0.1"] {
        let config = world.config_text("url", &format!("[database]\nhost = {host:?}\n"));
        let config = config.to_str().unwrap();
        for command in ["run", "check-config", "status"] {
            let refused = esmed(&[command, "--config", config]).await;
            assert_eq!(refused.status.code(), Some(1), "{refused:?}");
            let said = err(&refused);
            assert!(said.contains("[database] host must be a name"), "{said}");
            assert!(!said.contains("Geheim9"), "{said}");
        }
    }
}
