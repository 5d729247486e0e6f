//! What statuses mean: as usual, and by `smpp_status_classes`.

use esmed::pdu::CommandStatus;

use crate::support::{World, simulator, until_seen};

/// A status that nobody knows; permanent if nobody says more.
const ODD: CommandStatus = CommandStatus(0x0500);

impl World {
    /// Has the simulator answer each submit with this status; `None`: accept it.
    fn answer_with(&self, status: Option<CommandStatus>) {
        self.sim
            .behave(|behaviour| behaviour.submit_status = status);
    }

    /// A message that gets this answer, once it has this status: submission_info, and how many
    /// attempts it took.
    async fn answered(&self, answer: CommandStatus, status: &str) -> (String, String) {
        self.answer_with(Some(answer));
        let id = self.send("447911123400", "what does it mean?").await;
        self.until_status(id, status).await;
        let info = self.tx(id, "submission_info").await;
        let attempts = self.tx(id, "submission_attempts").await;
        (info.unwrap_or_default(), attempts.unwrap_or_default())
    }
}

fn told(info: &str, attempts: &str) -> (String, String) {
    (info.to_owned(), attempts.to_owned())
}

#[tokio::test]
async fn each_class_by_an_override() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_status_classes (server_id, command_status, class) VALUES
               (1, 8, 'permanent'), (2, 8, 'ok'), (NULL, 8, 'temporary'),
               (NULL, 11, 'temporary'), (2, 11, 'permanent'),
               (1, 1104, 'ok'), (1, 69, 'throttled'), (NULL, 1280, 'session-fatal')",
        )
        .await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_retry_delay, esme_throttle_delay", ", 3600, 0.1")
        .await;
    assert_eq!(world.one::<i64>("SELECT id FROM smpp_servers").await, 1);

    let permanent = world.answered(CommandStatus::ESME_RSYSERR, "failed").await;
    let expected = told("ESME_RSYSERR (0x08): system error of the SMSC", "1");
    assert_eq!(permanent, expected);

    let temporary = world
        .answered(CommandStatus::ESME_RINVDSTADR, "retrying")
        .await;
    let expected = told("ESME_RINVDSTADR (0x0B): invalid destination address", "1");
    assert_eq!(temporary, expected);

    let ok = world.answered(CommandStatus(1104), "sent").await;
    let expected = "accepted with vendor status 0x0450: its meaning is the provider's to tell";
    assert_eq!(ok, told(expected, "1"));
    let accepted = "SELECT smpp_message_id IS NULL AND submission_timestamp IS NOT NULL
                    FROM smpp_tx_queue WHERE submission_done";
    assert!(world.one::<bool>(accepted).await);

    world.answer_with(Some(CommandStatus::ESME_RSUBMITFAIL));
    let throttled = world.send("447911123400", "throttled").await;
    world.until_events("throttled", 1).await;
    world
        .until_ledger("it again", |records| records.submits().len() >= 5)
        .await;
    world.answer_with(None);
    world.until_status(throttled, "sent").await;
    let attempts = world.tx(throttled, "submission_attempts").await;
    assert_eq!(attempts.as_deref(), Some("1"));
    world.until_events("throttled_end", 1).await;
    assert_eq!(world.sim.ledger().binds().len(), 1);

    let fatal = world.answered(ODD, "retrying").await;
    assert_eq!(fatal, told("unknown status 0x0500", "1"));
    world.answer_with(None);
    world
        .until_ledger("a second bind", |records| records.binds().len() == 2)
        .await;
    let why: String = world
        .one("SELECT message FROM smpp_events WHERE type = 'connection_lost'")
        .await;
    assert!(why.contains("unknown status 0x0500"), "{why}");
    let next = world.send("447911123400", "in the next session").await;
    world.until_status(next, "sent").await;
    assert_eq!(world.events("server_warning").await, 0);
}

#[tokio::test]
async fn the_example_of_the_documents() {
    let document = include_str!("../../docs/servers.md");
    let example = document
        .split("```sql\n")
        .find(|it| it.starts_with("INSERT INTO smpp_status_classes"))
        .and_then(|it| it.split("```").next())
        .expect("an example");
    let world = World::new().await;
    world.sql(example).await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_retry_delay", ", 3600").await;
    for (answer, status) in [
        (CommandStatus::ESME_RSUBMITFAIL, "retrying"),
        (CommandStatus::ESME_RMSGQFUL, "retrying"),
        (CommandStatus(0x0450), "failed"),
    ] {
        world.answered(answer, status).await;
    }
    assert_eq!(world.events("throttled").await, 0);
}

#[tokio::test]
async fn an_override_counts_for_each_part_of_a_long_message() {
    let world = World::new().await;
    world
        .sql("INSERT INTO smpp_status_classes VALUES (1, 69, 'temporary')")
        .await;
    world
        .enable_sim(
            ", esme_retry_delay, esme_max_submission_attempts",
            ", 0.05, 2",
        )
        .await;
    let _daemon = world.daemon();
    // ESME_RSUBMITFAIL for part 2, always.
    let text = "words ".repeat(70);
    let refused = world.send("447911123441", &text).await;
    world.until_status(refused, "failed").await;
    let info = world.tx(refused, "submission_info").await;
    assert_eq!(
        info.as_deref(),
        Some(
            "part 2 of 3: ESME_RSUBMITFAIL (0x45): submit failed, after 2 attempts (2 of 3 parts were accepted)"
        )
    );
    assert_eq!(world.sim.ledger().submits_to("447911123441").len(), 4);

    world
        .sql(
            "UPDATE smpp_status_classes SET class = 'throttled';
             INSERT INTO smpp_status_classes VALUES (2, 69, 'ok')",
        )
        .await;
    // Another server takes it for accepted.
    let other = simulator(|_| {});
    assert_eq!(world.add_server(&other, true, "", "").await, 2);
    until_seen(&other.ledger(), "a bind", |records| {
        records.counts().bound_sessions == 1
    })
    .await;
    let accepted = world.send("447911123541", &text).await;
    world.until_status(accepted, "sent").await;
    let part = "SELECT submission_info || (smpp_message_id IS NULL) FROM smpp_tx_parts
                WHERE submission_done AND part = 2";
    assert_eq!(
        world.one::<String>(part).await,
        "accepted with ESME_RSUBMITFAIL (0x45): submit failedtrue"
    );
    assert_eq!(other.ledger().submits_to("447911123541").len(), 3);
}

/// A row that is tried again and again shows each change when it is heeded.
async fn changes_hold_without_a_rebind(world: &World) {
    // Each look has the row tried again now; a poll that would find it may be far off.
    let until = async |condition: &str| {
        world
            .until(&format!(
                "WITH hurry AS (UPDATE smpp_tx_queue SET next_attempt_at = NULL WHERE next_attempt_at > now())
                 SELECT {condition} FROM pg_notify('notify_table_change', 'smpp_tx_queue')"
            ))
            .await;
    };
    let event = async |kind: &str| {
        until(&format!(
            "EXISTS (SELECT FROM smpp_events WHERE type = '{kind}')"
        ))
        .await;
    };
    let row = async |id: i64, condition: &str| {
        until(&format!(
            "(SELECT {condition} FROM smpp_tx_report WHERE id = {id})"
        ))
        .await;
    };

    world.answer_with(Some(ODD));
    let id = world.send("447911123400", "changes").await;
    row(id, "submission_attempts >= 2").await;
    // The server's own before that for all.
    world
        .sql("INSERT INTO smpp_status_classes VALUES (1, 1280, 'throttled')")
        .await;
    event("throttled").await;
    world
        .sql("UPDATE smpp_status_classes SET class = 'ok' WHERE server_id = 1")
        .await;
    row(id, "status = 'sent'").await;
    event("throttled_end").await;

    world.answer_with(Some(CommandStatus(1281)));
    let id = world.send("447911123400", "fails").await;
    row(id, "submission_attempts >= 2").await;
    // Without an override the status is permanent.
    world
        .sql("DELETE FROM smpp_status_classes WHERE command_status = 1281")
        .await;
    row(id, "status = 'failed'").await;
    assert_eq!(world.sim.ledger().binds().len(), 1);
    assert_eq!(world.events("bound").await, 1);
}

async fn world_of_temporary_errors() -> World {
    let world = World::new().await;
    world
        .sql("INSERT INTO smpp_status_classes VALUES (NULL, 1280, 'temporary'), (NULL, 1281, 'temporary')")
        .await;
    world
        .enable_sim(
            ", esme_retry_delay, esme_throttle_delay, esme_max_submission_attempts",
            ", 60, 0.05, 1000000",
        )
        .await;
    world
}

#[tokio::test]
async fn a_change_of_the_classes_is_heard_of() {
    let world = world_of_temporary_errors().await;
    // Nothing is found by the poll.
    let _daemon = world.daemon_with("esmed", "poll_interval = 3600");
    changes_hold_without_a_rebind(&world).await;
}

#[tokio::test]
async fn a_change_of_the_classes_is_found_without_a_notification() {
    let world = world_of_temporary_errors().await;
    world
        .sql("ALTER TABLE smpp_status_classes DISABLE TRIGGER USER")
        .await;
    let _daemon = world.daemon();
    changes_hold_without_a_rebind(&world).await;
}

#[tokio::test]
async fn without_an_override_the_answer_is_told_in_words() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_retry_delay", ", 3600").await;
    for (answer, status, info) in [
        (
            0x0B,
            "failed",
            "ESME_RINVDSTADR (0x0B): invalid destination address",
        ),
        (
            0x0401,
            "failed",
            "ESME_RUNSDATACODING (0x401): data coding not supported",
        ),
        (0x0500, "failed", "unknown status 0x0500"),
        (
            0x08,
            "retrying",
            "ESME_RSYSERR (0x08): system error of the SMSC",
        ),
        (
            0x04FF,
            "retrying",
            "vendor status 0x04FF: its meaning is the provider's to tell",
        ),
    ] {
        let found = world.answered(CommandStatus(answer), status).await;
        assert_eq!(found, told(info, "1"));
    }
    assert_eq!(world.sim.ledger().binds().len(), 1);
    let answer = CommandStatus::ESME_RINVBNDSTS;
    let found = world.answered(answer, "retrying").await;
    let expected = told("ESME_RINVBNDSTS (0x04): not bound for this command", "1");
    assert_eq!(found, expected);
    world
        .until_ledger("a second bind", |records| records.binds().len() == 2)
        .await;
    assert_eq!(world.sim.ledger().count(), 6);
}

#[tokio::test]
async fn accepted_cannot_be_overridden_and_an_event_says_so() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    world
        .sql("INSERT INTO smpp_status_classes VALUES (NULL, 0, 'temporary')")
        .await;
    world.until_events("server_warning", 1).await;
    let warning = "SELECT string_agg(message, ' ' ORDER BY id) FROM smpp_events WHERE type = 'server_warning'";
    let told: String = world.one(warning).await;
    assert!(
        told.contains("ESME_ROK") && told.contains("temporary"),
        "{told}"
    );
    let id = world.send("447911123400", "accepted").await;
    world.until_status(id, "sent").await;
    world
        .sql("INSERT INTO smpp_status_classes SELECT 1, n, 'permanent' FROM generate_series(2000, 3000) n")
        .await;
    world.until_events("server_warning", 2).await;
    let told: String = world.one(warning).await;
    assert!(told.contains("more than 1000"), "{told}");
    // What was told is not told again.
    assert_eq!(told.matches("ESME_ROK").count(), 1, "{told}");
    assert_eq!(world.sim.ledger().count(), 1);
}

#[tokio::test]
async fn rows_that_wait_for_a_retry_hold_up_no_other() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_retry_delay, esme_window_size", ", 3600, 2")
        .await;
    // More than are claimed at once, and all more urgent.
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag)
             SELECT '447911123410', 'refused ' || n, 'LEVEL_3' FROM generate_series(1, 600) n",
        )
        .await;
    world
        .until("SELECT count(*) = 600 FROM smpp_tx_status WHERE status = 'retrying'")
        .await;
    let id = world.send("447911123400", "goes at once").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().submits_to("447911123410").len(), 600);
}
