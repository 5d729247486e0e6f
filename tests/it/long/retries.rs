//! Parts that are refused, throttled or not answered.

use super::{seen_part, three_parts, world_with_receipts};
use crate::support::{World, simulator};
use esmed::text::Alphabet;

/// Behind this nothing is tried again by itself.
const LATER: &str = ", esme_retry_delay";

impl World {
    /// Has a message tried again now.
    async fn hurry(&self, id: i64) {
        self.sql(&format!(
            "UPDATE smpp_tx_queue SET next_attempt_at = NULL WHERE id = {id}"
        ))
        .await;
    }
}

#[tokio::test]
async fn a_part_that_is_refused_for_good_fails_the_message() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let id = world.send("447911000141", &three_parts()).await;
    world.until_status(id, "failed").await;
    let info = world.tx(id, "submission_info").await.unwrap();
    assert!(
        info.starts_with("part 2 of 3: ESME_R") && info.ends_with("(2 of 3 parts were accepted)"),
        "{info}"
    );
    assert_eq!(world.seen("447911000141"), [1, 2, 3]);
    let parts = world.parts(id).await;
    assert!(parts[0].starts_with("1|t|f|1|"), "{parts:?}");
    assert!(parts[1].starts_with("2|f|t|1|"), "{parts:?}");
    assert_eq!(world.tx(id, "message_parts").await.as_deref(), Some("3"));
    // Its accepted parts have states; the message has failed all the same.
    world
        .until(&format!(
            "SELECT count(*) = 2 FROM smpp_tx_parts WHERE tx_id = {id} AND smpp_message_state = 'DELIVERED'"
        ))
        .await;
    assert_eq!(world.tx(id, "smpp_message_state").await, None);
    assert_eq!(world.status(id).await, "failed");
    // Sent again, only the part that was not accepted leaves.
    let queued: String = world.one(&format!("SELECT esmed_resend({id})")).await;
    assert_eq!(queued, "queued");
    world.until_seen_to("447911000141", 4).await;
    world.until_status(id, "failed").await;
    assert_eq!(world.seen("447911000141"), [1, 2, 3, 2]);
}

#[tokio::test]
async fn only_the_part_that_had_a_temporary_error_is_tried_again() {
    let world = world_with_receipts(LATER, ", 0.1").await;
    let _daemon = world.daemon();
    let id = world.send("447911000142", &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(world.seen("447911000142"), [1, 2, 3, 2]);
    assert_eq!(
        world.parts(id).await,
        [
            "1|t|f|1|DELIVERED",
            "2|t|f|2|DELIVERED",
            "3|t|f|1|DELIVERED"
        ]
    );
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("2")
    );
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn a_throttled_part_uses_up_no_attempt() {
    let world = world_with_receipts(
        ", esme_throttle_delay, esme_max_submission_attempts",
        ", 0.1, 1",
    )
    .await;
    let _daemon = world.daemon();
    let id = world.send("447911000147", &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    let seen = world.seen("447911000147");
    assert_eq!(
        seen.iter().filter(|&&part| part == 2).count(),
        2,
        "{seen:?}"
    );
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn a_retry_sends_the_same_octets_whatever_the_server_says_now() {
    let world = world_with_receipts(LATER, ", 3600").await;
    let mut daemon = world.daemon();
    let to = "447911000142";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "retrying").await;
    world
        .sql(
            "UPDATE smpp_servers SET esme_default_alphabet = 'UTF8', esme_long_message = 'reject',
               esme_max_parts = 1",
        )
        .await;
    // And another daemon does it.
    assert_eq!(daemon.stop().await, Some(0));
    let _daemon = world.daemon();
    world.hurry(id).await;
    world.until_state(id, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to(to);
    assert_eq!(world.seen(to), [1, 2, 3, 2]);
    assert_eq!(submits[3].octets, submits[1].octets);
    assert_eq!(submits[3].data_coding, submits[1].data_coding);
    assert_eq!(submits[3].esm_class, submits[1].esm_class);
}

#[tokio::test]
async fn parts_by_tlvs_are_the_same_in_a_retry() {
    let world = world_with_receipts(", esme_long_message, esme_retry_delay", ", 'sar', 0.1").await;
    let _daemon = world.daemon();
    let to = "447911000142";
    let id = world.send(to, &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to(to);
    assert_eq!(submits.len(), 4);
    let (first, again) = (
        seen_part(&submits[1], Alphabet::Gsm0338),
        seen_part(&submits[3], Alphabet::Gsm0338),
    );
    assert_eq!(first, again);
}

#[tokio::test]
async fn another_server_sends_it_whole_and_flagged() {
    let world = world_with_receipts(LATER, ", 3600").await;
    let _daemon = world.daemon();
    let to = "447911000142";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "retrying").await;
    let other = simulator(|_| {});
    let second = world
        .add_server(&other, true, ", esme_long_message", ", 'udh16'")
        .await;
    world.until_events("bound", 2).await;
    world.hurry(id).await;
    world.until_status(id, "sent").await;
    let submits = other.ledger().submits_to(to);
    let joined: String = submits
        .iter()
        .map(|submit| seen_part(submit, Alphabet::Gsm0338).text)
        .collect();
    // There part 2 gets its temporary error once too.
    assert!(joined.starts_with(&three_parts()[..400]), "{joined}");
    assert_eq!(world.seen(to), [1, 2, 3]);
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("true")
    );
    assert_eq!(
        world.tx(id, "submission_server_id").await,
        Some(second.to_string())
    );
}

#[tokio::test]
async fn a_part_without_an_answer_follows_the_policy() {
    let world = world_with_receipts(", smpp_response_timer, esme_in_doubt", ", 1, 'resend'").await;
    let _daemon = world.daemon();
    let text = three_parts();
    let policy = |policy: &str| format!(", '{policy}'");
    let resent = world.send("447911000146", &text).await;
    let held = world
        .send_with("447911001046", &text, ", in_doubt_policy", &policy("hold"))
        .await;
    let failed = world
        .send_with("447911002046", &text, ", in_doubt_policy", &policy("fail"))
        .await;
    world.until_status(failed, "failed").await;
    assert_eq!(world.seen("447911002046"), [1, 2, 3]);
    assert_eq!(world.tx(failed, "in_doubt").await.as_deref(), Some("true"));
    let info = world.tx(failed, "submission_info").await.unwrap();
    assert!(info.starts_with("part 2 of 3: no answer"), "{info}");

    world.until_status(held, "held").await;
    assert_eq!(world.seen("447911001046"), [1, 2, 3]);
    let info = world.tx(held, "submission_info").await.unwrap();
    assert!(info.starts_with("part 2 of 3: no answer"), "{info}");
    // Somebody decides: only that part leaves again.
    world.sim.behave(|behaviour| behaviour.mute.submits = false);
    let _: String = world.one(&format!("SELECT esmed_resend({held})")).await;
    world.until_seen_to("447911001046", 4).await;
    assert_eq!(world.seen("447911001046"), [1, 2, 3, 2]);
    assert_eq!(
        world.tx(held, "possible_duplicate").await.as_deref(),
        Some("true")
    );

    // It is never answered: in the end it has failed, in doubt.
    world.until_status(resent, "failed").await;
    assert_eq!(world.seen("447911000146"), [1, 2, 3, 2, 2]);
    assert_eq!(world.tx(resent, "in_doubt").await.as_deref(), Some("true"));
    assert_eq!(
        world.tx(resent, "possible_duplicate").await.as_deref(),
        Some("true")
    );
}

#[tokio::test]
async fn a_sent_message_that_is_set_back_by_hand_is_sent_whole_again() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let id = world.send("447911000100", &three_parts()).await;
    world.until_state(id, "DELIVERED").await;
    world
        .sql(
            "UPDATE smpp_servers SET esme_long_message = 'udh16';
             UPDATE smpp_tx_queue SET submission_done = FALSE, submission_failed = FALSE, submission_attempts = 0",
        )
        .await;
    world.until_seen_to("447911000100", 6).await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(world.seen("447911000100"), [1, 2, 3, 1, 2, 3]);
    assert_eq!(world.parts(id).await.len(), 3);
}

#[tokio::test]
async fn settings_that_were_corrected_count_where_nothing_has_arrived() {
    // The SMSC takes nothing for now.
    let world = World::with(|behaviour| {
        behaviour.submit_status = Some(esmed::pdu::CommandStatus::ESME_RSUBMITFAIL);
    })
    .await;
    world.enable_sim(", esme_long_message", ", 'sar'").await;
    let _daemon = world.daemon();
    let to = "447911000100";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "failed").await;
    world
        .sql("UPDATE smpp_servers SET esme_long_message = 'udh'")
        .await;
    world.next_heartbeat().await;
    world.next_heartbeat().await;
    world.sim.behave(|behaviour| behaviour.submit_status = None);
    let _: String = world.one(&format!("SELECT esmed_resend({id})")).await;
    world.until_status(id, "sent").await;
    let submits = world.sim.ledger().submits_to(to);
    let classes: Vec<u8> = submits.iter().map(|submit| submit.esm_class).collect();
    assert_eq!(classes, [0, 0, 0, 0x40, 0x40, 0x40]);
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn another_server_is_another_one_also_after_a_claim_that_came_to_nothing() {
    let world = world_with_receipts("", "").await;
    let _daemon = world.daemon();
    let to = "447911000141";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "failed").await;
    let other = simulator(|_| {});
    let second = world
        .add_server(
            &other,
            true,
            ", esme_source_addr",
            ", 'a sender that is much too long'",
        )
        .await;
    world.until_events("bound", 2).await;
    let _: String = world.one(&format!("SELECT esmed_resend({id})")).await;
    world
        .until(&format!(
            "SELECT submission_info LIKE '%esme_source_addr%' FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_source_addr = 'ok' WHERE id = {second}"
        ))
        .await;
    world.next_heartbeat().await;
    world.next_heartbeat().await;
    let _: String = world.one(&format!("SELECT esmed_resend({id})")).await;
    // All of it leaves there, where part 2 is refused as well.
    assert!(
        other
            .ledger()
            .wait_until(
                |records| records.submits_to(to).count() == 3,
                std::time::Duration::from_secs(60)
            )
            .await
    );
    world.until_status(id, "failed").await;
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("true")
    );
}

#[tokio::test]
async fn all_parts_have_the_sender_of_the_first_attempt() {
    let world =
        world_with_receipts(", esme_retry_delay, esme_source_addr", ", 3600, 'first'").await;
    let _daemon = world.daemon();
    let to = "447911000142";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "retrying").await;
    world
        .sql("UPDATE smpp_servers SET esme_source_addr = '12345'")
        .await;
    world.next_heartbeat().await;
    world.next_heartbeat().await;
    world.hurry(id).await;
    world.until_state(id, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to(to);
    assert_eq!(submits.len(), 4);
    for submit in submits {
        assert_eq!(submit.source, "first");
        // TON and NPI stand behind the empty service_type: an alphanumeric sender.
        assert_eq!(&submit.pdu[16..19], b"\0\x05\0");
    }
}

#[tokio::test]
async fn what_runs_out_of_time_half_sent_is_not_sent_to_its_end() {
    let world = world_with_receipts(LATER, ", 3600").await;
    let _daemon = world.daemon();
    let to = "447911000142";
    let id = world.send(to, &three_parts()).await;
    world.until_status(id, "retrying").await;
    world
        .sql("UPDATE smpp_tx_queue SET expires_at = now(), next_attempt_at = NULL")
        .await;
    world.until_status(id, "expired").await;
    assert_eq!(
        world.tx(id, "submission_info").await.as_deref(),
        Some("expired when 2 of 3 parts were accepted")
    );
    assert_eq!(world.seen(to), [1, 2, 3]);
}
