//! Servers with an `esme_failover_order` stand in for the enabled one.

use std::time::Duration;

use serde_json::{Value, json};

use esmed::pdu::CommandStatus;
use esmed::sim::Sim;

use crate::support::{World, hold_answers, let_answers_go, simulator, until_seen};

/// A world whose enabled server is stood in for after a second, and the id of that server.
async fn world() -> (World, i64) {
    let world = World::new().await;
    let id = world
        .add_server(
            &world.sim,
            true,
            ", esme_failover_after, esme_registered_delivery, smpp_session_init_timer",
            ", 1, TRUE, 1",
        )
        .await;
    (world, id)
}

/// Adds one that may stand in; returns its id.
async fn stand_in(world: &World, sim: &Sim, order: i32) -> i64 {
    world
        .add_server(
            sim,
            false,
            ", esme_failover_order, esme_failover_after, esme_registered_delivery",
            &format!(", {order}, 1, TRUE"),
        )
        .await
}

async fn until_submits_by(world: &World, server: i64) {
    world
        .until(&format!(
            "SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = 'bound' AND server_id = {server})"
        ))
        .await;
}

/// The details of the events of a type.
async fn details(world: &World, kind: &str) -> Vec<Value> {
    let query = format!(
        "SELECT coalesce(details, '{{}}')::text FROM smpp_events WHERE type = '{kind}' ORDER BY id"
    );
    let rows = world.rows(&query, &[]).await;
    rows.iter()
        .map(|row| serde_json::from_str(row.get(0)).unwrap())
        .collect()
}

/// How things are by the last event that says so.
async fn status(world: &World) -> String {
    world
        .one(
            "SELECT status FROM smpp_events
             WHERE component = 'smpp' AND status IS NOT NULL ORDER BY id DESC LIMIT 1",
        )
        .await
}

async fn by_server(world: &World, id: i64) -> i64 {
    world
        .one(&format!(
            "SELECT submission_server_id FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await
}

/// Every example of the document is run.
#[tokio::test]
async fn the_document_is_right() {
    let world = World::new().await;
    let (second, third) = (simulator(|_| {}), simulator(|_| {}));
    let servers = [
        (&world.sim, "first"),
        (&second, "second"),
        (&third, "third"),
    ];
    for (sim, name) in servers {
        let name = format!(", '{name}'");
        world
            .add_server(sim, sim.addr() == world.sim.addr(), ", name", &name)
            .await;
    }
    let document = include_str!("../../docs/failover.md");
    let mut examples = 0;
    for example in document.split("```sql\n").skip(1) {
        world.sql(example.split("```").next().unwrap()).await;
        examples += 1;
    }
    assert!(examples >= 4, "{examples}");
    world
        .sql("UPDATE smpp_servers SET esme_failover_after = 1 WHERE name <> 'third'")
        .await;
    world.sim.stop().await;
    second.stop().await;
    let _daemon = world.daemon();
    let id = world.send("447911123400", "by the third").await;
    world.until_status(id, "sent").await;
    assert_eq!(third.ledger().count(), 1);
}

#[tokio::test]
async fn one_stands_in_while_the_enabled_server_is_away_and_gives_back() {
    let (world, first) = world().await;
    let other = simulator(|_| {});
    let second = stand_in(&world, &other, 1).await;
    world.sim.stop().await;
    let mut daemon = world.daemon();
    let id = world.send("447911123400", "while it is away").await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(by_server(&world, id).await, second);
    until_submits_by(&world, second).await;
    let told = details(&world, "failover").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["enabled"], json!(first));
    assert_eq!(told[0]["stand_in"], json!(second));
    assert!(told[0]["away"].as_u64().unwrap() >= 1);
    assert_eq!(status(&world).await, "degraded");
    // What becomes of the other meanwhile says nothing of the lane.
    world.until_events("connection_failed", 3).await;
    assert_eq!(status(&world).await, "degraded");
    let enabled: i64 = world.one("SELECT id FROM smpp_servers WHERE enabled").await;
    assert_eq!(enabled, first);

    world.sim.restart().unwrap();
    world.until_events("failback", 1).await;
    let told = details(&world, "failback").await;
    assert_eq!(told, [json!({"enabled": first, "stand_in": second})]);
    until_submits_by(&world, first).await;
    let later = world.send("447911123440", "when it is back").await;
    world.until_state(later, "DELIVERED").await;
    assert_eq!(by_server(&world, later).await, first);
    until_seen(&other.ledger(), "the unbind", |records| {
        records.counts().unbinds == 1 && records.counts().open_sessions == 0
    })
    .await;
    assert_eq!(status(&world).await, "ok");
    assert_eq!(world.events("failover").await, 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn nothing_is_lost_under_load_on_the_way_there_and_back() {
    let (world, first) = world().await;
    let other = simulator(|behaviour| behaviour.response_delay = Duration::from_millis(100));
    let second = stand_in(&world, &other, 1).await;
    world
        .sim
        .behave(|behaviour| behaviour.response_delay = Duration::from_millis(50));
    let _daemon = world.daemon();
    world.queue(0..1500).await;
    world
        .until_ledger("submits", |records| records.counts().submits > 100)
        .await;
    world.sim.stop().await;
    until_seen(&other.ledger(), "submits", |records| {
        records.counts().submits > 100
    })
    .await;
    world.sim.restart().unwrap();
    let seen = world.sim.ledger().counts().submits;
    world
        .until_ledger("more submits", |records| {
            records.counts().submits > seen + 100
        })
        .await;
    world
        .until("SELECT count(*) FILTER (WHERE submission_done) = 1500 FROM smpp_tx_queue")
        .await;
    // What the lost session had in its window, and no more.
    let flagged: i64 = world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate OR in_doubt")
        .await;
    assert!(flagged <= 10, "{flagged}");
    let wrong: i64 = world
        .one(&format!(
            "SELECT count(*) FROM smpp_tx_queue
             WHERE submission_started_at IS NOT NULL OR submission_attempts > 2
               OR submission_attempts = 2 AND NOT possible_duplicate
               OR submission_server_id NOT IN ({first}, {second})"
        ))
        .await;
    assert_eq!(wrong, 0);
    // Each went to the server that its row names, and twice only where it is flagged.
    for (sim, server) in [(&world.sim, first), (&other, second)] {
        let mut numbers: Vec<String> = sim
            .ledger()
            .submits()
            .into_iter()
            .filter(|submit| submit.status == Some(CommandStatus::ESME_ROK))
            .map(|submit| submit.destination)
            .collect();
        numbers.sort();
        let query = format!(
            "SELECT smpp_destination_addr FROM smpp_tx_queue
             WHERE submission_server_id = {server} ORDER BY 1"
        );
        for row in world.rows(&query, &[]).await {
            let number: String = row.get(0);
            assert!(numbers.binary_search(&number).is_ok(), "{number}");
        }
        assert!(sim.ledger().peak_window() <= 10);
        assert_eq!(sim.ledger().violations(), [""; 0]);
    }
    let submits = world.sim.ledger().count() + other.ledger().count();
    assert!(submits <= 1500 + u64::try_from(flagged).unwrap());
    assert_eq!(world.events("failover").await, 1);
    assert_eq!(world.events("failback").await, 1);
}

#[tokio::test]
async fn the_next_one_is_tried_when_the_first_is_away_too() {
    let (world, first) = world().await;
    // Refused for its credentials counts as away.
    world.sim.behave(|behaviour| {
        behaviour.credentials = Some(("smppclient1".to_owned(), "another".to_owned()));
    });
    let (away, other) = (simulator(|_| {}), simulator(|_| {}));
    let third = stand_in(&world, &other, 7).await;
    stand_in(&world, &away, -1).await;
    away.stop().await;
    let _daemon = world.daemon();
    let id = world.send("447911123400", "by the third").await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, third);
    let told = details(&world, "failover").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["stand_in"], json!(third));
    // It goes away as well, and the one before it comes: it is that one's turn.
    away.restart().unwrap();
    other.stop().await;
    world.until_events("failover", 2).await;
    let later = world.send("447911123440", "by the second").await;
    world.until_status(later, "sent").await;
    assert_eq!(away.ledger().count(), 1);
    assert_ne!(by_server(&world, later).await, first);
}

#[tokio::test]
async fn a_server_that_cannot_work_is_stood_in_for() {
    let (world, first) = world().await;
    let other = simulator(|_| {});
    let second = stand_in(&world, &other, 1).await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET host = '' WHERE id = {first}"
        ))
        .await;
    let _daemon = world.daemon();
    let id = world.send("447911123400", "no host").await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, second);
    world
        .sql(&format!(
            "UPDATE smpp_servers SET host = '127.0.0.1' WHERE id = {first}"
        ))
        .await;
    world.until_events("failback", 1).await;
    until_submits_by(&world, first).await;
}

#[tokio::test]
async fn a_switch_by_the_user_ends_it_at_once() {
    let (world, _) = world().await;
    let (other, another) = (simulator(|_| {}), simulator(|_| {}));
    let second = stand_in(&world, &other, 1).await;
    let third = world.add_server(&another, false, "", "").await;
    world.sim.stop().await;
    let _daemon = world.daemon();
    world.until_events("failover", 1).await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET enabled = TRUE WHERE id = {third}"
        ))
        .await;
    until_submits_by(&world, third).await;
    until_seen(&other.ledger(), "the unbind", |records| {
        records.counts().unbinds == 1
    })
    .await;
    let id = world.send("447911123400", "by the third").await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, third);
    assert_eq!(status(&world).await, "ok");

    // The one that stands in is enabled: its session goes on.
    another.stop().await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_failover_after = 1 WHERE id = {third}"
        ))
        .await;
    world.until_events("failover", 2).await;
    let binds = other.ledger().binds().len();
    world
        .sql(&format!(
            "UPDATE smpp_servers SET enabled = TRUE WHERE id = {second}"
        ))
        .await;
    world.until_events("server_switched", 2).await;
    let id = world.send("447911123440", "by the second").await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, second);
    assert_eq!(other.ledger().binds().len(), binds);
    assert_eq!(status(&world).await, "ok");
    assert_eq!(world.events("failback").await, 0);
}

#[tokio::test]
async fn a_paused_server_is_not_stood_in_for() {
    let (world, first) = world().await;
    let other = simulator(|_| {});
    let second = stand_in(&world, &other, 1).await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_submit_paused = TRUE WHERE id = {first}"
        ))
        .await;
    world.sim.stop().await;
    let _daemon = world.daemon();
    let id = world.send("447911123400", "waits").await;
    // After one second, and after three: long past the time.
    world.until_events("connection_failed", 3).await;
    assert_eq!(world.status(id).await, "waiting");
    assert_eq!(other.ledger().counts().connections, 0);
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_submit_paused = FALSE WHERE id = {first}"
        ))
        .await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, second);
    // A pause ends it too: nobody else submits what this one is told to keep.
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_submit_paused = TRUE WHERE id = {first}"
        ))
        .await;
    world.until_events("failback", 1).await;
    assert_eq!(status(&world).await, "down");
    let id = world.send("447911123440", "waits again").await;
    until_seen(&other.ledger(), "the unbind", |records| {
        records.counts().open_sessions == 0
    })
    .await;
    assert_eq!(world.status(id).await, "waiting");
}

#[tokio::test]
async fn another_daemon_that_takes_over_has_somebody_stand_in_again() {
    let (world, first) = world().await;
    let other = simulator(|_| {});
    let second = stand_in(&world, &other, 1).await;
    world.sim.stop().await;
    let one = world.daemon_with("first", "");
    world.until_events("failover", 1).await;
    let _standby = world.daemon_with("second", "");
    other.behave(|behaviour| behaviour.mute.submits = true);
    let lost = world.send("447911123400", "in flight").await;
    until_seen(&other.ledger(), "the submit", |records| {
        records.submits().len() == 1
    })
    .await;
    one.kill();
    other.behave(|behaviour| behaviour.mute.submits = false);
    world.until_status(lost, "sent").await;
    world.until_events("failover", 2).await;
    assert_eq!(by_server(&world, lost).await, second);
    assert_eq!(
        world.tx(lost, "possible_duplicate").await.as_deref(),
        Some("true")
    );
    world.sim.restart().unwrap();
    until_submits_by(&world, first).await;
    let id = world.send("447911123440", "back").await;
    world.until_status(id, "sent").await;
    assert_eq!(by_server(&world, id).await, first);
    assert_eq!(world.events("failback").await, 1);
}

#[tokio::test]
async fn a_long_message_that_was_sent_in_part_goes_whole_by_the_stand_in_and_is_flagged() {
    let (world, first) = world().await;
    let other = simulator(|_| {});
    let second = stand_in(&world, &other, 1).await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_window_size = 1, esme_retry_delay = 0.5 WHERE id = {first}"
        ))
        .await;
    // The second part is recorded and never answered, and then it is away.
    world.sim.behave(|behaviour| behaviour.drop_after = Some(2));
    let _daemon = world.daemon();
    world.until_bound().await;
    let text = "x".repeat(300);
    let id = world.send("447911123400", &text).await;
    world
        .until_ledger("both parts", |records| records.submits().len() == 2)
        .await;
    world.sim.stop().await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(by_server(&world, id).await, second);
    assert_eq!(
        world.tx(id, "possible_duplicate").await.as_deref(),
        Some("true")
    );
    let whole = other.ledger().whole_to("447911123400");
    assert_eq!(whole, [text.into_bytes()]);
    let parts: i64 = world
        .one(&format!(
            "SELECT count(*) FROM smpp_tx_parts WHERE tx_id = {id} AND smpp_message_state = 'DELIVERED'"
        ))
        .await;
    assert_eq!(parts, 2);
}

#[tokio::test]
async fn one_that_stands_in_drains_and_the_enabled_one_that_is_back_gets_nothing_more() {
    let (world, _) = world().await;
    let other = simulator(hold_answers);
    let second = stand_in(&world, &other, 1).await;
    world.sim.stop().await;
    let mut daemon = world.daemon();
    let id = world.send("447911123400", "held").await;
    until_seen(&other.ledger(), "the submit", |records| {
        records.submits().len() == 1
    })
    .await;
    daemon.signal("TERM");
    world.until_events("unbinding", 1).await;
    world.sim.restart().unwrap();
    let later = world.send("447911123440", "too late").await;
    let_answers_go(&other);
    let status = daemon.wait(Duration::from_secs(60)).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(world.status(id).await, "sent");
    assert_eq!(by_server(&world, id).await, second);
    assert_eq!(world.status(later).await, "waiting");
    let doubtful: i64 = world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE in_doubt OR possible_duplicate")
        .await;
    assert_eq!(doubtful, 0);
    assert_eq!(other.ledger().submits().len(), 1);
    assert_eq!(world.sim.ledger().submits().len(), 0);
}
