//! Names and meanings of command_status, beside those collected in `../shared/data/statuses.jsonl`;
//! passes without looking where that folder is missing.

use std::path::Path;

use esmed::pdu::{CommandStatus, StatusClass};
use serde_json::Value;

fn records(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/statuses.jsonl");
    let lines = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/statuses.jsonl");
            return Vec::new();
        }
        lines => lines.unwrap(),
    };
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|record: &Value| record["kind"] == kind)
        .collect();
    assert!(!records.is_empty(), "{kind}");
    records
}

fn status(number: &Value) -> CommandStatus {
    CommandStatus(u32::try_from(number.as_u64().unwrap()).unwrap())
}

/// The class that a record suggests. What is fatal to a bind has no place in the answer to a submit:
/// the SMSC takes the session for none.
fn suggested(record: &Value) -> StatusClass {
    let class = record["class"].as_str().unwrap();
    let class = if class == "bind-fatal" {
        "session-fatal"
    } else {
        class
    };
    StatusClass::from_name(class).unwrap()
}

/// Status, suggestion, ours, and why it is not the same.
const OTHERWISE: [(CommandStatus, StatusClass, StatusClass, &str); 1] = [(
    CommandStatus::ESME_RINVBNDSTS,
    StatusClass::Temporary,
    StatusClass::SessionFatal,
    "the note of the record says to rebind, then to send again, and this is what does so",
)];

#[test]
fn each_known_status_has_its_name_and_class() {
    for record in records("command_status") {
        let status = status(&record["value"]);
        assert_eq!(status.name(), record["name"].as_str(), "{record}");
        let suggested = suggested(&record);
        match OTHERWISE.iter().find(|it| it.0 == status) {
            Some(&(_, theirs, ours, why)) => {
                assert_eq!((suggested, status.class()), (theirs, ours), "{why}");
            }
            None => assert_eq!(status.class(), suggested, "{record}"),
        }
    }
}

#[test]
fn no_other_status_has_a_name() {
    let known: Vec<_> = records("command_status")
        .iter()
        .map(|record| status(&record["value"]))
        .collect();
    if !known.is_empty() {
        assert_eq!(known, CommandStatus::ALL);
    }
}

#[test]
fn unknown_statuses_have_the_class_of_their_range() {
    for record in records("range") {
        let [CommandStatus(from), CommandStatus(to)] = ["from", "to"].map(|it| status(&record[it]));
        let suggested = suggested(&record);
        for status in [from, from.midpoint(to), to].map(CommandStatus) {
            if status.name().is_none() {
                assert_eq!(status.class(), suggested, "{status} {record}");
            }
        }
    }
}

#[test]
fn binds_that_are_refused_for_good_wait_longest() {
    for record in records("command_status") {
        let status = status(&record["value"]);
        let for_good = record["on_bind"] == "fatal";
        assert_eq!(status.refuses_account(), for_good, "{record}");
    }
}

#[test]
fn a_status_is_told_by_name_number_and_words() {
    for (number, told) in [
        (0x0B, "ESME_RINVDSTADR (0x0B): invalid destination address"),
        (
            0x0401,
            "ESME_RUNSDATACODING (0x401): data coding not supported",
        ),
        (
            0x0450,
            "vendor status 0x0450: its meaning is the provider's to tell",
        ),
        (
            0x04FF,
            "vendor status 0x04FF: its meaning is the provider's to tell",
        ),
        (0x03FF, "unknown status 0x03FF"),
        (0x0500, "unknown status 0x0500"),
        (0xFFFF_FFFF, "unknown status 0xFFFFFFFF"),
    ] {
        assert_eq!(CommandStatus(number).to_string(), told);
    }
}

#[test]
fn the_classes_have_the_names_of_the_table() {
    for (name, class) in [
        ("ok", StatusClass::Ok),
        ("throttled", StatusClass::Throttled),
        ("temporary", StatusClass::Temporary),
        ("permanent", StatusClass::Permanent),
        ("session-fatal", StatusClass::SessionFatal),
    ] {
        assert_eq!(StatusClass::from_name(name), Some(class));
        assert_eq!(class.name(), name);
    }
    assert_eq!(StatusClass::from_name("fatal"), None);
}
