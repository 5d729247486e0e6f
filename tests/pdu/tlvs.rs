//! Optional parameters by name and by type (SMPP 3.4, 5.3.2).

use esmed::pdu::{Tag, Tlv, TlvKind, TlvValue, Tlvs};

use crate::{frame, octets, sm};

#[test]
fn thousands_of_broken_parameters_yield_few_warnings() {
    let body = sm("00", &format!("00 {}", "0427 0000 ".repeat(15_000)));
    let decoded = frame(5, 0, 1, &body).decode().unwrap();
    assert_eq!(decoded.pdu.tlvs().unwrap().0.len(), 15_000);
    assert!(decoded.warnings.len() <= 50);
}

#[test]
fn tags_are_found_by_name_and_number() {
    for &tag in Tag::ALL {
        assert_eq!(Tag::by_name(tag.name().unwrap()), Some(tag));
        assert_eq!(Tag::by_name(&format!("0x{:04X}", tag.0)), Some(tag));
    }
    assert!(Tag::ALL.is_sorted());
    assert_eq!(Tag::by_name("SC_interface_version"), Some(Tag(0x0210)));
    assert_eq!(Tag::by_name("0x1401"), Some(Tag(0x1401)));
    assert_eq!(Tag(0x1401).to_string(), "0x1401");
    assert_eq!(Tag(0x1401).kind(), TlvKind::Octets(0, 0xFFFF));
    for none in ["", "0x", "0x+1", "0x10000", "1401", "message_stat"] {
        assert_eq!(Tag::by_name(none), None, "{none}");
    }
}

#[test]
fn values_are_read_by_the_form_of_their_tag() {
    let read = |tag, hex: &str| {
        Tlv {
            tag,
            value: octets(hex),
        }
        .read()
        .0
    };
    assert_eq!(read(Tag::SAR_TOTAL_SEGMENTS, "03"), TlvValue::Integer(3));
    assert_eq!(
        read(Tag::USER_MESSAGE_REFERENCE, "0102"),
        TlvValue::Integer(0x0102)
    );
    assert_eq!(
        read(Tag::QOS_TIME_TO_LIVE, "ffffffff"),
        TlvValue::Integer(u32::MAX)
    );
    assert_eq!(
        read(Tag::QOS_TIME_TO_LIVE, "ff"),
        TlvValue::Octets(octets("ff"))
    );
    assert_eq!(
        read(Tag::RECEIPTED_MESSAGE_ID, "396300"),
        TlvValue::Text("9c".into())
    );
    assert_eq!(
        read(Tag::RECEIPTED_MESSAGE_ID, "3963"),
        TlvValue::Text("9c".into())
    );
    assert_eq!(
        read(Tag::RECEIPTED_MESSAGE_ID, "390063"),
        TlvValue::Text("9".into())
    );
    assert_eq!(read(Tag::MESSAGE_STATE, "02"), TlvValue::MessageState(2));
    assert_eq!(read(Tag::MESSAGE_STATE, "0002"), TlvValue::MessageState(2));
    assert_eq!(
        read(Tag::MESSAGE_STATE, "0200"),
        TlvValue::Octets(octets("0200"))
    );
    assert_eq!(read(Tag::ALERT_ON_MESSAGE_DELIVERY, ""), TlvValue::Present);
    assert_eq!(read(Tag(0x1401), "00ff"), TlvValue::Octets(octets("00ff")));
}

#[test]
fn accessors_of_what_is_not_there() {
    let mut tlvs = Tlvs::default();
    assert_eq!(tlvs.receipted_message_id(), None);
    assert_eq!(tlvs.message_state(), None);
    assert_eq!(tlvs.network_error_code(), None);
    tlvs.push(Tag::RECEIPTED_MESSAGE_ID, octets("00"));
    tlvs.push(Tag::MESSAGE_STATE, octets("0102"));
    assert_eq!(tlvs.receipted_message_id(), None);
    assert_eq!(tlvs.message_state(), None);
}
