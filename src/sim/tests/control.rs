//! The control port.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;

use super::client::*;
use crate::pdu::{CommandStatus, Pdu};
use crate::sim::control::{ask, execute, serve};

#[tokio::test]
async fn commands_over_tcp() {
    let sim = Arc::new(start());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Arc::clone(&sim)));
    let mut client = Client::transceiver(&sim).await;
    let answer = ask(addr, "phone 27820000000 12345 hello  there")
        .await
        .unwrap();
    assert_eq!(answer, json!({"ok": true, "octets": 12, "data_coding": 0}));
    assert_eq!(text(&client.delivery(OK).await), "hello  there");
    let answer = ask(addr, "set submit-status ESME_RSYSERR").await.unwrap();
    assert_eq!(answer, json!({"ok": true}));
    assert_eq!(client.submit("00", 0).await.0, CommandStatus::ESME_RSYSERR);
    assert_eq!(
        ask(addr, "set").await.unwrap()["submit-status"],
        "ESME_RSYSERR"
    );
    assert_eq!(ask(addr, "stats").await.unwrap()["refused"], 1);
    assert!(ask(addr, "nonsense").await.unwrap()["error"].is_string());
    assert_eq!(ask(addr, "drop").await.unwrap()["sessions"], 1);
    assert!(client.ended().await);
    server.abort();
}

#[tokio::test]
async fn each_command() {
    let sim = start();
    let mut client = Client::transceiver(&sim).await;
    assert_eq!(client.submit("00", 1).await.0, OK);
    client.delivery(OK).await;
    wait(&sim, |records| records.counts().acknowledged == 1).await;
    let ledger = execute(&sim, "ledger 5");
    assert_eq!(ledger[0]["destination_addr"], "00");
    assert_eq!(ledger[0]["octets"], "68656c6c6f");
    assert_eq!(ledger[0]["status"], "ESME_ROK");
    let deliveries = execute(&sim, "deliveries");
    assert_eq!(deliveries[0]["kind"], "receipt");
    assert_eq!(deliveries[0]["message_id"], ledger[0]["message_id"]);
    assert_eq!(
        execute(&sim, "binds 1")[0]["command_id"],
        "bind_transceiver"
    );
    assert_eq!(execute(&sim, "violations"), json!([]));
    assert_eq!(execute(&sim, "ledger 0"), json!([]));
    assert_eq!(execute(&sim, "enquire")["sessions"], 1);
    assert_eq!(client.next().await.1, Pdu::EnquireLink);
    assert_eq!(
        execute(&sim, "raw 00000010 00000015 00000000 00000009")["sessions"],
        1
    );
    assert_eq!(client.next().await.0.header.sequence_number, 9);
    assert_eq!(execute(&sim, "unbind")["sessions"], 1);
    assert_eq!(client.next().await.1, Pdu::Unbind);
    for (command, muted, refuses) in [
        ("mute on", true, false),
        ("mute off", false, false),
        ("refuse on", false, true),
    ] {
        assert_eq!(execute(&sim, command), json!({"ok": true}));
        assert_eq!(sim.behaviour().mute.all, muted);
        assert_eq!(sim.behaviour().refuse_connections, refuses);
    }
    assert!(execute(&sim, "help")["commands"].as_array().unwrap().len() > 10);
    for wrong in [
        "", "phone", "phone 1", "raw", "raw 0", "raw xx", "mute", "ledger x", "drop now", "set x 1",
    ] {
        assert!(execute(&sim, wrong)["error"].is_string(), "{wrong}");
    }
}
