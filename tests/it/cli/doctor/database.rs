//! What `esmed doctor` says of PostgreSQL.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{assert_check, check};
use crate::cli::{err, out, run, view};
use crate::support::{Daemon, World, esmed};

#[tokio::test]
async fn each_missing_right_is_named_with_its_grant() {
    let world = World::new().await;
    world
        .sql(
            "REVOKE UPDATE ON smpp_tx_queue FROM esmed; REVOKE USAGE, SELECT ON SEQUENCE smpp_events_id_seq FROM esmed;
             REVOKE EXECUTE ON FUNCTION esmed_state_of_parts(bigint) FROM esmed",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_eq!(shown.status.code(), Some(1));
    let report = view(&shown);
    let rights: Vec<(&str, &str)> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["check"] == "rights")
        .map(|check| {
            (
                check["finding"].as_str().unwrap(),
                check["next_step"].as_str().unwrap(),
            )
        })
        .collect();
    let remedies: Vec<String> = rights
        .iter()
        .map(|(finding, next)| {
            assert!(finding.ends_with("is missing"), "{finding}");
            next.strip_prefix("as the owner: ").unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        remedies,
        [
            "GRANT UPDATE ON smpp_tx_queue TO esmed",
            "GRANT USAGE ON SEQUENCE smpp_events_id_seq TO esmed",
            "GRANT EXECUTE ON FUNCTION esmed_state_of_parts(bigint) TO esmed",
        ]
    );
    // They are right.
    world.sql(&remedies.join(";")).await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "rights", "ok", "all that the daemon needs", "");
}

#[tokio::test]
async fn what_slows_or_hinders_the_daemon_is_told() {
    let world = World::new().await;
    world
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
             CREATE TRIGGER refuse_all BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION refuse();
             ALTER TABLE smpp_rx_queue SET (autovacuum_enabled = false);
             INSERT INTO smpp_events (type, message) VALUES ('record_refused', 'row 1 was refused');
             GRANT pg_read_all_stats TO esmed",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "triggers",
        "warning",
        "refuse_all on smpp_tx_queue",
        "DISABLE TRIGGER",
    );
    assert_check(
        &shown,
        "vacuum",
        "warning",
        "off for smpp_rx_queue",
        "RESET (autovacuum_enabled)",
    );
    assert_check(
        &shown,
        "refused rows",
        "warning",
        "row 1 was refused",
        "esmed events",
    );
    assert_check(&shown, "transactions", "ok", "none is open", "");
    assert_check(
        &shown,
        "settings",
        "warning",
        "fsync is off",
        "postgresql.conf",
    );
    world.sql("UPDATE esmed_schema SET version = 99").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "schema", "failed", "version 99", "newer esmed");
    world.sql("DROP TABLE smpp_prefixes").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "schema", "failed", "smpp_prefixes", "");
}

#[tokio::test]
async fn a_wrong_password_role_or_name_of_the_database_is_told() {
    let world = World::new().await;
    let hba = Path::new(&world.cluster.host()).join("data/pg_hba.conf");
    fs::write(
        &hba,
        "local all postgres trust\nlocal all esmed scram-sha-256\nlocal all nobody reject\n",
    )
    .unwrap();
    world
        .sql("ALTER ROLE esmed PASSWORD 'right-one'; SELECT pg_reload_conf()")
        .await;
    let doctor = async |lines: &str| {
        let text = format!("[database]\nhost = {:?}\n{lines}\n", world.cluster.host());
        let config = world.config_text("doctor", &text);
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await
    };
    // Sessions that begin from now on are asked for a password; the reload takes a moment.
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    let shown = loop {
        let shown = doctor("pass = \"wrong-one\"").await;
        if check(&view(&shown), "login")["verdict"] == "failed" {
            break shown;
        }
        assert!(std::time::Instant::now() < until, "{shown:?}");
    };
    assert_check(
        &shown,
        "login",
        "failed",
        "the password of esmed is wrong",
        "in psql: \\password \"esmed\"",
    );
    assert!(!out(&shown).contains("wrong-one") && !err(&shown).contains("wrong-one"));
    assert_check(
        &doctor("pass = \"right-one\"").await,
        "login",
        "ok",
        "as esmed",
        "",
    );
    assert_check(
        &doctor("").await,
        "login",
        "failed",
        "asks esmed for a password",
        "pass or pass_file",
    );
    assert_check(
        &doctor("user = \"nobody\"").await,
        "login",
        "failed",
        "does not let nobody in",
        "pg_hba.conf",
    );
    let name = "user = \"postgres\"\nname = \"sms\"";
    assert_check(
        &doctor(name).await,
        "login",
        "failed",
        "no database sms",
        "[database] name",
    );
    assert_check(
        &doctor("port = 5999").await,
        "socket",
        "failed",
        ".s.PGSQL.5999",
        "does PostgreSQL run",
    );

    let text = "[database]\nhost = \"db.invalid\"\n";
    let config = world.config_text("doctor", text);
    let shown = esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    assert_check(
        &shown,
        "host name",
        "failed",
        "db.invalid",
        "[database] host",
    );
}

/// sql/db.sql grants no right to the daemon that the doctor does not ask for.
#[tokio::test]
async fn each_right_of_the_daemon_is_looked_at() {
    let world = World::new().await;
    let mut granted: Vec<String> = world
        .one(
            "SELECT array_agg(privilege_type || ' on ' || table_name)
             FROM information_schema.table_privileges
             WHERE grantee = 'esmed' AND table_schema = 'public'
               -- The daemon does not read it; its views are for people.
               AND table_name <> 'smpp_error_codes'",
        )
        .await;
    world
        .sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM esmed")
        .await;
    let missing = world
        .connection("esmed")
        .await
        .query(
            include_str!("../../../../sql/queries/doctor_rights.sql"),
            &[],
        )
        .await
        .unwrap();
    let mut missing: Vec<String> = missing.iter().map(|row| row.get("missing")).collect();
    missing.sort();
    granted.sort();
    assert_eq!(missing, granted);
}

#[tokio::test]
async fn too_few_connections_are_told() {
    let world = World::new().await;
    world.sql("ALTER ROLE esmed CONNECTION LIMIT 7").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "connections",
        "warning",
        "7 are left for a daemon that may need 10",
        "CONNECTION LIMIT",
    );
    world.sql("ALTER ROLE esmed CONNECTION LIMIT 1").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "second login",
        "failed",
        "too many connections",
        "up to 10 connections",
    );
    world.sql("ALTER ROLE esmed CONNECTION LIMIT 0").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "login",
        "failed",
        "no connection is left for esmed",
        "CONNECTION LIMIT",
    );
}

#[tokio::test]
async fn a_pooler_that_shares_sessions_is_told() {
    let world = World::new().await;
    let Some(port) = world.cluster.pool("transaction") else {
        return;
    };
    let text = format!(
        "[database]\nhost = {:?}\nport = {port}\n",
        world.cluster.host()
    );
    let config = world.config_text("pooled", &text);
    let shown = esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    assert_check(
        &shown,
        "pooler",
        "failed",
        "two connections share one session",
        "pool_mode = session",
    );
}

#[tokio::test]
async fn a_pooler_in_session_mode_is_none_to_the_daemon() {
    let world = World::new().await;
    let Some(port) = world.cluster.pool("session") else {
        return;
    };
    let text = format!(
        "[database]\nhost = {:?}\nport = {port}\n",
        world.cluster.host()
    );
    let config = world.config_text("pooled", &text);
    world.enable_sim("", "").await;
    let shown = esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    assert_eq!(view(&shown)["failed"], 0, "{shown:?}");
    let _daemon = Daemon::start(&config, "pooled");
    world.until_bound().await;
    world.insert(20).await;
    world
        .until("SELECT count(*) = 20 FROM smpp_tx_queue WHERE submission_done")
        .await;
}

#[tokio::test]
async fn clocks_that_differ_are_told() {
    let world = World::new().await;
    let config = world.config("esmed", "");
    for (offset, relation) in [("+300s", "ahead of"), ("-300s", "behind")] {
        let mut command = Command::new("faketime");
        command
            .args(["-f", offset, env!("CARGO_BIN_EXE_esmed")])
            .args(["doctor", "--json", "--config"])
            .arg(&config)
            // Time-outs go on as they are.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let Ok(shown) = command.output() else {
            eprintln!("passed over: there is no faketime here (Debian: apt-get install faketime)");
            return;
        };
        let finding = format!("s {relation} the database");
        assert_check(&shown, "clock", "warning", &finding, "NTP on both");
    }
}

/// By what a machine with the package has.
#[tokio::test]
async fn what_is_missing_of_the_schema_is_told_with_what_can_be_run() {
    let world = World::new().await;
    let doctor = async |name: &str| {
        let text = format!(
            "[database]\nhost = {:?}\nname = \"{name}\"\n",
            world.cluster.host()
        );
        let config = world.config_text("doctor", &text);
        esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await
    };
    let migrate = |name: &str| {
        let host = world.cluster.host();
        format!("sudo -u postgres esmed migrate --as 'postgresql:///{name}?host={host}'")
    };
    world.sql("CREATE DATABASE empty").await;
    assert_check(
        &doctor("empty").await,
        "schema",
        "failed",
        "there are no tables of esmed",
        &migrate("empty"),
    );
    assert_check(
        &doctor("none").await,
        "login",
        "failed",
        "no database none",
        &format!("TEMPLATE template0, then {}", migrate("none")),
    );
    world
        .sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        .await;
    assert_check(
        &doctor("latin").await,
        "encoding",
        "failed",
        "LATIN1",
        "esmed migrate",
    );
    world.sql("UPDATE esmed_schema SET version = 1").await;
    assert_check(
        &doctor("esmed").await,
        "schema",
        "failed",
        "version 1, and this program needs",
        &migrate("esmed"),
    );
    world.sql("DROP TABLE smpp_prefixes").await;
    assert_check(
        &doctor("esmed").await,
        "schema",
        "failed",
        "smpp_prefixes",
        "/usr/share/esmed/sql/db.sql",
    );
    // Before the schema had a version.
    world.sql("DROP TABLE esmed_schema").await;
    assert_check(
        &doctor("esmed").await,
        "schema",
        "failed",
        "tables of esmed 0.1.1",
        &migrate("esmed"),
    );
    let wrong = world.config_text("wrong", "[daemon]\nlain = \"x\"\n");
    let shown = esmed(&["doctor", "--json", "--config", wrong.to_str().unwrap()]).await;
    assert_check(&shown, "file", "failed", "line 2", "man esmed.toml");
}
