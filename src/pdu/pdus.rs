//! A PDU without its header: which command has which body (SMPP 3.4, chapter 4).

use bytes::{BufMut, BytesMut};

use super::body::*;
use super::fields::{FieldValue, Fields};
use super::wire::{Field, Reader};
use super::{
    CommandId, CommandStatus, DecodeError, EncodeError, Fault, HEADER_LENGTH, Header, Tag, Tlvs,
};

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

            /// The mandatory fields in the order of the wire under the names of the
            /// specification, the optional parameters last; empty where there is no body.
            #[must_use]
            pub fn fields(&self) -> Fields<'_> {
                let mut fields = Fields::new();
                match self {
                    $(Self::$request(body) => body.show(&mut fields, ""),)*
                    $(Self::$response(Some(body)) => body.show(&mut fields, ""),)*
                    $(Self::$response(None) => {})*
                    $(Self::$empty => {})*
                }
                fields
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

/// The bit of esm_class that says that the text begins with a user data header (5.2.12).
const UDH_INDICATOR: u32 = 0x40;

/// Whether the text holds as many octets as the header's first octet says, and the information
/// elements end where the header does (3GPP TS 23.040, 9.2.3.24).
fn begins_with_udh(text: &[u8]) -> bool {
    let Some((&length, rest)) = text.split_first() else {
        return false;
    };
    let Some(mut elements) = rest.get(..usize::from(length)) else {
        return false;
    };
    while let [_, length, rest @ ..] = elements {
        match rest.get(usize::from(*length)..) {
            Some(rest) => elements = rest,
            None => return false,
        }
    }
    elements.is_empty()
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
        // A generic_nack to what could not be read has no number to repeat (4.3.1).
        let numbered = header.command_id != CommandId::GENERIC_NACK || header.sequence_number != 0;
        if numbered && !(1..=Self::MAX_SEQUENCE_NUMBER).contains(&header.sequence_number) {
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
        pdu.check_text(reader);
        Ok(pdu)
    }

    /// The optional parameters, of a PDU that can have any.
    #[must_use]
    pub fn tlvs(&self) -> Option<&Tlvs> {
        self.fields()
            .into_iter()
            .find_map(|(_, value)| match value {
                FieldValue::Tlvs(tlvs) => Some(tlvs),
                _ => None,
            })
    }

    /// Warns of two texts in one PDU (5.3.2.32) and of a missing or cut UDH (5.2.12).
    fn check_text(&self, reader: &mut Reader) {
        let (mut esm_class, mut short_message, mut payload) = (0, None, None);
        for (name, value) in self.fields() {
            match value {
                FieldValue::Integer(flags) if name == "esm_class" => esm_class = flags,
                FieldValue::Octets(octets) if !octets.is_empty() => short_message = Some(octets),
                FieldValue::Tlvs(tlvs) => payload = tlvs.get(Tag::MESSAGE_PAYLOAD),
                _ => {}
            }
        }
        if short_message.is_some() && payload.is_some() {
            reader.warn(
                Fault::TwoTexts,
                "short_message and message_payload are both there",
            );
        }
        let text = short_message.or(payload).map_or(&[][..], |text| &text[..]);
        if esm_class & UDH_INDICATOR != 0 && !begins_with_udh(text) {
            reader.warn(
                Fault::BrokenUdh,
                "esm_class says that there is a UDH, but the text begins with no complete one",
            );
        }
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
