//! `esmed doctor`: each trouble is told in plain words, with what to do.

mod bound;
mod database;
mod login;
mod queue;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::net::TcpListener;

use esmed::pdu::CommandStatus;

use super::{application, out, run, view};
use crate::support::{World, esmed, own_address};

/// All checks of this name, of a report in JSON.
fn all_checks(report: &Value, name: &str) -> Vec<Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["check"] == name)
        .cloned()
        .collect()
}

/// The check of this name, of a report in JSON.
pub(super) fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
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
    world.until_session("bound").await;
    let binds = world.sim.ledger().counts().binds;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "bind",
        "skipped",
        "is bound with this account",
        "--bind",
    );
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
    // Nobody listens there: the address is this test's own.
    world
        .sql(&format!(
            "UPDATE smpp_servers SET host = '{}'",
            own_address()
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
        .sql(&format!(
            "UPDATE smpp_servers SET host = '127.0.0.1', port = {port}"
        ))
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
    let wrong = run(&world, &["doctor", "--to", "0044 7911"]).await;
    assert_eq!(wrong.status.code(), Some(2));
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
    world.until_session("bound").await;
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
