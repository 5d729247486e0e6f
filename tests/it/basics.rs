//! The main job: a row in, an SMS out, its state back.

use crate::support::World;

/// The INSERTs of the README of 0.1.1.
#[tokio::test]
async fn readme_examples_of_0_1_1() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    world
        .sql(&format!(
            "INSERT INTO smpp_servers (enabled, name, host, port, esme_system_id, esme_password, esme_source_addr)
             VALUES (TRUE, 'simulator', '127.0.0.1', {}, 'smppclient1', 'password', 'esmed')",
            world.sim.addr().port()
        ))
        .await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
               VALUES ('447911123400', 'Hello world');
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_registered_delivery)
               VALUES ('447911123401', 'Hello world', 'SMSC_DELIVERY_RECEIPT_REQUESTED');
             INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_priority_flag)
               VALUES ('447911123402', 'Hello world', 'LEVEL_1');",
        )
        .await;
    world
        .until("SELECT count(*) = 3 FROM smpp_tx_queue WHERE submission_done AND smpp_message_id IS NOT NULL")
        .await;
    let submits = world.sim.ledger().submits();
    assert_eq!(submits.len(), 3);
    for submit in &submits {
        assert_eq!(submit.source, "esmed");
        assert_eq!(&submit.octets[..], b"Hello world");
    }
    let bind = &world.sim.ledger().binds()[0];
    assert_eq!(bind.system_id, "smppclient1");
    assert_eq!(daemon.stop().await, Some(0));
}
