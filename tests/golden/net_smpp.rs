//! What another implementation makes of esmed's PDUs, here and now: Perl's Net::SMPP, where it is
//! installed.

use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use bytes::BytesMut;
use esmed::pdu::{CommandStatus, Pdu, ShortMessage, SubmitSm, Tag, Tlvs};
use esmed::text::{LongMessage, Plan};
use serde_json::{Value, json};

use crate::encode::{planned, with_headers};
use crate::{folder, texts};

const REFERENCE: u16 = 0x1234;

fn is_installed() -> bool {
    let status = Command::new("perl")
        .args(["-MNet::SMPP", "-MJSON::PP", "-e", "1"])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The PDUs of one message, the last part first.
fn put_pdus(plan: &Plan, way: LongMessage, destination: &str, out: &mut BytesMut) {
    let parts = with_headers(plan, way, REFERENCE);
    for (index, octets) in parts.iter().enumerate().rev() {
        let mut tlvs = Tlvs::default();
        let mut body = SubmitSm {
            destination_addr: destination.into(),
            data_coding: plan.data_coding,
            ..SubmitSm::default()
        };
        if plan.payload {
            tlvs.push(Tag::MESSAGE_PAYLOAD, octets.clone());
        } else {
            body.short_message = ShortMessage(octets.clone().into());
        }
        match way {
            _ if parts.len() == 1 => {}
            LongMessage::Sar => {
                let octet = |number| vec![u8::try_from(number).unwrap()];
                tlvs.push(Tag::SAR_MSG_REF_NUM, REFERENCE.to_be_bytes().to_vec());
                tlvs.push(Tag::SAR_TOTAL_SEGMENTS, octet(parts.len()));
                tlvs.push(Tag::SAR_SEGMENT_SEQNUM, octet(index + 1));
            }
            _ => body.esm_class = 0x40,
        }
        body.tlvs = tlvs;
        Pdu::SubmitSm(body)
            .encode(CommandStatus::ESME_ROK, 1, out)
            .unwrap();
    }
}

#[test]
fn net_smpp_reads_what_esmed_makes() {
    if !is_installed() {
        println!("skipped: Perl's Net::SMPP is not installed (Debian: libnet-smpp-perl)");
        return;
    }
    let mut out = BytesMut::new();
    let mut expected = Vec::new();
    let mut count = 0;
    for (name, text) in texts() {
        let asked = if name.starts_with("latin-1") { 3 } else { 0 };
        for way in [
            LongMessage::Udh,
            LongMessage::Udh16,
            LongMessage::Sar,
            LongMessage::Payload,
        ] {
            let plan = planned(&text, asked, way);
            count += plan.parts.len();
            let destination = format!("{:05}", expected.len());
            put_pdus(&plan, way, &destination, &mut out);
            expected.push(json!({
                "destination": destination,
                "text": text,
                "parts": plan.parts.len(),
                "data_coding": plan.data_coding,
            }));
        }
    }
    // By a file: a pipe would have to be written while the answers are read.
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(&out).unwrap();
    input.rewind().unwrap();
    let output = Command::new("perl")
        .arg(folder().join("decode_with_net_smpp.pl"))
        .arg(count.to_string())
        .stdin(input)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let answers = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read.len(), expected.len());
    for (read, expected) in read.iter().zip(&expected) {
        assert_eq!(read, expected);
    }
}
