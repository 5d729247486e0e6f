//! Who runs it, and as whom it connects.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use super::{all_checks, assert_check};
use crate::cli::{application, err, out, run, view};
use crate::support::{PATIENCE, World, esmed};

/// Puts these lines into pg_hba.conf, and waits until new sessions go by them.
async fn set_up(world: &World, lines: &str) {
    let hba = Path::new(&world.cluster.host()).join("data/pg_hba.conf");
    fs::write(&hba, format!("local all postgres trust\n{lines}\n")).unwrap();
    world.sql("SELECT pg_reload_conf()").await;
}

/// Runs it until PostgreSQL goes by its new file.
async fn until_refused(arguments: &[&str]) -> Output {
    let until = Instant::now() + PATIENCE;
    loop {
        let shown = esmed(arguments).await;
        if !shown.status.success() && all_checks(&view(&shown), "login")[0]["verdict"] == "failed" {
            return shown;
        }
        assert!(Instant::now() < until, "{shown:?}");
    }
}

#[tokio::test]
async fn the_system_user_that_the_socket_asks_for_is_told() {
    let world = World::new().await;
    set_up(&world, "local all esmed peer").await;
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    let shown = until_refused(&["doctor", "--json", "--config", config]).await;
    let step = "run this as the system user that has the name of the role (sudo -u esmed …)";
    assert_check(&shown, "login", "failed", "Peer authentication", step);
    let status = esmed(&["status", "--config", config]).await;
    assert!(err(&status).contains(step), "{status:?}");
    // A role that does not exist.
    set_up(&world, "local all all trust").await;
    let text = format!(
        "[database]\nhost = {:?}\nuser = \"smes\"\n",
        world.cluster.host()
    );
    let config = world.config_text("other", &text);
    let config = config.to_str().unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let shown = esmed(&["doctor", "--json", "--config", config]).await;
        if out(&shown).contains("does not exist") {
            assert_check(&shown, "login", "failed", "smes", "correct [database] user");
            break;
        }
        assert!(Instant::now() < until, "{shown:?}");
    }
}

#[tokio::test]
async fn a_missing_password_is_told_by_each_command_alike() {
    let world = World::new().await;
    set_up(&world, "local all all scram-sha-256").await;
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    let shown = until_refused(&["doctor", "--json", "--config", config]).await;
    let step = "set [database] pass or pass_file";
    assert_check(&shown, "login", "failed", "there is none", step);
    let socket = "host = \"/var/run/postgresql\"";
    assert_check(&shown, "login", "failed", "", socket);
    for command in ["status", "check-config"] {
        let shown = esmed(&[command, "--config", config]).await;
        let said = err(&shown);
        assert!(said.contains(step) && said.contains(socket), "{said}");
        assert!(!said.contains("PostgreSQL runs there"), "{said}");
    }
}

#[tokio::test]
async fn a_role_that_is_not_that_of_the_daemon_gets_no_single_rights() {
    let world = World::new().await;
    world
        .sql("CREATE ROLE \"Mon\" LOGIN IN ROLE esmed_monitor")
        .await;
    let text = format!(
        "[database]\nhost = {:?}\nuser = \"Mon\"\n",
        world.cluster.host()
    );
    let config = world.config_text("mon", &text);
    let doctor = ["doctor", "--json", "--config", config.to_str().unwrap()];
    let shown = esmed(&doctor).await;
    let rights = all_checks(&view(&shown), "rights");
    assert_eq!(rights.len(), 1, "{rights:#?}");
    assert_check(
        &shown,
        "rights",
        "failed",
        "[database] user is Mon, which lacks",
        "connect as esmed ([database] user), or as the owner: GRANT esmed TO \"Mon\"",
    );
    let next = all_checks(&view(&shown), "transactions");
    let next = next[0]["next_step"].as_str().unwrap();
    assert!(
        next.contains("GRANT pg_read_all_stats TO \"Mon\","),
        "{next}"
    );
    world.sql("GRANT esmed TO \"Mon\"").await;
    assert_check(&esmed(&doctor).await, "rights", "ok", "", "");
    // One that lacks a few only is told of these.
    world.sql("REVOKE UPDATE ON smpp_tx_queue FROM esmed").await;
    assert_check(
        &esmed(&doctor).await,
        "rights",
        "failed",
        "UPDATE on smpp_tx_queue is missing",
        "GRANT UPDATE ON smpp_tx_queue TO \"Mon\"",
    );
}

#[tokio::test]
async fn a_role_for_the_test_message_is_refused_without_one_and_its_password_told() {
    let world = World::new().await;
    application(&world).await;
    let shown = run(&world, &["doctor", "--as", "postgresql://app@"]).await;
    assert_eq!(shown.status.code(), Some(2), "{shown:?}");
    assert!(err(&shown).contains("--to"), "{shown:?}");
    world.sql("ALTER ROLE app PASSWORD 'right-one'").await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    for (method, role, words, next) in [
        (
            "scram-sha-256",
            "app:wrong-one",
            "28P01",
            "in --as is wrong",
        ),
        ("scram-sha-256", "app", "asks for a password", "PGPASSWORD"),
        (
            "peer",
            "app",
            "Peer authentication",
            "run this as the system user",
        ),
    ] {
        set_up(
            &world,
            &format!("local all app {method}\nlocal all all trust"),
        )
        .await;
        let url = format!("postgresql://{role}@");
        // Undeliverable, should it ever leave.
        let arguments = ["doctor", "--json", "--to", "447911123401", "--as", &url];
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = run(&world, &arguments).await;
            if out(&shown).contains(words) {
                assert_check(&shown, "message", "failed", words, next);
                assert!(!out(&shown).contains("wrong-one"), "{shown:?}");
                break;
            }
            assert!(Instant::now() < until, "{shown:?}");
        }
    }
}

/// As somebody who may not read the files of this test; `None` where that can't be.
fn as_nobody(arguments: &[&str]) -> Option<Output> {
    const NOBODY: u32 = 65534;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_esmed"));
    let shown = Command::new(program)
        .args(arguments)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output();
    match shown {
        Ok(shown) => Some(shown),
        Err(error) => {
            eprintln!("passed over: not as nobody ({error})");
            None
        }
    }
}

#[tokio::test]
async fn who_may_not_read_the_configuration_is_told_who_may() {
    let world = World::new().await;
    let config = world.config("esmed", "");
    // As the package has it.
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let config = config.to_str().unwrap();
    let Some(shown) = as_nobody(&["doctor", "--json", "--config", config]) else {
        return;
    };
    let step = "run this as the user esmed (sudo -u esmed …)";
    assert_check(&shown, "file", "failed", "Permission denied", step);
    for command in ["status", "check-config", "run"] {
        let shown = as_nobody(&[command, "--config", config]).unwrap();
        let said = err(&shown);
        assert!(said.contains("Permission denied"), "{said}");
        assert!(said.contains(step), "{said}");
    }
    // That of the password.
    let pass_file = world.folder().join("password");
    fs::write(&pass_file, "right-one").unwrap();
    fs::set_permissions(&pass_file, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!("[database]\npass_file = {pass_file:?}\n");
    let with_pass_file = world.config_text("with_pass_file", &text);
    let arguments = [
        "doctor",
        "--json",
        "--config",
        with_pass_file.to_str().unwrap(),
    ];
    let shown = as_nobody(&arguments).unwrap();
    assert_check(&shown, "file", "failed", pass_file.to_str().unwrap(), step);
    // A file that is not there is another matter.
    let nowhere = esmed(&["status", "--config", "/nowhere/esmed.toml"]).await;
    assert!(err(&nowhere).contains("--config"), "{nowhere:?}");
}
