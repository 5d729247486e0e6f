//! Answers that were lost, and what people decide about messages.

use crate::support::{Daemon, World};

/// A daemon that is bound, with more columns of the server.
async fn bound_world(columns: &str, values: &str) -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim(columns, values).await;
    world.until_bound().await;
    (world, daemon)
}

impl World {
    /// Waits for so many submits, and breaks the connection before any is answered.
    async fn lose_answers(&self, submits: u64) {
        self.until_ledger("submits to be lost", |records| {
            records.counts().submits >= submits
        })
        .await;
        self.sim.behave(|behaviour| behaviour.mute.submits = false);
        self.sim.drop_connections();
    }

    fn mute(&self) {
        self.sim.behave(|behaviour| behaviour.mute.submits = true);
    }

    async fn call(&self, function: &str, id: i64) -> String {
        let app = self.connection("postgres").await;
        app.batch_execute("SET ROLE esmed_app").await.unwrap();
        app.query_one(&format!("SELECT {function}($1)"), &[&id])
            .await
            .unwrap()
            .get(0)
    }

    async fn flags(&self, id: i64) -> (bool, bool) {
        let row = &self
            .rows(
                "SELECT in_doubt, possible_duplicate FROM smpp_tx_queue WHERE id = $1",
                &[&id],
            )
            .await[0];
        (row.get(0), row.get(1))
    }
}

const POLICY: &str = ", in_doubt_policy";

#[tokio::test]
async fn the_policy_of_the_row_and_then_of_the_server_decides() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let resend = world.send("447911123440", "resend").await;
    let fail = world
        .send_with("447911123450", "fail", POLICY, ", 'fail'")
        .await;
    let hold = world
        .send_with("447911123460", "hold", POLICY, ", 'hold'")
        .await;
    world.lose_answers(3).await;
    world.until_status(resend, "sent").await;
    world.until_status(fail, "failed").await;
    world.until_status(hold, "held").await;
    assert_eq!(world.flags(resend).await, (false, true));
    assert_eq!(world.flags(fail).await, (true, false));
    assert_eq!(world.flags(hold).await, (true, false));
    for (id, attempts) in [(resend, "2"), (fail, "1"), (hold, "1")] {
        assert_eq!(
            world.tx(id, "submission_attempts").await.as_deref(),
            Some(attempts)
        );
    }
    let listed: Vec<i64> = world
        .rows("SELECT id FROM smpp_in_doubt ORDER BY id", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(listed, [fail, hold]);
    world.until_events("connection_lost", 1).await;

    // The same by the server, in a lane whose server says other than the default.
    world
        .sql("UPDATE smpp_servers SET esme_in_doubt = 'hold'")
        .await;
    world.until_events("bound", 2).await;
    world.next_heartbeat().await;
    world.mute();
    let by_server = world.send("447911123441", "by the server").await;
    let by_row = world
        .send_with("447911123442", "by the row", POLICY, ", 'resend'")
        .await;
    let seen = world.sim.ledger().count();
    assert!((4..=6).contains(&seen));
    world.lose_answers(6).await;
    world.until_status(by_row, "sent").await;
    world.until_status(by_server, "held").await;
    let ledger = world.sim.ledger();
    assert_eq!(ledger.submits_to("447911123460").len(), 1);
    assert_eq!(ledger.submits_to("447911123450").len(), 1);
    assert_eq!(ledger.submits_to("447911123441").len(), 1);
    assert_eq!(ledger.submits_to("447911123442").len(), 2);
}

#[tokio::test]
async fn unanswered_attempts_count_and_end() {
    let (world, _daemon) = bound_world(", esme_max_submission_attempts", ", 2").await;
    let id = world.send("447911123409", "never answered").await;
    for attempt in 1..=2 {
        world.lose_answers(attempt).await;
    }
    world.until_status(id, "failed").await;
    assert_eq!(world.flags(id).await, (true, true));
    let info = world.tx(id, "submission_info").await.unwrap();
    assert!(info.contains("no answer to attempt 2"), "{info}");
    let other = world.send("447911123400", "another").await;
    world.until_status(other, "sent").await;
    assert_eq!(world.sim.ledger().submits_to("447911123409").len(), 2);
}

#[tokio::test]
async fn a_message_in_doubt_that_is_reset_as_in_0_1_1_is_sent_again_and_flagged() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let fail = world
        .send_with("447911123450", "fail", POLICY, ", 'fail'")
        .await;
    let hold = world
        .send_with("447911123460", "hold", POLICY, ", 'hold'")
        .await;
    world.lose_answers(2).await;
    world.until_status(fail, "failed").await;
    world.until_status(hold, "held").await;
    world
        .sql(
            "UPDATE smpp_tx_queue
             SET submission_done = FALSE, submission_failed = FALSE, submission_attempts = 0",
        )
        .await;
    for id in [fail, hold] {
        world.until_status(id, "sent").await;
        assert_eq!(world.flags(id).await, (false, true));
    }
    assert_eq!(world.sim.ledger().count(), 4);
}

#[tokio::test]
async fn resend_queues_what_failed_or_is_held() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let fail = world
        .send_with("447911123450", "fail", POLICY, ", 'fail'")
        .await;
    let hold = world
        .send_with("447911123460", "hold", POLICY, ", 'hold'")
        .await;
    world.lose_answers(2).await;
    world.until_status(fail, "failed").await;
    world.until_status(hold, "held").await;
    let refused = world.send("447911123407", "refused").await;
    world.until_status(refused, "failed").await;
    world
        .sql(&format!(
            "UPDATE smpp_tx_queue SET smpp_destination_addr = '447911123470' WHERE id = {refused}"
        ))
        .await;
    for id in [fail, hold, refused] {
        assert_eq!(world.call("esmed_resend", id).await, "queued");
        world.until_status(id, "sent").await;
        assert_eq!(world.flags(id).await, (false, id != refused));
        assert_eq!(
            world.tx(id, "submission_attempts").await.as_deref(),
            Some("1")
        );
        // It is not sent a third time.
        assert_eq!(world.call("esmed_resend", id).await, "not failed");
    }
    let started = world.send("447911123409", "started").await;
    world.until_status(started, "started").await;
    world
        .until_ledger("a seventh submit", |records| records.submits().len() == 7)
        .await;
    assert_eq!(world.call("esmed_resend", started).await, "not failed");
    let waiting = world
        .send_with(
            "447911123480",
            "scheduled",
            ", send_after",
            ", now() + interval '1 hour'",
        )
        .await;
    assert_eq!(world.call("esmed_resend", waiting).await, "not failed");
    assert_eq!(world.call("esmed_resend", 99).await, "not found");
    assert_eq!(world.call("esmed_cancel", 99).await, "not found");
    assert_eq!(world.sim.ledger().count(), 7);
}

#[tokio::test]
async fn cancel_stops_what_has_not_left() {
    let (world, _daemon) = bound_world("", "").await;
    let mut listener = world.listen("smpp_delivery").await;
    let waiting = world
        .send_with(
            "447911123440",
            "scheduled",
            ", send_after",
            ", now() + interval '1 hour'",
        )
        .await;
    assert_eq!(world.call("esmed_cancel", waiting).await, "cancelled");
    listener.until_id(waiting).await;
    assert_eq!(world.call("esmed_cancel", waiting).await, "cancelled");
    world
        .sql("UPDATE smpp_tx_queue SET send_after = NULL")
        .await;
    let done = world.send("447911123450", "done").await;
    world.until_status(done, "sent").await;
    assert_eq!(world.call("esmed_cancel", done).await, "too late");
    let failed = world.send("447911123407", "failed").await;
    world.until_status(failed, "failed").await;
    assert_eq!(world.call("esmed_cancel", failed).await, "too late");
    assert_eq!(world.status(waiting).await, "cancelled");
    assert_eq!(
        world.tx(waiting, "smpp_message_state").await.as_deref(),
        Some("DELETED")
    );
    assert_eq!(world.sim.ledger().submits_to("447911123440").len(), 0);
    // And it can be queued again.
    assert_eq!(world.call("esmed_resend", waiting).await, "queued");
    world.until_status(waiting, "sent").await;
    assert_eq!(world.tx(waiting, "smpp_message_state").await, None);
}

#[tokio::test]
async fn cancel_while_an_attempt_is_open() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let mut listener = world.listen("smpp_delivery").await;
    let lost = world.send("447911123440", "its answer is lost").await;
    let held = world
        .send_with("447911123450", "held", POLICY, ", 'hold'")
        .await;
    world
        .until_ledger("two submits", |records| records.submits().len() == 2)
        .await;
    assert_eq!(world.call("esmed_cancel", lost).await, "requested");
    assert_eq!(world.status(lost).await, "started");
    world.lose_answers(2).await;
    world.until_status(lost, "cancelled").await;
    listener.until_id(lost).await;
    // Nobody knows whether the SMSC has it, and it was sent once.
    assert_eq!(world.flags(lost).await, (true, false));
    world.until_status(held, "held").await;
    assert_eq!(world.call("esmed_cancel", held).await, "cancelled");
    assert_eq!(world.flags(held).await, (true, false));
    assert_eq!(world.status(held).await, "cancelled");

    let retried = world.send("447911123408", "slow, and then sent").await;
    world.until_status(retried, "started").await;
    world
        .until_ledger("a third submit", |records| records.submits().len() == 3)
        .await;
    assert_eq!(world.call("esmed_cancel", retried).await, "requested");
    world.until_status(retried, "sent").await;
    assert_eq!(world.call("esmed_cancel", retried).await, "too late");
    assert_eq!(world.sim.ledger().count(), 3);
}

#[tokio::test]
async fn cancel_while_a_refused_attempt_is_open_keeps_it_from_being_tried_again() {
    let (world, _daemon) = bound_world("", "").await;
    world.sim.behave(|behaviour| {
        behaviour.response_delay = std::time::Duration::from_secs(3);
    });
    let id = world.send("447911123410", "refused for now").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    assert_eq!(world.call("esmed_cancel", id).await, "requested");
    world.until_status(id, "cancelled").await;
    assert_eq!(world.flags(id).await, (false, false));
    assert_eq!(world.tx(id, "next_attempt_at").await, None);
    assert_eq!(world.sim.ledger().count(), 1);
}

#[tokio::test]
async fn one_that_is_refused_after_a_lost_answer_stays_in_doubt() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let id = world.send("447911123440", "its answer is lost").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    // The second attempt is refused for good.
    world
        .sql("UPDATE smpp_tx_queue SET smpp_destination_addr = '447911123407'")
        .await;
    world.lose_answers(1).await;
    world.until_status(id, "failed").await;
    assert_eq!(world.flags(id).await, (true, true));
    assert_eq!(world.sim.ledger().count(), 2);
    let never = world.send("447911123407", "no answer was lost").await;
    world.until_status(never, "failed").await;
    assert_eq!(world.flags(never).await, (false, false));
}

#[tokio::test]
async fn one_that_is_cancelled_after_a_lost_answer_stays_in_doubt() {
    let (world, _daemon) = bound_world(", esme_retry_delay", ", 60").await;
    world.mute();
    let waiting = world.send("447911123440", "cancelled while it waits").await;
    let open = world
        .send("447911123450", "cancelled while an attempt is open")
        .await;
    world
        .until_ledger("two submits", |records| records.submits().len() == 2)
        .await;
    // The second attempts are refused, for now.
    world
        .sql("UPDATE smpp_tx_queue SET smpp_destination_addr = '447911123410'")
        .await;
    world.sim.behave(|behaviour| {
        behaviour.response_delay = std::time::Duration::from_secs(3);
    });
    world.lose_answers(2).await;
    world
        .until_ledger("two more submits", |records| records.submits().len() == 4)
        .await;
    assert_eq!(world.call("esmed_cancel", open).await, "requested");
    world.until_status(open, "cancelled").await;
    assert_eq!(world.flags(open).await, (true, true));
    world.until_status(waiting, "retrying").await;
    assert_eq!(world.flags(waiting).await, (false, true));
    assert_eq!(world.call("esmed_cancel", waiting).await, "cancelled");
    assert_eq!(world.flags(waiting).await, (true, true));
    assert_eq!(world.status(waiting).await, "cancelled");
    assert_eq!(world.sim.ledger().count(), 4);
}

#[tokio::test]
async fn one_that_expires_after_a_lost_answer_stays_in_doubt() {
    let (world, _daemon) = bound_world("", "").await;
    world.mute();
    let id = world.send("447911123440", "its answer is lost").await;
    world
        .until_ledger("a submit", |records| records.submits().len() == 1)
        .await;
    world
        .sql("UPDATE smpp_tx_queue SET expires_at = now()")
        .await;
    world.lose_answers(1).await;
    world.until_status(id, "expired").await;
    assert!(world.flags(id).await.0);
    let info = world.tx(id, "submission_info").await.unwrap();
    assert_eq!(info, "expired before it was sent again");
    assert_eq!(world.sim.ledger().count(), 1);
}
