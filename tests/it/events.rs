//! Every event about the session by its cause: in the table, and as whoever listens hears it.

use std::time::{Duration, Instant};

use esmed::pdu::CommandStatus;
use serde_json::{Value, json};

use crate::support::{Daemon, Listener, World, simulator};

const NUMBER: &str = "447911123400";
const TEXT: &str = "Your PIN is 4711";
const PASSWORD: &str = "password";

/// A world in which somebody listens from the start.
async fn listened(world: World) -> (World, Listener) {
    let listener = world.listen("smpp_events").await;
    (world, listener)
}

/// The next event that is heard of.
async fn next(world: &World, listener: &mut Listener) -> Value {
    let payload = listener.next().await;
    for secret in [NUMBER, "PIN", PASSWORD] {
        assert!(!payload.contains(secret), "{secret}: {payload}");
    }
    let event: Value = serde_json::from_str(&payload).expect("JSON");
    let row = format!(
        "SELECT to_jsonb(e)::text FROM smpp_events e WHERE id = {}",
        event["id"]
    );
    let row: String = world.one(&row).await;
    assert_eq!(event, serde_json::from_str::<Value>(&row).expect("JSON"));
    assert_eq!(event["lane"], "default");
    assert!(!event["message"].as_str().expect("a message").is_empty());
    event
}

/// Waits for an event of this type, and for its status, component and server.
async fn heard(world: &World, listener: &mut Listener, kind: &str, status: Option<&str>) -> Value {
    loop {
        let event = next(world, listener).await;
        if event["type"] == kind {
            assert_eq!(event["status"], json!(status), "{event}");
            assert_eq!(event["component"], "smpp", "{event}");
            let server: Option<i64> = world.one("SELECT max(id) FROM smpp_servers").await;
            assert_eq!(event["server_id"], json!(server), "{event}");
            return event;
        }
    }
}

#[tokio::test]
async fn a_session_comes_and_goes() {
    let (world, mut listener) = listened(World::new().await).await;
    let _daemon = world.daemon();
    let event = next(&world, &mut listener).await;
    assert_eq!(event["type"], "no_server");
    assert_eq!(event["status"], "down");
    assert_eq!(event["server_id"], Value::Null);
    world.enable_sim("", "").await;
    heard(&world, &mut listener, "starting", Some("down")).await;
    heard(&world, &mut listener, "binding", Some("down")).await;
    heard(&world, &mut listener, "bound", Some("ok")).await;
    let id = world.send(NUMBER, TEXT).await;
    world.until_status(id, "sent").await;
    // What belongs to a start is no error.
    world.next_heartbeat().await;
    let error: String = world.one("SELECT last_error FROM smpp_status").await;
    assert_eq!(error, "no server is enabled");
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    heard(&world, &mut listener, "unbinding", Some("down")).await;
    heard(&world, &mut listener, "ended", None).await;
    let event = next(&world, &mut listener).await;
    assert_eq!(event["type"], "no_server");
}

#[tokio::test]
async fn unbinding_is_told_before_the_last_answer_and_says_nothing_of_the_next_server() {
    let world = World::with(|behaviour| behaviour.mute.submits = true).await;
    let (world, mut listener) = listened(world).await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    world.send(NUMBER, TEXT).await;
    world
        .until_ledger("a submit", |records| records.counts().submits == 1)
        .await;
    world
        .until("SELECT window_in_use = 1 AND session_state = 'bound' FROM smpp_status")
        .await;
    let other = simulator(|_| {});
    world.add_server(&other, true, ", name", ", 'other'").await;
    let mut order = Vec::new();
    while order.last() != Some(&"bound other".to_owned()) {
        let event = next(&world, &mut listener).await;
        let kind = event["type"].as_str().expect("a type").to_owned();
        if kind == "unbinding" {
            assert_eq!(event["server_id"], 1);
        }
        let bound_to_other = kind == "bound" && event["server_id"] == 2;
        order.push(if bound_to_other {
            "bound other".to_owned()
        } else {
            kind
        });
    }
    assert!(order.contains(&"unbinding".to_owned()), "{order:?}");
    // The old one ends badly, which is no fault of the new one.
    world.sim.drop_connections();
    loop {
        let event = next(&world, &mut listener).await;
        assert_ne!(event["status"], "down", "{event}");
        if event["type"] == "connection_lost" {
            assert_eq!(event["server_id"], 1);
            assert_eq!(event["status"], Value::Null);
            break;
        }
    }
}

#[tokio::test]
async fn a_bind_without_an_answer() {
    let world = World::with(|behaviour| behaviour.mute.binds = true).await;
    let (world, mut listener) = listened(world).await;
    let _daemon = world.daemon();
    world.enable_sim(", smpp_session_init_timer", ", 1").await;
    heard(&world, &mut listener, "bind_timeout", Some("down")).await;
    world.next_heartbeat().await;
    let error: String = world.one("SELECT last_error FROM smpp_status").await;
    assert!(error.contains("smpp_session_init_timer"), "{error}");
}

#[tokio::test]
async fn a_bind_that_is_refused_and_an_smsc_that_is_away() {
    let world = World::with(|behaviour| {
        behaviour.bind_status = Some(CommandStatus::ESME_RSYSERR);
    })
    .await;
    let (world, mut listener) = listened(world).await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    let event = heard(&world, &mut listener, "bind_failed", Some("down")).await;
    let message = event["message"].as_str().expect("a message");
    assert!(message.contains("ESME_RSYSERR"), "{message}");
    world.sim.stop().await;
    heard(&world, &mut listener, "connection_failed", Some("down")).await;
}

#[tokio::test]
async fn a_connection_that_is_lost() {
    let (world, mut listener) = listened(World::new().await).await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    heard(&world, &mut listener, "bound", Some("ok")).await;
    world.sim.drop_connections();
    heard(&world, &mut listener, "connection_lost", Some("down")).await;
    heard(&world, &mut listener, "bound", Some("ok")).await;
}

#[tokio::test]
async fn the_smsc_throttles_and_accepts_again() {
    let (world, mut listener) = listened(World::new().await).await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_throttle_delay", ", 0.2").await;
    for (number, status) in [
        ("447911123422", "ESME_RTHROTTLED"),
        ("447911123431", "ESME_RMSGQFUL"),
    ] {
        let id = world.send(number, TEXT).await;
        let event = heard(&world, &mut listener, "throttled", Some("degraded")).await;
        assert_eq!(event["details"], json!({"by": "smsc", "status": status}));
        let state = "SELECT session_state = 'throttled' FROM smpp_status";
        world.until(state).await;
        world.until_status(id, "sent").await;
        let event = heard(&world, &mut listener, "throttled_end", Some("ok")).await;
        assert_eq!(event["details"], json!({"by": "smsc", "status": status}));
        let state = "SELECT session_state = 'bound' FROM smpp_status";
        world.until(state).await;
    }
}

#[tokio::test]
async fn our_own_rate_holds_a_queue_back_until_it_is_empty() {
    let (world, mut listener) = listened(World::new().await).await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_throughput", ", 20").await;
    heard(&world, &mut listener, "bound", Some("ok")).await;
    world.insert(80).await;
    let event = heard(&world, &mut listener, "throttled", Some("degraded")).await;
    let by = json!({"by": "esme_throughput", "rate": 20.0});
    assert_eq!(event["details"], by);
    let waiting = "SELECT bool_or(status = 'waiting') FROM smpp_tx_status";
    assert!(world.one::<bool>(waiting).await);
    let event = heard(&world, &mut listener, "throttled_end", Some("ok")).await;
    assert_eq!(event["details"], by);
    let sent = "SELECT bool_and(status = 'sent') FROM smpp_tx_status";
    assert!(world.one::<bool>(sent).await);
    assert_eq!(world.events("throttled").await, 1);
    // The limit is the user's own: no error.
    world.next_heartbeat().await;
    // It was bound all the time.
    world
        .until(
            "SELECT session_state = 'bound' AND since < (SELECT at FROM smpp_events WHERE type = 'throttled')
             FROM smpp_status",
        )
        .await;
    let errors: i64 = world
        .one("SELECT count(*) FROM smpp_status WHERE last_error LIKE '%esme_throughput%'")
        .await;
    assert_eq!(errors, 0);
}

#[tokio::test]
async fn a_rate_that_is_taken_away_holds_nothing_back() {
    let (world, mut listener) = listened(World::new().await).await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_throughput", ", 5").await;
    world.insert(500).await;
    heard(&world, &mut listener, "throttled", Some("degraded")).await;
    world
        .sql("UPDATE smpp_servers SET esme_throughput = NULL")
        .await;
    heard(&world, &mut listener, "throttled_end", Some("ok")).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().counts().connections, 1);
}

#[tokio::test]
async fn a_database_that_goes_and_comes_back() {
    let mut world = World::with(|behaviour| behaviour.mute.submits = true).await;
    world.enable_sim(", smpp_response_timer", ", 1").await;
    let _daemon = world.daemon();
    world.send(NUMBER, TEXT).await;
    world
        .until_ledger("a submit", |records| records.counts().submits == 1)
        .await;
    world.cluster.stop_fast().await;
    // Told when an outcome finds no database: two response times later.
    let log = world.folder().join("esmed.log");
    let told = async {
        while !std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("database_lost")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .expect("the loss is noticed");
    world.cluster.start_again().await;
    world.reconnect().await;
    world.until_events("database_back", 1).await;
    let told: String = world
        .one(
            "SELECT string_agg(type || ' ' || status || ' ' || component, ', ' ORDER BY id)
             FROM smpp_events WHERE type LIKE 'database%'",
        )
        .await;
    assert_eq!(
        told,
        "database_lost down database, database_back ok database"
    );
}

#[tokio::test]
async fn a_database_that_goes_and_comes_back_while_there_is_nothing_to_do() {
    let mut world = World::new().await;
    world.enable_sim("", "").await;
    let text = format!("[database]\nhost = {:?}\n", world.cluster.host());
    let daemon = Daemon::start(&world.config_text("idle", &text), "idle");
    world.until_bound().await;
    world.cluster.stop_fast().await;
    daemon.until_logged("database_lost").await;
    world.cluster.start_again().await;
    daemon.until_logged("database_back").await;
    world.reconnect().await;
    world.until_events("database_back", 1).await;
    assert_eq!(world.events("database_lost").await, 1);
    assert_eq!(world.events("bound").await, 1);
    // Not once for each connection.
    let log = daemon.log();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
}

#[tokio::test]
async fn claims_that_the_database_does_not_allow() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world.sql("REVOKE UPDATE ON smpp_tx_queue FROM esmed").await;
    let id = world.send(NUMBER, TEXT).await;
    world.until_events("claims_stopped", 1).await;
    world.sql("GRANT UPDATE ON smpp_tx_queue TO esmed").await;
    world.until_status(id, "sent").await;
    world.until_events("claims_resumed", 1).await;
    let told: String = world
        .one(
            "SELECT string_agg(type || ' ' || status || ' ' || component, ', ' ORDER BY id)
             FROM smpp_events WHERE type LIKE 'claims%'",
        )
        .await;
    assert_eq!(told, "claims_stopped down queue, claims_resumed ok queue");
}

#[tokio::test]
async fn messages_write_no_event_and_no_status() {
    let world = World::new().await;
    // A sequence counts what is rolled back, too.
    world
        .sql(
            "CREATE SEQUENCE writes;
             CREATE FUNCTION count_writes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN PERFORM nextval('writes'); RETURN NULL; END $$;
             CREATE TRIGGER count_writes AFTER INSERT OR UPDATE OR DELETE ON smpp_events
             FOR EACH ROW EXECUTE FUNCTION count_writes();
             CREATE TRIGGER count_writes AFTER INSERT OR UPDATE OR DELETE ON smpp_status
             FOR EACH ROW EXECUTE FUNCTION count_writes();",
        )
        .await;
    world.enable_sim("", "").await;
    let _daemon = world.daemon();
    world.until_bound().await;
    // Behind the bind its status is written, too.
    world.next_heartbeat().await;
    // The sequence begins at 1, and the lease and three events were written.
    let before: i64 = world.one("SELECT last_value FROM writes").await;
    assert!(before >= 4, "{before}");
    let start = Instant::now();
    world.queue(0..1000).await;
    world.all_sent(1000).await;
    let after: i64 = world.one("SELECT last_value FROM writes").await;
    // A heartbeat a second, and nothing else.
    let at_most = start.elapsed().as_secs() + 2;
    let written = u64::try_from(after - before).expect("a count");
    assert!(written <= at_most, "{written} in {at_most} s");
}
