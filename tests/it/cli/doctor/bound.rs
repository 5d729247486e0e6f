//! A daemon has a session with the account, whole or in part; and a pair without a daemon.

use esmed::pdu::{CommandId, CommandStatus};
use esmed::sim::{Config, Sim};

use super::{all_checks, assert_check};
use crate::cli::{application, run, view};
use crate::support::{World, esmed};

const PAIR: (&str, &str) = (", esme_bind_mode", ", 'transmitter+receiver'");

fn binds(world: &World) -> u64 {
    world.sim.ledger().counts().binds
}

#[tokio::test]
async fn a_session_of_another_lane_is_not_disturbed() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    let before = binds(&world);
    let other = world.config("other", "lane = \"b\"");
    let other = other.to_str().unwrap();
    let arguments = ["doctor", "--json", "--server", "1", "--config", other];
    let shown = esmed(&arguments).await;
    assert_check(
        &shown,
        "bind",
        "skipped",
        "the daemon of lane default is bound with this account",
        "--bind",
    );
    assert_eq!(binds(&world), before);
    // One that has gone has no session any more, whatever its row says.
    world
        .sql("INSERT INTO smpp_status (lane, server_id, session_state, lease_expires_at) SELECT 'c', 2, 'bound', now()")
        .await;
    let gone = Sim::start(Config::default()).unwrap();
    assert_eq!(world.add_server(&gone, false, "", "").await, 2);
    let shown = run(&world, &["doctor", "--json", "--server", "2"]).await;
    assert_check(&shown, "bind", "ok", "bind_transceiver is accepted", "");
}

#[tokio::test]
async fn each_state_with_a_session_or_half_of_one_is_left_alone() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    world
        .sql("INSERT INTO smpp_status (lane, server_id, lease_expires_at) SELECT 'b', 1, now() + interval '1 hour'")
        .await;
    for (state, verdict) in [
        ("connecting", "warning"),
        ("binding", "warning"),
        ("bound", "skipped"),
        ("throttled", "skipped"),
        ("transmitter_only", "failed"),
        ("receiver_only", "failed"),
        ("unbinding", "skipped"),
    ] {
        world
            .sql(&format!("UPDATE smpp_status SET session_state = '{state}'"))
            .await;
        let shown = run(&world, &["doctor", "--json"]).await;
        assert_check(&shown, "bind", verdict, "the daemon of lane b", "");
        assert_eq!(binds(&world), 0, "{state}");
    }
    for state in ["closed", "waiting", "unusable"] {
        world
            .sql(&format!("UPDATE smpp_status SET session_state = '{state}'"))
            .await;
        let before = binds(&world);
        let shown = run(&world, &["doctor", "--json"]).await;
        assert_check(&shown, "bind", "ok", "bind_transceiver is accepted", "");
        assert_eq!(binds(&world), before + 1, "{state}");
    }
}

#[tokio::test]
async fn a_bind_without_an_answer_is_none_that_works() {
    let world = World::with(|behaviour| behaviour.mute.binds = true).await;
    world
        .enable_sim(", smpp_session_init_timer", ", 3600")
        .await;
    let _daemon = world.daemon();
    world.until_session("binding").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "bind",
        "warning",
        "has been binding with this account for",
        "is this the port for SMPP",
    );
    assert_check(&shown, "session", "warning", "binding for", "");
}

#[tokio::test]
async fn a_pair_whose_receiver_is_refused_is_told_with_and_without_a_daemon() {
    let world = World::with(|behaviour| {
        behaviour.receiver_bind_status = Some(CommandStatus::ESME_RBINDFAIL);
    })
    .await;
    application(&world).await;
    world.enable_sim(PAIR.0, PAIR.1).await;
    let transmitters = || {
        let binds = world.sim.ledger().binds();
        let transmitters = binds
            .iter()
            .filter(|bind| bind.mode == CommandId::BIND_TRANSMITTER);
        transmitters.count()
    };
    let shown = run(&world, &["doctor", "--json"]).await;
    let report = view(&shown);
    let tried = all_checks(&report, "bind");
    assert_eq!(tried.len(), 2, "{report:#}");
    assert_check(&shown, "bind", "ok", "bind_transmitter is accepted", "");
    assert_eq!(tried[1]["verdict"], "failed", "{report:#}");
    for (key, words) in [
        (
            "finding",
            "bind_receiver is refused: the bind failed (ESME_RBINDFAIL",
        ),
        ("next_step", "esme_bind_mode = 'transceiver' WHERE id = 1"),
    ] {
        assert!(
            tried[1][key].as_str().unwrap().contains(words),
            "{report:#}"
        );
    }
    assert_eq!(shown.status.code(), Some(1));

    let daemon = world.daemon();
    world.until_session("transmitter_only").await;
    world.until_events("bind_failed", 1).await;
    let before = transmitters();
    let to = ["--to", "447911123407", "--as", "postgresql://app@"];
    let shown = run(&world, &[&["doctor", "--json"][..], &to].concat()).await;
    assert_check(
        &shown,
        "bind",
        "failed",
        "is bound with this account as transmitter only",
        "two sessions",
    );
    assert_check(&shown, "session", "warning", "transmitter_only for", "");
    // It sends: what comes of the message is the SMSC's word.
    assert_check(&shown, "message", "failed", "ESME_RINVDSTADR", "");
    assert_eq!(transmitters(), before);
    // Only what waits is told, not that there is no session.
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    daemon.until_logged("sending is paused").await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp)
             VALUES ('447911123400', 't', now() - interval '3 hours')",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "queue", "ok", "1 wait", "");
}

/// Both are bound at the same time, as those of the daemon are.
#[tokio::test]
async fn both_sessions_of_a_pair_are_tried() {
    let world = World::new().await;
    world.enable_sim(PAIR.0, PAIR.1).await;
    let shown = run(&world, &["doctor", "--json"]).await;
    let report = view(&shown);
    assert_eq!(report["failed"], 0, "{report:#}");
    let tried = all_checks(&report, "bind");
    let told: Vec<&str> = tried
        .iter()
        .map(|check| check["finding"].as_str().unwrap())
        .collect();
    assert!(
        told[0].starts_with("bind_transmitter is accepted"),
        "{told:?}"
    );
    assert!(told[1].starts_with("bind_receiver is accepted"), "{told:?}");
    assert_eq!(all_checks(&report, "unbind").len(), 2, "{report:#}");
    let ledger = world.sim.ledger();
    assert_eq!((ledger.counts().binds, ledger.counts().unbinds), (2, 2));
    assert_eq!(ledger.violations(), [""; 0]);
}

#[tokio::test]
async fn a_receiver_is_asked_for_no_test_message() {
    let world = World::new().await;
    application(&world).await;
    world.enable_sim(", esme_bind_mode", ", 'receiver'").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    let to = ["--to", "447911123400", "--as", "postgresql://app@"];
    let shown = run(&world, &[&["doctor", "--json"][..], &to].concat()).await;
    let words = "the daemon sends nothing with this server as it is set";
    assert_check(&shown, "message", "failed", words, "columns above");
    let queued: i64 = world.one("SELECT count(*) FROM smpp_tx_queue").await;
    assert_eq!(queued, 0);
}
