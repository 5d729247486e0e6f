//! Answers that are late, and answers that never come.

use std::time::Duration;

use crate::support::World;

#[tokio::test]
async fn answers_after_seven_seconds_and_each_message_is_submitted_once() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_secs(7)).await;
    world.enable_sim(", esme_window_size", ", 100").await;
    let mut daemon = world.daemon();
    for from in (1..=100).step_by(10) {
        world.queue(from..from + 10).await;
    }
    let audit = world.all_sent(100).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 100);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn an_answer_later_than_the_response_timer_settles_the_message() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_secs(6)).await;
    // It is given up for lost after twice this time.
    world.enable_sim(", smpp_response_timer", ", 4").await;
    let _daemon = world.daemon();
    world.queue(0..5).await;
    let audit = world.all_sent(5).await;
    assert_eq!(audit.flagged, 0);
    assert_eq!(world.sim.ledger().count(), 5);
    assert_eq!(world.sim.ledger().counts().connections, 1);
}

#[tokio::test]
async fn a_message_without_an_answer_follows_its_policy() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_secs(7)).await;
    world.enable_sim(", smpp_response_timer", ", 1").await;
    let _daemon = world.daemon();
    world.queue(0..3).await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, in_doubt_policy)
             VALUES ('27831000000', 'fail', 'fail'), ('27831000100', 'hold', 'hold')",
        )
        .await;
    world
        .until(
            "SELECT count(*) FILTER (WHERE status = 'failed') = 4 AND count(*) FILTER (WHERE status = 'held') = 1
             FROM smpp_tx_status",
        )
        .await;
    let audit = world.audit().await;
    assert_eq!(audit.flagged, 3);
    let all_in_doubt: bool = world
        .one("SELECT bool_and(in_doubt) FROM smpp_tx_queue")
        .await;
    assert!(all_in_doubt);
    let ledger = world.sim.ledger();
    for n in 0..3 {
        // esme_max_submission_attempts
        assert_eq!(ledger.submits_to(&format!("2782{n:07}00")).len(), 3);
    }
    assert_eq!(ledger.submits_to("27831000000").len(), 1);
    assert_eq!(ledger.submits_to("27831000100").len(), 1);

    // Somebody decides.
    world
        .sim
        .behave(|behaviour| behaviour.response_delay = Duration::ZERO);
    world
        .sql("SELECT esmed_resend(id) FROM smpp_tx_status WHERE status = 'held'")
        .await;
    world
        .until("SELECT submission_done AND possible_duplicate FROM smpp_tx_queue WHERE smpp_short_message = 'hold'")
        .await;
    assert_eq!(ledger.submits_to("27831000100").len(), 2);
    world.audit().await;
}

#[tokio::test]
async fn a_window_without_answers_ends_the_session() {
    let world = World::with(|behaviour| behaviour.mute.submits = true).await;
    world
        .enable_sim(
            ", esme_window_size, smpp_response_timer, esme_max_submission_attempts",
            ", 3, 1, 20",
        )
        .await;
    let _daemon = world.daemon();
    world.queue(0..20).await;
    world
        .until_ledger("a second session", |records| records.counts().binds >= 2)
        .await;
    world.sim.behave(|behaviour| behaviour.mute.submits = false);
    let audit = world.all_sent(20).await;
    assert!(audit.repeated >= 3, "{audit:?}");
    assert!(audit.repeated <= 3 * 2, "{audit:?}");
}
