//! Databases and connections that can't be migrated, old values that this version would refuse, and what is said of them.

use super::{OLD_SCHEMA, connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::esmed;

#[tokio::test]
async fn who_may_not_is_told_what_to_run() {
    let world = old_world().await;
    let config = world.config("esmed", "");
    let command = format!(
        "sudo -u postgres esmed migrate --as 'postgresql:///esmed?host={}'",
        world.cluster.host()
    );
    let line = refused(&esmed(&["migrate", "--config", config.to_str().unwrap()]).await);
    assert!(
        line.contains("the role \"esmed\" may not change the tables of esmed in \"esmed\", which belong to \"postgres\"")
            && line.contains(&command),
        "{line}"
    );
    run(&world.db, "DROP TABLE smpp_servers, smpp_tx_queue, smpp_rx_queue; REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let line = refused(&esmed(&["migrate", "--config", config.to_str().unwrap()]).await);
    assert!(
        line.contains("may not create tables") && line.contains(&command),
        "{line}"
    );
    let line = refused(&esmed(&["migrate", "--as", &url(&world, "esmed", "esmed")]).await);
    assert!(
        line.trim_end().ends_with("Run this as the owner of the database or as a superuser; for esmed migrate name that role by --as."),
        "{line}"
    );
}

#[tokio::test]
async fn passwords_are_never_told() {
    let world = old_world().await;
    let host = world.cluster.host();
    for url in [
        format!("postgresql://nobody:Geheim9@/esmed?host={host}"),
        "postgresql://nobody:Geheim9@localhost:1/esmed?connect_timeout=2".to_owned(),
    ] {
        let line = refused(&esmed(&["migrate", "--as", &url]).await);
        assert!(!line.contains("Geheim9"), "{line}");
    }
    let data: String = world.one("SHOW data_directory").await;
    run(
        &world.db,
        &format!(
            "CREATE ROLE asked LOGIN PASSWORD 'Geheim9';
             COPY (VALUES ('local all asked scram-sha-256'), ('local all all trust')) TO '{data}/pg_hba.conf'"
        ),
    )
    .await;
    run(&world.db, "SELECT pg_reload_conf()").await;
    world
        .until("SELECT count(*) = 2 FROM pg_hba_file_rules WHERE pg_conf_load_time() > pg_postmaster_start_time()")
        .await;
    let line = refused(&esmed(&["migrate", "--as", &url(&world, "esmed", "asked")]).await);
    assert!(
        line.contains("asks for a password, and there is none: set PGPASSWORD"),
        "{line}"
    );
    for url in [
        "postgresql://nobody:Geheim9@localhost:port/esmed",
        "postgresql://nobody:Geheim9@localhost/esmed?nonsense=1",
        "nobody:Geheim9",
    ] {
        let output = esmed(&["migrate", "--as", url]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(
            line.starts_with("esmed: --as ") && line.lines().count() == 1,
            "{line}"
        );
        assert!(!line.contains("Geheim9"), "{line}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused_with_what_to_do() {
    let world = old_world().await;
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let name = encoding.to_lowercase();
        run(
            &world.db,
            &format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"),
        )
        .await;
        let db = connect(&world, &name, "postgres").await;
        run(&db, OLD_SCHEMA).await;
        let line = refused(&esmed(&["migrate", "--as", &url(&world, &name, "postgres")]).await);
        assert!(
            line.contains(&format!("is {encoding}")) && line.contains("pg_dump"),
            "{line}"
        );
        let config = world.config_text(
            "other",
            &format!(
                "[database]\nhost = {:?}\nname = {name:?}\n",
                world.cluster.host()
            ),
        );
        // Waiting would not help: the daemon ends.
        let line = refused(&esmed(&["run", "--config", config.to_str().unwrap()]).await);
        assert!(
            line.contains(&format!("has the encoding {encoding}; copy it by pg_dump")),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_daemon_of_0_1_1_that_still_runs_stops_it() {
    let world = old_world().await;
    let old = world.connection("esmed").await;
    let line = refused(&migrate(&world, &[]).await);
    let pid: i32 = old
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    assert!(
        line.contains(&format!("(pid {pid}): it may be the daemon of esmed 0.1.1")),
        "{line}"
    );
    drop(old);
    world
        .until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'esmed')")
        .await;
    said(&migrate(&world, &[]).await);
}

#[tokio::test]
async fn old_values_that_this_version_refuses_are_mended_and_told() {
    let world = old_world().await;
    run(
        &world.db,
        "ALTER TABLE smpp_servers DISABLE TRIGGER USER;
         INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password, esme_max_submission_attempts, smpp_response_timer)
           VALUES (TRUE, 'a', 0, 's', 'p', 0, 0), (TRUE, 'b', 99999, 's', 'p', -1, 5);
         ALTER TABLE smpp_servers ENABLE TRIGGER USER",
    )
    .await;
    let words = said(&migrate(&world, &[]).await);
    for line in [
        "server 3: port was 0, which cannot be; it is 2775 now",
        "server 4: port was 99999, which cannot be; it is 2775 now",
        "server 3: esme_max_submission_attempts was 0, which cannot be; it is 1 now",
        "server 3: smpp_response_timer was 0, which cannot be; it is 60 now",
        "server 3 was enabled beside server 2, and is not any more",
        "server 4 was enabled beside server 2, and is not any more",
    ] {
        assert!(words.lines().any(|it| it == line), "{line}: {words}");
    }
    assert_eq!(
        texts(
            &world.db,
            "SELECT format('%s %s %s %s %s', id, enabled, port, esme_max_submission_attempts, smpp_response_timer)
             FROM smpp_servers WHERE id > 2 ORDER BY id"
        )
        .await,
        ["3 f 2775 1 60", "4 f 2775 1 5"]
    );
    assert_eq!(
        texts(&world.db, "SELECT id::text FROM smpp_servers WHERE enabled").await,
        ["2"]
    );
}

/// A user's own default of an old column stays: it may be what asks for receipts.
#[tokio::test]
async fn defaults_that_users_chose_stay() {
    let world = old_world().await;
    run(
        &world.db,
        "ALTER TABLE smpp_tx_queue ALTER smpp_registered_delivery SET DEFAULT 'SMSC_DELIVERY_RECEIPT_REQUESTED';
         ALTER TABLE smpp_tx_queue ALTER submission_info SET DEFAULT 'new'",
    )
    .await;
    said(&migrate(&world, &[]).await);
    let id = world.send("447911123490", "x").await;
    assert_eq!(
        world.tx(id, "smpp_registered_delivery").await.as_deref(),
        Some("SMSC_DELIVERY_RECEIPT_REQUESTED")
    );
    assert_eq!(
        world.tx(id, "submission_info").await.as_deref(),
        Some("new")
    );
}

#[tokio::test]
async fn names_that_a_serial_did_not_give_are_put_right() {
    let world = old_world().await;
    run(
        &world.db,
        "ALTER SEQUENCE smpp_tx_queue_id_seq RENAME TO my_sequence;
         ALTER TABLE smpp_rx_queue RENAME CONSTRAINT smpp_rx_queue_pkey TO my_key;
         ALTER TABLE smpp_servers DROP CONSTRAINT smpp_servers_idx01",
    )
    .await;
    said(&migrate(&world, &[]).await);
    let fresh = connect(&world, "fresh", "postgres").await;
    assert_eq!(
        super::catalogue::catalogue(&world.db).await,
        super::catalogue::catalogue(&fresh).await
    );
    assert_eq!(world.send("447911123490", "x").await, 17);
}
