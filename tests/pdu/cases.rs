//! Exact PDUs of our own for every command, typed after the tables of SMPP 3.4 (chapter 4) and
//! SMPP 5.0.

use bytes::{Bytes, BytesMut};
use esmed::pdu::{
    CommandId, CommandStatus, DeliverSm, Frame, FrameDecoder, Pdu, ShortMessage, Tag, Tlvs,
};

use crate::{frame, octets, sm};

/// One exact PDU of every command: command_id, command_status, body.
fn exact() -> Vec<(u32, u32, String)> {
    let bind = "75736572 00 70617373 00 564d41 00 34 01 01 313200";
    let resp = "736d7363 00 0210 0001 34";
    vec![
        (0x8000_0000, 3, String::new()),
        (0x01, 0, bind.into()),
        (0x8000_0001, 0, resp.into()),
        (0x02, 0, bind.into()),
        (0x8000_0002, 0x0E, String::new()),
        (0x03, 0, "39 00 01 01 313200".into()),
        (0x8000_0003, 0, "39 00 00 02 00".into()),
        (0x04, 0, sm("00", "02 6869 0204 0002 0007")),
        (0x8000_0004, 0, "3900".into()),
        (0x05, 0, sm("40", "08 0500 03 07 02 01 6869")),
        (0x8000_0005, 0, "00".into()),
        (0x06, 0, String::new()),
        (0x8000_0006, 0, String::new()),
        (0x07, 0, "3900 01 01 313200 00 00 00 00 02 6869".into()),
        (0x8000_0007, 0, String::new()),
        (0x08, 0, "00 3900 01 01 313200 01 01 333400".into()),
        (0x8000_0008, 0x11, String::new()),
        (0x09, 0, bind.into()),
        (0x8000_0009, 0, resp.into()),
        (0x0B, 0, "736d7363 00 70617373 00".into()),
        (0x15, 0, String::new()),
        (0x8000_0015, 0, String::new()),
        (
            0x21,
            0,
            "00 01 01 313200 02 01 01 01 333400 02 6c00 00 00 00 00 00 00 00 00 00 02 6869".into(),
        ),
        (0x8000_0021, 0, "3900 01 01 01 333400 0000000b".into()),
        (0x102, 0, "01 01 313200 01 01 333400 0422 0001 00".into()),
        (
            0x103,
            0,
            "00 01 01 313200 01 01 333400 00 00 00 0424 0002 6869".into(),
        ),
        (0x8000_0103, 0, "3900".into()),
        (
            0x111,
            0,
            "00 01 01 313200 00 00 00 00 00 00 00 0606 0002 0031 0606 0002 0032 0604 0002 0001
             0601 0003 000010 0605 0003 080001"
                .into(),
        ),
        (0x8000_0111, 0, "3900".into()),
        (0x112, 0, "3900 01 01 313200".into()),
        (
            0x8000_0112,
            0,
            "3900 0427 0001 02 0606 0002 0031 0608 0001 64".into(),
        ),
        (0x113, 0, "00 3900 01 01 313200".into()),
        (0x8000_0113, 0, String::new()),
    ]
}

fn encoded(pdu: &Pdu, status: CommandStatus, sequence_number: u32) -> Bytes {
    let mut out = BytesMut::new();
    pdu.encode(status, sequence_number, &mut out).unwrap();
    out.freeze()
}

#[test]
fn every_command_is_read_without_a_warning_and_written_back() {
    let mut seen = Vec::new();
    for (id, status, body) in exact() {
        let frame = frame(id, status, 7, &body);
        let decoded = frame.decode().unwrap();
        assert_eq!(decoded.warnings, [], "{}", frame.header.command_id);
        assert_eq!(decoded.pdu.command_id(), CommandId(id));
        assert_eq!(
            encoded(&decoded.pdu, CommandStatus(status), 7),
            frame.octets
        );
        seen.push(CommandId(id));
    }
    assert_eq!(seen, CommandId::ALL);
}

#[test]
fn the_example_of_the_specification() {
    // 3.2.5: bind_transmitter, "SMPP3TEST", "secret08", "SUBMIT1".
    let frame = Frame::from_octets(octets(
        "0000002F 00000002 00000000 00000001 534D505033544553540073656372657430380053
         55424D4954310050010100",
    ))
    .unwrap();
    let decoded = frame.decode().unwrap();
    assert_eq!(decoded.warnings, []);
    let Pdu::BindTransmitter(bind) = &decoded.pdu else {
        panic!("{decoded:?}");
    };
    assert_eq!(bind.system_id.octets(), b"SMPP3TEST");
    assert_eq!(bind.password.octets(), b"secret08");
    assert_eq!(bind.system_type.octets(), b"SUBMIT1");
    assert_eq!(
        [bind.interface_version, bind.addr_ton, bind.addr_npi],
        [0x50, 1, 1]
    );
    assert!(bind.address_range.is_empty());
}

#[test]
fn a_deliver_sm_has_its_fields() {
    let body = sm(
        "04",
        "02 6869 001e 0003 396300 0427 0001 02 0423 0003 030011",
    );
    let decoded = frame(5, 0, 7, &body).decode().unwrap();
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag::RECEIPTED_MESSAGE_ID, octets("396300"));
    tlvs.push(Tag::MESSAGE_STATE, octets("02"));
    tlvs.push(Tag::NETWORK_ERROR_CODE, octets("030011"));
    let expected = DeliverSm {
        service_type: "CMT".into(),
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: "12".into(),
        dest_addr_ton: 2,
        dest_addr_npi: 8,
        destination_addr: "34".into(),
        esm_class: 4,
        priority_flag: 1,
        registered_delivery: 1,
        short_message: ShortMessage(Bytes::from_static(b"hi")),
        tlvs,
        ..DeliverSm::default()
    };
    assert_eq!(decoded.pdu, Pdu::DeliverSm(expected));
    let tlvs = decoded.pdu.tlvs().unwrap();
    assert_eq!(tlvs.receipted_message_id().as_deref(), Some("9c"));
    assert_eq!(tlvs.message_state(), Some(2));
    assert_eq!(tlvs.network_error_code(), Some(&octets("030011")));
}

#[test]
fn a_stream_cut_anywhere_yields_every_frame() {
    let frames: Vec<Bytes> = exact()
        .iter()
        .map(|(id, status, body)| frame(*id, *status, 1, body).octets)
        .collect();
    let stream = frames.concat();
    for size in 1..40 {
        let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
        for piece in stream.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = FrameDecoder::default().next_frame(&mut buffer).unwrap() {
                got.push(frame.octets);
            }
        }
        assert!(buffer.is_empty() && got == frames, "in pieces of {size}");
    }
}

#[test]
fn strings_longer_than_their_field_are_sent_as_they_are() {
    let octets = "70".repeat(12);
    let bind = frame(9, 0, 1, &format!("00 {octets}00 00 34 00 00 00"));
    let decoded = bind.decode().unwrap();
    assert_eq!(encoded(&decoded.pdu, CommandStatus(0), 1), bind.octets);
}
