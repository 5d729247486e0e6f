//! How texts leave, and which rows can't.

use crate::support::{Daemon, World};

async fn bound_world() -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    (world, daemon)
}

/// Sends a text and returns data_coding and octets of its submit.
async fn sent(world: &World, text: &str, columns: &str, values: &str) -> (u8, Vec<u8>) {
    let before = world.sim.ledger().submits().len();
    let id = world.send_with("447911123400", text, columns, values).await;
    world.until_status(id, "sent").await;
    let submits = world.sim.ledger().submits();
    assert_eq!(submits.len(), before + 1);
    (submits[before].data_coding, submits[before].octets.to_vec())
}

/// Sends a row that has to fail; returns the reason.
async fn failed(
    world: &World,
    destination: &str,
    text: &str,
    columns: &str,
    values: &str,
) -> String {
    let before = world.sim.ledger().submits().len();
    let id = world.send_with(destination, text, columns, values).await;
    let good = world.send("447911123400", "a good one").await;
    world.until_status(id, "failed").await;
    // It delays no other row, and does not count as an attempt.
    world.until_status(good, "sent").await;
    assert_eq!(world.sim.ledger().submits().len(), before + 1);
    assert_eq!(
        world.tx(id, "submission_attempts").await.as_deref(),
        Some("0")
    );
    world.tx(id, "submission_info").await.unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[tokio::test]
async fn gsm_where_every_character_fits_and_ucs2_otherwise() {
    let (world, _daemon) = bound_world().await;
    for (text, octets) in [
        ("Hello", &b"Hello"[..]),
        ("@£$ _ é", b"\x00\x01\x02 \x11 \x05"),
        (
            "[€] {~} ^|\\",
            b"\x1b\x3c\x1b\x65\x1b\x3e \x1b\x28\x1b\x3d\x1b\x29 \x1b\x14\x1b\x40\x1b\x2f",
        ),
        ("two\nlines", b"two\nlines"),
    ] {
        assert_eq!(
            sent(&world, text, "", "").await,
            (0, octets.to_vec()),
            "{text}"
        );
    }
    for text in ["Привет", "“typographic”", "😀👍🏽", "`"] {
        assert_eq!(sent(&world, text, "", "").await, (8, utf16(text)), "{text}");
    }
}

#[tokio::test]
async fn one_message_holds_160_septets_or_70_units() {
    let (world, _daemon) = bound_world().await;
    let gsm = "a".repeat(160);
    assert_eq!(sent(&world, &gsm, "", "").await.1.len(), 160);
    // An escape pair counts twice.
    let pairs = "€".repeat(80);
    assert_eq!(sent(&world, &pairs, "", "").await.1.len(), 160);
    let ucs2 = "я".repeat(70);
    assert_eq!(sent(&world, &ucs2, "", "").await.1.len(), 140);
    let emoji = "😀".repeat(35);
    assert_eq!(sent(&world, &emoji, "", "").await.1.len(), 140);
    // One more takes another part.
    for text in [
        "a".repeat(161),
        format!("{pairs}a"),
        "я".repeat(71),
        format!("{emoji}я"),
    ] {
        let id = world.send("447911123400", &text).await;
        world.until_status(id, "sent").await;
        assert_eq!(world.tx(id, "message_parts").await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn with_long_message_none_one_submit_takes_254_octets() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim(", esme_long_message", ", 'none'").await;
    assert_eq!(sent(&world, &"a".repeat(254), "", "").await.1.len(), 254);
    assert_eq!(sent(&world, &"я".repeat(127), "", "").await.1.len(), 254);
    for text in ["a".repeat(255), "я".repeat(128)] {
        let reason = failed(&world, "447911123400", &text, "", "").await;
        assert!(reason.contains("254"), "{reason}");
    }
}

#[tokio::test]
async fn a_data_coding_that_is_asked_for() {
    let (world, _daemon) = bound_world().await;
    for (text, data_coding, octets) in [
        ("@ plain", 1, b"@ plain".to_vec()),
        ("café", 3, b"caf\xe9".to_vec()),
        ("plain", 8, utf16("plain")),
        ("@", 0, b"\x00".to_vec()),
    ] {
        let value = format!(", {data_coding}");
        assert_eq!(
            sent(&world, text, ", smpp_data_coding", &value).await,
            (data_coding, octets)
        );
    }
    for (text, data_coding) in [("Привет", 0), ("é", 1), ("€", 3), ("text", 4)] {
        let value = format!(", {data_coding}");
        let reason = failed(&world, "447911123400", text, ", smpp_data_coding", &value).await;
        assert!(
            reason.contains(&format!("data_coding {data_coding}")),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_sent() {
    let (world, _daemon) = bound_world().await;
    for destination in ["", "4479111234004479111234", "٤٤٧٩١١١٢٣٤٠٠"] {
        let reason = failed(&world, destination, "text", "", "").await;
        assert!(
            reason.starts_with("smpp_destination_addr "),
            "{destination}: {reason}"
        );
    }
    for source in ["Übergröße", "a sender of over twenty octets"] {
        let value = format!(", '{source}'");
        let reason = failed(&world, "447911123400", "text", ", smpp_source_addr", &value).await;
        assert!(reason.starts_with("smpp_source_addr "), "{reason}");
    }
    let reason = failed(
        &world,
        "447911123400",
        "text",
        ", smpp_service_type",
        ", 'SIXSIX'",
    )
    .await;
    assert!(reason.starts_with("smpp_service_type "), "{reason}");
    assert_eq!(world.sim.ledger().binds().len(), 1);
}

#[tokio::test]
async fn columns_that_this_version_lacks_fail_the_row() {
    let (world, _daemon) = bound_world().await;
    for (column, value) in [
        ("smpp_validity_period", "interval '1 hour'"),
        ("smpp_schedule_delivery_time", "now() + interval '1 hour'"),
        (
            "smpp_optional_parameters",
            "'{\"user_message_reference\": 7}'",
        ),
    ] {
        let (columns, values) = (format!(", {column}"), format!(", {value}"));
        let reason = failed(&world, "447911123400", "text", &columns, &values).await;
        assert!(
            reason.starts_with(column) && reason.contains("this version"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn columns_of_the_row_reach_the_submit() {
    let (world, _daemon) = bound_world().await;
    let id = world
        .send_with(
            "447911123400",
            "text",
            ", smpp_source_addr, smpp_service_type, smpp_protocol_id, smpp_esm_class, smpp_dest_addr_ton,
               smpp_dest_addr_npi, smpp_priority_flag",
            ", '12345', 'CMT', 65, 3, 2, 8, 'LEVEL_3'",
        )
        .await;
    world.until_status(id, "sent").await;
    let submit = &world.sim.ledger().submits()[0];
    // Behind the header: service_type, source TON NPI address, destination TON NPI address, esm_class, protocol_id,
    // priority_flag, no times, registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id, length.
    let body = b"CMT\0\x03\x0112345\0\x02\x08447911123400\0\x03\x41\x03\0\0\0\0\0\0\x04text";
    assert_eq!(&submit.pdu[16..], body);
}

#[tokio::test]
async fn type_and_plan_of_the_sender_are_detected() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world.enable_sim("", "").await;
    for (source, ton, npi) in [
        ("", 0, 0),
        ("esmed", 5, 0),
        ("123", 3, 1),
        ("12345678", 3, 1),
        ("447911123456", 1, 1),
        ("+447911123456", 1, 1),
    ] {
        let value = format!(", '{source}'");
        let id = world
            .send_with("447911123400", "text", ", smpp_source_addr", &value)
            .await;
        world.until_status(id, "sent").await;
        let submit = world.sim.ledger().submits().pop().unwrap();
        assert_eq!(submit.source, source);
        assert_eq!(submit.pdu[17..19], [ton, npi], "{source}");
    }
}
