//! Everything of a submit_sm but its text: addresses, times, TLVs, what is asked for.

use super::address::{self, Prefixes};
use super::time::{self, Time};
use super::{UDH_INDICATOR, octet, tlvs};
use crate::db::queue::Claimed;
use crate::pdu::{CString, SubmitSm, Tlvs};
use crate::server::Server;

/// registered_delivery (SMPP 3.4, 5.2.17): a receipt for success and failure.
const RECEIPT: u8 = 1;
/// registered_delivery: a receipt for failure.
const RECEIPT_FOR_FAILURE: u8 = 2;

/// The submit_sm of a row but for its text.
///
/// # Errors
/// Why the row can't be sent, naming the column and what would be right.
pub fn frame(row: &Claimed, server: &Server, prefixes: &Prefixes) -> Result<SubmitSm, String> {
    if row.destination_addr.is_empty() {
        return Err("smpp_destination_addr is empty; it must be a number".to_owned());
    }
    let dest_addr_ton = row.dest_addr_ton.map_or(server.dest_addr_ton, octet);
    let country_code = server.country_code.as_deref();
    let destination = address::destination(&row.destination_addr, country_code, dest_addr_ton);
    let sender = Sender::of(row, server, prefixes, &destination);
    let (detected_ton, detected_npi) = address::detect_ton_npi(sender.addr);
    let (service_type, of_service_type) = match &row.service_type {
        Some(service_type) => (service_type, "smpp_service_type"),
        None => (&server.service_type, "esme_service_type of the server"),
    };
    let (schedule_delivery_time, validity_period) = times(row, server)?;
    let tlvs = match &row.optional_parameters {
        Some(json) => {
            tlvs::read(json).map_err(|error| format!("smpp_optional_parameters: {error}"))?
        }
        None => Tlvs::default(),
    };
    Ok(SubmitSm {
        service_type: field(of_service_type, service_type)?,
        source_addr_ton: row
            .source_addr_ton
            .map(octet)
            .or(sender.ton)
            .unwrap_or(detected_ton),
        source_addr_npi: row
            .source_addr_npi
            .map(octet)
            .or(sender.npi)
            .unwrap_or(detected_npi),
        source_addr: field(sender.column, sender.addr)?,
        dest_addr_ton,
        dest_addr_npi: row.dest_addr_npi.map_or(server.dest_addr_npi, octet),
        destination_addr: field("smpp_destination_addr", &destination)?,
        esm_class: row.esm_class.map_or(0, octet),
        protocol_id: row.protocol_id.map_or(0, octet),
        priority_flag: match row.priority_flag.as_str() {
            "LEVEL_1" => 1,
            "LEVEL_2" => 2,
            "LEVEL_3" => 3,
            _ => 0,
        },
        schedule_delivery_time,
        validity_period,
        registered_delivery: match row.registered_delivery.as_str() {
            "SMSC_DELIVERY_RECEIPT_REQUESTED" => RECEIPT,
            "SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE" => RECEIPT_FOR_FAILURE,
            _ if server.registered_delivery => RECEIPT,
            _ => 0,
        },
        tlvs,
        ..SubmitSm::default()
    })
}

/// Who a message is from, and what says so.
struct Sender<'a> {
    addr: &'a str,
    column: &'static str,
    /// TON and NPI of the server are those of the server's own sender; any other is detected.
    ton: Option<u8>,
    npi: Option<u8>,
}

impl<'a> Sender<'a> {
    /// The row comes before the prefix, the prefix before the server.
    fn of(row: &'a Claimed, server: &'a Server, prefixes: &'a Prefixes, to: &str) -> Self {
        let named = |addr, column| Self {
            addr,
            column,
            ton: None,
            npi: None,
        };
        if let Some(addr) = &row.source_addr {
            named(addr, "smpp_source_addr")
        } else if let Some(addr) = prefixes.sender(to, server.account.id) {
            named(addr, "smpp_prefixes.source_addr for this number")
        } else {
            Self {
                addr: &server.source_addr,
                column: "esme_source_addr of the server",
                ton: server.source_addr_ton,
                npi: server.source_addr_npi,
            }
        }
    }
}

/// schedule_delivery_time and validity_period, as of the start of the attempt. A time to deliver that is over is none.
fn times(row: &Claimed, server: &Server) -> Result<(Time, Time), String> {
    let (validity, of_validity) = match row.validity_period {
        Some(validity) => (Some(validity), "smpp_validity_period"),
        None => (server.validity_period, "esme_validity_period of the server"),
    };
    let validity_period = match validity {
        Some(validity) => validity
            .relative()
            .map_err(|error| format!("{of_validity} {error}"))?,
        None => Time::default(),
    };
    let Some(time) = row.schedule_delivery_time else {
        return Ok((Time::default(), validity_period));
    };
    let now = row.started_at;
    let scheduled = time::absolute(time, now)
        .map_err(|error| format!("smpp_schedule_delivery_time {error}"))?;
    // The SMSC would drop it before it is due.
    if scheduled.is_some() && validity.is_some_and(|validity| validity.is_over(now, time)) {
        return Err(format!(
            "smpp_schedule_delivery_time is not before the end of {of_validity}, which counts from now; it must be \
             earlier, or smpp_validity_period longer"
        ));
    }
    Ok((scheduled.unwrap_or_default(), validity_period))
}

/// Whether a text may have so many parts.
///
/// # Errors
/// Where the row says that its text begins with a header of its own: there is room for one header only.
pub fn check_parts(row: &Claimed, parts: usize) -> Result<(), String> {
    if parts > 1 && octet(row.esm_class.unwrap_or_default()) & UDH_INDICATOR != 0 {
        return Err(format!(
            "smpp_esm_class has the bit 0x40 (user data header), and the text takes {parts} parts, which have headers \
             themselves; it must be without that bit, or the text shorter"
        ));
    }
    Ok(())
}

/// A C-octet string that fits its field.
fn field<const MAX: usize>(column: &str, value: &str) -> Result<CString<MAX>, String> {
    if let Some(odd) = value.chars().find(|ch| !ch.is_ascii()) {
        return Err(format!(
            "{column} has the character {odd:?}, which is not ASCII; it must have ASCII characters only"
        ));
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

#[cfg(test)]
mod tests;
