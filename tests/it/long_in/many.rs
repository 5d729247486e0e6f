//! What is looked up stays little, whatever is stored.

use serde_json::Value;

use super::{bound_world, udh8};
use crate::support::World;

/// As the daemon sets them in each connection.
const PLANNER: &str = "SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off";

/// Blocks of 8 kB that a statement reads, with its parameters written in.
async fn blocks(world: &World, statement: &str, parameters: &[&str]) -> u64 {
    let mut statement = statement.to_owned();
    for (number, value) in (1..).zip(parameters) {
        statement = statement.replace(&format!("${number}"), value);
    }
    world.sql(PLANNER).await;
    let plan: Value = world
        .one(&format!(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
        ))
        .await;
    let block = |kind: &str| plan[0]["Plan"][kind].as_u64().unwrap();
    block("Shared Hit Blocks") + block("Shared Read Blocks")
}

const SETS_OF_KEYS: &str = include_str!("../../../sql/queries/sets_of_keys.sql");
const LOCK_SETS: &str = include_str!("../../../sql/queries/lock_sets.sql");
const WAITING_SETS: &str = include_str!("../../../sql/queries/waiting_sets.sql");

/// One key of `total` parts, as sets_of_keys.sql takes it.
fn key(total: &str) -> [&str; 8] {
    let totals = match total {
        "2" => "ARRAY[2]",
        _ => "ARRAY[3]",
    };
    [
        "ARRAY[1]",
        "ARRAY['447911000001']",
        "ARRAY['12345']",
        "ARRAY['udh8']",
        "ARRAY[7]",
        totals,
        "16",
        "1800",
    ]
}

#[tokio::test]
async fn a_set_with_very_many_rows_is_not_read_whole() {
    let (world, mut daemon) = bound_world().await;
    world.phones([udh8(7, 2, 1, b"again")]).await;
    assert_eq!(daemon.stop().await, Some(0));
    // As the daemon does not write it.
    world
        .sql(
            "INSERT INTO smpp_rx_queue (pdu_raw, smpp_source_addr, smpp_destination_addr, smpp_server_id, kind,
               concat_ref, concat_part, concat_total, concat_kind, concat_set)
             SELECT pdu_raw, smpp_source_addr, smpp_destination_addr, smpp_server_id, kind,
               concat_ref, concat_part, concat_total, concat_kind, concat_set
             FROM smpp_rx_queue, generate_series(1, 20000) WHERE concat_set = id",
        )
        .await;
    let found = blocks(&world, SETS_OF_KEYS, &key("2")).await;
    assert!(found < 1000, "{found}");
    let locked = blocks(&world, LOCK_SETS, &["ARRAY[1]", "1800", "60"]).await;
    assert!(locked < 2000, "{locked}");
    let waiting = blocks(&world, WAITING_SETS, &["NULL", "NULL", "200", "60"]).await;
    assert!(waiting < 2000, "{waiting}");
}

#[tokio::test]
async fn sets_of_one_phone_with_another_total_are_not_read() {
    let (world, mut daemon) = bound_world().await;
    world.phones([udh8(7, 2, 1, b"one")]).await;
    assert_eq!(daemon.stop().await, Some(0));
    world
        .sql(
            "INSERT INTO smpp_rx_queue (id, pdu_raw, smpp_source_addr, smpp_destination_addr, smpp_server_id, kind,
               concat_ref, concat_part, concat_total, concat_kind, concat_set, inbox_id)
             SELECT n, pdu_raw, smpp_source_addr, smpp_destination_addr, smpp_server_id, kind, concat_ref, 1, 4, concat_kind, n, 1
             FROM smpp_rx_queue, generate_series(1001, 21000) AS n WHERE id = 1",
        )
        .await;
    for total in ["2", "3"] {
        let found = blocks(&world, SETS_OF_KEYS, &key(total)).await;
        assert!(found < 30, "{found} for {total} parts");
    }
}
