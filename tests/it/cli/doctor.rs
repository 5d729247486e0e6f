//! `esmed doctor`: each trouble is told in plain words, with what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::net::TcpListener;

use esmed::pdu::CommandStatus;

use super::{application, err, out, run, view};
use crate::support::{World, esmed};

/// The check of this name, of a report in JSON.
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("no check {name}: {report:#}"))
}

/// Asserts a verdict, with words of finding and next step.
fn assert_check(output: &Output, name: &str, verdict: &str, finding: &str, next: &str) {
    let report = view(output);
    let check = check(&report, name);
    assert_eq!(check["verdict"], verdict, "{check:#}");
    let has = |key: &str, words: &str| check[key].as_str().unwrap_or_default().contains(words);
    assert!(has("finding", finding), "{finding}: {check:#}");
    assert!(has("next_step", next), "{next}: {check:#}");
    let code = if report["failed"] == 0 { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{report:#}");
}

#[tokio::test]
async fn all_is_well_before_and_beside_a_daemon() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    for name in [
        "file",
        "socket",
        "login",
        "PostgreSQL",
        "encoding",
        "role",
        "clock",
        "schema",
        "rights",
        "triggers",
        "vacuum",
        "server",
        "host name",
        "connection",
        "bind",
        "enquire_link",
        "unbind",
    ] {
        assert_check(&shown, name, "ok", "", "");
    }
    assert_check(
        &shown,
        "daemon",
        "warning",
        "never served",
        "systemctl start esmed",
    );
    assert!(!out(&shown).contains("password\""), "{shown:?}");

    // A daemon that is bound is not disturbed.
    let _daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = 'bound')")
        .await;
    let binds = world.sim.ledger().counts().binds;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "bind", "skipped", "the daemon is bound", "--bind");
    assert_check(&shown, "session", "ok", "bound for", "");
    assert_eq!(world.sim.ledger().counts().binds, binds);
    let shown = run(&world, &["doctor", "--json", "--bind"]).await;
    assert_check(&shown, "bind", "ok", "bind_transceiver is accepted", "");
    assert_eq!(world.sim.ledger().counts().binds, binds + 1);
    let shown = run(&world, &["doctor"]).await;
    let text = out(&shown);
    assert!(
        text.contains("  ok       bind") || text.contains("  skipped  bind"),
        "{text}"
    );
    assert!(text.lines().last().unwrap().ends_with("skipped"), "{text}");
    // Nothing was changed.
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        0
    );
}

#[tokio::test]
async fn a_refused_bind_is_told_in_words() {
    let world = World::with(|behaviour| {
        behaviour.credentials = Some(("smppclient1".to_owned(), "other-1".to_owned()));
    })
    .await;
    world.enable_sim("", "").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "bind",
        "failed",
        "the password is wrong",
        "correct esme_password",
    );
    assert_check(&shown, "bind", "failed", "ESME_RINVPASWD", "WHERE id = 1");
    world
        .sql("UPDATE smpp_servers SET esme_system_id = 'somebody'")
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "bind",
        "failed",
        "ESME_RINVSYSID",
        "correct esme_system_id",
    );
    for (status, words) in [
        (CommandStatus::ESME_RALYBND, "the account is bound already"),
        (CommandStatus::ESME_RINVSYSTYP, "system_type is wrong"),
        (CommandStatus::ESME_RBINDFAIL, "the bind failed"),
    ] {
        world
            .sim
            .behave(|behaviour| behaviour.bind_status = Some(status));
        let shown = run(&world, &["doctor", "--json"]).await;
        assert_check(&shown, "bind", "failed", words, "");
    }
}

#[tokio::test]
async fn a_wrong_host_or_port_of_the_smsc_is_told() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    world
        .sql("UPDATE smpp_servers SET host = 'smsc.invalid'")
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "host name",
        "failed",
        "smsc.invalid",
        "correct host in smpp_servers",
    );
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    world
        .sql(&format!(
            "UPDATE smpp_servers SET host = '127.0.0.1', port = {}",
            nobody.port()
        ))
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "connection",
        "failed",
        "Connection refused",
        "are host and port right",
    );
    // A port that is not for SMPP.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
            )
            .await;
        }
    });
    world
        .sql(&format!("UPDATE smpp_servers SET port = {port}"))
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "bind",
        "failed",
        "no SMPP",
        "is this the port for SMPP",
    );
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "server",
        "failed",
        "no server of lane default is enabled",
        "UPDATE smpp_servers",
    );
    let shown = run(&world, &["doctor", "--json", "--server", "1"]).await;
    assert_check(&shown, "host name", "ok", "127.0.0.1", "");
    let shown = run(&world, &["doctor", "--json", "--server", "9"]).await;
    assert_check(&shown, "server", "failed", "no row 9", "SELECT");
}

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
        "ALTER ROLE esmed PASSWORD",
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

#[tokio::test]
async fn a_file_that_is_wrong_or_open_is_told() {
    let world = World::new().await;
    let doctor = async |config: &Path| {
        esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await
    };
    let shown = doctor(Path::new("/nowhere/esmed.toml")).await;
    assert_check(&shown, "file", "failed", "/nowhere/esmed.toml", "--config");
    let shown = doctor(&world.config_text("wrong", "[daemon]\nlain = \"x\"\n")).await;
    assert_check(&shown, "file", "failed", "line 2", "correct it");
    let text = format!(
        "[database]\nhost = {:?}\npass = \"secret-1\"\n",
        world.cluster.host()
    );
    let config = world.config_text("open", &text);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = doctor(&config).await;
    assert_check(
        &shown,
        "password",
        "warning",
        "every user may read it",
        "chmod o-rwx",
    );
    assert!(!out(&shown).contains("secret-1"));
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(!out(&doctor(&config).await).contains("every user may read it"));
}

#[tokio::test]
async fn a_card_of_characters_goes_to_the_phone_and_its_receipt_tells_the_ids() {
    let world = World::new().await;
    application(&world).await;
    world.enable_sim("", "").await;
    let to = ["doctor", "--json", "--to", "447911123400"];
    let app = ["--as", "postgresql://app@"];
    let shown = run(&world, &[&to[..], &app].concat()).await;
    assert_check(
        &shown,
        "message",
        "failed",
        "no daemon is bound",
        "start it",
    );
    let _daemon = world.daemon();
    world
        .until("SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = 'bound')")
        .await;
    let shown = run(&world, &to).await;
    assert_check(&shown, "message", "failed", "may not INSERT", "");
    let shown = run(&world, &[&to[..], &app].concat()).await;
    assert_check(&shown, "message", "ok", "DELIVERED", "");
    assert_check(&shown, "characters", "ok", "@£$¥èéùìòÇØøÅåΔ_Φ", "");
    assert_check(
        &shown,
        "id format",
        "ok",
        "esme_message_id_format = same",
        "",
    );
    let submits = world.sim.ledger().submits();
    assert_eq!(submits.len(), 1);
    let right: bool = world
        .one("SELECT message_parts = 1 AND smpp_short_message LIKE '%ÄÖÑÜ§¿%{}[]~|%' FROM smpp_tx_queue")
        .await;
    assert!(right);
    let sent = run(
        &world,
        &["doctor", "--json", "--to", "447911123401", app[0], app[1]],
    )
    .await;
    assert_check(&sent, "message", "failed", "UNDELIVERABLE", "sender");
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
        .query(include_str!("../../../sql/queries/doctor_rights.sql"), &[])
        .await
        .unwrap();
    let mut missing: Vec<String> = missing.iter().map(|row| row.get("missing")).collect();
    missing.sort();
    granted.sort();
    assert_eq!(missing, granted);
}
