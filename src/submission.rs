//! A claimed row becomes a submit_sm. Pure.

use crate::db::queue::Claimed;
use crate::pdu::{CString, ShortMessage, SubmitSm};
use crate::server::{LongMessage, Server};
use crate::text::{self, Limit};

/// registered_delivery (SMPP 3.4, 5.2.17): a receipt for success and failure.
const RECEIPT: u8 = 1;
/// registered_delivery: a receipt for failure.
const RECEIPT_FOR_FAILURE: u8 = 2;

/// The submit_sm of a row.
///
/// # Errors
/// Why the row can't be sent, naming the column and what would be right.
pub fn build(row: &Claimed, server: &Server) -> Result<SubmitSm, String> {
    if let Some(column) = row.not_yet.first() {
        return Err(format!(
            "{column} is set, which this version can't send; it must be NULL"
        ));
    }
    let source_addr = row.source_addr.as_deref().unwrap_or(&server.source_addr);
    let (detected_ton, detected_npi) = detect_ton_npi(source_addr);
    // A row with a sender of its own detects its own TON and NPI.
    let (server_ton, server_npi) = match row.source_addr {
        None => (server.source_addr_ton, server.source_addr_npi),
        Some(_) => (None, None),
    };
    let encoded = match row.data_coding {
        Some(data_coding) => {
            text::encode_as(&row.short_message, octet(data_coding), server.alphabet)
        }
        None => Ok(text::encode(&row.short_message, server.alphabet)),
    }
    .map_err(|error| format!("smpp_short_message: {error}"))?;
    let limit = match server.long_message {
        LongMessage::None => Limit::Submit,
        LongMessage::Refused => Limit::Message,
    };
    text::fits_single(&encoded, limit).map_err(|error| {
        format!("smpp_short_message: {error}; longer texts are not sent by this version")
    })?;
    if row.destination_addr.is_empty() {
        return Err("smpp_destination_addr is empty; it must be a number".to_owned());
    }
    let service_type = row.service_type.as_deref().unwrap_or(&server.service_type);
    Ok(SubmitSm {
        service_type: field("smpp_service_type", service_type)?,
        source_addr_ton: row
            .source_addr_ton
            .map(octet)
            .or(server_ton)
            .unwrap_or(detected_ton),
        source_addr_npi: row
            .source_addr_npi
            .map(octet)
            .or(server_npi)
            .unwrap_or(detected_npi),
        source_addr: field("smpp_source_addr", source_addr)?,
        dest_addr_ton: row.dest_addr_ton.map_or(server.dest_addr_ton, octet),
        dest_addr_npi: row.dest_addr_npi.map_or(server.dest_addr_npi, octet),
        destination_addr: field("smpp_destination_addr", &row.destination_addr)?,
        esm_class: row.esm_class.map_or(0, octet),
        protocol_id: row.protocol_id.map_or(0, octet),
        priority_flag: match row.priority_flag.as_str() {
            "LEVEL_1" => 1,
            "LEVEL_2" => 2,
            "LEVEL_3" => 3,
            _ => 0,
        },
        registered_delivery: match row.registered_delivery.as_str() {
            "SMSC_DELIVERY_RECEIPT_REQUESTED" => RECEIPT,
            "SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE" => RECEIPT_FOR_FAILURE,
            _ if server.registered_delivery => RECEIPT,
            _ => 0,
        },
        data_coding: encoded.data_coding,
        short_message: ShortMessage(encoded.octets),
        ..SubmitSm::default()
    })
}

/// TON and NPI of a sender (SMPP 3.4, 5.2.5 and 5.2.6): empty 0/0, any letter 5/0 (alphanumeric),
/// 3 to 8 digits 3/1 (a short code), otherwise 1/1 (international, E.164).
fn detect_ton_npi(source_addr: &str) -> (u8, u8) {
    if source_addr.is_empty() {
        (0, 0)
    } else if source_addr.chars().any(char::is_alphabetic) {
        (5, 0)
    } else if (3..=8).contains(&source_addr.len())
        && source_addr.chars().all(|ch| ch.is_ascii_digit())
    {
        (3, 1)
    } else {
        (1, 1)
    }
}

/// A C-octet string that fits its field.
fn field<const MAX: usize>(column: &str, value: &str) -> Result<CString<MAX>, String> {
    if !value.is_ascii() {
        return Err(format!("{column} has characters that are not ASCII"));
    }
    if value.len() > CString::<MAX>::CAPACITY {
        return Err(format!(
            "{column} has {} octets; it must have {} at most",
            value.len(),
            CString::<MAX>::CAPACITY
        ));
    }
    Ok(value.into())
}

/// A smallint that a constraint keeps between 0 and 255.
fn octet(value: i16) -> u8 {
    u8::try_from(value).unwrap_or_default()
}
