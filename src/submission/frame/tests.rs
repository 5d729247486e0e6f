//! Which column of which table reaches which field.

use bytes::BytesMut;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use super::*;
use crate::pdu::{CommandStatus, Pdu};
use crate::submission::address::PrefixRow;
use crate::submission::tests::row;
use crate::submission::time::Interval;

const DAY: Interval = Interval {
    months: 0,
    days: 1,
    microseconds: 0,
};

fn server() -> Server {
    Server {
        source_addr: "esmed".to_owned(),
        ..Server::unknown()
    }
}

fn prefixes() -> Prefixes {
    Prefixes::new([PrefixRow {
        prefix: "2783".to_owned(),
        source_addr: Some("27830000001".to_owned()),
        server_id: None,
    }])
}

fn framed(row: &Claimed, server: &Server) -> SubmitSm {
    frame(row, server, &prefixes()).unwrap()
}

fn refused(row: &Claimed, server: &Server) -> String {
    frame(row, server, &prefixes()).expect_err("the row can't be sent")
}

fn sender(row: &Claimed, server: &Server) -> (u8, u8, String) {
    let submit_sm = framed(row, server);
    let sender = submit_sm.source_addr.to_text();
    (submit_sm.source_addr_ton, submit_sm.source_addr_npi, sender)
}

fn claimed_at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2024, 2, 28, 12, 0, 0).unwrap()
}

fn scheduled(time: DateTime<Utc>) -> Claimed {
    Claimed {
        started_at: claimed_at(),
        schedule_delivery_time: Some(time),
        ..row()
    }
}

#[test]
fn every_field_stands_in_its_place() {
    let row = Claimed {
        source_addr: Some("12345".to_owned()),
        service_type: Some("CMT".to_owned()),
        dest_addr_ton: Some(2),
        dest_addr_npi: Some(8),
        protocol_id: Some(65),
        esm_class: Some(3),
        priority_flag: "LEVEL_2".to_owned(),
        registered_delivery: "SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE".to_owned(),
        validity_period: Some(DAY),
        optional_parameters: Some(r#"{"user_message_reference": 7}"#.to_owned()),
        ..scheduled(claimed_at() + TimeDelta::milliseconds(3_600_250))
    };
    let mut out = BytesMut::new();
    Pdu::SubmitSm(framed(&row, &server()))
        .encode(CommandStatus::ESME_ROK, 1, &mut out)
        .unwrap();
    // SMPP 3.4, 4.4.1.
    let body = b"CMT\0\x03\x0112345\0\x02\x08447911123456\0\x03\x41\x02\
        240228130000200+\x00000001000000000R\0\x02\0\0\0\0\x02\x04\0\x02\0\x07";
    assert_eq!(
        out[16..].escape_ascii().to_string(),
        body.escape_ascii().to_string()
    );
}

#[test]
fn the_sender_is_of_row_prefix_or_server() {
    let server = Server {
        source_addr_ton: Some(4),
        source_addr_npi: Some(9),
        ..server()
    };
    let to_mtn = Claimed {
        destination_addr: "27831234567".to_owned(),
        ..row()
    };
    assert_eq!(sender(&row(), &server), (4, 9, "esmed".to_owned()));
    // TON and NPI of the server are those of its own sender.
    assert_eq!(sender(&to_mtn, &server), (1, 1, "27830000001".to_owned()));
    let own = Claimed {
        source_addr: Some("12345".to_owned()),
        ..to_mtn.clone()
    };
    assert_eq!(sender(&own, &server), (3, 1, "12345".to_owned()));
    let empty = Claimed {
        source_addr: Some(String::new()),
        ..to_mtn.clone()
    };
    assert_eq!(sender(&empty, &server), (0, 0, String::new()));
    let typed = Claimed {
        source_addr_ton: Some(2),
        source_addr_npi: Some(8),
        ..to_mtn
    };
    assert_eq!(sender(&typed, &server), (2, 8, "27830000001".to_owned()));
}

#[test]
fn the_prefix_is_that_of_the_number_as_it_is_sent() {
    let server = Server {
        country_code: Some("27".to_owned()),
        ..server()
    };
    let national = Claimed {
        destination_addr: "0831234567".to_owned(),
        ..row()
    };
    let submit_sm = framed(&national, &server);
    assert_eq!(submit_sm.destination_addr.octets(), b"27831234567");
    assert_eq!(submit_sm.source_addr.octets(), b"27830000001");
    assert_eq!((submit_sm.dest_addr_ton, submit_sm.dest_addr_npi), (1, 1));
    // A row that says that its number is national is believed.
    let national = Claimed {
        dest_addr_ton: Some(2),
        ..national
    };
    let submit_sm = framed(&national, &server);
    assert_eq!(submit_sm.destination_addr.octets(), b"0831234567");
    assert_eq!(submit_sm.source_addr.octets(), b"esmed");
}

#[test]
fn validity_is_of_row_or_server() {
    let server = Server {
        validity_period: Some(DAY),
        ..server()
    };
    let hour = Claimed {
        validity_period: Some(Interval {
            microseconds: 3_600_000_000,
            ..Interval::default()
        }),
        ..row()
    };
    let validity = |row: &Claimed, server: &Server| framed(row, server).validity_period;
    assert_eq!(validity(&row(), &server).octets(), b"000001000000000R");
    assert_eq!(validity(&hour, &server).octets(), b"000000010000000R");
    assert!(validity(&row(), &self::server()).is_empty());
}

#[test]
fn a_time_to_deliver_that_is_over_is_none() {
    let schedule = |time| framed(&scheduled(time), &server()).schedule_delivery_time;
    assert!(schedule(claimed_at()).is_empty());
    let tenth = TimeDelta::milliseconds(100);
    assert_eq!(schedule(claimed_at() + tenth).octets(), b"240228120000100+");
}

#[test]
fn what_would_end_before_it_is_due_is_refused() {
    let row = |ahead| Claimed {
        validity_period: Some(DAY),
        ..scheduled(claimed_at() + ahead)
    };
    let reason = refused(&row(TimeDelta::days(1)), &server());
    assert!(
        reason.starts_with(
            "smpp_schedule_delivery_time is not before the end of smpp_validity_period"
        ),
        "{reason}"
    );
    framed(&row(TimeDelta::hours(23)), &server());
    let by_server = Server {
        validity_period: Some(DAY),
        ..server()
    };
    let later = scheduled(claimed_at() + TimeDelta::days(3));
    let reason = refused(&later, &by_server);
    assert!(
        reason.contains("esme_validity_period of the server"),
        "{reason}"
    );
    framed(&later, &server());
}

#[test]
fn reasons_name_the_column() {
    let years = Claimed {
        validity_period: Some(Interval {
            months: 100 * 12,
            ..Interval::default()
        }),
        ..row()
    };
    let far = scheduled(claimed_at() + TimeDelta::days(40_000));
    let tlv = Claimed {
        optional_parameters: Some(r#"{"source_port": 70000}"#.to_owned()),
        ..row()
    };
    let sender = Claimed {
        source_addr: Some("Grüße".to_owned()),
        ..row()
    };
    for (row, words) in [
        (years, "smpp_validity_period is over 99 years"),
        (far, "smpp_schedule_delivery_time is over 99 years"),
        (tlv, "smpp_optional_parameters: \"source_port\" is 70000"),
        (sender, "smpp_source_addr has the character 'ü'"),
    ] {
        let reason = refused(&row, &server());
        assert!(reason.contains(words), "{reason}");
    }
    let server = Server {
        source_addr: "a sender of over twenty octets".to_owned(),
        ..server()
    };
    let reason = refused(&row(), &server);
    assert!(
        reason.starts_with("esme_source_addr of the server has 30 octets"),
        "{reason}"
    );
}

#[test]
fn a_header_of_the_row_and_headers_of_parts_exclude_each_other() {
    let row = |esm_class| Claimed {
        esm_class: Some(esm_class),
        ..row()
    };
    assert_eq!(check_parts(&row(0x40), 1), Ok(()));
    assert_eq!(check_parts(&row(0x03), 2), Ok(()));
    let reason = check_parts(&row(0x43), 2).unwrap_err();
    assert!(
        reason.starts_with("smpp_esm_class has the bit 0x40"),
        "{reason}"
    );
}
