//! How a component is, its last event with a status says: what was told to be wrong is told to be over, also by the next
//! daemon, and what is about one row says nothing of the rest.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use esmed::sim::PhoneMessage;

use crate::support::{Daemon, World};

const NUMBER: &str = "447911123400";

/// How each component but the session is, by the rule.
const STATES: &str =
    "SELECT coalesce(string_agg(component || ' ' || status, ', ' ORDER BY component), '') FROM (
    SELECT DISTINCT ON (component) component, status FROM smpp_events
    WHERE status IS NOT NULL AND component <> 'smpp' ORDER BY component, id DESC) AS last";

const OLD_ROW: &str = "INSERT INTO smpp_inbox (received_at, message, processed)
    VALUES (now() - interval '31 days', 'text', TRUE);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kept'; END $$;
    CREATE TRIGGER keep BEFORE DELETE ON smpp_inbox FOR EACH ROW EXECUTE FUNCTION keep()";

fn config(world: &World, more: &str) -> PathBuf {
    let text = format!(
        "[database]\nhost = {:?}\n[log]\nlevel = \"debug\"\n{more}\n",
        world.cluster.host()
    );
    world.config_text("esmed", &text)
}

async fn counts(world: &World, kinds: &[&str]) -> Vec<i64> {
    let mut counts = Vec::new();
    for kind in kinds {
        counts.push(world.events(kind).await);
    }
    counts
}

#[tokio::test]
async fn what_a_killed_daemon_told_is_over_for_the_next() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!(
        "[metrics]\nlisten = \"{}\"\n[retention]\ninbox = 30",
        taken.local_addr().unwrap()
    );
    let good = config(&world, &listen);
    world.sql(OLD_ROW).await;
    let daemon = Daemon::start(&good, "esmed");
    world.until_bound().await;
    world
        .sql(
            "REVOKE UPDATE ON smpp_tx_queue FROM esmed; REVOKE SELECT ON smpp_prefixes, smpp_status_classes FROM esmed",
        )
        .await;
    let id = world.send(NUMBER, "waits").await;
    config(&world, "[deamon]");
    daemon.signal("HUP");
    let begins = [
        "claims_stopped",
        "prefixes_unread",
        "servers_unread",
        "retention_refused",
        "metrics_failed",
        "config_refused",
    ];
    for kind in begins {
        world.until_events(kind, 1).await;
    }
    // That of the queue is the worst of three, whichever was told last.
    let states = "daemon degraded, metrics degraded, queue down, retention degraded";
    assert_eq!(world.one::<String>(STATES).await, states);
    daemon.kill();
    // It might as well have been killed between this and its end.
    world
        .sql("INSERT INTO smpp_events (component, type, status) VALUES ('database', 'database_lost', 'down')")
        .await;

    world
        .sql(
            "GRANT UPDATE ON smpp_tx_queue TO esmed; GRANT SELECT ON smpp_prefixes, smpp_status_classes TO esmed;
             DROP TRIGGER keep ON smpp_inbox",
        )
        .await;
    drop(taken);
    config(&world, &listen);
    let mut daemon = Daemon::start(&good, "esmed");
    let ends = [
        "claims_resumed",
        "prefixes_read",
        "servers_read",
        "retention_resumed",
        "metrics_resumed",
        "config_reloaded",
        "database_back",
    ];
    for kind in ends {
        world.until_events(kind, 1).await;
    }
    world.until_status(id, "sent").await;
    let states = "daemon ok, database ok, metrics ok, queue ok, retention ok";
    assert_eq!(world.one::<String>(STATES).await, states);
    assert_eq!(daemon.stop().await, Some(0));

    // One after that has nothing more to tell.
    let mut daemon = Daemon::start(&good, "esmed");
    let id = world.send(NUMBER, "leaves at once").await;
    world.until_status(id, "sent").await;
    world.next_heartbeat().await;
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(counts(&world, &ends).await, [1; 7]);
    assert_eq!(counts(&world, &begins).await, [1; 6]);
}

#[tokio::test]
async fn what_goes_on_is_told_again_and_its_end_once() {
    let world = World::new().await;
    let good = config(&world, "[retention]\ninbox = 30");
    world.sql(OLD_ROW).await;
    for told in 1..=2 {
        let mut daemon = Daemon::start(&good, "esmed");
        world.until_events("retention_refused", told).await;
        assert_eq!(daemon.stop().await, Some(0));
    }
    assert_eq!(world.events("retention_resumed").await, 0);
    assert_eq!(world.one::<String>(STATES).await, "retention degraded");
    // A table whose rows are not deleted any more refuses nothing.
    config(&world, "");
    let daemon = Daemon::start(&good, "esmed");
    world.until_events("retention_resumed", 1).await;
    // But where that changes, it is to be looked at before anything is told.
    config(&world, "[retention]\ninbox = 30");
    daemon.signal("HUP");
    world.until_events("retention_refused", 3).await;
    config(&world, "");
    daemon.signal("HUP");
    world.until_events("retention_resumed", 2).await;
    config(&world, "[retention]\ninbox = 30");
    daemon.signal("HUP");
    world.until_events("retention_refused", 4).await;
    assert_eq!(world.events("retention_resumed").await, 2);
}

#[tokio::test]
async fn who_takes_over_tells_what_is_over() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let first = Daemon::start(&world.config("first", ""), "first");
    world.until_bound().await;
    let epoch = world.epoch().await;
    let second = Daemon::start(&world.config("second", ""), "second");
    second.until_logged("standing by").await;
    world
        .sql("REVOKE UPDATE ON smpp_tx_queue FROM esmed; REVOKE SELECT ON smpp_prefixes FROM esmed")
        .await;
    let id = world.send(NUMBER, "waits").await;
    world.until_events("claims_stopped", 1).await;
    world.until_events("prefixes_unread", 1).await;
    first.kill();
    world
        .sql("GRANT UPDATE ON smpp_tx_queue TO esmed; GRANT SELECT ON smpp_prefixes TO esmed")
        .await;
    world.until_epoch(epoch + 1).await;
    world.until_status(id, "sent").await;
    world.until_events("claims_resumed", 1).await;
    world.until_events("prefixes_read", 1).await;
    assert_eq!(world.one::<String>(STATES).await, "queue ok");
}

#[tokio::test]
async fn another_lane_is_none_of_its_business() {
    let world = World::new().await;
    world
        .sql("INSERT INTO smpp_events (lane, component, type, status) VALUES ('other', 'database', 'database_lost', 'down')")
        .await;
    let mut daemon = world.daemon();
    world.until_events("no_server", 1).await;
    world.next_heartbeat().await;
    assert_eq!(daemon.stop().await, Some(0));
    assert_eq!(world.events("database_back").await, 0);
}

#[tokio::test]
async fn what_is_stored_after_a_take_over_says_nothing_of_how_things_are() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let daemon = world.daemon();
    world.until_bound().await;
    let user = world.connection("postgres").await;
    user.batch_execute("BEGIN; LOCK TABLE smpp_events IN EXCLUSIVE MODE")
        .await
        .unwrap();
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    daemon.until_logged("unbinding").await;
    world
        .sql("UPDATE smpp_status SET epoch = epoch + 1, holder = 'elsewhere', lease_expires_at = now() + interval '1 hour'")
        .await;
    daemon
        .until_logged("the lease of the lane is another")
        .await;
    user.batch_execute("COMMIT").await.unwrap();
    world.until_events("unbinding", 1).await;
    let status: Option<String> = world
        .one("SELECT status FROM smpp_events WHERE type = 'unbinding'")
        .await;
    assert_eq!(status, None);
    let bound: Option<String> = world
        .one("SELECT status FROM smpp_events WHERE type = 'bound'")
        .await;
    assert_eq!(bound.as_deref(), Some("ok"));
}

#[tokio::test]
async fn an_address_that_is_wanted_no_more_is_no_trouble() {
    let world = World::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("[metrics]\nlisten = \"{}\"", taken.local_addr().unwrap());
    let daemon = Daemon::start(&config(&world, &listen), "esmed");
    world.until_events("metrics_failed", 1).await;
    config(&world, "");
    daemon.signal("HUP");
    world.until_events("metrics_resumed", 1).await;
}

#[tokio::test]
async fn what_is_about_one_row_or_pdu_has_no_status() {
    let world = World::new().await;
    world
        .sql(
            "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.client_ref = 'claim' AND NEW.submission_started_at IS NOT NULL
                  OR NEW.client_ref = 'record' AND NEW.submission_done
                  OR NEW.client_ref = 'expire' AND NEW.submission_failed THEN RAISE EXCEPTION 'mine'; END IF;
               RETURN NEW; END $$;
             CREATE TRIGGER mine BEFORE UPDATE ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION mine();
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON smpp_rx_queue FOR EACH ROW EXECUTE FUNCTION refuse();
             INSERT INTO smpp_tx_queue (client_ref, smpp_destination_addr, smpp_short_message, expires_at)
             VALUES ('claim', '447911123400', 'text', NULL), ('record', '447911123400', 'text', NULL),
               ('expire', '447911123400', 'text', now() - interval '1 day')",
        )
        .await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    world
        .sim
        .deliver(PhoneMessage::from_text("27831234567", "5000", "STOP"));
    let kinds = [
        "claim_refused",
        "record_refused",
        "expire_refused",
        "store_refused",
    ];
    for kind in kinds {
        world.until_events(kind, 1).await;
    }
    let told: i64 = world
        .one(
            "SELECT count(*) FROM smpp_events WHERE type LIKE '%\\_refused' AND status IS NOT NULL",
        )
        .await;
    assert_eq!(told, 0);
    assert_eq!(world.one::<String>(STATES).await, "");
    // Somebody should look at them all the same.
    world.next_heartbeat().await;
    let error: Option<String> = world.one("SELECT last_error FROM smpp_status").await;
    assert!(error.is_some());
    for kind in kinds {
        let warned = daemon
            .log()
            .lines()
            .any(|line| line.contains("WARN") && line.contains(kind));
        assert!(warned, "{kind}: {}", daemon.log());
    }
    world
        .sql("DROP TRIGGER mine ON smpp_tx_queue; DROP TRIGGER refuse ON smpp_rx_queue")
        .await;
    daemon.signal("TERM");
    assert_eq!(daemon.wait(Duration::from_secs(60)).await.code(), Some(0));
}
