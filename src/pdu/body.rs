//! The bodies of all PDUs (SMPP 3.4, chapter 4; the broadcast commands: SMPP 5.0, 4.4).

use bytes::{BufMut, BytesMut};

use super::wire::{Field, Reader};
use super::{
    CString, CommandId, CommandStatus, DecodeError, EncodeError, Fault, HEADER_LENGTH, Header,
    ShortMessage, Tag, Tlvs,
};

/// Declares a body: its fields stand in the order of the wire, under the names of the specification.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
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
        }
    )*};
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

/// A destination of submit_multi (4.5.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestAddress {
    /// dest_flag 1.
    Sme {
        /// `dest_addr_ton`
        dest_addr_ton: u8,
        /// `dest_addr_npi`
        dest_addr_npi: u8,
        /// `destination_addr`
        destination_addr: CString<21>,
    },
    /// dest_flag 2.
    DistributionList {
        /// `dl_name`
        dl_name: CString<21>,
    },
}

/// number_of_dests and dest_address(es) as one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DestAddresses(pub Vec<DestAddress>);

/// no_unsuccess and unsuccess_sme(s) as one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnsuccessSmes(pub Vec<UnsuccessSme>);

fn count(field: &'static str, count: usize) -> Result<u8, EncodeError> {
    u8::try_from(count).map_err(|_| EncodeError::TooMany { field, count })
}

impl Field for DestAddresses {
    fn read(reader: &mut Reader, _name: &'static str) -> Result<Self, DecodeError> {
        let number = reader.octet("number_of_dests")?;
        let mut list = Vec::new();
        for _ in 0..number {
            list.push(match reader.octet("dest_flag")? {
                1 => DestAddress::Sme {
                    dest_addr_ton: reader.octet("dest_addr_ton")?,
                    dest_addr_npi: reader.octet("dest_addr_npi")?,
                    destination_addr: Field::read(reader, "destination_addr")?,
                },
                2 => DestAddress::DistributionList {
                    dl_name: Field::read(reader, "dl_name")?,
                },
                other => return Err(DecodeError::BadDestFlag(other)),
            });
        }
        Ok(Self(list))
    }

    fn write(&self, out: &mut BytesMut, _name: &'static str) -> Result<(), EncodeError> {
        out.put_u8(count("dest_address", self.0.len())?);
        for dest in &self.0 {
            match dest {
                DestAddress::Sme {
                    dest_addr_ton,
                    dest_addr_npi,
                    destination_addr,
                } => {
                    out.put_slice(&[1, *dest_addr_ton, *dest_addr_npi]);
                    destination_addr.write(out, "destination_addr")?;
                }
                DestAddress::DistributionList { dl_name } => {
                    out.put_u8(2);
                    dl_name.write(out, "dl_name")?;
                }
            }
        }
        Ok(())
    }
}

impl Field for UnsuccessSmes {
    fn read(reader: &mut Reader, _name: &'static str) -> Result<Self, DecodeError> {
        let number = reader.octet("no_unsuccess")?;
        (0..number)
            .map(|_| UnsuccessSme::read(reader, "unsuccess_sme"))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn write(&self, out: &mut BytesMut, name: &'static str) -> Result<(), EncodeError> {
        out.put_u8(count("unsuccess_sme", self.0.len())?);
        self.0.iter().try_for_each(|sme| sme.write(out, name))
    }
}

/// Declares the PDUs: variant, command_id, kind of body.
///
/// `request` bodies are always there; `response` bodies may be left out (`None`), which is the rule
/// where command_status is not 0; `empty` have none.
macro_rules! pdus {
    (
        request { $($request:ident($request_body:ident) = $request_id:ident,)* }
        response { $($response:ident($response_body:ident) = $response_id:ident,)* }
        empty { $($empty:ident = $empty_id:ident,)* }
    ) => {
        /// A PDU without its header.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Pdu {
            $(#[allow(missing_docs)] $request($request_body),)*
            $(#[allow(missing_docs)] $response(Option<$response_body>),)*
            $(#[allow(missing_docs)] $empty,)*
        }

        impl Pdu {
            /// Its command_id.
            #[must_use]
            pub fn command_id(&self) -> CommandId {
                match self {
                    $(Self::$request(_) => CommandId::$request_id,)*
                    $(Self::$response(_) => CommandId::$response_id,)*
                    $(Self::$empty => CommandId::$empty_id,)*
                }
            }

            fn read_body(header: Header, reader: &mut Reader) -> Result<Self, DecodeError> {
                match header.command_id {
                    $(CommandId::$request_id => {
                        Field::read(reader, stringify!($request)).map(Self::$request)
                    })*
                    $(CommandId::$response_id => {
                        response_body(header, reader).map(Self::$response)
                    })*
                    $(CommandId::$empty_id => Ok(Self::$empty),)*
                    unknown => Err(DecodeError::UnknownCommand(unknown)),
                }
            }

            fn write_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                match self {
                    $(Self::$request(body) => body.write(out, ""),)*
                    $(Self::$response(Some(body)) => body.write(out, ""),)*
                    $(Self::$response(None) => Ok(()),)*
                    $(Self::$empty => Ok(()),)*
                }
            }
        }
    };
}

pdus! {
    request {
        BindReceiver(Bind) = BIND_RECEIVER,
        BindTransmitter(Bind) = BIND_TRANSMITTER,
        BindTransceiver(Bind) = BIND_TRANSCEIVER,
        Outbind(Outbind) = OUTBIND,
        SubmitSm(SubmitSm) = SUBMIT_SM,
        DeliverSm(DeliverSm) = DELIVER_SM,
        SubmitMulti(SubmitMulti) = SUBMIT_MULTI,
        DataSm(DataSm) = DATA_SM,
        QuerySm(QuerySm) = QUERY_SM,
        CancelSm(CancelSm) = CANCEL_SM,
        ReplaceSm(ReplaceSm) = REPLACE_SM,
        AlertNotification(AlertNotification) = ALERT_NOTIFICATION,
        BroadcastSm(BroadcastSm) = BROADCAST_SM,
        QueryBroadcastSm(QueryBroadcastSm) = QUERY_BROADCAST_SM,
        CancelBroadcastSm(CancelBroadcastSm) = CANCEL_BROADCAST_SM,
    }
    response {
        BindReceiverResp(BindResp) = BIND_RECEIVER_RESP,
        BindTransmitterResp(BindResp) = BIND_TRANSMITTER_RESP,
        BindTransceiverResp(BindResp) = BIND_TRANSCEIVER_RESP,
        SubmitSmResp(MessageIdResp) = SUBMIT_SM_RESP,
        DeliverSmResp(MessageIdResp) = DELIVER_SM_RESP,
        DataSmResp(MessageIdResp) = DATA_SM_RESP,
        SubmitMultiResp(SubmitMultiResp) = SUBMIT_MULTI_RESP,
        QuerySmResp(QuerySmResp) = QUERY_SM_RESP,
        BroadcastSmResp(MessageIdResp) = BROADCAST_SM_RESP,
        QueryBroadcastSmResp(QueryBroadcastSmResp) = QUERY_BROADCAST_SM_RESP,
    }
    empty {
        GenericNack = GENERIC_NACK,
        Unbind = UNBIND,
        UnbindResp = UNBIND_RESP,
        EnquireLink = ENQUIRE_LINK,
        EnquireLinkResp = ENQUIRE_LINK_RESP,
        CancelSmResp = CANCEL_SM_RESP,
        ReplaceSmResp = REPLACE_SM_RESP,
        CancelBroadcastSmResp = CANCEL_BROADCAST_SM_RESP,
    }
}

fn response_body<T: Field>(header: Header, reader: &mut Reader) -> Result<Option<T>, DecodeError> {
    let failed = header.command_status != CommandStatus(0);
    if reader.remaining() == 0 {
        if !failed {
            reader.warn(
                Fault::MissingBody,
                "the response has no body although command_status is 0",
            );
        }
        return Ok(None);
    }
    if failed {
        reader.warn(
            Fault::BodyDespiteError,
            "the response has a body although command_status is not 0",
        );
    }
    T::read(reader, "").map(Some)
}

impl Pdu {
    /// The highest sequence_number (3.2).
    pub const MAX_SEQUENCE_NUMBER: u32 = 0x7FFF_FFFF;

    pub(super) fn read(header: Header, reader: &mut Reader) -> Result<Self, DecodeError> {
        if !header.command_id.is_response() && header.command_status != CommandStatus(0) {
            reader.warn(
                Fault::StatusInRequest,
                format!(
                    "command_status is 0x{:08x} in a request",
                    header.command_status.0
                ),
            );
        }
        if header.sequence_number == 0 || header.sequence_number > Self::MAX_SEQUENCE_NUMBER {
            reader.warn(
                Fault::SequenceOutOfRange,
                format!(
                    "sequence_number {} is not within 1 to 0x7fffffff",
                    header.sequence_number
                ),
            );
        }
        let pdu = Self::read_body(header, reader)?;
        let left = reader.remaining();
        if left > 0 {
            reader.warn(
                Fault::TrailingOctets,
                format!("{left} octets behind the last field"),
            );
        }
        if let Self::SubmitSm(SubmitSm {
            short_message,
            tlvs,
            ..
        })
        | Self::DeliverSm(DeliverSm {
            short_message,
            tlvs,
            ..
        }) = &pdu
            && !short_message.0.is_empty()
            && tlvs.get(Tag::MESSAGE_PAYLOAD).is_some()
        {
            reader.warn(
                Fault::TwoTexts,
                "short_message and message_payload are both there",
            );
        }
        Ok(pdu)
    }

    /// Appends the whole PDU, header included, to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    /// When a field can't be written, e.g. a NUL within a C-octet string.
    pub fn encode(
        &self,
        command_status: CommandStatus,
        sequence_number: u32,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_bytes(0, HEADER_LENGTH);
        let written = self
            .write_body(out)
            .and_then(|()| u32::try_from(out.len() - start).map_err(|_| EncodeError::PduTooLong));
        match written {
            Ok(length) => {
                let mut header = &mut out[start..start + HEADER_LENGTH];
                header.put_u32(length);
                header.put_u32(self.command_id().0);
                header.put_u32(command_status.0);
                header.put_u32(sequence_number);
                Ok(())
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }
}
