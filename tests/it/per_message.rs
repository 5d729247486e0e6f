//! What a row says for itself reaches the wire, or fails that row by name.

use std::time::{Duration, Instant};

use esmed::sim::SubmitRecord;

use crate::support::{Daemon, World};

/// How long a test waits for what has to happen: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

const TO: &str = "447911123400";

async fn world_with(columns: &str, values: &str) -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim(columns, values).await;
    world.until_bound().await;
    (world, daemon)
}

/// Sends a row with one more column; returns its submit.
async fn sent(world: &World, column: &str, value: &str) -> SubmitRecord {
    let id = world
        .send_with(TO, "text", &format!(", {column}"), &format!(", {value}"))
        .await;
    world.until_status(id, "sent").await;
    world.sim.ledger().submits().pop().unwrap()
}

/// The octets of a submit behind header, service_type, esmed's empty sender and the destination, esm_class,
/// protocol_id and priority_flag: from schedule_delivery_time on.
fn from_times(submit: &SubmitRecord) -> String {
    let head = b"\0\0\0\0\x01\x01447911123400\0\0\0\0";
    assert_eq!(&submit.pdu[16..16 + head.len()], head);
    submit.pdu[16 + head.len()..].escape_ascii().to_string()
}

#[tokio::test]
async fn each_column_reaches_its_field() {
    let (world, _daemon) = world_with("", "").await;
    // Behind the times: registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id, length, text.
    let tail = r"\x00\x00\x00\x00\x04text";
    for (value, expected) in [
        ("'1 hour'", "000000010000000R"),
        ("'90 minutes 1 second'", "000000013001000R"),
        ("'36 hours'", "000001120000000R"),
        ("'31 days'", "000031000000000R"),
        ("'100 milliseconds'", "000000000001000R"),
        ("'1 month -1 day'", "000029000000000R"),
        // The example of SMPP 3.4, 7.1.1.2.
        ("'2 years 6 months 10 days 23:34:29'", "020610233429000R"),
    ] {
        let submit = sent(&world, "smpp_validity_period", value).await;
        let expected = format!(r"\x00{expected}\x00{tail}");
        assert_eq!(from_times(&submit), expected, "{value}");
    }
    for (value, expected) in [
        // The end of SMPP's century, in UTC whatever the zone that it was written in.
        ("'2098-12-31 23:59:58.75+00'", "981231235958700+"),
        ("'2099-01-01 05:44:58+05:45'", "981231235958000+"),
        // Over: at once.
        ("'2001-01-01 00:00:00+00'", ""),
    ] {
        let submit = sent(&world, "smpp_schedule_delivery_time", value).await;
        let expected = format!(r"{expected}\x00\x00{tail}");
        assert_eq!(from_times(&submit), expected, "{value}");
    }
    for (value, expected) in [
        (
            r#"'{"user_message_reference": 7, "0x1401": {"hex": "6162"}, "0x1402": "text"}'"#,
            r"\x02\x04\x00\x02\x00\x07\x14\x01\x00\x02ab\x14\x02\x00\x04text",
        ),
        (
            r#"'{"0x1401": {"cstring": "PE-1"}, "source_port": 9200, "alert_on_message_delivery": {"hex": ""}}'"#,
            r"\x02\n\x00\x02#\xf0\x13\x0c\x00\x00\x14\x01\x00\x05PE-1\x00",
        ),
        ("'{}'", ""),
    ] {
        let submit = sent(&world, "smpp_optional_parameters", value).await;
        let expected = format!(r"\x00\x00{tail}{expected}");
        assert_eq!(from_times(&submit), expected, "{value}");
    }
    for (value, expected) in [
        ("'SMSC_DELIVERY_RECEIPT_REQUESTED'", 1),
        ("'SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE'", 2),
    ] {
        let submit = sent(&world, "smpp_registered_delivery", value).await;
        assert_eq!(submit.registered_delivery, expected);
    }
}

#[tokio::test]
async fn a_refusal_names_the_column_and_fails_the_row_alone() {
    let (world, _daemon) = world_with("", "").await;
    let cases = [
        (
            "smpp_optional_parameters",
            r#"'{"source_port": 65536}'"#.to_owned(),
            r#""source_port" is 65536; it must be a whole number from 0 to 65535"#,
        ),
        (
            "smpp_optional_parameters",
            r#"'{"sourceport": 1}'"#.to_owned(),
            r#""sourceport" is no TLV"#,
        ),
        (
            "smpp_optional_parameters",
            r#"'{"0x1401": true}'"#.to_owned(),
            r#""0x1401" is a boolean"#,
        ),
        (
            "smpp_optional_parameters",
            r#"'{"message_payload": "x"}'"#.to_owned(),
            r#""message_payload" can't be given"#,
        ),
        (
            "smpp_optional_parameters",
            "jsonb_build_object('0x1401', repeat('x', 4093))".to_owned(),
            "4097 octets",
        ),
        (
            "smpp_optional_parameters",
            "jsonb_build_object('0x1401', repeat('x', 1000000))".to_owned(),
            "more than 16384 characters",
        ),
        // What no reader of JSON takes must not stop the others.
        (
            "smpp_optional_parameters",
            format!(r#"'{{"0x1401": {}1{}}}'"#, "[".repeat(300), "]".repeat(300)),
            "can't be read",
        ),
        (
            "smpp_optional_parameters",
            r#"'{"0x1401": 1e400}'"#.to_owned(),
            "can't be read",
        ),
        (
            "smpp_schedule_delivery_time",
            "'9999-12-31'".to_owned(),
            "99 years",
        ),
        (
            "smpp_source_addr",
            "'Grüße'".to_owned(),
            "has the character 'ü', which is not ASCII",
        ),
        (
            "smpp_service_type",
            "'SIXSIX'".to_owned(),
            "has 6 octets; it must have 5 at most",
        ),
        (
            "smpp_schedule_delivery_time, smpp_validity_period",
            "now() + interval '2 hours', '1 hour'".to_owned(),
            "is not before the end of smpp_validity_period",
        ),
    ];
    for (column, value, words) in cases {
        let (columns, values) = (format!(", {column}"), format!(", {value}"));
        let id = world.send_with(TO, "refused", &columns, &values).await;
        world.until_status(id, "failed").await;
        let reason = world.tx(id, "submission_info").await.unwrap();
        let column = column.split(',').next().unwrap();
        assert!(
            reason.starts_with(column) && reason.contains(words),
            "{column}: {reason}"
        );
        let attempts = world.tx(id, "submission_attempts").await;
        assert_eq!(attempts.as_deref(), Some("0"));
    }
    let good = world.send(TO, "a good one").await;
    world.until_status(good, "sent").await;
    assert_eq!(world.sim.ledger().count(), 1);
}

#[tokio::test]
async fn the_example_of_the_documents() {
    let (world, _daemon) = world_with("", "").await;
    world.example("## Per message").await;
    world.until_status(1, "sent").await;
    let submit = world.sim.ledger().submits().pop().unwrap();
    let pdu = submit.pdu.escape_ascii().to_string();
    // Behind a time of delivery in UTC.
    assert!(pdu.contains(r"00+\x00000000060000000R\x00"), "{pdu}");
    let tlvs =
        r"\x02\x04\x00\x02\x00\x07\x14\x01\x00\x02ab\x14\x02\x00\x04text\x14\x03\x00\x051207\x00";
    assert!(
        pdu.ends_with(&format!("Doors open at eight{tlvs}")),
        "{pdu}"
    );
}

#[tokio::test]
async fn what_the_table_refuses_by_itself() {
    let world = World::new().await;
    for (column, value) in [
        ("smpp_validity_period", "'0'"),
        ("smpp_validity_period", "'-1 hour'"),
        ("smpp_validity_period", "'100 years'"),
        ("smpp_schedule_delivery_time", "'infinity'"),
        ("smpp_optional_parameters", "'[1]'"),
        ("smpp_protocol_id", "256"),
        ("smpp_esm_class", "-1"),
    ] {
        let statement = format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, {column}) VALUES ('44', 'x', {value})"
        );
        let error = world.db.batch_execute(&statement).await.unwrap_err();
        let error = error.as_db_error().unwrap().to_string();
        assert!(error.contains(column), "{statement}: {error}");
    }
}

#[tokio::test]
async fn the_server_speaks_for_rows_that_do_not() {
    let (world, _daemon) = world_with(
        ", esme_validity_period, esme_service_type, esme_registered_delivery",
        ", '2 days', 'CMT', TRUE",
    )
    .await;
    let id = world.send(TO, "text").await;
    world.until_status(id, "sent").await;
    let head = b"CMT\0\0\0\0\x01\x01447911123400\0\0\0\0";
    let of_server = b"\x00000002000000000R\x00\x01\0\0\0\x04text";
    let submit = world.sim.ledger().submits().pop().unwrap();
    assert_eq!(
        submit.pdu[16..].escape_ascii().to_string(),
        [&head[..], of_server].concat().escape_ascii().to_string()
    );
    let submit = sent(&world, "smpp_validity_period", "'1 hour'").await;
    assert_eq!(
        &submit.pdu[16 + head.len()..][..18],
        b"\x00000000010000000R\x00"
    );
    // A change holds at once, without a rebind, and what is set is no warning.
    world
        .sql("UPDATE smpp_servers SET esme_validity_period = NULL, esme_country_code = '44'")
        .await;
    let none = b"CMT\0\0\0\0\x01\x01447911123400\0\0\0\0\0\0\x01\0\0\0\x04text";
    let until = Instant::now() + PATIENCE;
    loop {
        let id = world.send("07911123400", "text").await;
        world.until_status(id, "sent").await;
        let submit = world.sim.ledger().submits().pop().unwrap();
        if submit.pdu[16..] == none[..] {
            break;
        }
        assert!(Instant::now() < until, "never without: {submit:?}");
    }
    assert_eq!(world.sim.ledger().binds().len(), 1);
    assert_eq!(world.events("server_warning").await, 0);
}

#[tokio::test]
async fn numbers_in_national_form_are_sent_in_international_form() {
    let (world, _daemon) = world_with(", esme_country_code", ", '27'").await;
    for (number, sent) in [
        ("0821234500", "27821234500"),
        ("+27821234500", "27821234500"),
        ("0027821234500", "27821234500"),
        ("27821234500", "27821234500"),
        ("32500", "32500"),
    ] {
        let id = world.send(number, "text").await;
        world.until_status(id, "sent").await;
        let submit = world.sim.ledger().submits().pop().unwrap();
        assert_eq!(submit.destination, sent, "{number}");
        assert_eq!(
            world.tx(id, "smpp_destination_addr").await.as_deref(),
            Some(number)
        );
    }
    // A receipt comes from the number that was sent to.
    let id = world
        .send_with(
            "0821234500",
            "text",
            ", smpp_registered_delivery",
            ", 'SMSC_DELIVERY_RECEIPT_REQUESTED'",
        )
        .await;
    world.until_state(id, "DELIVERED").await;
    // A row that says that its number is national is believed.
    let id = world
        .send_with("0821234500", "text", ", smpp_dest_addr_ton", ", 2")
        .await;
    world.until_status(id, "sent").await;
    let submit = world.sim.ledger().submits().pop().unwrap();
    assert_eq!(submit.destination, "0821234500");
}
