//! Rows whose time runs out: they end, and are not sent (again).

use esmed::db::waiting;

use crate::support::World;

const EXPIRES: &str = ", expires_at";
const LATER: &str = ", now() + interval '1 hour'";

impl World {
    /// Has all time run out that rows were given.
    async fn time_runs_out(&self) {
        self.sql("UPDATE smpp_tx_queue SET expires_at = now() WHERE expires_at IS NOT NULL")
            .await;
    }

    /// `submission_info|smpp_message_state|in_doubt` of a row that has expired.
    async fn end_of(&self, id: i64) -> String {
        self.until_status(id, "expired").await;
        self.one(&format!(
            "SELECT concat_ws('|', submission_info, smpp_message_state, in_doubt) FROM smpp_tx_queue
             WHERE id = {id} AND message_state_timestamp IS NOT NULL AND next_attempt_at IS NULL"
        ))
        .await
    }
}

#[tokio::test]
async fn what_runs_out_during_an_outage_never_leaves() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sim.stop().await;
    world.until_events("connection_lost", 1).await;
    let mut listener = world.listen("smpp_delivery").await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, expires_at, smpp_priority_flag)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', 'stale',
               now() + CASE WHEN n % 10 = 0 THEN interval '1 hour' ELSE interval '0' END, 'LEVEL_2'
             FROM generate_series(1, 5000) AS n",
        )
        .await;
    world
        .until("SELECT count(*) = 4500 FROM smpp_tx_status WHERE status = 'expired'")
        .await;
    // Each batch is told of; 500 ids fit into a notification.
    let mut told = 0;
    while told < 4500 {
        let payload: serde_json::Value = serde_json::from_str(&listener.next().await).unwrap();
        told += payload["ids"].as_array().expect("ids").len();
    }
    assert_eq!(told, 4500);
    world
        .until("SELECT queue_depth = 500 FROM smpp_status")
        .await;
    world.sim.restart().expect("its port");
    world.connect_anew().await;
    let fresh = world.send("447911123400", "fresh").await;
    world.until_status(fresh, "sent").await;
    let audit = world.audit().await;
    assert_eq!((audit.count("expired"), audit.count("sent")), (4500, 501));
    assert_eq!(world.sim.ledger().count(), 501);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn it_ends_wherever_it_waits() {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.sim.behave(|behaviour| behaviour.mute.submits = true);
    let policy = ", expires_at, in_doubt_policy";
    let resent = world
        .send_with(
            "447911123440",
            "resend",
            policy,
            &format!("{LATER}, 'resend'"),
        )
        .await;
    let held = world
        .send_with("447911123450", "hold", policy, &format!("{LATER}, 'hold'"))
        .await;
    world
        .until_ledger("two submits", |records| records.counts().submits == 2)
        .await;
    // Its time runs out while its answer is awaited: nothing is decided before that is lost.
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET expires_at = now() WHERE id = {resent}"
        ))
        .await;
    // One part is accepted, the other waits for its next attempt.
    let half = world
        .send_with(
            "447911123460",
            "in two parts",
            ", expires_at, next_attempt_at, message_parts, submission_attempts, submission_server_id",
            &format!("{LATER}{LATER}, 2, 1, 1"),
        )
        .await;
    world
        .sql(&format!(
            "INSERT INTO smpp_tx_parts (tx_id, part, total, data_coding, octets, submission_done, smpp_message_id)
             VALUES ({half}, 1, 2, 0, 'a', TRUE, 'id'), ({half}, 2, 2, 0, 'b', FALSE, NULL)"
        ))
        .await;
    let retried = world
        .send_with(
            "447911123470",
            "retry",
            ", expires_at, next_attempt_at, submission_attempts",
            &format!("{LATER}{LATER}, 1"),
        )
        .await;
    let scheduled = world
        .send_with(
            "447911123480",
            "scheduled",
            ", expires_at, send_after",
            &LATER.repeat(2),
        )
        .await;
    assert_eq!(world.status(resent).await, "started");
    world.sim.drop_connections();
    world.until_status(held, "held").await;
    assert_eq!(
        world.end_of(resent).await,
        "expired before it was sent again|EXPIRED|t"
    );
    world
        .sql("UPDATE smpp_servers SET esme_submit_paused = TRUE")
        .await;
    daemon.until_logged("sending is paused").await;
    let paused = world
        .send_with("447911123490", "paused", EXPIRES, LATER)
        .await;
    world.time_runs_out().await;
    for (id, end) in [
        (held, "expired before it was sent again|EXPIRED|t"),
        (half, "expired when 1 of 2 parts were accepted|EXPIRED|f"),
        (retried, "expired before it was sent again|EXPIRED|f"),
        (scheduled, "expired before it was sent|EXPIRED|f"),
        (paused, "expired before it was sent|EXPIRED|f"),
    ] {
        assert_eq!(world.end_of(id).await, end);
    }
    let doubtful = "SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM smpp_in_doubt";
    assert_eq!(
        world.one::<String>(doubtful).await,
        format!("{resent} expired, {held} expired")
    );
    assert_eq!(world.sim.ledger().count(), 2);
    // Sent again on demand, without the time that has passed.
    world.sim.behave(|behaviour| behaviour.mute.submits = false);
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_submit_paused = FALSE; SELECT esmed_resend({paused}); SELECT esmed_resend({held})"
        ))
        .await;
    world.until_status(paused, "sent").await;
    world.until_status(held, "sent").await;
    let flagged: Vec<i64> = world
        .rows(
            "SELECT id FROM smpp_tx_queue WHERE possible_duplicate ORDER BY id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(flagged, [resent, held]);
}

#[tokio::test]
async fn a_row_that_may_not_end_delays_no_other() {
    let world = World::new().await;
    world
        .sql(
            "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'not this one'; END $$;
             CREATE TRIGGER mine BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW
             WHEN (NEW.id = 7 AND NEW.smpp_message_state = 'EXPIRED') EXECUTE FUNCTION mine();
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, expires_at)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', 'late', now() FROM generate_series(1, 1500) AS n",
        )
        .await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world
        .until("SELECT count(*) = 1499 FROM smpp_tx_queue WHERE smpp_message_state = 'EXPIRED'")
        .await;
    world
        .until("SELECT message LIKE '%message 7 %mine()%' FROM smpp_events WHERE type = 'expire_refused'")
        .await;
    let fresh = world.send("447911123400", "fresh").await;
    world.until_status(fresh, "sent").await;
    // It has not ended, but it is not sent either.
    assert_eq!(world.status(7).await, "waiting");
    assert_eq!(world.sim.ledger().count(), 1);
    // One that somebody has locked neither.
    let mut user = world.connection("postgres").await;
    let transaction = user.transaction().await.unwrap();
    let locked = world
        .send_with(
            "447911123400",
            "late",
            ", expires_at, send_after",
            ", now() + interval '1 hour', now() + interval '1 hour'",
        )
        .await;
    transaction
        .execute(
            "SELECT FROM smpp_tx_queue WHERE id = $1 FOR UPDATE",
            &[&locked],
        )
        .await
        .unwrap();
    let late = world
        .send_with("447911123400", "late", EXPIRES, ", now()")
        .await;
    world.until_status(late, "expired").await;
    transaction
        .execute(
            "UPDATE smpp_tx_queue SET expires_at = now() WHERE id = $1",
            &[&locked],
        )
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    world.until_status(locked, "expired").await;
}

/// PostgreSQL tells an error before it gives the locks back; who asked too soon would be told the next row.
#[tokio::test]
async fn the_row_that_may_not_end_is_the_one_that_is_blamed() {
    let world = World::new().await;
    world
        .sql(
            "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'not this one'; END $$;
             CREATE TRIGGER mine BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION mine();
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, expires_at)
             SELECT '447911123400', 'late', now() - interval '1 hour' + n * interval '1 ms' FROM generate_series(1, 3) AS n",
        )
        .await;
    let database = world.database();
    // So that the connections take turns.
    let two = (
        database.client().await.unwrap(),
        database.client().await.unwrap(),
    );
    drop(two);
    for _ in 0..500 {
        assert!(waiting::expire(&database, "default", 1, &[]).await.is_err());
        let blamed = waiting::next_late(&database, "default", &[]).await;
        assert_eq!(blamed.unwrap(), Some(1));
    }
}
