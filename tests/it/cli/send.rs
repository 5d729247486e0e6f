//! `esmed send`

use std::io::Write as _;
use std::process::{Command, Stdio};

use esmed::pdu::CommandStatus;

use super::{application, err, out, run, view};
use crate::support::World;

const APP: &str = "postgresql://app@";

#[tokio::test]
async fn a_message_is_queued_with_all_that_was_asked_for() {
    let world = World::new().await;
    application(&world).await;
    let sent = run(
        &world,
        &[
            "send",
            "--as",
            APP,
            "447911123400",
            "Hello",
            "world",
            "--from",
            "esmed",
            "--priority",
            "2",
            "--flash",
            "--receipt=failure",
            "--expires-in",
            "10m",
            "--send-in",
            "1m",
            "--client-ref",
            "a-1",
            "--data-coding",
            "0x08",
        ],
    )
    .await;
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    let id: i64 = out(&sent).trim().parse().unwrap();
    assert!(
        err(&sent).contains("no daemon serves lane default"),
        "{sent:?}"
    );
    assert!(!err(&sent).contains("Hello"));
    let right: bool = world
        .one(&format!(
            "SELECT smpp_destination_addr = '447911123400' AND smpp_short_message = 'Hello world'
               AND smpp_source_addr = 'esmed' AND smpp_priority_flag = 'LEVEL_2' AND smpp_message_class = 0
               AND smpp_registered_delivery = 'SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE'
               AND expires_at - insert_timestamp = interval '10 min' AND send_after - insert_timestamp = interval '1 min'
               AND client_ref = 'a-1' AND smpp_data_coding = 8 AND lane = 'default'
             FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await;
    assert!(right);
    // The same reference again sends nothing.
    let again = run(
        &world,
        &[
            "send",
            "--as",
            APP,
            "1",
            "x",
            "--client-ref",
            "a-1",
            "--json",
        ],
    )
    .await;
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(view(&again)["id"], id);
    assert_eq!(view(&again)["queued"], false);
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        1
    );
    for wrong in [
        &["1", "x", "--priority", "4"][..],
        &["1", "x", "--expires-in", "soon"],
        &["1", "x", "--timeout", "1m"],
        &["1", "x", "--flash", "--class", "1"],
        &["", "x"],
        &["1"],
    ] {
        let output = run(&world, &[&["send"], wrong].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_meant_is_not_queued() {
    let world = World::new().await;
    application(&world).await;
    for (number, text, words) in [
        ("hello", "447911123407", "'h', character 1, is no digit"),
        (
            "+44-7911 (0)",
            "x",
            "'-', character 4, is no digit: write it without",
        ),
        ("447911123400", "", "the text is empty; nothing was queued"),
        (
            "447911123400",
            " \n",
            "the text is empty; nothing was queued",
        ),
        // Standard input of these commands is empty.
        (
            "447911123400",
            "-",
            "the text is empty: standard input had none",
        ),
    ] {
        let sent = run(&world, &["send", "--as", APP, number, text]).await;
        assert_eq!(sent.status.code(), Some(2), "{sent:?}");
        assert!(err(&sent).contains(words), "{words}: {sent:?}");
        assert!(out(&sent).is_empty(), "{sent:?}");
    }
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        0
    );
    let sent = run(&world, &["send", "--as", APP, "+447911123400", "x"]).await;
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    let number: String = world
        .one("SELECT smpp_destination_addr FROM smpp_tx_queue")
        .await;
    assert_eq!(number, "+447911123400");
}

#[tokio::test]
async fn the_text_may_come_by_standard_input() {
    let world = World::new().await;
    application(&world).await;
    let config = world.config("esmed", "");
    let send = |text: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_esmed"))
            .args(["send", "--as", APP, "--config"])
            .arg(&config)
            .args(["447911123400", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who has read enough closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(text);
        child.wait_with_output().unwrap()
    };
    assert_eq!(send("Grüße\nan alle\n".as_bytes()).status.code(), Some(0));
    let text: String = world
        .one("SELECT smpp_short_message FROM smpp_tx_queue")
        .await;
    assert_eq!(text, "Grüße\nan alle");
    let long = send(&vec![b'a'; (1 << 20) + 1]);
    assert_eq!(long.status.code(), Some(1));
    assert!(err(&long).contains("more than 1048576 octets"), "{long:?}");
    assert_eq!(send(b"\xff").status.code(), Some(1));
    assert!(err(&send(b"a\0b")).contains("NUL"));
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        1
    );
}

#[tokio::test]
async fn the_role_of_the_daemon_is_told_what_it_lacks() {
    let world = World::new().await;
    let sent = run(&world, &["send", "447911123400", "Hello"]).await;
    assert_eq!(sent.status.code(), Some(1));
    let line = err(&sent);
    assert_eq!(line.lines().count(), 1, "{line}");
    for words in [
        "\"esmed\" may not INSERT into smpp_tx_queue",
        "IN ROLE esmed_app",
        "--as postgresql://app@localhost/esmed",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(out(&sent).is_empty());
    let wrong = run(&world, &["send", "--as", "app:secret@x", "1", "x"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        err(&wrong).contains("begins with postgresql://"),
        "{wrong:?}"
    );
    assert!(!err(&wrong).contains("secret"));
    // Another role is there already.
    world.sql("CREATE ROLE \"Shop\" LOGIN").await;
    let sent = run(&world, &["send", "--as", "postgresql://Shop@", "1", "x"]).await;
    assert_eq!(sent.status.code(), Some(1));
    let line = err(&sent);
    let remedy = "GRANT esmed_app TO \"Shop\"";
    assert!(line.trim_end().ends_with(remedy), "{line}");
    world.sql(remedy).await;
    let sent = run(&world, &["send", "--as", "postgresql://Shop@", "1", "x"]).await;
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
}

#[tokio::test]
async fn who_can_not_connect_is_told_what_to_do() {
    let world = World::new().await;
    application(&world).await;
    let data: String = world.one("SHOW data_directory").await;
    world
        .sql(&format!(
            "ALTER ROLE app PASSWORD 'right';
             COPY (VALUES ('local all app scram-sha-256'), ('local all all trust')) TO '{data}/pg_hba.conf'"
        ))
        .await;
    world.sql("SELECT pg_reload_conf()").await;
    world
        .until("SELECT count(*) = 2 FROM pg_hba_file_rules WHERE pg_conf_load_time() > pg_postmaster_start_time()")
        .await;
    let host = world.cluster.host();
    let config = world.config("esmed", "");
    let send = |url: &str, password: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esmed"));
        command
            .args([
                "send",
                "--as",
                url,
                "--lane",
                "bulk",
                "447911123400",
                "x",
                "--config",
            ])
            .arg(&config)
            .env_remove("PGPASSWORD");
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        command.output().unwrap()
    };
    for (url, password, words) in [
        (
            APP,
            None,
            "it asks for a password, and there is none: it comes from PGPASSWORD",
        ),
        (
            APP,
            Some("wrong"),
            "(SQLSTATE 28P01): it comes from PGPASSWORD or the URL of --as",
        ),
        (
            "postgresql://postgres@/nowhere",
            None,
            "(SQLSTATE 3D000): role, host and database are those of --as",
        ),
        (
            "postgresql://app@127.0.0.1:1/esmed",
            None,
            "does PostgreSQL run, and listen there? esmed doctor",
        ),
    ] {
        let sent = send(url, password);
        assert_eq!(sent.status.code(), Some(1), "{sent:?}");
        let line = err(&sent);
        assert!(line.contains("can't connect to database"), "{line}");
        assert!(
            line.contains(words) && line.lines().count() == 1,
            "{words}: {line}"
        );
    }
    let with_password = format!("postgresql://app:right@/esmed?host={host}");
    for (url, password) in [(APP, Some("right")), (&with_password, None)] {
        let sent = send(url, password);
        assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    }
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_tx_queue WHERE lane = 'bulk'")
            .await,
        2
    );
}

#[tokio::test]
async fn a_full_url_needs_no_configuration() {
    if std::path::Path::new("/etc/esmed/esmed.toml").exists() {
        println!("passed over: this machine has a configuration");
        return;
    }
    let world = World::new().await;
    application(&world).await;
    let host = world.cluster.host();
    let send = |url: &str, more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_esmed"))
            .args(["send", "--as", url, "447911123400", "x"])
            .args(more)
            .env_remove("ESMED_CONFIG")
            .output()
            .unwrap()
    };
    let url = format!("postgresql://app@/esmed?host={host}");
    let sent = send(&url, &[]);
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    assert!(
        err(&sent).contains("the lane is \"default\", for /etc/esmed/esmed.toml can't be read"),
        "{sent:?}"
    );
    let sent = send(&url, &["--lane", "bulk"]);
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    assert!(!err(&sent).contains("esmed.toml"), "{sent:?}");
    let lanes: String = world
        .one("SELECT string_agg(lane, ' ' ORDER BY id) FROM smpp_tx_queue")
        .await;
    assert_eq!(lanes, "default bulk");
    let sent = send("postgresql://app@", &[]);
    assert_eq!(sent.status.code(), Some(1), "{sent:?}");
    assert!(
        err(&sent).contains("--as has to name role, host and database"),
        "{sent:?}"
    );
}

#[tokio::test]
async fn waiting_tells_each_step_and_ends_with_the_right_code() {
    let world = World::new().await;
    application(&world).await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world
        .until("SELECT session_state = 'bound' FROM smpp_status")
        .await;
    let wait = async |number: &str, more: &[&str]| {
        let arguments = ["send", "--as", APP, number, "Hello", "--wait", "--json"];
        run(&world, &[&arguments[..], more].concat()).await
    };
    for (number, more, code, outcome, state) in [
        (
            "447911123400",
            &["--receipt"][..],
            0,
            "delivered",
            Some("DELIVERED"),
        ),
        (
            "447911123401",
            &["--receipt"],
            1,
            "failed",
            Some("UNDELIVERABLE"),
        ),
        (
            "447911123404",
            &["--receipt", "--timeout", "1s"],
            3,
            "timeout",
            None,
        ),
        ("447911123404", &[], 0, "sent", None),
        ("447911123407", &["--receipt"], 1, "failed", None),
    ] {
        let sent = wait(number, more).await;
        assert_eq!(sent.status.code(), Some(code), "{number}: {sent:?}");
        let json = view(&sent);
        assert_eq!(json["outcome"], outcome, "{json}");
        assert_eq!(json["state"].as_str(), state, "{json}");
        assert!(!err(&sent).contains("Hello"));
        if code == 0 {
            assert!(err(&sent).contains(&format!("(id {})", json["message_id"].as_str().unwrap())));
        }
    }
    let sent = run(
        &world,
        &["send", "--as", APP, "447911123407", "Hello", "--wait"],
    )
    .await;
    assert!(err(&sent).contains("ESME_RINVDSTADR"), "{sent:?}");
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    let sent = run(&world, &["send", "--as", APP, "447911123400", "Hello"]).await;
    assert!(
        err(&sent).contains("sending is paused (esme_submit_paused of server 1)"),
        "{sent:?}"
    );
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE, esme_bind_mode = 'receiver'")
        .await;
    world.until_events("bound", 2).await;
    world.until_session("bound").await;
    let sent = run(&world, &["send", "--as", APP, "447911123400", "Hello"]).await;
    let warning =
        "nothing is sent as receiver (esme_bind_mode of server 1); the message waits until";
    assert!(err(&sent).contains(warning), "{sent:?}");
    // No server is bound any more.
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    world
        .until("SELECT session_state NOT IN ('bound', 'throttled') FROM smpp_status")
        .await;
    let sent = run(&world, &["send", "--as", APP, "447911123400", "Hello"]).await;
    assert_eq!(sent.status.code(), Some(0));
    assert!(
        err(&sent).contains("no server of lane default is bound"),
        "{sent:?}"
    );
}

/// A pair sends by its transmitter alone, too. A role that sees the state and not the server's columns asks as the daemon's.
#[tokio::test]
async fn a_transmitter_without_its_receiver_sends() {
    let world = World::with(|behaviour| {
        behaviour.receiver_bind_status = Some(CommandStatus::ESME_RBINDFAIL);
    })
    .await;
    application(&world).await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_bind_mode", ", 'transmitter+receiver'")
        .await;
    world.until_session("transmitter_only").await;
    let arguments = ["send", "--as", APP, "447911123400", "Hello", "--wait"];
    let sent = run(&world, &arguments).await;
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    assert!(!err(&sent).contains("waits until"), "{sent:?}");
    world
        .sql("GRANT esmed_monitor TO app; UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    let sent = run(&world, &arguments[..5]).await;
    let warning = "sending is paused (esme_submit_paused of server 1)";
    assert!(err(&sent).contains(warning), "{sent:?}");
}
