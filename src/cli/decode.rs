//! `esmed decode`

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};

use super::{octet, say};

use crate::inbound::Inbound;
use crate::pdu::Frame;
use crate::server::Server;
use crate::session::driver::Received;
use crate::text::{Alphabet, decode_message};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A whole PDU in hexadecimal, or the octets of a message; white space is passed over
    #[arg(required = true, value_name = "HEX")]
    hex: Vec<String>,
    /// What data_coding 0 means: GSM0338, GSM0338_PACKED, ASCII, LATIN1 or UTF8
    #[arg(long, default_value = "GSM0338")]
    alphabet: Alphabet,
    /// The octets are a short_message or message_payload with this data_coding, decimal or as 0x18
    #[arg(long, value_name = "NUMBER", value_parser = octet)]
    data_coding: Option<u8>,
    /// Its esm_class: with 0x40 a user data header comes first
    #[arg(long, value_name = "NUMBER", value_parser = octet, default_value = "0", requires = "data_coding")]
    esm_class: u8,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let octets = octets(&arguments.hex.concat())?;
    if let Some(data_coding) = arguments.data_coding {
        say(&format!("{:#}", message(&octets, data_coding, arguments)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let frame = Frame::from_octets(Bytes::from(octets)).context("this is not one PDU")?;
    let mut server = Server::unknown();
    server.style.alphabet = arguments.alphabet;
    let failed = frame.decode().is_err();
    let row = Inbound::read(&Received::Pdu(frame), &server);
    say(&format!("{:#}", row.pdu_parsed))?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The octets of a message, read as those of a deliver_sm.
fn message(octets: &[u8], data_coding: u8, arguments: &Arguments) -> Value {
    let (udh, decoded) =
        decode_message(octets, arguments.esm_class, data_coding, arguments.alphabet);
    json!({
        "text": decoded.text,
        "udh": udh.map(|udh| udh.to_json()),
        "warnings": decoded.warning.into_iter().collect::<Vec<_>>(),
    })
}

fn octets(hex: &str) -> anyhow::Result<Vec<u8>> {
    let digits: Vec<char> = hex.chars().filter(|ch| !ch.is_whitespace()).collect();
    let digits: Vec<u32> = digits
        .iter()
        .enumerate()
        .map(|(at, ch)| {
            ch.to_digit(16).with_context(|| {
                let at = at + 1;
                format!("{ch:?}, character {at} without white space, is no hexadecimal digit (0 to 9, a to f)")
            })
        })
        .collect::<Result<_, _>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        bail!(
            "{} hexadecimal digits are no whole octets: each has two",
            digits.len()
        );
    }
    pairs
        .map(|pair| {
            u8::try_from(pair[0] * 16 + pair[1]).context("two hexadecimal digits are an octet")
        })
        .collect()
}
