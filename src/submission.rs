//! A claimed row becomes a submit_sm, or several. Pure.

pub mod address;
mod frame;
pub mod time;
pub mod tlvs;

use crate::db::parts::{Part, Source};
use crate::db::queue::{Claimed, LONGEST_TEXT};
use crate::pdu::{ShortMessage, SubmitSm, Tag};
use crate::server::Server;
use crate::text::{self, LongMessage, Plan, Wanted};

pub use frame::{check_parts, frame};

/// esm_class: short_message begins with a user data header (SMPP 3.4, 5.2.12).
const UDH_INDICATOR: u8 = 0x40;

/// How the text of a row leaves.
///
/// # Errors
/// Why it can't, naming the column and what would be right.
pub fn plan(row: &Claimed, server: &Server) -> Result<Plan, String> {
    if row.short_message.len() > LONGEST_TEXT
        && row.short_message.chars().nth(LONGEST_TEXT).is_some()
    {
        return Err(format!(
            "smpp_short_message: text too long: it has more than {LONGEST_TEXT} characters"
        ));
    }
    let wanted = Wanted {
        data_coding: row.data_coding.map(octet),
        message_class: row.message_class.map(octet),
    };
    text::plan(&row.short_message, wanted, &server.style)
        .map_err(|error| format!("smpp_short_message: {error}"))
}

/// A text that takes one PDU, on its frame.
#[must_use]
pub fn whole(frame: SubmitSm, plan: &Plan) -> SubmitSm {
    let octets = plan.parts.first().cloned().unwrap_or_default();
    let mut submit_sm = SubmitSm {
        data_coding: plan.data_coding,
        ..frame
    };
    if plan.payload {
        submit_sm.tlvs.push(Tag::MESSAGE_PAYLOAD, octets);
    } else {
        submit_sm.short_message = ShortMessage(octets);
    }
    submit_sm
}

/// The parts of a text on this frame, as they are kept and sent.
#[must_use]
pub fn split(frame: &SubmitSm, plan: &Plan, way: LongMessage, reference: u16) -> Vec<Part> {
    // The reference as the parts carry it.
    let reference = match way {
        LongMessage::Udh => reference & 0xFF,
        _ => reference,
    };
    let total = u8::try_from(plan.parts.len()).unwrap_or(u8::MAX);
    (1..=total)
        .zip(&plan.parts)
        .map(|(part, octets)| {
            let mut all = text::concat_header(way, reference, total, part);
            let has_header = !all.is_empty();
            all.extend_from_slice(octets);
            Part {
                part: i16::from(part),
                total: i16::from(total),
                concat_ref: Some(reference),
                data_coding: plan.data_coding,
                esm_class: frame.esm_class | if has_header { UDH_INDICATOR } else { 0 },
                octets: all.into(),
                source: Source::of(frame),
            }
        })
        .collect()
}

/// A part on the frame of its message.
#[must_use]
pub fn with_part(frame: &SubmitSm, part: &Part) -> SubmitSm {
    let mut submit_sm = SubmitSm {
        esm_class: part.esm_class,
        data_coding: part.data_coding,
        short_message: ShortMessage(part.octets.clone()),
        source_addr: part.source.addr.as_str().into(),
        source_addr_ton: part.source.ton,
        source_addr_npi: part.source.npi,
        ..frame.clone()
    };
    // SMPP 3.4, 5.3.2.22 to 24: where there is no user data header, TLVs tell what belongs together.
    if let Some(reference) = part.concat_ref
        && part.esm_class & UDH_INDICATOR == 0
    {
        let tlvs = &mut submit_sm.tlvs;
        tlvs.push(Tag::SAR_MSG_REF_NUM, reference.to_be_bytes().to_vec());
        tlvs.push(Tag::SAR_TOTAL_SEGMENTS, vec![octet(part.total)]);
        tlvs.push(Tag::SAR_SEGMENT_SEQNUM, vec![octet(part.part)]);
    }
    submit_sm
}

/// A smallint that a constraint keeps between 0 and 255.
fn octet(value: i16) -> u8 {
    u8::try_from(value).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::submission::address::Prefixes;

    pub(crate) fn row() -> Claimed {
        Claimed {
            id: 1,
            started_at: DateTime::UNIX_EPOCH,
            attempts: 1,
            in_doubt_policy: None,
            destination_addr: "447911123456".to_owned(),
            short_message: "Hello".to_owned(),
            priority_flag: "LEVEL_0".to_owned(),
            registered_delivery: "NO_SMSC_DELIVERY_RECEIPT_REQUESTED".to_owned(),
            source_addr: None,
            source_addr_ton: None,
            source_addr_npi: None,
            dest_addr_ton: None,
            dest_addr_npi: None,
            service_type: None,
            protocol_id: None,
            esm_class: None,
            data_coding: None,
            message_class: None,
            message_parts: None,
            validity_period: None,
            schedule_delivery_time: None,
            optional_parameters: None,
            expires_in: None,
            submits: 1,
            ready_since: None,
        }
    }

    fn server() -> Server {
        Server {
            source_addr: "esmed".to_owned(),
            ..Server::unknown()
        }
    }

    /// A row whose text takes one PDU.
    fn build(row: &Claimed, server: &Server) -> Result<SubmitSm, String> {
        let plan = plan(row, server)?;
        assert_eq!(plan.parts.len(), 1);
        Ok(whole(frame(row, server, &Prefixes::default())?, &plan))
    }

    fn refused(row: &Claimed) -> String {
        let mut server = server();
        server.style.long_message = LongMessage::Reject;
        build(row, &server).expect_err("the row can't be sent")
    }

    #[test]
    fn the_row_comes_before_the_server() {
        let server = Server {
            source_addr_ton: Some(4),
            source_addr_npi: Some(9),
            service_type: "CMT".to_owned(),
            ..server()
        };
        let submit_sm = build(&row(), &server).unwrap();
        assert_eq!(submit_sm.source_addr.octets(), b"esmed");
        assert_eq!(
            (submit_sm.source_addr_ton, submit_sm.source_addr_npi),
            (4, 9)
        );
        assert_eq!((submit_sm.dest_addr_ton, submit_sm.dest_addr_npi), (1, 1));
        assert_eq!(submit_sm.service_type.octets(), b"CMT");

        let own = Claimed {
            source_addr: Some("12345".to_owned()),
            dest_addr_ton: Some(2),
            dest_addr_npi: Some(8),
            service_type: Some("WAP".to_owned()),
            protocol_id: Some(64),
            priority_flag: "LEVEL_3".to_owned(),
            ..row()
        };
        let submit_sm = build(&own, &server).unwrap();
        assert_eq!(submit_sm.source_addr.octets(), b"12345");
        // A sender of its own detects its own TON and NPI.
        assert_eq!(
            (submit_sm.source_addr_ton, submit_sm.source_addr_npi),
            (3, 1)
        );
        assert_eq!((submit_sm.dest_addr_ton, submit_sm.dest_addr_npi), (2, 8));
        assert_eq!(submit_sm.service_type.octets(), b"WAP");
        assert_eq!((submit_sm.protocol_id, submit_sm.priority_flag), (64, 3));
    }

    #[test]
    fn receipts_are_asked_for_by_row_or_server() {
        let all = Server {
            registered_delivery: true,
            ..server()
        };
        for (registered, server, expected) in [
            ("NO_SMSC_DELIVERY_RECEIPT_REQUESTED", &server(), 0),
            ("NO_SMSC_DELIVERY_RECEIPT_REQUESTED", &all, 1),
            ("SMSC_DELIVERY_RECEIPT_REQUESTED", &server(), 1),
            ("SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE", &server(), 2),
            ("SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE", &all, 2),
        ] {
            let row = Claimed {
                registered_delivery: registered.to_owned(),
                ..row()
            };
            assert_eq!(
                build(&row, server).unwrap().registered_delivery,
                expected,
                "{registered}"
            );
        }
    }

    #[test]
    fn texts_are_gsm_or_ucs2() {
        let text = |text: &str| Claimed {
            short_message: text.to_owned(),
            ..row()
        };
        let submit_sm = build(&text("@£{"), &server()).unwrap();
        assert_eq!(submit_sm.data_coding, 0);
        assert_eq!(&submit_sm.short_message.0[..], [0x00, 0x01, 0x1B, 0x28]);
        let submit_sm = build(&text("ł"), &server()).unwrap();
        assert_eq!(submit_sm.data_coding, 8);
        assert_eq!(&submit_sm.short_message.0[..], [0x01, 0x42]);
    }

    #[test]
    fn reasons_name_the_column() {
        let long = |octets: usize| "1".repeat(octets);
        assert!(
            refused(&Claimed {
                destination_addr: long(21),
                ..row()
            })
            .contains("smpp_destination_addr has 21")
        );
        assert!(
            refused(&Claimed {
                destination_addr: String::new(),
                ..row()
            })
            .contains("smpp_destination_addr is empty")
        );
        assert!(
            refused(&Claimed {
                destination_addr: "٤٤".to_owned(),
                ..row()
            })
            .contains("smpp_destination_addr")
        );
        assert!(
            refused(&Claimed {
                source_addr: Some(long(21)),
                ..row()
            })
            .contains("smpp_source_addr has 21")
        );
        assert!(
            refused(&Claimed {
                service_type: Some(long(6)),
                ..row()
            })
            .contains("smpp_service_type has 6")
        );
        assert!(
            refused(&Claimed {
                short_message: long(161),
                ..row()
            })
            .contains("161 septets")
        );
        assert!(
            refused(&Claimed {
                short_message: "ł".repeat(71),
                ..row()
            })
            .contains("smpp_short_message")
        );
        let ascii = Claimed {
            data_coding: Some(1),
            short_message: "é".to_owned(),
            ..row()
        };
        assert!(refused(&ascii).contains('é'));
    }

    #[test]
    fn one_submit_of_254_octets_where_the_smsc_splits() {
        let mut server = server();
        server.style.long_message = text::LongMessage::None;
        let text = |octets: usize| Claimed {
            short_message: "1".repeat(octets),
            ..row()
        };
        assert_eq!(
            build(&text(254), &server).unwrap().short_message.0.len(),
            254
        );
        assert!(build(&text(255), &server).unwrap_err().contains("254"));
    }
}
