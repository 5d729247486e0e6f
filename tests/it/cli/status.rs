//! `esmed status`

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{err, interrupt, on_terminal, out, run, start, view};
use crate::support::{World, esmed};

#[tokio::test]
async fn each_kind_of_message_is_counted_and_the_oldest_told() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag, insert_timestamp,
               send_after, next_attempt_at, submission_started_at, in_doubt, submission_attempts, submission_done,
               submission_failed, lane)
             VALUES
               ('1', 't', 'LEVEL_0', now() - interval '3 hours', NULL, NULL, NULL, FALSE, 0, FALSE, FALSE, 'default'),
               ('2', 't', 'LEVEL_2', now() - interval '1 hour', NULL, NULL, NULL, FALSE, 0, FALSE, FALSE, 'default'),
               ('3', 't', 'LEVEL_0', now() - interval '9 hours', now() - interval '1 hour', NULL, NULL, FALSE, 0, FALSE, FALSE, 'default'),
               ('4', 't', 'LEVEL_0', now() - interval '9 hours', now() + interval '1 hour', NULL, NULL, FALSE, 0, FALSE, FALSE, 'default'),
               ('5', 't', 'LEVEL_0', now() - interval '9 hours', NULL, now() + interval '1 hour', NULL, FALSE, 1, FALSE, FALSE, 'default'),
               ('6', 't', 'LEVEL_3', now() - interval '9 hours', NULL, NULL, now(), FALSE, 1, FALSE, FALSE, 'default'),
               ('7', 't', 'LEVEL_1', now() - interval '9 hours', NULL, NULL, NULL, TRUE, 1, FALSE, FALSE, 'default'),
               ('8', 't', 'LEVEL_0', now() - interval '9 hours', NULL, NULL, NULL, TRUE, 1, FALSE, TRUE, 'default'),
               ('9', 't', 'LEVEL_0', now() - interval '9 hours', NULL, NULL, NULL, FALSE, 1, TRUE, FALSE, 'default'),
               ('10', 't', 'LEVEL_0', now() - interval '9 hours', NULL, NULL, NULL, TRUE, 1, FALSE, FALSE, 'other')",
        )
        .await;
    let shown = run(&world, &["status", "--json"]).await;
    assert_eq!(shown.status.code(), Some(1));
    let json = view(&shown);
    assert_eq!(json["alive"], false);
    let queue = &json["queue"];
    for (name, rows) in [
        ("waiting", 3),
        ("scheduled", 1),
        ("retrying", 1),
        ("started", 1),
        ("held", 1),
        ("in_doubt", 2),
        ("oldest_id", 1),
    ] {
        assert_eq!(queue[name], json!(rows), "{name}: {queue}");
    }
    assert_eq!(queue["capped"], false);
    // As the view says.
    let same: bool = world
        .one(
            "SELECT array_agg(status || ' ' || count ORDER BY status) =
               ARRAY['failed 1', 'held 1', 'retrying 1', 'scheduled 1', 'sent 1', 'started 1', 'waiting 3']
             FROM (SELECT status, sum(count) AS count FROM smpp_queue_stats WHERE lane = 'default' GROUP BY status) AS s",
        )
        .await;
    assert!(same);
    let text = out(&run(&world, &["status"]).await);
    for words in [
        "no daemon has ever served it",
        "7 still to be sent: 3 waiting, 1 scheduled, 1 retrying, 1 started, 1 held",
        "waiting for 3 h (id 1)",
        "2, see smpp_in_doubt",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn why_nothing_leaves_a_bound_session_is_told() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    let looked = async || {
        let json = view(&run(&world, &["status", "--json"]).await);
        let text = out(&run(&world, &["status"]).await);
        let session = text.lines().find(|line| line.starts_with("session "));
        let but = session.unwrap().split_once(", ").unwrap_or_default().1;
        (json, but.to_owned())
    };
    let (json, but) = looked().await;
    assert_eq!(
        (&json["submit_paused"], &json["bind_mode"]),
        (&json!(false), &json!("transceiver"))
    );
    assert_eq!(but, "");
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    let (json, but) = looked().await;
    assert_eq!(json["submit_paused"], true);
    assert_eq!(but, "sending is paused (esme_submit_paused)");
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE, esme_bind_mode = 'receiver'")
        .await;
    world
        .until(
            "SELECT count(*) = 2 AND bool_and(session_state = 'bound') FROM smpp_status, smpp_events WHERE type = 'bound'",
        )
        .await;
    let (json, but) = looked().await;
    assert_eq!(json["bind_mode"], "receiver");
    assert_eq!(but, "nothing is sent as receiver (esme_bind_mode)");
}

#[tokio::test]
async fn a_long_queue_is_counted_only_so_far() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
             SELECT '1', 't' FROM generate_series(1, 150000)",
        )
        .await;
    // Nor is anything else of it read, as the daemon's and the program's connections are set up.
    world
        .sql(&format!(
            "SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off;
             ANALYZE smpp_tx_queue; PREPARE counts (text, bigint) AS {}",
            include_str!("../../../sql/queries/queue_counts.sql")
        ))
        .await;
    let plan = world
        .rows("EXPLAIN EXECUTE counts ('default', 100000)", &[])
        .await;
    for line in plan.iter().map(|row| row.get::<_, String>(0)) {
        assert!(
            !line.contains("Seq Scan on smpp") && !line.contains("smpp_tx_queue_pkey"),
            "{line}"
        );
    }
    let shown = run(&world, &["status", "--json"]).await;
    let json = view(&shown);
    assert_eq!(json["queue"]["capped"], true);
    assert_eq!(json["queue"]["waiting"], 100_000);
    assert_eq!(json["queue"]["counted_up_to"], 100_000);
    let text = out(&run(&world, &["status"]).await);
    assert!(
        text.contains("100000 or more still to be sent: 100000 or more waiting"),
        "{text}"
    );
}

#[tokio::test]
async fn watching_on_a_pipe_gives_block_after_block_until_interrupted() {
    let world = World::new().await;
    let mut child = start(&world, &["status", "--watch", "0.1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heads = 0;
    while heads < 3 {
        let line = lines.next().unwrap().unwrap();
        assert!(!line.contains('\x1b'), "{line:?}");
        heads += usize::from(line.starts_with("esmed status at "));
    }
    interrupt(child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let mut child = start(&world, &["status", "--json", "--watch", "0.1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let json: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(json["lane"], "default");
    }
    // Who has seen enough closes the pipe.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn watching_on_a_terminal_draws_over_what_was_there_until_ctrl_c() {
    let world = World::new().await;
    let program = env!("CARGO_BIN_EXE_esmed");
    // Ctrl-C reaches all of the terminal's foreground, so a shell that waits there would end with 130.
    let command = format!("exec {program} status --watch 0.1");
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("ESMED_CONFIG", world.config("esmed", ""))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script, of the package bsdutils");
    let mut screen = Vec::new();
    let mut out = child.stdout.take().unwrap();
    let text = |screen: &[u8]| String::from_utf8_lossy(screen).into_owned();
    while text(&screen).matches("\x1b[H").count() < 3 {
        let mut octets = [0; 4096];
        let read = out.read(&mut octets).unwrap();
        assert!(read > 0, "it ended: {}", text(&screen));
        screen.extend_from_slice(&octets[..read]);
    }
    child.stdin.take().unwrap().write_all(b"\x03").unwrap();
    out.read_to_end(&mut screen).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let screen = text(&screen);
    // Cleared once; then each line is written over, and its rest wiped out.
    assert_eq!(screen.matches("\x1b[2J").count(), 1, "{screen:?}");
    assert!(screen.contains("\x1b[K"), "{screen:?}");
}

#[tokio::test]
async fn colours_are_for_terminals() {
    let world = World::new().await;
    let config = world.config("esmed", "");
    let colour = "\x1b[31m";
    for (no_color, line, painted) in [
        ("", "status", true),
        ("1", "status", false),
        ("", "status --color never", false),
        ("1", "status --color always", true),
    ] {
        let screen = on_terminal(&config, no_color, line).await;
        assert!(
            screen.contains("no daemon has ever served it"),
            "{screen:?}"
        );
        assert_eq!(screen.contains(colour), painted, "{line}: {screen:?}");
    }
    assert!(!out(&run(&world, &["status"]).await).contains('\x1b'));
    assert!(out(&run(&world, &["status", "--color", "always"]).await).contains(colour));
}

#[tokio::test]
async fn who_looks_needs_no_more_than_to_look() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    // A right of the daemon is missing: what came of it can be looked at.
    world.sql("REVOKE UPDATE ON smpp_tx_queue FROM esmed").await;
    assert!(out(&run(&world, &["status"]).await).contains("127.0.0.1:"));
    assert!(out(&run(&world, &["events"]).await).contains("bound to"));
    let checked = run(&world, &["check-config"]).await;
    assert_eq!(checked.status.code(), Some(1));
    let said = err(&checked);
    let remedy = "GRANT UPDATE ON smpp_tx_queue TO esmed";
    assert!(said.trim_end().ends_with(remedy), "{said}");
    world.sql(remedy).await;
    assert_eq!(run(&world, &["check-config"]).await.status.code(), Some(0));

    world
        .sql("CREATE ROLE dashboard LOGIN IN ROLE esmed_monitor; CREATE ROLE nobody LOGIN")
        .await;
    let as_role = async |role: &str, command: &str| {
        let host = world.cluster.host();
        let text = format!("[database]\nhost = {host:?}\nuser = {role:?}\n");
        let config = world.config_text(role, &text);
        esmed(&[command, "--config", config.to_str().unwrap()]).await
    };
    let shown = as_role("dashboard", "status").await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let text = out(&shown);
    assert!(text.contains("server     number 1"), "{text}");
    assert!(text.contains("not counted: permission denied"), "{text}");
    let shown = as_role("dashboard", "status").await;
    assert!(!out(&shown).contains("esme_"), "{shown:?}");
    let shown = as_role("dashboard", "events").await;
    assert!(out(&shown).contains("bound to"), "{shown:?}");
    for command in ["status", "events"] {
        let shown = as_role("nobody", command).await;
        assert_eq!(shown.status.code(), Some(1));
        let said = err(&shown);
        let remedy = "GRANT esmed_monitor TO nobody";
        assert!(said.trim_end().ends_with(remedy), "{said}");
    }
}

#[tokio::test]
async fn a_variable_that_is_no_text_is_an_error() {
    use std::os::unix::ffi::OsStrExt as _;

    let world = World::new().await;
    let config = world.config("esmed", "");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_esmed"));
    command.args(["check-config", "--config"]).arg(config).env(
        "ESMED_DATABASE_PASS",
        std::ffi::OsStr::from_bytes(b"secret\xff"),
    );
    let checked = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let said = err(&checked);
    assert!(
        said.contains("ESMED_DATABASE_PASS") && said.contains("UTF-8") && !said.contains("secret"),
        "{said}"
    );
}
