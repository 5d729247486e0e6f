//! What esmed makes of the same texts.

use esmed::text::{LongMessage, Plan, Style, Wanted, concat_header, plan};

use crate::{Message, messages, octets_of, submit_sm};

pub(crate) fn planned(text: &str, asked: u8, way: LongMessage) -> Plan {
    let style = Style {
        long_message: way,
        max_parts: 255,
        ..Style::default()
    };
    let wanted = Wanted {
        data_coding: (asked != 0).then_some(asked),
        ..Wanted::default()
    };
    plan(text, wanted, &style).unwrap()
}

/// The octets of each part with its header, as they go into short_message or message_payload.
pub(crate) fn with_headers(plan: &Plan, way: LongMessage, reference: u16) -> Vec<Vec<u8>> {
    let total = u8::try_from(plan.parts.len()).unwrap();
    let whole = |(part, octets): (u8, &bytes::Bytes)| {
        let mut whole = Vec::new();
        if total > 1 {
            whole = concat_header(way, reference, total, part);
        }
        whole.extend_from_slice(octets);
        whole
    };
    (1..=total).zip(&plan.parts).map(whole).collect()
}

fn same_parts(message: &Message, plan: &Plan) -> bool {
    let theirs: Vec<_> = message
        .pdus
        .iter()
        .map(|octets| octets_of(&submit_sm(octets)).to_vec())
        .collect();
    with_headers(plan, message.way, message.reference) == theirs
}

#[test]
fn esmed_makes_the_same_parts() {
    for message in messages().iter().filter(|message| message.exact) {
        let plan = planned(&message.text, message.asked, message.way);
        let first = submit_sm(&message.pdus[0]);
        assert_eq!(plan.data_coding, first.data_coding, "{}", message.name);
        assert!(same_parts(message, &plan), "{}", message.name);
        assert_eq!(
            plan.payload,
            message.way == LongMessage::Payload,
            "{}",
            message.name
        );
    }
}

#[test]
fn where_they_are_wrong_esmed_does_not_follow() {
    let mut seen = 0;
    for message in messages().iter().filter(|message| !message.exact) {
        let plan = planned(&message.text, message.asked, message.way);
        assert!(!same_parts(message, &plan), "{}", message.name);
        seen += 1;
    }
    assert!(seen >= 50, "{seen}");
}
