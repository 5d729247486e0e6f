//! Every way in which a long text leaves, and what is refused.

use std::collections::HashSet;

use esmed::pdu::Tag;
use esmed::text::Alphabet;

use super::{seen_part, three_parts};
use crate::support::{Daemon, World};

async fn bound_world() -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world
        .enable_sim(", esme_registered_delivery", ", TRUE")
        .await;
    world.until_bound().await;
    (world, daemon)
}

impl World {
    /// Changes the server without a rebind, and waits until the daemon has seen it.
    async fn set_server(&self, columns: &str) {
        self.sql(&format!("UPDATE smpp_servers SET {columns}"))
            .await;
        // It looks at the servers whenever they change, and at the latest with the next poll: two
        // heartbeats are two polls.
        self.next_heartbeat().await;
        self.next_heartbeat().await;
    }
}

#[tokio::test]
async fn each_mode_with_each_alphabet() {
    let (world, _daemon) = bound_world().await;
    let gsm = three_parts();
    let latin = gsm.replace("sentence", "déjà là");
    let emoji = format!("{}😀", gsm.replace("sentence", "проверка 😀"));
    let mut number = 0;
    for way in ["udh", "udh16", "sar"] {
        for alphabet in Alphabet::ALL {
            world
                .set_server(&format!(
                    "esme_long_message = '{way}', esme_default_alphabet = '{alphabet}'"
                ))
                .await;
            for text in [&gsm, &latin, &emoji] {
                number += 1;
                let to = format!("4479110{number:03}00");
                let id = world.send(&to, text).await;
                world.until_state(id, "DELIVERED").await;
                let submits = world.sim.ledger().submits_to(&to);
                let parts: Vec<_> = submits
                    .iter()
                    .map(|submit| seen_part(submit, alphabet))
                    .collect();
                let picture = format!("{way} {alphabet} {text}: {parts:?}");
                let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
                assert_eq!(&joined, text, "{picture}");
                let total = u8::try_from(parts.len()).unwrap();
                assert!(total > 1, "{picture}");
                for (at, part) in (1..=total).zip(&parts) {
                    assert_eq!((part.part, part.total), (at, total), "{picture}");
                    assert_eq!(part.reference, parts[0].reference, "{picture}");
                }
                let header = match way {
                    "udh" => Some(&b"\x05\x00\x03"[..]),
                    "udh16" => Some(&b"\x06\x08\x04"[..]),
                    _ => None,
                };
                for submit in &submits {
                    assert_eq!(submit.esm_class == 0x40, header.is_some(), "{picture}");
                    assert!(submit.octets.starts_with(header.unwrap_or_default()));
                    assert!(
                        submit.octets.len() <= if submit.data_coding == 0 { 160 } else { 140 },
                        "{picture}"
                    );
                }
                assert_eq!(world.tx(id, "message_parts").await, Some(total.to_string()));
                let kept = world.parts(id).await;
                assert_eq!(kept.len(), parts.len(), "{picture}");
                assert!(
                    kept.iter().all(|part| part.ends_with("|t|f|1|DELIVERED")),
                    "{kept:?}"
                );
                // The id of the message is that of its first part.
                assert_eq!(world.tx(id, "smpp_message_id").await, submits[0].message_id);
            }
        }
    }
}

#[tokio::test]
async fn a_payload_is_one_submit() {
    let (world, _daemon) = bound_world().await;
    world.set_server("esme_long_message = 'payload'").await;
    let text = three_parts();
    let id = world.send("447911000100", &text).await;
    world.until_state(id, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to("447911000100");
    assert_eq!(submits.len(), 1);
    assert_eq!(
        submits[0].tlvs.get(Tag::MESSAGE_PAYLOAD).map(|it| &it[..]),
        Some(text.as_bytes())
    );
    assert_eq!(world.tx(id, "message_parts").await.as_deref(), Some("1"));
    // A short one needs none.
    let short = world.send("447911000200", "short").await;
    world.until_state(short, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to("447911000200");
    assert_eq!(submits[0].tlvs.get(Tag::MESSAGE_PAYLOAD), None);
    assert_eq!(&submits[0].octets[..], b"short");
}

#[tokio::test]
async fn what_is_too_long_fails_whole_and_says_why() {
    let (world, _daemon) = bound_world().await;
    for (settings, text, words) in [
        ("esme_max_parts = 2", "a".repeat(307), "esme_max_parts"),
        (
            "esme_max_parts = 10, esme_long_message = 'reject'",
            "a".repeat(161),
            "esme_long_message",
        ),
        (
            "esme_max_parts = 2, esme_long_message = 'payload'",
            "a".repeat(307),
            "esme_max_parts",
        ),
        (
            "esme_max_parts = 255, esme_long_message = 'udh'",
            "a".repeat(65_537),
            "65536 characters",
        ),
    ] {
        world.set_server(settings).await;
        let id = world.send("447911000100", &text).await;
        world.until_status(id, "failed").await;
        let info = world.tx(id, "submission_info").await.unwrap();
        assert!(
            info.starts_with("smpp_short_message: ") && info.contains(words),
            "{info}"
        );
        assert_eq!(world.parts(id).await, [""; 0]);
    }
    assert_eq!(world.sim.ledger().count(), 0);
    // The limit itself is allowed.
    world.set_server("esme_max_parts = 2").await;
    let id = world.send("447911000100", &"a".repeat(306)).await;
    world.until_state(id, "DELIVERED").await;
    assert_eq!(world.tx(id, "message_parts").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_message_of_255_parts_arrives() {
    let (world, _daemon) = bound_world().await;
    world.set_server("esme_max_parts = 255").await;
    let text: String = (0..255 * 153)
        .map(|at| char::from(b'a' + u8::try_from(at / 153 % 26).unwrap()))
        .collect();
    let id = world.send("447911000100", &text).await;
    world.until_state(id, "DELIVERED").await;
    let submits = world.sim.ledger().submits_to("447911000100");
    let joined: String = submits
        .iter()
        .map(|submit| seen_part(submit, Alphabet::Gsm0338).text)
        .collect();
    assert!(joined == text, "{} characters", joined.len());
    assert_eq!(submits.len(), 255);
}

#[tokio::test]
async fn references_to_one_phone_differ_as_long_as_they_can() {
    let world = World::new().await;
    world.enable_sim("", "").await;
    let to = "447911000100";
    let long = "a".repeat(161);
    let queue = format!(
        "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
         SELECT '{to}', '{long}' FROM generate_series(1, 64)"
    );
    // Over four runs of the daemon.
    for run in 1..=4 {
        let mut daemon = world.daemon();
        world.sql(&queue).await;
        world
            .until(&format!(
                "SELECT count(*) = {} FROM smpp_tx_queue WHERE submission_done",
                64 * run
            ))
            .await;
        assert_eq!(daemon.stop().await, Some(0));
    }
    let references: Vec<u16> = world
        .sim
        .ledger()
        .submits_to(to)
        .iter()
        .map(|submit| seen_part(submit, Alphabet::Gsm0338).reference)
        .collect();
    assert_eq!(references.len(), 512);
    let distinct: HashSet<u16> = references.iter().copied().collect();
    assert_eq!(distinct.len(), 256);
}

#[tokio::test]
async fn classes_go_with_short_and_long_texts() {
    let (world, _daemon) = bound_world().await;
    for (text, data_coding) in [
        ("flash".to_owned(), 0xF0),
        ("вспышка".to_owned(), 0x18),
        (three_parts(), 0xF0),
        ("вспышка ".repeat(20), 0x18),
    ] {
        let before = world.sim.ledger().submits().len();
        let id = world
            .send_with("447911000100", &text, ", smpp_message_class", ", 0")
            .await;
        world.until_state(id, "DELIVERED").await;
        let submits = world.sim.ledger().submits();
        let seen: HashSet<u8> = submits[before..].iter().map(|it| it.data_coding).collect();
        assert_eq!(seen, HashSet::from([data_coding]), "{text}");
    }
}
