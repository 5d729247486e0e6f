//! What other implementations encoded.

use bytes::BytesMut;
use esmed::pdu::{CommandStatus, Frame, SubmitSm, Tag};
use esmed::text::{Alphabet, Concat, LongMessage, decode, decode_message, split_udh};

use crate::{messages, octets_of, submit_sm, texts};

/// Which part it is, by header or TLVs, and its octets without a header.
fn part(body: &SubmitSm) -> (Option<Concat>, Vec<u8>) {
    let octets = octets_of(body);
    if body.esm_class & 0x40 != 0 {
        let (udh, text) = split_udh(&octets).unwrap();
        return (udh.concat, text.to_vec());
    }
    let octet = |tag| body.tlvs.get(tag).map(|value| value[0]);
    let sar = body.tlvs.get(Tag::SAR_MSG_REF_NUM).map(|value| Concat {
        reference: u16::from_be_bytes([value[0], value[1]]),
        part: octet(Tag::SAR_SEGMENT_SEQNUM).unwrap(),
        total: octet(Tag::SAR_TOTAL_SEGMENTS).unwrap(),
        wide: true,
    });
    (sar, octets.to_vec())
}

#[test]
fn the_files_hold_every_library_way_and_length() {
    let messages = messages();
    let several = |name: &str, way| {
        let of_it = |message: &&crate::Message| {
            message.name.starts_with(name) && message.way == way && message.pdus.len() > 1
        };
        messages.iter().filter(of_it).count()
    };
    for (library, way) in [
        ("smpplib 2.2.4", LongMessage::Udh),
        ("smpplib 2.2.4", LongMessage::Sar),
        ("aiosmpplib 0.7.4", LongMessage::Udh),
        ("aiosmpplib 0.7.4", LongMessage::Udh16),
        ("aiosmpplib 0.7.4", LongMessage::Sar),
        ("smpp 0.5.1", LongMessage::Udh),
        ("smpp 0.5.1", LongMessage::Sar),
    ] {
        assert!(several(library, way) >= 20, "{library} {way:?}");
    }
    assert!(messages.iter().any(|message| message.pdus.len() == 11));
    for name in texts().keys() {
        let of_it = format!(", {name}, ");
        let count = messages
            .iter()
            .filter(|message| message.name.contains(&of_it))
            .count();
        assert!(count >= 2, "{name}");
    }
}

#[test]
fn their_parts_joined_give_the_text() {
    for message in messages() {
        let name = &message.name;
        let bodies: Vec<_> = message.pdus.iter().map(submit_sm).collect();
        let mut joined = Vec::new();
        let mut by_part = String::new();
        for (index, body) in bodies.iter().enumerate() {
            let (concat, text) = part(body);
            let number = u8::try_from(index + 1).unwrap();
            let expected = (bodies.len() > 1).then(|| Concat {
                reference: message.reference,
                part: number,
                total: u8::try_from(bodies.len()).unwrap(),
                wide: message.way != LongMessage::Udh,
            });
            assert_eq!(concat, expected, "{name}");
            joined.extend(text);
            let octets = octets_of(body);
            let (_, decoded) =
                decode_message(&octets, body.esm_class, body.data_coding, Alphabet::Gsm0338);
            by_part.push_str(&decoded.text.unwrap());
            if message.exact {
                assert_eq!(decoded.warning, None, "{name}");
            }
        }
        let whole = decode(&joined, bodies[0].data_coding, Alphabet::Gsm0338);
        assert_eq!(whole.text.as_deref(), Some(&*message.text), "{name}");
        assert_eq!(whole.warning, None, "{name}");
        // Where no character is cut, each part can be read by itself.
        if message.exact {
            assert_eq!(by_part, message.text, "{name}");
        }
    }
}

#[test]
fn their_pdus_are_encoded_to_the_same_octets() {
    for message in messages() {
        for octets in &message.pdus {
            let frame = Frame::from_octets(octets.clone()).unwrap();
            let mut out = BytesMut::new();
            let pdu = frame.decode().unwrap().pdu;
            let sequence_number = frame.header.sequence_number;
            pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut out)
                .unwrap();
            assert_eq!(out, octets, "{}", message.name);
        }
    }
}
