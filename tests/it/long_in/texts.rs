//! What the octets say, in parts or whole.

use serde_json::{Value, json};

use esmed::pdu::{Tag, Tlvs};
use esmed::sim::PhoneMessage;

use super::{UDH, bound_world, phone, sar, udh8, udh16, under};
use crate::support::World;

#[tokio::test]
async fn characters_that_are_cut_in_two_are_whole() {
    let (world, _daemon) = bound_world().await;
    let cases: [(u8, [&[u8]; 2], &str); 4] = [
        (0, [b"5 \x1b", b"\x65 each"], "5 € each"),
        (8, [b"\x00a\xd8\x3d", b"\xde\x00\x00b"], "a😀b"),
        (5, [b"\x93", b"\xfa\x96\x7b"], "日本"),
        (14, [b"\xc7\xd1\xb1", b"\xb9"], "한국"),
    ];
    for (data_coding, parts, text) in cases {
        world
            .phones([
                under(data_coding, udh8(1, 2, 1, parts[0])),
                under(data_coding, udh8(1, 2, 2, parts[1])),
            ])
            .await;
        world
            .until(&format!(
                "SELECT count(*) = 1 FROM smpp_inbox WHERE message = '{text}' AND complete"
            ))
            .await;
    }
    // A part in GSM 03.38, the other in UCS2.
    world
        .phones([
            udh8(2, 2, 1, b"Preis: 5 \x1b\x65 "),
            under(8, udh8(2, 2, 2, b"\x04\x2f")),
        ])
        .await;
    world
        .until("SELECT count(*) = 1 FROM smpp_inbox WHERE message = 'Preis: 5 € Я'")
        .await;
}

#[tokio::test]
async fn packed_parts_are_unpacked_each_with_its_fill_bits() {
    let world = World::new().await;
    let _daemon = world.daemon();
    world
        .enable_sim(", esme_default_alphabet", ", 'GSM0338_PACKED'")
        .await;
    world.until_bound().await;
    // "hello" is e8 32 9b fd 06 (GSM 03.38, 6.1.2.1.1); behind a header of 6 octets it is moved by one bit.
    world
        .phones([
            udh8(1, 2, 1, b"\xd0\x65\x36\xfb\x0d"),
            udh8(1, 2, 2, b"\xd0\x65\x36\xfb\x0d"),
            udh16([1, 1], 2, 1, b"\xe8\x32\x9b\xfd\x06"),
            udh16([1, 1], 2, 2, b"\xe8\x32\x9b\xfd\x06"),
        ])
        .await;
    world.until_inbox(&["hellohello", "hellohello"]).await;
}

#[tokio::test]
async fn a_message_payload_is_a_text_too_also_in_parts() {
    let (world, _daemon) = bound_world().await;
    // The simulator puts what is longer than 254 octets into message_payload.
    let long = |letter: &str| letter.repeat(300);
    world
        .phones([
            phone(long("w").as_bytes(), 0, 0),
            udh8(1, 2, 2, long("b").as_bytes()),
            udh8(1, 2, 1, long("a").as_bytes()),
            udh8(2, 1, 1, long("s").as_bytes()),
            // Application ports alone: a header, but no parts.
            phone(
                &[b"\x06\x05\x04\x15\x81\x00\x00", long("p").as_bytes()].concat(),
                UDH,
                0,
            ),
        ])
        .await;
    world.until("SELECT count(*) = 4 FROM smpp_inbox").await;
    let mut texts = world.inbox("format('%s %s', parts, message)").await;
    texts.sort();
    let expected = [
        format!("1 {}", long("p")),
        format!("1 {}", long("s")),
        format!("1 {}", long("w")),
        format!("2 {}{}", long("a"), long("b")),
    ];
    assert_eq!(texts, expected);
    assert_eq!(world.inbox("complete").await, ["true"; 4]);
    let payloads: i64 = world
        .one(
            "SELECT count(*) FROM smpp_rx_queue
             WHERE pdu_parsed -> 'optional_parameters' ? 'message_payload' AND pdu_parsed ->> 'short_message_hex' = ''",
        )
        .await;
    assert_eq!(payloads, 5);
}

#[tokio::test]
async fn every_data_coding_is_decoded() {
    let (world, _daemon) = bound_world().await;
    // 5 to 14 as the codecs of Python give them: shift_jis, iso8859_5, iso8859_8, iso2022_jp, euc_jp, euc_kr.
    let cases: [(u8, &[u8], &str); 21] = [
        (0, b"\x00\x1b\x65", "@€"),
        (1, b"@$_", "@$_"),
        (3, b"\xe9\xa3", "é£"),
        (5, b"\x93\xfa\x96\x7b", "日本"),
        (6, b"\xbf\xe0\xd8\xd2\xd5\xe2", "Привет"),
        (7, b"\xf9\xec\xe5\xed", "שלום"),
        (8, b"\x04\x16\xd8\x3d\xde\x00", "Ж😀"),
        (10, b"\x1b$BF|K\\\x1b(B", "日本"),
        (13, b"\xc6\xfc\xcb\xdc", "日本"),
        (14, b"\xc7\xd1\xb1\xb9", "한국"),
        // GSM 03.38, 4: message waiting, discarded, stored, and stored in UCS2.
        (0xC0, b"\x00 mail", "@ mail"),
        (0xC8, b"\x02 mail", "$ mail"),
        (0xD0, b"\x01 mail", "£ mail"),
        (0xD8, b"\x11 mail", "_ mail"),
        (0xE0, b"\x04\x16", "Ж"),
        (0xE8, b"\x20\xac", "€"),
        // Message classes 0 to 3 in the default alphabet.
        (0xF0, b"\x00flash", "@flash"),
        (0xF1, b"\x00me", "@me"),
        (0xF2, b"\x00sim", "@sim"),
        (0xF3, b"\x00te", "@te"),
        // General: class 0 in UCS2.
        (0x18, b"\x04\x16", "Ж"),
    ];
    world
        .phones(
            cases
                .iter()
                .map(|&(data_coding, octets, _)| phone(octets, 0, data_coding)),
        )
        .await;
    let texts: Vec<&str> = cases.iter().map(|&(_, _, text)| text).collect();
    world.until_inbox(&texts).await;
    let warnings: i64 = world
        .one("SELECT count(*) FROM smpp_rx_queue WHERE pdu_parsed ? 'warnings'")
        .await;
    assert_eq!(warnings, 0);
}

#[tokio::test]
async fn binary_messages_have_no_text_but_their_octets() {
    let (world, _daemon) = bound_world().await;
    world
        .phones([
            // 4: octets unspecified; 0xF5: class 1, 8 bit data; 0x14: general, class 0, 8 bit data.
            phone(b"\x00\xff\x01", 0, 4),
            phone(b"\x00\xff\x02", 0, 0xF5),
            phone(b"\x00\xff\x03", 0, 0x14),
            under(4, udh8(1, 2, 1, b"\x00\xff")),
            under(4, udh8(1, 2, 2, b"\x04")),
        ])
        .await;
    world.until_inbox(&["NULL"; 4]).await;
    assert_eq!(
        world.inbox("concat_ws(' ', parts, complete)").await,
        ["1 t", "1 t", "1 t", "2 t"]
    );
    let hex: Vec<String> = world
        .rows(
            "SELECT pdu_parsed ->> 'short_message_hex' FROM smpp_rx_queue
             WHERE pdu_parsed -> 'short_message' = 'null' AND right(pdu_raw, 6) = right(pdu_parsed ->> 'short_message_hex', 6)
             ORDER BY id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        hex,
        [
            "00ff01",
            "00ff02",
            "00ff03",
            "05000301020100ff",
            "05000301020204"
        ]
    );
}

#[tokio::test]
async fn ports_and_other_elements_are_json_and_not_text() {
    let (world, _daemon) = bound_world().await;
    world
        .phones([
            // Ports of 16 bits and of 8 bits (GSM 03.40, 9.2.3.24.4 and .3), then a text formatting element (0x0a).
            phone(b"\x06\x05\x04\x15\x81\x23\xf0one", UDH, 0),
            phone(b"\x04\x04\x02\xf0\xe1two", UDH, 0),
            phone(b"\x05\x0a\x03\x00\x05\x10three", UDH, 0),
            // Ports and parts in one header.
            phone(
                b"\x0b\x05\x04\x15\x81\x00\x00\x00\x03\x07\x02\x01fo",
                UDH,
                0,
            ),
            phone(
                b"\x0b\x05\x04\x15\x81\x00\x00\x00\x03\x07\x02\x02ur",
                UDH,
                0,
            ),
        ])
        .await;
    world.until_inbox(&["one", "two", "three", "four"]).await;
    let headers: Vec<Value> = world
        .rows(
            "SELECT pdu_parsed -> 'udh' FROM smpp_rx_queue ORDER BY id",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        headers[..4],
        [
            json!({"elements": [{"id": 5, "hex": "158123f0"}], "ports": {"destination": 5505, "source": 9200}}),
            json!({"elements": [{"id": 4, "hex": "f0e1"}], "ports": {"destination": 240, "source": 225}}),
            json!({"elements": [{"id": 10, "hex": "000510"}]}),
            json!({
                "elements": [{"id": 5, "hex": "15810000"}, {"id": 0, "hex": "070201"}],
                "concat": {"reference": 7, "part": 1, "total": 2},
                "ports": {"destination": 5505, "source": 0},
            }),
        ]
    );
}

#[tokio::test]
async fn broken_numbers_are_no_parts_and_octets_without_a_meaning_do_no_harm() {
    let (world, _daemon) = bound_world().await;
    let mut wrong_length = sar([0, 1], 2, 1, b"sar of odd length");
    wrong_length.tlvs = Tlvs::default();
    wrong_length.tlvs.push(Tag(0x020C), vec![1]);
    wrong_length.tlvs.push(Tag(0x020E), vec![2]);
    wrong_length.tlvs.push(Tag(0x020F), vec![1]);
    let both = PhoneMessage {
        tlvs: sar([0, 9], 3, 3, b"").tlvs,
        ..udh8(9, 2, 1, b"the header ")
    };
    world
        .phones([
            udh8(1, 2, 0, b"part 0"),
            udh8(1, 2, 3, b"part 3 of 2"),
            udh8(1, 0, 0, b"none of none"),
            udh8(1, 1, 1, b"one of one"),
            sar([0, 1], 2, 0, b"sar 0"),
            sar([0, 1], 1, 1, b"sar 1 of 1"),
            wrong_length,
            both,
            udh8(9, 2, 2, b"counts"),
        ])
        .await;
    let texts = [
        "part 0",
        "part 3 of 2",
        "none of none",
        "one of one",
        "sar 0",
        "sar 1 of 1",
        "sar of odd length",
        "the header counts",
    ];
    world.until_inbox(&texts).await;
    let parts: i64 = world
        .one("SELECT count(*) FROM smpp_rx_queue WHERE concat_part IS NOT NULL")
        .await;
    assert_eq!(parts, 2);

    // Half a unit, a lone surrogate, an escape without an end, octets above 0x7f, an unknown data_coding.
    let odd: [(u8, &[u8]); 5] = [
        (8, b"\x00a\x00"),
        (8, b"\xd8\x3d\x00a"),
        (0, b"a\x1b"),
        (1, b"a\xff"),
        (0x99, b"a"),
    ];
    let (first, second): (Vec<_>, Vec<_>) = (20..)
        .zip(odd)
        .map(|(reference, (data_coding, octets))| {
            (
                under(data_coding, udh8(reference, 2, 1, octets)),
                under(data_coding, udh8(reference, 2, 2, octets)),
            )
        })
        .unzip();
    world.phones(first).await;
    world.phones(second).await;
    world
        .until("SELECT count(*) = 5 FROM smpp_inbox WHERE complete AND parts = 2 AND message IS DISTINCT FROM 'the header counts'")
        .await;
    assert_eq!(
        world
            .one::<i64>(
                "SELECT count(*) FROM smpp_rx_queue WHERE concat_ref >= 20 AND pdu_parsed ? 'warnings' AND inbox_id IS NOT NULL"
            )
            .await,
        10
    );
    assert_eq!(world.sim.ledger().binds().len(), 1);
}
