//! A case of our own for every fault: what is a warning, what an error, and what is allowed.

use bytes::BytesMut;
use esmed::pdu::{
    CString, CommandId, CommandStatus, DecodeError, DestAddress, DestAddresses, EncodeError, Fault,
    Frame, FrameDecoder, FrameError, MessageIdResp, Pdu, ShortMessage, SubmitMulti, SubmitSm, Tag,
    Tlvs,
};

use crate::{frame, octets, sm};

#[test]
fn every_fault_is_seen() {
    let s21 = "31".repeat(21);
    let cases: &[(Fault, u32, u32, u32, String)] = &[
        (
            Fault::TooLong,
            0x09,
            0,
            1,
            format!("{}00 00 00 34 00 00 00", "75".repeat(16)),
        ),
        (
            Fault::TooLong,
            0x09,
            0,
            1,
            format!("00 {}00 00 34 00 00 00", "70".repeat(9)),
        ),
        (Fault::TooLong, 0x03, 0, 1, format!("3900 01 01 {s21}00")),
        (
            Fault::TooLong,
            0x8000_0004,
            0,
            1,
            format!("{}00", "39".repeat(65)),
        ),
        (Fault::MissingNul, 0x8000_0004, 0, 1, "39".into()),
        (Fault::NotAscii, 0x8000_0004, 0, 1, "e900".into()),
        (Fault::NotAscii, 0x05, 0, 1, sm("00", "00 001e 0002 e900")),
        (Fault::SmLengthPastEnd, 0x05, 0, 1, sm("00", "03 6869")),
        (
            Fault::SmLengthAbove254,
            0x04,
            0,
            1,
            sm("00", &format!("ff {}", "61".repeat(255))),
        ),
        (
            Fault::TruncatedTlvHeader,
            0x05,
            0,
            1,
            sm("00", "00 04 24 00"),
        ),
        (
            Fault::TlvLengthPastEnd,
            0x05,
            0,
            1,
            sm("00", "00 0424 0003 6869"),
        ),
        (
            Fault::TlvMalformed,
            0x05,
            0,
            1,
            sm("00", "00 001e 0002 3963"),
        ),
        (
            Fault::TlvMalformed,
            0x05,
            0,
            1,
            sm("00", "00 001e 0003 390063"),
        ),
        (
            Fault::TlvMalformed,
            0x05,
            0,
            1,
            sm("00", "00 0427 0002 0002"),
        ),
        (Fault::TlvMalformed, 0x05, 0, 1, sm("00", "00 0427 0000")),
        (Fault::TlvMalformed, 0x05, 0, 1, sm("00", "00 0423 0001 03")),
        (Fault::TlvMalformed, 0x05, 0, 1, sm("00", "00 020c 0001 03")),
        (
            Fault::TlvMalformed,
            0x05,
            0,
            1,
            sm("00", "00 130c 0002 0000"),
        ),
        (
            Fault::TlvRepeated,
            0x05,
            0,
            1,
            sm("00", "00 0427 0001 01 0427 0001 02"),
        ),
        (Fault::TrailingOctets, 0x06, 0, 1, "ff".into()),
        (Fault::BodyDespiteError, 0x8000_0004, 0x58, 1, "3900".into()),
        (Fault::MissingBody, 0x8000_0004, 0, 1, String::new()),
        (Fault::StatusInRequest, 0x15, 1, 1, String::new()),
        (Fault::SequenceOutOfRange, 0x15, 0, 0, String::new()),
        (
            Fault::SequenceOutOfRange,
            0x15,
            0,
            0x8000_0000,
            String::new(),
        ),
        (
            Fault::TwoTexts,
            0x05,
            0,
            1,
            sm("00", "02 6869 0424 0002 6869"),
        ),
        (Fault::BrokenUdh, 0x05, 0, 1, sm("40", "00")),
        (Fault::BrokenUdh, 0x05, 0, 1, sm("40", "04 0500 03 07")),
        // The element ends behind the header.
        (
            Fault::BrokenUdh,
            0x05,
            0,
            1,
            sm("40", "06 04 00 04 07 02 01"),
        ),
        (
            Fault::BrokenUdh,
            0x103,
            0,
            1,
            "00 01 01 3100 01 01 3200 40 00 00".into(),
        ),
    ];
    for (fault, id, status, sequence_number, body) in cases {
        let frame = frame(*id, *status, *sequence_number, body);
        let decoded = frame.decode().unwrap();
        let faults: Vec<Fault> = decoded.warnings.iter().map(|it| it.fault).collect();
        assert_eq!(faults, [*fault], "{body}");
    }
}

#[test]
fn what_is_allowed_is_no_fault() {
    let cases = [
        // It answers what could not be read.
        frame(0x8000_0000, 3, 0, ""),
        // A UDH in message_payload.
        frame(5, 0, 1, &sm("40", "00 0424 0007 0500 03 07 02 01 61")),
        // A header without elements.
        frame(5, 0, 1, &sm("40", "02 00 61")),
        // alert_on_message_delivery has no octet (3.4) or one (5.0).
        frame(4, 0, 1, &sm("00", "00 130c 0000")),
        frame(4, 0, 1, &sm("00", "00 130c 0001 02")),
        // callback_num once for each number.
        frame(
            4,
            0,
            1,
            &sm("00", "00 0381 0004 01010131 0381 0004 01010132"),
        ),
        // Reserved TON and NPI.
        frame(3, 0, 1, "3900 1c 1d 313200"),
        // 64 octets of message_id and of an address of data_sm.
        frame(0x8000_0004, 0, 1, &format!("{}00", "39".repeat(64))),
        frame(
            0x103,
            0,
            1,
            &format!("00 01 01 {}00 01 01 3200 00 00 00", "31".repeat(64)),
        ),
    ];
    for frame in cases {
        assert_eq!(frame.decode().unwrap().warnings, [], "{frame:?}");
    }
}

#[test]
fn what_cannot_be_read_has_a_reason() {
    let truncated = |field, at| DecodeError::Truncated { field, at };
    let cases = [
        (
            0x110,
            String::new(),
            DecodeError::UnknownCommand(CommandId(0x110)),
        ),
        (
            0x8000_0110,
            String::new(),
            DecodeError::UnknownCommand(CommandId(0x8000_0110)),
        ),
        (0x04, String::new(), truncated("service_type", 0)),
        (0x09, "65".into(), truncated("password", 1)),
        (0x05, sm("00", ""), truncated("sm_length", 23)),
        (
            0x8000_0003,
            "39 00 00 02".into(),
            truncated("error_code", 4),
        ),
        (
            0x21,
            "00 01 01 3100 02 01 01 01 3300".into(),
            truncated("dest_flag", 11),
        ),
        (
            0x21,
            "00 01 01 3100 01 03".into(),
            DecodeError::BadDestFlag(3),
        ),
        (
            0x8000_0021,
            "3900 01 01 01 3300 000000".into(),
            truncated("error_status_code", 7),
        ),
    ];
    for (id, body, error) in cases {
        let frame = frame(id, 0, 1, &body);
        let sizes = (frame.header.command_length as usize, frame.octets.len());
        assert_eq!(sizes.0, sizes.1);
        assert_eq!(frame.decode(), Err(error), "{body}");
    }
}

#[test]
fn what_is_no_frame_has_a_reason() {
    let cases = [
        (
            "0000000f 00000015 00000000 000001",
            FrameError::ShortHeader(15),
        ),
        ("00000010", FrameError::ShortHeader(4)),
        (
            "0000000f 00000015 00000000 00000001",
            FrameError::TooShort(15),
        ),
        (
            "00000000 00000015 00000000 00000001",
            FrameError::TooShort(0),
        ),
        (
            "00000011 00000015 00000000 00000001",
            FrameError::LengthMismatch {
                length: 17,
                got: 16,
            },
        ),
        (
            "00000010 00000015 00000000 00000001 00",
            FrameError::LengthMismatch {
                length: 16,
                got: 17,
            },
        ),
    ];
    for (hex, error) in cases {
        assert_eq!(Frame::from_octets(octets(hex)), Err(error), "{hex}");
    }
    // "HTTP", and a length for 4 GiB.
    for length in ["48545450", "ffffffff"] {
        let mut buffer = BytesMut::from(&octets(length)[..]);
        let error = FrameDecoder::default().next_frame(&mut buffer).unwrap_err();
        assert!(matches!(error, FrameError::TooLong { .. }), "{error}");
        assert_eq!(buffer.len(), 4);
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let message = |octets: usize| SubmitSm {
        short_message: ShortMessage(vec![0x61; octets].into()),
        ..SubmitSm::default()
    };
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::MESSAGE_PAYLOAD, vec![0; 0x1_0000]);
    let many = SubmitMulti {
        dest_addresses: DestAddresses(vec![
            DestAddress::DistributionList {
                dl_name: CString::default()
            };
            256
        ]),
        ..SubmitMulti::default()
    };
    let nul = MessageIdResp {
        message_id: "a\0b".into(),
        tlvs: Tlvs::default(),
    };
    let cases = [
        (
            Pdu::SubmitSm(message(256)),
            EncodeError::ShortMessageTooLong(256),
        ),
        (
            Pdu::SubmitSm(SubmitSm {
                tlvs,
                ..SubmitSm::default()
            }),
            EncodeError::TlvTooLong {
                tag: 0x0424,
                octets: 0x1_0000,
            },
        ),
        (
            Pdu::SubmitMulti(many),
            EncodeError::TooMany {
                field: "dest_address",
                count: 256,
            },
        ),
        (
            Pdu::SubmitSmResp(Some(nul)),
            EncodeError::NulInString("message_id"),
        ),
    ];
    for (pdu, error) in cases {
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(pdu.encode(CommandStatus(0), 1, &mut out), Err(error));
        assert_eq!(&out[..], b"before");
    }
}
