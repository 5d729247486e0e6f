//! Notifications and the poll behind them.

use crate::support::{LISTENERS, World};

#[tokio::test]
async fn an_insert_is_sent_although_nothing_is_polled() {
    let world = World::new().await;
    let _daemon = world.daemon_with("esmed", "poll_interval = 3600");
    // The INSERT of a server is heard of too.
    world.until_listening().await;
    world.enable_sim("", "").await;
    world.until_bound().await;
    for text in ["one", "two", "three"] {
        let id = world.send("447911123400", text).await;
        world.until_status(id, "sent").await;
    }
    assert_eq!(world.sim.ledger().count(), 3);
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_listens_again() {
    let world = World::new().await;
    let _daemon = world.daemon_with("esmed", "poll_interval = 3600");
    world.enable_sim("", "").await;
    world.until_bound().await;
    world.until_listening().await;
    let first: i32 = world.one(&format!("SELECT pid {LISTENERS}")).await;
    world
        .sql(&format!("SELECT pg_terminate_backend({first})"))
        .await;
    // Inserted while nobody listens, perhaps: what was missed is looked for.
    let id = world.send("447911123400", "missed").await;
    world.until_status(id, "sent").await;
    world
        .until(&format!(
            "SELECT count(*) = 1 {LISTENERS} AND pid <> {first}"
        ))
        .await;
    let id = world.send("447911123400", "heard").await;
    world.until_status(id, "sent").await;
    assert_eq!(world.sim.ledger().count(), 2);
}

#[tokio::test]
async fn without_any_notification_the_poll_finds_what_is_new() {
    let world = World::new().await;
    world
        .sql(
            "DROP TRIGGER smpp_tx_queue_notify_change ON smpp_tx_queue;
             DROP TRIGGER smpp_servers_notify_change ON smpp_servers;",
        )
        .await;
    let _daemon = world.daemon();
    world.until_listening().await;
    world.enable_sim("", "").await;
    world.until_bound().await;
    for text in ["one", "two"] {
        let id = world.send("447911123400", text).await;
        world.until_status(id, "sent").await;
    }
    world.sql("UPDATE smpp_servers SET enabled = FALSE").await;
    world
        .until_ledger("an unbind", |records| records.counts().unbinds == 1)
        .await;
}
