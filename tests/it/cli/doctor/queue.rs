//! Messages that wait, and lanes that nobody serves.

use super::{all_checks, assert_check};
use crate::cli::{run, view};
use crate::support::World;

#[tokio::test]
async fn messages_that_wait_without_a_session_and_lanes_without_a_daemon_are_told() {
    let world = World::new().await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "queue", "ok", "nothing waits", "");
    // Somebody mistyped the lane of the server, and somebody uses a lane that there is no daemon for.
    world.enable_sim(", lane", ", 'blk'").await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp, lane, send_after)
             VALUES ('1', 't', now() - interval '3 hours', 'default', NULL), ('2', 't', now(), 'bulk', NULL),
               ('3', 't', now(), 'it''s', now() + interval '1 hour')",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "queue",
        "warning",
        "1 wait, the oldest that may leave for 3 h",
        "there is no session",
    );
    let report = view(&shown);
    let lanes = all_checks(&report, "lanes");
    let told: Vec<&str> = lanes
        .iter()
        .map(|check| check["finding"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "a server of lane blk is enabled, and no daemon serves that lane",
            "messages wait in lane bulk, which no daemon serves, nor has it an enabled server",
            "messages wait in lane it's, which no daemon serves, nor has it an enabled server",
        ]
    );
    assert_check(
        &shown,
        "server",
        "failed",
        "no server of lane default is enabled, but one of lane blk is",
        "UPDATE smpp_servers SET lane = 'default' WHERE lane = 'blk'",
    );
    // What is advised is right.
    for check in lanes {
        let next = check["next_step"].as_str().unwrap();
        let (_, statement) = next.split_once("lane default: ").unwrap();
        world.sql(statement).await;
    }
    let shown = run(&world, &["doctor", "--json"]).await;
    assert!(all_checks(&view(&shown), "lanes").is_empty(), "{shown:?}");
    assert_check(&shown, "bind", "ok", "accepted", "");
    // A lane that is served is nobody's trouble.
    world
        .sql(
            "UPDATE smpp_tx_queue SET lane = 'bulk';
             INSERT INTO smpp_status (lane, lease_expires_at) VALUES ('bulk', now() + interval '1 hour')",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert!(all_checks(&view(&shown), "lanes").is_empty(), "{shown:?}");
    assert_check(&shown, "queue", "ok", "nothing waits", "");
}

#[tokio::test]
async fn a_server_that_submits_nothing_is_told_with_what_waits() {
    let world = World::new().await;
    world.enable_sim(", esme_bind_mode", ", 'receiver'").await;
    let _daemon = world.daemon();
    world.until_session("bound").await;
    let shown = run(&world, &["doctor", "--json"]).await;
    let receiver = "esme_bind_mode is receiver, which submits nothing";
    let next = "esme_bind_mode = 'transceiver' WHERE id = 1";
    assert_check(&shown, "columns", "warning", receiver, next);
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, insert_timestamp)
             SELECT '44791112340' || n, 't', now() - interval '3 hours' FROM generate_series(1, 3) AS n",
        )
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    let told = format!("{receiver}, and 3 messages of this lane wait");
    assert_check(&shown, "columns", "warning", &told, next);
    // Not twice.
    assert_check(&shown, "queue", "ok", "3 wait", "");
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE, esme_bind_mode = 'transceiver'")
        .await;
    world.until_events("bound", 2).await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(
        &shown,
        "columns",
        "warning",
        "nothing is sent, and 3 messages of this lane wait",
        "esme_submit_paused = FALSE",
    );
    // One that sends, but too little.
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = FALSE, esme_throughput = 0.0001")
        .await;
    world
        .until("SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'throttled')")
        .await;
    world
        .until("SELECT session_state IN ('bound', 'throttled') FROM smpp_status")
        .await;
    let shown = run(&world, &["doctor", "--json"]).await;
    assert_check(&shown, "queue", "warning", "2 wait", "esme_throughput");
}

/// From lane to lane, not from row to row.
#[tokio::test]
async fn a_look_for_lanes_costs_little_in_a_long_queue() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, lane, send_after)
             SELECT '1', 't', 'lane ' || n % 3, CASE n % 2 WHEN 0 THEN now() + interval '1 day' END
             FROM generate_series(1, 60000) AS n;
             SET enable_seqscan TO off; SET enable_bitmapscan TO off",
        )
        .await;
    let lanes = include_str!("../../../../sql/queries/doctor_lanes.sql").replace("$1", "'default'");
    let plan: serde_json::Value = world
        .one(&format!(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {lanes}"
        ))
        .await;
    let plan = &plan[0]["Plan"];
    assert_eq!(plan["Actual Rows"], 3, "{plan:#}");
    let blocks = ["Shared Hit Blocks", "Shared Read Blocks"]
        .map(|key| plan[key].as_u64().unwrap())
        .iter()
        .sum::<u64>();
    assert!(blocks < 200, "{blocks} blocks: {plan:#}");
}
