//! Two daemons on one lane, and on two.

use serde_json::Value;

use crate::support::{Daemon, World, esmed, hold_answers, let_answers_go, simulator};

/// Waits until a daemon has logged this.
async fn until_logged(daemon: &mut Daemon, words: &str) {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !daemon.log().contains(words) {
        assert!(daemon.is_running(), "it ended:\n{}", daemon.log());
        assert!(
            tokio::time::Instant::now() < until,
            "never logged: {words}\n{}",
            daemon.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

const STANDS_BY: &str = "standing by: another daemon serves the lane";

#[tokio::test]
async fn the_second_takes_over_when_the_first_is_killed() {
    let world = World::new().await;
    let first = world.daemon_with("first", "");
    world.enable_sim("", "").await;
    world.until_bound().await;
    let epoch = world.epoch().await;
    let mut second = world.daemon_with("second", "");
    until_logged(&mut second, STANDS_BY).await;
    let before = world.send("447911123400", "by the first").await;
    world.until_status(before, "sent").await;
    world.sim.behave(|behaviour| behaviour.mute.submits = true);
    let lost = world.send("447911123440", "in flight").await;
    world
        .until_ledger("the submit", |records| records.submits().len() == 2)
        .await;
    let pid = first.pid();
    first.kill();
    world.sim.behave(|behaviour| behaviour.mute.submits = false);
    let after = world.send("447911123450", "by the second").await;
    world.until_status(after, "sent").await;
    world.until_status(lost, "sent").await;
    let flagged: Vec<i64> = world
        .rows("SELECT id FROM smpp_tx_queue WHERE possible_duplicate", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(flagged, [lost]);
    assert_eq!(world.epoch().await, epoch + 1);
    let holder: String = world.one("SELECT holder FROM smpp_status").await;
    assert!(holder.contains(&format!("/{} ", second.pid())), "{holder}");
    assert!(!holder.contains(&format!("/{pid} ")), "{holder}");
    let ledger = world.sim.ledger();
    assert_eq!(ledger.submits_to("447911123400").len(), 1);
    assert_eq!(ledger.submits_to("447911123440").len(), 2);
    assert_eq!(ledger.submits_to("447911123450").len(), 1);
    assert_eq!(second.stop().await, Some(0));
}

#[tokio::test]
async fn the_second_takes_over_when_the_first_stops() {
    let world = World::new().await;
    let mut first = world.daemon_with("first", "");
    world.enable_sim("", "").await;
    world.until_bound().await;
    let mut second = world.daemon_with("second", "");
    until_logged(&mut second, STANDS_BY).await;
    world.insert(500).await;
    assert_eq!(first.stop().await, Some(0));
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.sim.ledger().count(), 500);
    let flagged = "SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate";
    assert_eq!(world.one::<i64>(flagged).await, 0);
    // Who stands by stops at once.
    let mut third = world.daemon_with("third", "");
    until_logged(&mut third, STANDS_BY).await;
    assert_eq!(third.stop().await, Some(0));
    assert!(second.is_running());
}

#[tokio::test]
async fn a_frozen_daemon_that_wakes_up_late_submits_nothing_more() {
    let world = World::with(hold_answers).await;
    let mut first = world.daemon_with("first", "");
    world
        .enable_sim(", esme_registered_delivery, esme_window_size", ", TRUE, 2")
        .await;
    world.insert(6).await;
    world
        .until_ledger("a full window", |records| records.submits().len() == 2)
        .await;
    // The claims ahead of the window are committed too.
    world
        .until("SELECT count(*) = 4 FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL")
        .await;
    let epoch = world.epoch().await;
    first.signal("STOP");
    let mut second = world.daemon_with("second", "");
    until_logged(&mut second, STANDS_BY).await;
    world.until_epoch(epoch + 1).await;
    world
        .until_ledger("the submits of the second", |records| {
            records.submits().iter().any(|submit| submit.session == 2)
        })
        .await;

    first.signal("CONT");
    until_logged(&mut first, "the lease of the lane is another daemon's").await;
    let_answers_go(&world.sim);
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    world.insert(20).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    let submits = world.sim.ledger().submits();
    let by_first: Vec<&str> = submits
        .iter()
        .filter(|submit| submit.session == 1)
        .map(|submit| submit.destination.as_str())
        .collect();
    assert_eq!(by_first.len(), 2);
    // What left twice is flagged, and its row tells of the second time.
    let rows = world
        .rows(
            "SELECT smpp_destination_addr, possible_duplicate, smpp_message_id FROM smpp_tx_queue WHERE id <= 6",
            &[],
        )
        .await;
    for row in rows {
        let (number, flagged, id): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
        if by_first.contains(&number.as_str()) {
            assert!(flagged, "{number}");
        }
        let last = submits
            .iter()
            .rfind(|submit| submit.destination == number && submit.message_id == Some(id.clone()))
            .expect("its submit");
        assert_eq!(last.session, 2);
    }
    assert!(first.is_running());

    // It is still of use.
    second.kill();
    let id = world.send("447911123499", "by the first again").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.epoch().await, epoch + 2);
    assert_eq!(first.stop().await, Some(0));
}

#[tokio::test]
async fn a_leader_whose_row_was_deleted_stands_by() {
    let world = World::new().await;
    let mut first = world.daemon_with("first", "");
    world.enable_sim("", "").await;
    world.until_bound().await;
    let epoch = world.epoch().await;
    let mut second = world.daemon_with("second", "");
    until_logged(&mut second, STANDS_BY).await;
    first.signal("STOP");
    world.sql("DELETE FROM smpp_status").await;
    world.until("SELECT EXISTS (SELECT FROM smpp_status)").await;
    assert!(world.epoch().await > epoch);
    first.signal("CONT");
    until_logged(&mut first, "the lease of the lane is another daemon's").await;
    assert!(second.is_running());
}

#[tokio::test]
async fn the_status_shows_the_session() {
    let world = World::new().await;
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    let never = esmed(&["status", "--config", config]).await;
    assert_eq!(never.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&never.stdout).contains("no daemon has ever served it"));

    let mut daemon = world.daemon();
    world
        .enable_sim(", name, esme_window_size", ", 'My SMSC', 17")
        .await;
    world.until_bound().await;
    world
        .send_with(
            "447911123400",
            "later",
            ", send_after",
            ", now() + interval '1 hour'",
        )
        .await;
    world
        .until("SELECT session_state = 'bound' AND queue_depth = 1 FROM smpp_status")
        .await;
    let shown = esmed(&["status", "--config", config]).await;
    let text = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0), "{text}");
    for words in [
        "My SMSC (127.0.0.1:",
        "is running",
        "bound for",
        "0 of 17",
        "1 still to be sent",
        "last events",
        "bound to My SMSC",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let shown = esmed(&["status", "--json", "--config", config]).await;
    assert_eq!(shown.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    for (name, value) in [
        ("lane", Value::from("default")),
        ("session_state", "bound".into()),
        ("server_id", 1.into()),
        ("server_name", "My SMSC".into()),
        ("port", world.sim.addr().port().into()),
        ("window_size", 17.into()),
        ("window_in_use", 0.into()),
        ("queue_depth", 1.into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("alive", true.into()),
    ] {
        assert_eq!(json[name], value, "{name}: {json}");
    }

    assert_eq!(daemon.stop().await, Some(0));
    let shown = esmed(&["status", "--json", "--config", config]).await;
    assert_eq!(shown.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(json["alive"], false);
    assert_eq!(json["session_state"], "closed");
}

#[tokio::test]
async fn each_lane_has_its_own_daemon_server_and_rows() {
    let world = World::new().await;
    let other = simulator(|_| {});
    let mut bulk = world.daemon_with("bulk", "lane = \"bulk\"");
    let mut urgent = world.daemon_with("urgent", "lane = \"urgent\"");
    for (sim, lane) in [(&world.sim, "bulk"), (&other, "urgent")] {
        let lane = format!(", '{lane}'");
        world.add_server(sim, true, ", lane", &lane).await;
    }
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_servers WHERE enabled")
            .await,
        2
    );
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, lane)
             SELECT '44791' || n || '00', 'text', CASE n % 3 WHEN 0 THEN 'bulk' WHEN 1 THEN 'urgent' ELSE 'default' END
             FROM generate_series(100, 159) AS n",
        )
        .await;
    world
        .until("SELECT count(*) = 40 FROM smpp_tx_queue WHERE submission_done")
        .await;
    for (sim, remainder) in [(&world.sim, 0), (&other, 1)] {
        let submits = sim.ledger().submits();
        assert_eq!(submits.len(), 20);
        for submit in submits {
            let number: u32 = submit.destination[5..8].parse().unwrap();
            assert_eq!(number % 3, remainder);
        }
    }
    let waiting = "SELECT count(*) FROM smpp_tx_status s JOIN smpp_tx_queue q USING (id)
                   WHERE q.lane = 'default' AND s.status = 'waiting'";
    assert_eq!(world.one::<i64>(waiting).await, 20);
    assert_eq!(bulk.stop().await, Some(0));
    assert!(urgent.is_running());
    let lanes: String = world
        .one("SELECT string_agg(lane || ' ' || (holder IS NOT NULL), ', ' ORDER BY lane) FROM smpp_status")
        .await;
    assert_eq!(lanes, "bulk false, urgent true");
    let bound: i64 = world
        .one("SELECT count(DISTINCT lane) FROM smpp_events WHERE type = 'bound'")
        .await;
    assert_eq!(bound, 2);
}
