//! The order in which rows leave, and what has to wait meanwhile.

use std::time::Duration;

use esmed::db::queue::{self, Most};

use crate::support::World;

const URGENT: &str = "447911123400";

/// As in the sessions of the daemon.
const PLANNER: &str = "SET enable_seqscan TO off; SET enable_bitmapscan TO off;
    SET enable_hashjoin TO off; SET enable_mergejoin TO off; SET jit TO off;";

impl World {
    /// Queues an urgent message; returns how many submits the SMSC has seen since, before it saw this one.
    async fn overtaken_by(&self, number: &str) -> usize {
        self.send_with(number, "urgent", ", smpp_priority_flag", ", 'LEVEL_1'")
            .await;
        let before = self.sim.ledger().submits().len();
        self.until_seen_to(number, 1).await;
        let submits = self.sim.ledger().submits();
        let place = submits.iter().position(|it| it.destination == number);
        place.expect("a submit").saturating_sub(before)
    }

    /// Runs the claim of the daemon for `rows` rows, in a transaction of its own that is rolled back, and asks after it.
    async fn with_claim(&self, before: &str, rows: i64, after: &str) -> Vec<String> {
        let client = self.connection("postgres").await;
        let claim = include_str!("../../sql/queries/claim.sql");
        client
            .batch_execute(&format!(
                "{PLANNER} INSERT INTO smpp_status (lane, epoch) VALUES ('default', 1) ON CONFLICT (lane) DO UPDATE SET epoch = 1;
                 PREPARE claim (text, bigint, bigint, bigint, bigint[], bigint) AS {claim};
                 BEGIN"
            ))
            .await
            .expect("a claim");
        let messages = client
            .simple_query(&format!(
                "{before} EXECUTE claim('default', 1, {rows}, 1, '{{}}', {rows}); {after}; ROLLBACK"
            ))
            .await
            .expect("a claim");
        messages
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .collect()
    }
}

#[tokio::test]
async fn an_urgent_row_waits_for_no_more_than_what_is_claimed() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(20)).await;
    world.queue(0..100_000).await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_window_size", ", 10").await;
    // The window holds rows back: one in flight, one ahead of it.
    world
        .until_ledger("bulk", |records| records.counts().submits > 200)
        .await;
    let between = world.overtaken_by(URGENT).await;
    assert!(between <= 30, "{between} submits before the urgent one");
    // The rate holds them back, however large the window is.
    world
        .sql("UPDATE smpp_servers SET esme_window_size = 500, esme_throughput = 50")
        .await;
    world
        .until("SELECT window_size = 500 FROM smpp_status")
        .await;
    let seen = world.sim.ledger().count();
    world
        .until_ledger("bulk", |records| records.counts().submits > seen + 50)
        .await;
    let between = world.overtaken_by("447911123500").await;
    assert!(between <= 10, "{between} submits before the urgent one");
    assert!(world.sim.ledger().count() < 90_000);
}

#[tokio::test]
async fn a_claim_counts_the_parts_of_long_texts() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_status (lane, epoch) VALUES ('default', 1);
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag) VALUES
               ('44', repeat('a', 400), 'LEVEL_0'), ('44', repeat('a', 160), 'LEVEL_0'), ('44', repeat('ж', 70), 'LEVEL_0'),
               ('44', repeat('ж', 71), 'LEVEL_0'), ('44', repeat('a', 161), 'LEVEL_0'), ('44', repeat('a', 1600), 'LEVEL_1'),
               ('44', 'a', 'LEVEL_0')",
        )
        .await;
    let database = world.database();
    let claim = async |submits| {
        let most = Most { rows: 10, submits };
        let rows = queue::claim(&database, "default", 1, most, 1, &[])
            .await
            .expect("a claim");
        let full = most.is_reached_by(&rows);
        let claimed = rows
            .iter()
            .map(|row| (row.id, row.submits))
            .collect::<Vec<_>>();
        (claimed, full)
    };
    // One row leaves, however many parts it has, and the urgent one is the first.
    assert_eq!(claim(2).await, (vec![(6, 11)], true));
    assert_eq!(claim(4).await, (vec![(1, 3), (2, 1)], true));
    assert_eq!(claim(4).await, (vec![(3, 1), (4, 2), (5, 2)], true));
    assert_eq!(claim(4).await, (vec![(7, 1)], false));
    world
        .sql("UPDATE smpp_tx_queue SET submission_started_at = NULL")
        .await;
    let (all, full) = claim(usize::MAX).await;
    assert_eq!((all.len(), full), (7, false));
}

#[tokio::test]
async fn rows_that_wait_are_not_touched_by_the_claims_of_others() {
    let world = World::new().await;
    // They would all be before the fresh one.
    for (column, value) in [
        ("next_attempt_at", "now() + interval '1 hour', 1, FALSE"),
        ("send_after", "now() + interval '1 hour', 0, FALSE"),
        ("next_attempt_at", "NULL, 1, TRUE"),
    ] {
        world
            .sql(&format!(
                "INSERT INTO smpp_tx_queue
                   (smpp_destination_addr, smpp_short_message, smpp_priority_flag, {column}, submission_attempts, in_doubt)
                 SELECT '2782' || lpad(n::text, 7, '0') || '00', 'waits', 'LEVEL_3', {value}
                 FROM generate_series(1, 10000) AS n"
            ))
            .await;
    }
    world.insert(3).await;
    // Three of three rows that it reads.
    let plan = world
        .with_claim("EXPLAIN (ANALYZE, TIMING OFF)", 500, "SELECT 'end'")
        .await
        .join("\n");
    assert!(
        plan.contains("Index Scan using smpp_tx_queue_pending"),
        "{plan}"
    );
    assert!(plan.contains("actual rows=3"), "{plan}");
    assert!(!plan.contains("Rows Removed by Filter"), "{plan}");
    let versions = "SELECT string_agg(DISTINCT xmin::text || ' ' || xmax::text, ', ')
                    FROM smpp_tx_queue WHERE smpp_short_message = 'waits'";
    let before: String = world.one(versions).await;

    let mut daemon = world.daemon();
    world.enable_sim("", "").await;
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_done")
        .await;
    assert_eq!(world.sim.ledger().count(), 3);
    let statuses: String = world
        .one(
            "SELECT string_agg(count || ' ' || status, ', ' ORDER BY status) FROM smpp_queue_stats",
        )
        .await;
    assert_eq!(
        statuses,
        "10000 held, 10000 retrying, 10000 scheduled, 3 sent"
    );
    // What is still to be sent is all of it.
    world
        .until("SELECT queue_depth = 30000 FROM smpp_status")
        .await;
    assert_eq!(world.one::<String>(versions).await, before);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn claims_touch_no_index() {
    let world = World::new().await;
    world.insert(4).await;
    // Also one that was let go after its time had come, and one that is sent again.
    world
        .sql(
            "UPDATE smpp_tx_queue SET send_after = now() - interval '1 hour', released_at = now() WHERE id = 1;
             UPDATE smpp_tx_queue SET possible_duplicate = TRUE WHERE id = 2",
        )
        .await;
    let hot = "SELECT pg_stat_get_xact_tuples_hot_updated('smpp_tx_queue'::regclass)";
    let rows = world.with_claim("", 10, hot).await;
    assert_eq!(rows, ["1", "2", "3", "4", "4"]);
}

#[tokio::test]
async fn a_client_ref_is_sent_once_as_long_as_its_row_exists() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let insert = "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, client_ref)
                  VALUES ('447911123400', 'once', 'invoice-4711') ON CONFLICT (client_ref) DO NOTHING";
    for _ in 0..3 {
        world.sql(insert).await;
    }
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    world.sql(insert).await;
    let again = world
        .db
        .batch_execute(insert.split(" ON CONFLICT").next().unwrap())
        .await
        .expect_err("a second row");
    let again = again.as_db_error().expect("an answer");
    assert_eq!(again.constraint(), Some("smpp_tx_queue_client_ref_unique"));
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        1
    );
    world.sql("DELETE FROM smpp_tx_queue").await;
    world.sql(insert).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().count(), 2);
}

#[tokio::test]
async fn what_is_in_doubt_is_found_by_an_index() {
    let world = World::new().await;
    world.queue(0..20_000).await;
    world
        .sql(
            "UPDATE smpp_tx_queue SET in_doubt = TRUE, submission_attempts = 1 WHERE id IN (7, 9);
             ANALYZE smpp_tx_queue",
        )
        .await;
    let plan: Vec<String> = world
        .rows("EXPLAIN SELECT id, status FROM smpp_in_doubt", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(
        plan.iter().any(|it| it.contains("smpp_tx_queue_in_doubt")),
        "{plan:?}"
    );
    let found: String = world
        .one("SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM smpp_in_doubt")
        .await;
    assert_eq!(found, "7 held, 9 held");
}
