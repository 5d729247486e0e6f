use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::text::Alphabet;

fn read_only(text: &str) -> Receipt {
    read(text, &ReceiptTlvs::default())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn reads_the_receipt_of_appendix_b() {
    let text = "id:0123456789 sub:002 dlvrd:001 submit date:1005232039 \
                done date:1005242339 stat:DELIVRD err:012 text:This is a sample mes";
    let (kind, receipt) = classify(4, text, &ReceiptTlvs::default(), false);
    assert_eq!(kind, Kind::Receipt);
    let expected = Receipt {
        id: some("0123456789"),
        stat: some("DELIVRD"),
        state: Some(MessageState::Delivered),
        err: some("012"),
        submit_date: some("2010-05-23T20:39:00"),
        done_date: some("2010-05-24T23:39:00"),
        sub: Some(2),
        dlvrd: Some(1),
        text: some("This is a sample mes"),
        ..Receipt::default()
    };
    assert_eq!(
        expected.to_json(),
        json!({
            "id": "0123456789", "stat": "DELIVRD", "state": "DELIVERED", "err": "012",
            "submit_date": "2010-05-23T20:39:00", "done_date": "2010-05-24T23:39:00",
            "sub": 2, "dlvrd": 1, "text": "This is a sample mes",
        })
    );
    assert_eq!(receipt, Some(expected));
}

#[test]
fn tlvs_count_before_the_text() {
    let tlvs = ReceiptTlvs {
        receipted_message_id: Some("00ffab10\0"),
        message_state: Some(2),
        network_error_code: Some(&[3, 8, 2]),
    };
    let receipt = read("id:77 stat:UNDELIV err:004", &tlvs);
    assert_eq!(receipt.id, some("00ffab10"));
    assert_eq!(receipt.text_id, some("77"));
    assert_eq!(receipt.state, Some(MessageState::Delivered));
    assert_eq!(receipt.stat, some("UNDELIV"));
    assert_eq!(receipt.network_error_code, some("030802"));
    assert_eq!(receipt.network_error(), Some((3, 2050)));
    // An empty id and a vendor's state say nothing; one octet is no network error.
    let tlvs = ReceiptTlvs {
        receipted_message_id: Some(""),
        message_state: Some(132),
        network_error_code: Some(&[0]),
    };
    let receipt = read("id:77 stat:UNDELIV", &tlvs);
    assert_eq!(
        (receipt.id.as_deref(), receipt.text_id.as_deref()),
        (Some("77"), None)
    );
    assert_eq!(receipt.state, Some(MessageState::Undeliverable));
    assert_eq!(
        (
            receipt.network_error_code.as_deref(),
            receipt.network_error()
        ),
        (Some("00"), None)
    );
}

#[test]
fn fields_come_in_any_order_case_and_separation() {
    let forms = [
        "STAT:Expired ERR:21b Id:0AB9 Done Date:2607190900",
        "id:0AB9,stat:EXPIRED,err:21b,donedate:2607190900",
        "id: 0AB9; stat: expired; err: 21b; done_date: 2607190900;",
        "id=0AB9|stat=EXPIRED|err=21b|done-date=2026-07-19 09:00:00",
        "447000000#id:0AB9\r\nstat:EXPIRED\r\nerr:21b\r\ndone date:20260719090000\r\n\0",
    ];
    for form in forms {
        let receipt = read_only(form);
        let expected = Receipt {
            id: some("0AB9"),
            stat: receipt.stat.clone(),
            state: Some(MessageState::Expired),
            err: some("21b"),
            done_date: some("2026-07-19T09:00:00"),
            ..Receipt::default()
        };
        assert_eq!(receipt, expected, "{form}");
    }
}

#[test]
fn missing_empty_and_unreadable_fields_are_none() {
    assert_eq!(read_only(""), Receipt::default());
    assert_eq!(read_only("foo"), Receipt::default());
    let receipt =
        read_only("id: sub:null dlvrd:... submit date:0000000000 stat:BROKEN_9 err: text:");
    let expected = Receipt {
        stat: some("BROKEN_9"),
        text: some(""),
        ..Receipt::default()
    };
    assert_eq!(receipt, expected);
    assert_eq!(read_only("id:a\u{95}b stat:DELIVRD").id, None);
    assert_eq!(
        read_only("bid:7 order_id:8 apiMsgId:9 stat:DELIVRD").id,
        None
    );
}

#[test]
fn what_the_message_says_is_not_what_the_receipt_says() {
    let receipt = read_only("stat:UNDELIV id:111 text:re: id:222 stat:DELIVRD err:000");
    assert_eq!(receipt.id, some("111"));
    assert_eq!(receipt.state, Some(MessageState::Undeliverable));
    assert_eq!(receipt.err, None);
    assert_eq!(receipt.text, some("re: id:222 stat:DELIVRD err:000"));
    // A receipt without a state gets none from inside the message either.
    let receipt = read_only("id:111 err:500 text:hello stat:DELIVRD");
    assert_eq!(receipt.state, None);
    // But an SMSC may put it behind an empty text.
    let receipt = read_only("id:111 err:500 text: stat:DELIVRD");
    assert_eq!(receipt.state, Some(MessageState::Delivered));
    assert_eq!(receipt.text, some(""));
}

#[test]
fn several_ids_are_candidates() {
    let receipt = read_only("ID:149994-11 STAT:Delivered id:28D2E34E err:000");
    assert_eq!(receipt.id, None);
    assert_eq!(receipt.candidate_ids, ["149994-11", "28D2E34E"]);
    assert_eq!(
        receipt.response_keys(IdFormat::Same),
        ["149994-11", "28d2e34e"]
    );
    let receipt = read_only("id:31 stat:DELIVRD id:149994-11");
    assert_eq!(
        receipt.response_keys(IdFormat::RespHex),
        ["1f", "1fh", "149994-11"]
    );
}

#[test]
fn a_word_cut_at_the_end_is_known_where_it_can_only_be_one() {
    assert_eq!(
        read_only("id:a stat:DELIV").state,
        Some(MessageState::Delivered)
    );
    assert_eq!(read_only("id:a stat:DEL").state, None);
    assert_eq!(read_only("id:a stat:DELIV err:000").state, None);
}

#[test]
fn a_fragment_in_another_coding_is_read() {
    let mut octets = b"id:7 stat:DELIVRD text:".to_vec();
    octets.extend([0x04, 0x1F, 0x01, 0x0D]);
    let receipt = read_only(&text(&octets, 0, Alphabet::Gsm0338));
    assert_eq!(receipt.text, some("Пč"));
    let fragments: [(&[u8], u8, Alphabet, &str); 8] = [
        (b"5\x1b\x65", 0, Alphabet::Gsm0338, "5€"),
        (b"Caf\x05 @_\0", 0, Alphabet::Gsm0338, "Café ¡§"),
        (b"@_ $\0", 0, Alphabet::Gsm0338, "@_ $"),
        (b"Caf\xe9", 0, Alphabet::Gsm0338, "Café"),
        (b"Caf\xe9", 3, Alphabet::Gsm0338, "Café"),
        (b"Caf\xc3\xa9", 0, Alphabet::Utf8, "Café"),
        (b"\x4e\x2d\x65\x87", 8, Alphabet::Gsm0338, "中文"),
        (b"Cafe", 8, Alphabet::Gsm0338, "Cafe"),
    ];
    for (fragment, data_coding, alphabet, expected) in fragments {
        let octets = [b"id:7 stat:DELIVRD text:", fragment].concat();
        let receipt = read_only(&text(&octets, data_coding, alphabet));
        assert_eq!(receipt.text.as_deref(), Some(expected));
        assert_eq!(receipt.id.as_deref(), Some("7"));
    }
}

#[test]
fn receipts_are_found_in_ucs2_and_packed_octets() {
    let receipt = "id:7_a stat:DELIVRD text:";
    let wide: Vec<u8> = receipt.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(text(&wide, 8, Alphabet::Gsm0338), receipt);
    // data_coding copied from the message, the receipt plain.
    assert_eq!(text(receipt.as_bytes(), 8, Alphabet::Gsm0338), receipt);
    let septets = crate::text::gsm7::encode(receipt).unwrap();
    let packed = crate::text::gsm7::pack(&septets, 0);
    assert_eq!(text(&packed, 0, Alphabet::Gsm0338Packed), receipt);
}

#[test]
fn esm_class_says_what_a_message_is() {
    let text = "id:7 stat:DELIVRD err:000";
    let none = ReceiptTlvs::default();
    let kinds = [
        (0x00, Kind::Message),
        (0x03, Kind::Message),
        (0x40, Kind::Message),
        (0x04, Kind::Receipt),
        (0x44, Kind::Receipt),
        (0x20, Kind::Intermediate),
        (0x08, Kind::Other),
        (0x10, Kind::Other),
        (0x18, Kind::Other),
    ];
    for (esm_class, kind) in kinds {
        let (found, receipt) = classify(esm_class, text, &none, false);
        assert_eq!(found, kind);
        assert_eq!(
            receipt.is_some(),
            matches!(kind, Kind::Receipt | Kind::Intermediate)
        );
    }
    assert_eq!(classify(0x00, text, &none, true).0, Kind::Receipt);
    // A part of a long message, and what a phone acknowledged.
    assert_eq!(classify(0x40, text, &none, true).0, Kind::Message);
    assert_eq!(classify(0x08, text, &none, true).0, Kind::Other);
}

#[test]
fn messages_that_look_a_little_like_receipts_are_messages() {
    let none = ReceiptTlvs::default();
    for text in [
        "",
        "Your order id:4411 stat:shipped thanks",
        "please resubmit:now",
        "id: 99 stat: what is my balance",
        "context:stat:DELIVRD",
        "stat:DELIVRD",
    ] {
        assert!(!looks_like_receipt(text, &none), "{text}");
    }
    // A keyword reply with the id of the message that it answers.
    let reply = ReceiptTlvs {
        receipted_message_id: Some("1618Z"),
        ..ReceiptTlvs::default()
    };
    assert!(!looks_like_receipt("Help", &reply));
    let both = ReceiptTlvs {
        message_state: Some(2),
        ..reply
    };
    assert!(looks_like_receipt("", &both));
}

#[test]
fn dates_are_read_where_they_mean_one_thing() {
    let dates = [
        ("1005232039", Some("2010-05-23T20:39:00")),
        ("110206193041", Some("2011-02-06T19:30:41")),
        ("201506201641", Some("2015-06-20T16:41:00")),
        ("20110314181534", Some("2011-03-14T18:15:34")),
        ("2023010112000000", Some("2023-01-01T12:00:00")),
        ("180711070003912+", Some("2018-07-11T07:00:03.9+03:00")),
        ("180711070003922-", Some("2018-07-11T07:00:03.9-05:30")),
        ("2023-11-22 08:55", Some("2023-11-22T08:55:00")),
        // 2010-10-20 01:15, or 2020-10-10 20:01:15?
        ("201010200115", None),
        ("7001010000", None),
        ("9902310000", None),
        ("0000000000", None),
        ("0000000000000000", None),
        ("10052320", None),
        ("1005232039Z", None),
        ("", None),
        ("ä-:", None),
    ];
    for (raw, expected) in dates {
        assert_eq!(date(raw).as_deref(), expected, "{raw}");
    }
}

#[test]
fn final_states_stay() {
    use MessageState::{Accepted, Delivered, Enroute, Expired, Unknown};
    assert!(replaces(None, Enroute));
    assert!(replaces(None, Expired));
    assert!(replaces(Some(Enroute), Delivered));
    assert!(replaces(Some(Unknown), Expired));
    assert!(replaces(Some(Accepted), Enroute));
    assert!(!replaces(Some(Enroute), Enroute));
    for current in MessageState::ALL
        .into_iter()
        .filter(|state| state.is_final())
    {
        for new in MessageState::ALL {
            assert!(!replaces(Some(current), new));
        }
    }
    for state in MessageState::ALL {
        assert_eq!(MessageState::from_name(state.name()), Some(state));
        assert_eq!(MessageState::from_stat_word(state.name()), Some(state));
    }
    assert_eq!(MessageState::from_octet(0), Some(Enroute));
    assert_eq!(
        MessageState::from_octet(9),
        Some(MessageState::Undeliverable)
    );
    assert_eq!(MessageState::from_octet(10), None);
}

#[test]
fn a_receipted_message_id_may_have_the_form_of_the_response_already() {
    let tlvs = ReceiptTlvs {
        receipted_message_id: Some("38601fa"),
        ..ReceiptTlvs::default()
    };
    let receipt = read("id:0059113978 stat:DELIVRD", &tlvs);
    assert_eq!(receipt.response_keys(IdFormat::RespHex), ["38601fa"]);
    // All digits, and hex all the same: 0x5000 is 20480.
    let tlvs = ReceiptTlvs {
        receipted_message_id: Some("5000"),
        ..ReceiptTlvs::default()
    };
    let receipt = read("id:0000020480 stat:DELIVRD", &tlvs);
    assert_eq!(receipt.response_keys(IdFormat::RespHex), ["5000"]);
    assert!(Receipt::default().response_keys(IdFormat::Same).is_empty());
}

proptest! {
    #[test]
    fn any_octets_are_read(
        octets in proptest::collection::vec(any::<u8>(), 0..300),
        data_coding in any::<u8>(),
        esm_class in any::<u8>(),
        packed in any::<bool>(),
    ) {
        let alphabet = if packed { Alphabet::Gsm0338Packed } else { Alphabet::Gsm0338 };
        let text = text(&octets, data_coding, alphabet);
        let _ = classify(esm_class, &text, &ReceiptTlvs::default(), true);
    }

    #[test]
    fn any_text_is_read(text in "(id|stat|text|err|sub|submit date|done_date|dlvrd|[:=;,| \n\0-]|\\PC|[0-9]{1,16}){0,40}") {
        let receipt = read_only(&text);
        let _ = receipt.to_json();
        let _ = super::text(text.as_bytes(), 8, Alphabet::Gsm0338);
    }
}
