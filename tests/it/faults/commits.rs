//! The connection to PostgreSQL is lost around a commit: nobody sent anything, so nothing may be flagged.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::proxy::{Cut, Plan, Proxy};
use crate::long::three_parts;
use crate::support::{Daemon, PATIENCE, World, simulator};

/// A statement of the transaction that starts parts.
const START: &str = "Locks the parts of the messages";

/// A statement of that and of the look how it ended.
const HOLD: &str = "Locks the messages $1 whose attempts";

const CLAIM: &str = "Claims the next";

const SERVER: (&str, &str) = (
    ", esme_window_size, esme_max_submission_attempts",
    ", 50, 50",
);

impl Proxy {
    fn before(world: &World, marker: &'static str, cut: Cut) -> Self {
        let plan = Plan {
            marker,
            cut,
            skip: 0,
            count: 1,
        };
        Self::planned(world, plan)
    }

    fn planned(world: &World, plan: Plan) -> Self {
        Self::start(world.folder(), &world.cluster.host(), plan)
    }

    fn config(&self, world: &World) -> PathBuf {
        let path = world.folder().join("behind.toml");
        let text = format!(
            "[database]\nhost = {:?}\n[log]\nlevel = \"debug\"\n",
            self.host.display().to_string()
        );
        fs::write(&path, text).unwrap();
        path
    }

    fn daemon(&self, world: &World) -> Daemon {
        Daemon::start(&self.config(world), "behind")
    }

    async fn until_cut(&self, count: usize) {
        let cut = async {
            while self.cuts() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, cut).await.expect("cuts");
    }
}

impl World {
    /// Queues three-part messages, each to a number of its own.
    async fn queue_texts(&self, numbers: std::ops::Range<u32>) {
        self.sql(&format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
             SELECT '2782' || lpad(n::text, 7, '0') || '00', '{}' FROM generate_series({}, {} - 1) AS n",
            three_parts(),
            numbers.start,
            numbers.end
        ))
        .await;
    }

    /// Waits until all is sent, in so many submits and each of it once; nothing is flagged or counted twice.
    async fn all_sent_once(&self, submits: u64) {
        self.until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
            .await;
        assert_eq!(self.flagged().await, (0, 0));
        assert_eq!(self.sim.ledger().count(), submits);
        let counted = "SELECT count(*) FROM (
              SELECT submission_attempts, submission_started_at FROM smpp_tx_queue
              UNION ALL SELECT submission_attempts, submission_started_at FROM smpp_tx_parts) AS it
            WHERE submission_attempts <> 1 OR submission_started_at IS NOT NULL";
        assert_eq!(self.one::<i64>(counted).await, 0);
        assert_eq!(self.sim.ledger().counts().connections, 1);
    }

    /// Messages and parts that may have been sent twice, by their rows.
    async fn flagged(&self) -> (i64, i64) {
        let of = async |table| -> i64 {
            let doubtful = "possible_duplicate OR in_doubt";
            self.one(&format!("SELECT count(*) FROM {table} WHERE {doubtful}"))
                .await
        };
        (of("smpp_tx_queue").await, of("smpp_tx_parts").await)
    }
}

/// Long messages and short ones leave once, whatever becomes of the first commit behind this statement.
async fn all_are_sent_once_behind(marker: &'static str, cut: Cut) {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world.queue_texts(0..20).await;
    world.queue(20..30).await;
    let proxy = Proxy::before(&world, marker, cut);
    let mut daemon = proxy.daemon(&world);
    world.all_sent_once(70).await;
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn parts_whose_start_was_committed_and_not_answered_are_not_flagged() {
    all_are_sent_once_behind(START, Cut::Committed).await;
}

#[tokio::test]
async fn parts_whose_start_was_not_committed_are_not_flagged() {
    all_are_sent_once_behind(START, Cut::Never).await;
}

#[tokio::test]
async fn parts_whose_start_commits_late_wait_for_it_and_delay_no_other() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world.queue_texts(0..20).await;
    let proxy = Proxy::before(&world, START, Cut::Late);
    let mut daemon = proxy.daemon(&world);
    proxy.until_cut(1).await;
    world.queue(20..30).await;
    world.queue_texts(30..40).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue WHERE id > 20")
        .await;
    let open = "SELECT count(*) FROM smpp_tx_queue WHERE submission_started_at IS NOT NULL";
    assert!(world.one::<i64>(open).await > 0);
    proxy.let_go();
    world.all_sent_once(100).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn the_end_of_the_daemon_waits_until_it_knows_how_a_commit_ended() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world.queue_texts(0..20).await;
    let proxy = Proxy::before(&world, START, Cut::Late);
    let mut daemon = proxy.daemon(&world);
    proxy.until_cut(1).await;
    daemon.signal("TERM");
    daemon.until_logged("stopping").await;
    proxy.let_go();
    assert_eq!(daemon.wait(PATIENCE).await.code(), Some(0));
    for table in ["smpp_tx_queue", "smpp_tx_parts"] {
        let open = format!("SELECT count(*) FROM {table} WHERE submission_started_at IS NOT NULL");
        assert_eq!(world.one::<i64>(&open).await, 0);
    }
    assert_eq!(world.flagged().await, (0, 0));
    let _daemon = world.daemon();
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue")
        .await;
    assert_eq!(world.flagged().await, (0, 0));
    assert_eq!(world.sim.ledger().count(), 60);
}

#[tokio::test]
async fn another_server_sends_without_a_flag_what_was_never_sent() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let other = simulator(|_| {});
    world.add_server(&other, false, SERVER.0, SERVER.1).await;
    let id = world.send("447911000100", &three_parts()).await;
    let proxy = Proxy::before(&world, START, Cut::Late);
    let mut daemon = proxy.daemon(&world);
    proxy.until_cut(1).await;
    world
        .sql("UPDATE smpp_servers SET enabled = FALSE; UPDATE smpp_servers SET enabled = TRUE WHERE id = 2")
        .await;
    world.until_events("bound", 2).await;
    proxy.let_go();
    world.until_status(id, "sent").await;
    assert_eq!(world.flagged().await, (0, 0));
    assert_eq!((world.sim.ledger().count(), other.ledger().count()), (0, 3));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_look_that_is_lost_as_well_is_taken_again() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world.queue_texts(0..20).await;
    let plan = Plan {
        marker: HOLD,
        cut: Cut::Committed,
        skip: 0,
        count: 3,
    };
    let proxy = Proxy::planned(&world, plan);
    let mut daemon = proxy.daemon(&world);
    world.all_sent_once(60).await;
    assert_eq!(proxy.cuts(), 3);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn claims_that_were_committed_and_not_answered_are_not_flagged() {
    all_are_sent_once_behind(CLAIM, Cut::Committed).await;
}

#[tokio::test]
async fn a_claim_that_commits_late_is_not_flagged_and_delays_no_other() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world.queue_texts(0..20).await;
    world.queue(20..30).await;
    let proxy = Proxy::before(&world, CLAIM, Cut::Late);
    let mut daemon = proxy.daemon(&world);
    proxy.until_cut(1).await;
    world.queue(30..40).await;
    world
        .until("SELECT bool_and(submission_done) FROM smpp_tx_queue WHERE id > 30")
        .await;
    let not_sent = "SELECT count(*) FROM smpp_tx_queue WHERE NOT submission_done";
    assert!(world.one::<i64>(not_sent).await > 0);
    proxy.let_go();
    world.all_sent_once(80).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_retry_whose_start_was_not_answered_is_not_flagged() {
    let world = World::new().await;
    world
        .enable_sim(
            ", esme_retry_delay, esme_max_submission_attempts",
            ", 1, 50",
        )
        .await;
    let plan = Plan {
        marker: START,
        cut: Cut::Committed,
        skip: 1,
        count: 2,
    };
    let proxy = Proxy::planned(&world, plan);
    let mut daemon = proxy.daemon(&world);
    // The second part is refused at first.
    let id = world.send("447911000142", &three_parts()).await;
    world.until_status(id, "sent").await;
    assert_eq!(proxy.cuts(), 2);
    assert_eq!(world.flagged().await, (0, 0));
    assert_eq!(
        world.parts(id).await,
        ["1|t|f|1|-", "2|t|f|2|-", "3|t|f|1|-"]
    );
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("2")
    );
    assert_eq!(world.seen("447911000142"), [1, 2, 3, 2]);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn what_was_started_row_by_row_before_a_commit_is_lost_is_sent() {
    let world = World::new().await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    world
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.smpp_destination_addr = '447911000100' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON smpp_tx_parts FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    world.queue_texts(0..8).await;
    let refused = world.send("447911000100", &three_parts()).await;
    let plan = Plan {
        marker: START,
        cut: Cut::Committed,
        skip: 3,
        count: 1,
    };
    let proxy = Proxy::planned(&world, plan);
    let mut daemon = proxy.daemon(&world);
    world.until_status(refused, "retrying").await;
    world
        .sql(&format!("DELETE FROM smpp_tx_queue WHERE id = {refused}"))
        .await;
    world.all_sent_once(24).await;
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn connections_that_are_terminated_under_long_messages() {
    let world = World::with(|behaviour| behaviour.response_delay = Duration::from_millis(5)).await;
    world.enable_sim(SERVER.0, SERVER.1).await;
    let mut daemon = world.daemon();
    world.queue_texts(0..2000).await;
    for _ in 0..15 {
        let seen = world.sim.ledger().count();
        world
            .until_ledger("more", |records| records.counts().submits >= seen + 150)
            .await;
        world
            .sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = 'esmed' AND (random() < 0.5 OR query LIKE '%parts%' OR query = 'COMMIT')",
            )
            .await;
    }
    world.all_sent_once(6000).await;
    assert_eq!(daemon.stop().await, Some(0));
}

/// A long message that was sent and is to be sent once more, without a daemon.
async fn sent_and_set_back() -> (World, i64) {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let mut daemon = world.daemon();
    let id = world.send("447911000100", &three_parts()).await;
    world.until_status(id, "sent").await;
    assert_eq!(daemon.stop().await, Some(0));
    world
        .sql("UPDATE smpp_tx_queue SET submission_done = FALSE, submission_attempts = 0")
        .await;
    (world, id)
}

#[tokio::test]
async fn a_sent_message_that_is_set_back_is_sent_again_although_its_claim_was_not_answered() {
    let (world, id) = sent_and_set_back().await;
    let proxy = Proxy::before(&world, CLAIM, Cut::Committed);
    let mut daemon = proxy.daemon(&world);
    world.until_status(id, "sent").await;
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(world.seen("447911000100"), [1, 2, 3, 1, 2, 3]);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_sent_message_that_is_set_back_is_sent_again_although_the_daemon_was_killed() {
    let (world, id) = sent_and_set_back().await;
    // It is claimed, and dies before the new parts are committed.
    let proxy = Proxy::before(&world, START, Cut::Late);
    let daemon = proxy.daemon(&world);
    proxy.until_cut(1).await;
    daemon.kill();
    world
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'esmed'")
        .await;
    world
        .until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'esmed')")
        .await;
    assert_eq!(world.status(id).await, "started");
    let mut daemon = world.daemon();
    world.until_status(id, "sent").await;
    assert_eq!(world.seen("447911000100"), [1, 2, 3, 1, 2, 3]);
    // Who starts later can't tell whether anything was sent.
    assert_eq!(world.flagged().await, (1, 0));
    assert_eq!(daemon.stop().await, Some(0));
}
