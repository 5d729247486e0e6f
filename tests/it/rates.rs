//! Window, rate and throttling, seen from the SMSC.

use std::time::{Duration, SystemTime};

use esmed::pdu::CommandStatus;

use crate::long::three_parts;
use crate::support::World;

/// How long, in seconds, the machine may keep the simulator from reading: what leaves meanwhile arrives at once.
const STALL: f64 = 1.0;

/// What a timer that fires late costs is made up for, up to so many seconds.
const LATENESS: f64 = 0.005;

/// No time from one submit to another sees more than the rate allows, from this one on. Only what was under way when
/// that time began comes on top of it, and more than a window is never under way.
fn keep_to(rate: f64, window: u32, submits: &[SystemTime]) {
    let under_way = (rate * STALL).min(f64::from(window));
    for (first, from) in submits.iter().enumerate() {
        for (last, at) in submits.iter().enumerate().skip(first) {
            let passed = at.duration_since(*from).unwrap_or_default().as_secs_f64();
            let count = (last - first + 1) as f64;
            assert!(
                count <= rate * (passed + LATENESS) + under_way + 1.0,
                "{count} within {passed} s at {rate}/s"
            );
        }
    }
}

impl World {
    /// When each submit came.
    fn arrivals(&self) -> Vec<SystemTime> {
        let submits = self.sim.ledger().submits();
        submits.iter().map(|submit| submit.at).collect()
    }

    /// Queues messages of one and of three parts in turn, to numbers of their own.
    async fn queue_both(&self, pairs: u32) {
        self.sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', CASE WHEN n % 2 = 0 THEN '{}' ELSE 'short' END
             FROM generate_series(1, 2 * {pairs}) AS n",
            three_parts()
        ))
        .await;
    }

    /// Waits until so many submits came in all.
    async fn until_submits(&self, count: u64) {
        self.until_ledger("submits", |records| records.counts().submits >= count)
            .await;
    }

    async fn until_all_done(&self) {
        self.until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
            .await;
    }

    /// The submits in the order in which they came: row and part, and whether it was accepted.
    async fn on_the_wire(&self) -> Vec<(i64, u8, bool)> {
        let rows = self
            .rows("SELECT smpp_destination_addr, id FROM smpp_tx_queue", &[])
            .await;
        let ids: std::collections::HashMap<String, i64> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let submits = self.sim.ledger().submits();
        submits
            .iter()
            .map(|submit| {
                let part = submit.segment.map_or(1, |segment| segment.part);
                let accepted = submit.status == Some(CommandStatus::ESME_ROK);
                (ids[&submit.destination], part, accepted)
            })
            .collect()
    }
}

#[tokio::test]
async fn each_part_counts_for_window_and_rate() {
    let world = World::with(|behaviour| {
        behaviour.max_window = Some(7);
        behaviour.response_delay = Duration::from_millis(20);
    })
    .await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 7, 40")
        .await;
    // What the rates of all heartbeats come to.
    world
        .sql(
            "CREATE TABLE counted (submits double precision);
             CREATE FUNCTION count_rate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
               INSERT INTO public.counted VALUES (NEW.rate * extract(epoch FROM NEW.heartbeat - OLD.heartbeat));
               RETURN NULL; END $$;
             CREATE TRIGGER count_rate AFTER UPDATE ON smpp_status FOR EACH ROW EXECUTE FUNCTION count_rate()",
        )
        .await;
    world.queue_both(60).await;
    let _daemon = world.daemon();
    world.until_all_done().await;
    let arrivals = world.arrivals();
    assert_eq!(arrivals.len(), 240);
    world.next_heartbeat().await;
    // There are half as many messages.
    let counted: f64 = world.one("SELECT sum(submits) FROM counted").await;
    assert!((180.0..360.0).contains(&counted), "{counted}");
    keep_to(40.0, 7, &arrivals);
    assert_eq!(world.sim.ledger().violations(), [""; 0]);
}

#[tokio::test]
async fn restarts_crashes_and_lost_connections_are_no_new_allowance() {
    let world = World::with(|behaviour| {
        behaviour.max_window = Some(7);
        behaviour.response_delay = Duration::from_millis(100);
    })
    .await;
    world
        .enable_sim(
            ", esme_window_size, esme_throughput, esme_max_submission_attempts",
            ", 7, 40, 20",
        )
        .await;
    world.queue_both(50).await;
    let mut daemon = world.daemon();
    world.until_submits(40).await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = world.daemon();
    world.until_submits(80).await;
    daemon.kill();
    let _daemon = world.daemon();
    world.until_submits(120).await;
    world.sim.drop_connections();
    world.connect_anew().await;
    world.until_all_done().await;
    let arrivals = world.arrivals();
    assert!(arrivals.len() >= 200);
    keep_to(40.0, 7, &arrivals);
    assert_eq!(world.sim.ledger().violations(), [""; 0]);
    assert!(world.sim.ledger().peak_window() <= 7);
}

#[tokio::test]
async fn a_rate_that_changes_holds_from_then_on_without_a_rebind() {
    let world = World::new().await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 10, 20")
        .await;
    world.queue_both(600).await;
    let _daemon = world.daemon();
    world.until_submits(20).await;
    let mut from = 0;
    let mut held = (20.0, 10);
    for (window, rate, more) in [
        (11, 200.0, 400),
        (12, 10.0, 20),
        (13, 60.5, 121),
        (14, 2.0, 4),
    ] {
        keep_to(held.0, held.1, &world.arrivals()[from..]);
        held = (rate, window);
        world
            .sql(&format!(
                "UPDATE smpp_servers SET esme_window_size = {window}, esme_throughput = {rate}"
            ))
            .await;
        // It is in force when the status says so.
        world
            .until(&format!("SELECT window_size = {window} FROM smpp_status"))
            .await;
        // What left before arrives meanwhile.
        world.next_heartbeat().await;
        from = world.arrivals().len();
        world.until_submits(from as u64 + more).await;
    }
    keep_to(held.0, held.1, &world.arrivals()[from..]);
    world
        .sql("UPDATE smpp_servers SET esme_throughput = NULL")
        .await;
    world.until_all_done().await;
    assert_eq!(world.sim.ledger().count(), 2400);
    assert_eq!(world.sim.ledger().counts().connections, 1);
}

#[tokio::test]
async fn high_rates_and_low_ones() {
    let world = World::new().await;
    world
        .enable_sim(", esme_window_size, esme_throughput", ", 100, 2000")
        .await;
    let _daemon = world.daemon();
    world.until_bound().await;
    world.queue(0..2500).await;
    world.until_all_done().await;
    let fast = world.arrivals();
    keep_to(2000.0, 100, &fast);
    world
        .sql("UPDATE smpp_servers SET esme_throughput = 0.5, esme_window_size = 50")
        .await;
    world
        .until("SELECT window_size = 50 FROM smpp_status")
        .await;
    world.queue(3000..3003).await;
    world.until_all_done().await;
    keep_to(0.5, 50, &world.arrivals()[fast.len()..]);
}

#[tokio::test]
async fn what_was_throttled_leaves_first_and_in_its_order() {
    let world = World::with(|behaviour| {
        behaviour.submit_status = Some(CommandStatus::ESME_RTHROTTLED);
        // The first refusal comes when the whole window has left.
        behaviour.response_delay = Duration::from_secs(1);
    })
    .await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 10, 1",
        )
        .await;
    world.queue_both(10).await;
    let _daemon = world.daemon();
    world.until_events("throttled", 1).await;
    // The first probe finds it as it was, the second does not.
    world.until_submits(11).await;
    world.sim.behave(|behaviour| {
        behaviour.submit_status = None;
        behaviour.response_delay = Duration::ZERO;
    });
    world.until_all_done().await;
    let wire = world.on_the_wire().await;
    let rows = world
        .rows("SELECT id FROM smpp_tx_queue ORDER BY id", &[])
        .await;
    let in_order: Vec<(i64, u8)> = rows
        .iter()
        .map(|row| row.get::<_, i64>(0))
        .zip([1, 3].into_iter().cycle())
        .flat_map(|(id, parts)| (1..=parts).map(move |part| (id, part)))
        .collect();
    let refused: Vec<(i64, u8)> = wire[..11].iter().map(|&(id, part, _)| (id, part)).collect();
    assert_eq!(refused[..10], in_order[..10]);
    assert_eq!(refused[10], in_order[0], "a single one is tried");
    assert!(wire[..11].iter().all(|(_, _, accepted)| !accepted));
    let accepted: Vec<(i64, u8)> = wire[11..].iter().map(|&(id, part, _)| (id, part)).collect();
    assert_eq!(accepted, in_order);
    let once =
        "SELECT bool_and(submission_attempts = 1 AND NOT possible_duplicate) FROM smpp_tx_queue";
    assert!(world.one::<bool>(once).await);
    let once = "SELECT bool_and(submission_attempts = 1) FROM smpp_tx_parts";
    assert!(world.one::<bool>(once).await);
}

#[tokio::test]
async fn an_smsc_that_takes_five_a_second_gets_them_in_their_order() {
    let world = World::with(|behaviour| behaviour.throttle = Some(5)).await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts",
            ", 10, 1",
        )
        .await;
    world.queue(0..25).await;
    let _daemon = world.daemon();
    let audit = world.all_sent(25).await;
    assert_eq!(audit.flagged, 0);
    let wire = world.on_the_wire().await;
    let accepted: Vec<i64> = wire.iter().filter(|it| it.2).map(|it| it.0).collect();
    let mut in_order = accepted.clone();
    in_order.sort_unstable();
    assert_eq!(accepted, in_order);
    assert_eq!(accepted.len(), 25);
    let once = "SELECT bool_and(submission_attempts = 1) FROM smpp_tx_queue";
    assert!(world.one::<bool>(once).await);
    // One overload, however often it was refused.
    world.until_events("throttled_end", 1).await;
    assert_eq!(world.events("throttled").await, 1);
    assert_eq!(world.events("throttled_end").await, 1);
}

#[tokio::test]
async fn a_daemon_that_pauses_for_throttling_stops_at_once() {
    let world = World::with(|behaviour| {
        behaviour.submit_status = Some(CommandStatus::ESME_RMSGQFUL);
    })
    .await;
    world.enable_sim(", esme_throttle_delay", ", 3600").await;
    let mut daemon = world.daemon();
    world.queue_both(10).await;
    world.until_events("throttled", 1).await;
    daemon.signal("TERM");
    let ended = daemon.wait(Duration::from_secs(20)).await;
    assert_eq!(ended.code(), Some(0));
    let waiting = "SELECT bool_and(status = 'waiting') FROM smpp_tx_status";
    assert!(world.one::<bool>(waiting).await);
    let unused = "SELECT bool_and(submission_attempts = 0) FROM smpp_tx_queue";
    assert!(world.one::<bool>(unused).await);
    assert_eq!(world.sim.ledger().counts().unbinds, 1);
}
