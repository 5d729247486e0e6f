use proptest::prelude::*;

use super::*;

#[test]
fn ids_are_compared_in_canonical_form() {
    for (id, form) in [
        ("00B8BE19", "b8be19"),
        ("000", "0"),
        ("", ""),
        ("BB42DD ", "bb42dd"),
        ("  00bb42dd  ", "bb42dd"),
        (" 0 ", "0"),
        ("   ", ""),
        ("A B", "a b"),
        ("0x1A2B3C4D", "1a2b3c4d"),
        ("0X0000001f", "1f"),
        ("0x0", "0"),
        // No number: the x is the id's own.
        ("0x", "x"),
        ("0xyz", "xyz"),
        ("0x 1", "x 1"),
        (" 0x1f", "x1f"),
        ("x1f", "x1f"),
        ("1fh", "1fh"),
        ("\u{c9}\u{a0}", "\u{c9}\u{a0}"),
    ] {
        assert_eq!(canonical(id), form, "{id:?}");
    }
}

/// The ids of a response by the id of a receipt, and the other way round.
#[test]
fn each_format_leads_from_the_receipt_to_the_response_and_back() {
    use IdFormat::{ReceiptHex, ReceiptSuffix, RespHex, RespHexString, Same, Uuid};
    let uuid = "4a38dc46-5125-4969-90be-72104c340d5c";
    let bare = "4a38dc465125496990be72104c340d5c";
    for (format, receipt, responses) in [
        (Same, "0972660181", vec!["972660181"]),
        (RespHex, "0972660181", vec!["39f99dd5", "39f99dd5h"]),
        (RespHex, "0", vec!["0", "0h"]),
        (ReceiptHex, "1F", vec!["31"]),
        (ReceiptHex, "0x001F", vec!["31"]),
        (ReceiptHex, "1Fh", vec!["31"]),
        (Uuid, bare, vec![uuid, bare]),
        (Uuid, uuid, vec![bare, uuid]),
        (ReceiptSuffix, "007@1154", vec!["7", "7@1154"]),
        (ReceiptSuffix, "007", vec!["7"]),
        (RespHexString, "ABC", vec!["414243"]),
        (RespHexString, " abc", vec!["616263"]),
        // Not of the form that the format says: as it is.
        (RespHex, "0AB-9", vec!["ab-9"]),
        (RespHex, "", vec![""]),
        (RespHex, "+7", vec!["+7"]),
        (ReceiptHex, "h", vec!["h"]),
        (ReceiptHex, "1fhh", vec!["1fhh"]),
        (Uuid, "4a38dc46-5125", vec!["4a38dc46-5125"]),
        (Uuid, "id", vec!["id"]),
    ] {
        assert_eq!(
            response_keys(format, receipt),
            responses,
            "{format} {receipt}"
        );
    }
    for (format, response, receipts) in [
        (RespHex, "39F99DD5", vec!["972660181"]),
        (RespHex, "1fh", vec!["31"]),
        (RespHex, "0x1F", vec!["31"]),
        (ReceiptHex, "31", vec!["1f", "1fh"]),
        (Uuid, uuid, vec![bare, uuid]),
        (Uuid, bare, vec![uuid, bare]),
        (ReceiptSuffix, "007", vec!["7"]),
        (RespHexString, "414243", vec!["abc"]),
        (RespHexString, "4142430", vec!["4142430"]),
        (RespHexString, "410041", vec!["410041"]),
    ] {
        assert_eq!(
            receipt_keys(format, response),
            receipts,
            "{format} {response}"
        );
    }
    assert_eq!(receipt_prefix(ReceiptSuffix, "007").as_deref(), Some("7@"));
    assert_eq!(receipt_prefix(ReceiptSuffix, ""), None);
    assert_eq!(receipt_prefix(Same, "007"), None);
}

#[test]
fn a_uuid_that_has_lost_its_zeros_is_found() {
    // Both sides lose them when they are made canonical.
    let uuid = "00099f21-81ef-4974-a414-3de98174e3c7";
    let bare = "99f2181ef4974a4143de98174e3c7";
    assert_eq!(response_keys(IdFormat::Uuid, bare)[0], canonical(uuid));
    assert_eq!(response_keys(IdFormat::Uuid, uuid)[0], canonical(bare));
}

#[test]
fn numbers_of_any_size_are_converted() {
    // Above 64 bits, and above 128.
    assert_eq!(
        receipt_keys(IdFormat::RespHex, "812FC7470000001B"),
        ["9308878062554710043"]
    );
    assert_eq!(
        response_keys(IdFormat::ReceiptHex, &format!("1{}", "0".repeat(33))),
        ["5444517870735015415413993718908291383296"]
    );
    let long = "9".repeat(129);
    assert_eq!(response_keys(IdFormat::RespHex, &long), [long.as_str()]);
    assert_eq!(response_keys(IdFormat::RespHexString, &long), [long]);
}

#[test]
fn formats_have_names() {
    for format in IdFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        let error = "hex".parse::<IdFormat>().unwrap_err().to_string();
        assert!(error.contains(format.name()), "{error}");
    }
}

proptest! {
    #[test]
    fn decimal_receipts_find_their_way_back(id in "[0-9]{1,100}") {
        let response = &response_keys(IdFormat::RespHex, &id)[0];
        prop_assert_eq!(&canonical(response), response);
        prop_assert_eq!(receipt_keys(IdFormat::RespHex, response), [canonical(&id)]);
        prop_assert_eq!(response_keys(IdFormat::ReceiptHex, response), [canonical(&id)]);
    }

    #[test]
    fn hex_receipts_find_their_way_back(id in "[0-9a-fA-F]{1,100}h?") {
        let response = &response_keys(IdFormat::ReceiptHex, &id)[0];
        prop_assert!(receipt_keys(IdFormat::ReceiptHex, response).contains(&canonical(&id)));
    }

    #[test]
    fn numbers_are_those_of_the_machine(number in any::<u128>()) {
        let (decimal, hex) = (number.to_string(), format!("{number:x}"));
        prop_assert_eq!(&response_keys(IdFormat::RespHex, &decimal)[0], &hex);
        prop_assert_eq!(&response_keys(IdFormat::ReceiptHex, &hex)[0], &decimal);
    }

    #[test]
    fn canonical_ids_stay(id in "(0[xX])?[ 0-9a-fx]{0,20}|\\PC{0,70}") {
        let once = canonical(&id);
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn any_id_has_keys(id in "[ 0xh@a-f-]{0,40}|\\PC{0,140}") {
        for format in IdFormat::ALL {
            prop_assert!(!response_keys(format, &id).is_empty());
            prop_assert!(!receipt_keys(format, &id).is_empty());
        }
    }
}
