//! The bodies of all PDUs (SMPP 3.4, chapter 4; the broadcast commands: SMPP 5.0, 4.4).

use std::fmt;

use bytes::BytesMut;

use super::dests::{DestAddresses, UnsuccessSmes};
use super::fields::Fields;
use super::wire::{CString, Field, Reader, ShortMessage};
use super::{DecodeError, EncodeError, Tlvs};

/// Declares a body: its fields stand in the order of the wire, under the names of the specification.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Default)]
        pub struct $name {
            $(#[doc = concat!("`", stringify!($field), "`")] pub $field: $type,)*
        }

        impl Field for $name {
            fn read(reader: &mut Reader, _name: &'static str) -> Result<Self, DecodeError> {
                Ok(Self { $($field: Field::read(reader, stringify!($field))?,)* })
            }

            fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
                $(self.$field.write(out, stringify!($field))?;)*
                Ok(())
            }

            fn show<'a>(&'a self, fields: &mut Fields<'a>, _name: &'static str) {
                $(self.$field.show(fields, stringify!($field));)*
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), loggable(stringify!($field), &self.$field)))*
                    .finish()
            }
        }
    )*};
}

/// A password must not reach a log by way of Debug.
fn loggable<'a>(name: &str, value: &'a dyn fmt::Debug) -> &'a dyn fmt::Debug {
    if name == "password" { &"***" } else { value }
}

bodies! {
    /// bind_transmitter, bind_receiver and bind_transceiver (4.1.1, 4.1.3, 4.1.5).
    Bind {
        system_id: CString<16>,
        password: CString<9>,
        system_type: CString<13>,
        interface_version: u8,
        addr_ton: u8,
        addr_npi: u8,
        address_range: CString<41>,
    }

    /// The responses to the binds (4.1.2, 4.1.4, 4.1.6).
    BindResp {
        system_id: CString<16>,
        tlvs: Tlvs,
    }

    /// outbind (4.1.7).
    Outbind {
        system_id: CString<16>,
        password: CString<9>,
    }

    /// submit_sm (4.4.1).
    SubmitSm {
        service_type: CString<6>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        dest_addr_ton: u8,
        dest_addr_npi: u8,
        destination_addr: CString<21>,
        esm_class: u8,
        protocol_id: u8,
        priority_flag: u8,
        schedule_delivery_time: CString<17>,
        validity_period: CString<17>,
        registered_delivery: u8,
        replace_if_present_flag: u8,
        data_coding: u8,
        sm_default_msg_id: u8,
        short_message: ShortMessage,
        tlvs: Tlvs,
    }

    /// deliver_sm (4.6.1). The same fields as submit_sm; some of them unused.
    DeliverSm {
        service_type: CString<6>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        dest_addr_ton: u8,
        dest_addr_npi: u8,
        destination_addr: CString<21>,
        esm_class: u8,
        protocol_id: u8,
        priority_flag: u8,
        schedule_delivery_time: CString<17>,
        validity_period: CString<17>,
        registered_delivery: u8,
        replace_if_present_flag: u8,
        data_coding: u8,
        sm_default_msg_id: u8,
        short_message: ShortMessage,
        tlvs: Tlvs,
    }

    /// submit_sm_resp, deliver_sm_resp, data_sm_resp and broadcast_sm_resp (4.4.2, 4.6.2, 4.7.2).
    MessageIdResp {
        message_id: CString<65>,
        tlvs: Tlvs,
    }

    /// submit_multi (4.5.1).
    SubmitMulti {
        service_type: CString<6>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        dest_addresses: DestAddresses,
        esm_class: u8,
        protocol_id: u8,
        priority_flag: u8,
        schedule_delivery_time: CString<17>,
        validity_period: CString<17>,
        registered_delivery: u8,
        replace_if_present_flag: u8,
        data_coding: u8,
        sm_default_msg_id: u8,
        short_message: ShortMessage,
        tlvs: Tlvs,
    }

    /// submit_multi_resp (4.5.2).
    SubmitMultiResp {
        message_id: CString<65>,
        unsuccess_sme: UnsuccessSmes,
        tlvs: Tlvs,
    }

    /// One destination that submit_multi did not reach (4.5.2.1).
    UnsuccessSme {
        dest_addr_ton: u8,
        dest_addr_npi: u8,
        destination_addr: CString<21>,
        error_status_code: u32,
    }

    /// data_sm (4.7.1).
    DataSm {
        service_type: CString<6>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<65>,
        dest_addr_ton: u8,
        dest_addr_npi: u8,
        destination_addr: CString<65>,
        esm_class: u8,
        registered_delivery: u8,
        data_coding: u8,
        tlvs: Tlvs,
    }

    /// query_sm (4.8.1).
    QuerySm {
        message_id: CString<65>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
    }

    /// query_sm_resp (4.8.2).
    QuerySmResp {
        message_id: CString<65>,
        final_date: CString<17>,
        message_state: u8,
        error_code: u8,
        tlvs: Tlvs,
    }

    /// cancel_sm (4.9.1).
    CancelSm {
        service_type: CString<6>,
        message_id: CString<65>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        dest_addr_ton: u8,
        dest_addr_npi: u8,
        destination_addr: CString<21>,
    }

    /// replace_sm (4.10.1).
    ReplaceSm {
        message_id: CString<65>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        schedule_delivery_time: CString<17>,
        validity_period: CString<17>,
        registered_delivery: u8,
        sm_default_msg_id: u8,
        short_message: ShortMessage,
        tlvs: Tlvs,
    }

    /// alert_notification (4.12.1).
    AlertNotification {
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<65>,
        esme_addr_ton: u8,
        esme_addr_npi: u8,
        esme_addr: CString<65>,
        tlvs: Tlvs,
    }

    /// broadcast_sm (SMPP 5.0, 4.4.1).
    BroadcastSm {
        service_type: CString<6>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        message_id: CString<65>,
        priority_flag: u8,
        schedule_delivery_time: CString<17>,
        validity_period: CString<17>,
        replace_if_present_flag: u8,
        data_coding: u8,
        sm_default_msg_id: u8,
        tlvs: Tlvs,
    }

    /// query_broadcast_sm (SMPP 5.0, 4.6.1).
    QueryBroadcastSm {
        message_id: CString<65>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        tlvs: Tlvs,
    }

    /// query_broadcast_sm_resp (SMPP 5.0, 4.6.3).
    QueryBroadcastSmResp {
        message_id: CString<65>,
        tlvs: Tlvs,
    }

    /// cancel_broadcast_sm (SMPP 5.0, 4.6.2).
    CancelBroadcastSm {
        service_type: CString<6>,
        message_id: CString<65>,
        source_addr_ton: u8,
        source_addr_npi: u8,
        source_addr: CString<21>,
        tlvs: Tlvs,
    }
}
