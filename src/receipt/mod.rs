//! Delivery receipts: what a deliver_sm or data_sm says about a message that was sent
//! (SMPP 3.4, 5.2.12 and appendix B).
//!
//! TLVs count before the text, and the text is read by a tolerant scanner, as each SMSC writes it
//! in its own way. That it is a receipt at all is for esm_class to say: the text anyone can write.

mod date;
mod id;
mod octets;
mod scan;
mod state;

use serde_json::{Map, Value};

use crate::hex;
pub use date::date;
pub use id::{IdFormat, UnknownIdFormat, canonical, receipt_keys, receipt_prefix, response_keys};
pub use octets::text;
pub use state::{MessageState, replaces};

/// What a received message is (`smpp_rx_queue.kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message from a phone.
    Message,
    /// A delivery receipt of the SMSC.
    Receipt,
    /// An intermediate notification of the SMSC.
    Intermediate,
    /// Anything else: acknowledgements by the phone or its user, and reserved types.
    Other,
}

impl Kind {
    /// The message type of an esm_class (bits 5 to 2; SMPP 3.4, 5.2.12).
    #[must_use]
    pub fn from_esm_class(esm_class: u8) -> Self {
        match esm_class & 0b0011_1100 {
            0x00 => Self::Message,
            0x04 => Self::Receipt,
            0x20 => Self::Intermediate,
            _ => Self::Other,
        }
    }

    /// The name in `smpp_rx_queue.kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Receipt => "receipt",
            Self::Intermediate => "intermediate",
            Self::Other => "other",
        }
    }
}

/// The TLVs that belong to a receipt, as far as there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiptTlvs<'a> {
    /// receipted_message_id, without its NUL.
    pub receipted_message_id: Option<&'a str>,
    /// message_state
    pub message_state: Option<u8>,
    /// network_error_code: network type and two octets of code, if it is as it should be.
    pub network_error_code: Option<&'a [u8]>,
}

/// What a receipt says. Fields that are missing, empty or unreadable are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The id of the message as sent: of receipted_message_id, otherwise of the text. `None` where
    /// the text has several.
    pub id: Option<String>,
    /// The id of the text where it is not that of receipted_message_id.
    pub text_id: Option<String>,
    /// The ids of a text that has several and no receipted_message_id beside it.
    pub candidate_ids: Vec<String>,
    /// The word behind `stat:` as sent.
    pub stat: Option<String>,
    /// The state: of message_state, otherwise of `stat:`.
    pub state: Option<MessageState>,
    /// What stands behind `err:`, as sent; its meaning is the provider's.
    pub err: Option<String>,
    /// The octets of network_error_code in lower-case hex.
    pub network_error_code: Option<String>,
    /// `submit date:` as ISO 8601: see [`date`].
    pub submit_date: Option<String>,
    /// `done date:` as ISO 8601: see [`date`].
    pub done_date: Option<String>,
    /// `sub:`, the number of messages submitted.
    pub sub: Option<u32>,
    /// `dlvrd:`, the number of messages delivered.
    pub dlvrd: Option<u32>,
    /// `text:`, the beginning of the message that was sent.
    pub text: Option<String>,
}

impl Receipt {
    /// Network type (1 to 8) and error code of a network_error_code that has the form of the
    /// specification (SMPP 3.4, 5.3.2.31).
    #[must_use]
    pub fn network_error(&self) -> Option<(u8, u16)> {
        let hex = self.network_error_code.as_deref()?;
        if hex.len() != 6 {
            return None;
        }
        let network = u8::from_str_radix(&hex[..2], 16).ok()?;
        let code = u16::from_str_radix(&hex[2..], 16).ok()?;
        (1..=8).contains(&network).then_some((network, code))
    }

    /// The canonical ids that the response may have had, the likeliest first; empty where the
    /// receipt names no message.
    ///
    /// A receipted_message_id that is the text's id converted already has the response's form.
    #[must_use]
    pub fn response_keys(&self, format: IdFormat) -> Vec<String> {
        let Some(id) = &self.id else {
            return self
                .candidate_ids
                .iter()
                .flat_map(|id| response_keys(format, id))
                .collect();
        };
        if let Some(text_id) = &self.text_id
            && response_keys(format, text_id).contains(&canonical(id))
        {
            return vec![canonical(id)];
        }
        response_keys(format, id)
    }

    /// The fields that are there, by the names of the receipt's text; `sub` and `dlvrd` are
    /// numbers, `state` is a name of [`MessageState`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut view = Map::new();
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                view.insert(name.to_owned(), value.into());
            }
        };
        text("id", self.id.as_deref());
        text("text_id", self.text_id.as_deref());
        text("stat", self.stat.as_deref());
        text("state", self.state.map(MessageState::name));
        text("err", self.err.as_deref());
        text("network_error_code", self.network_error_code.as_deref());
        text("submit_date", self.submit_date.as_deref());
        text("done_date", self.done_date.as_deref());
        for (name, number) in [("sub", self.sub), ("dlvrd", self.dlvrd)] {
            if let Some(number) = number {
                view.insert(name.to_owned(), number.into());
            }
        }
        if let Some(text) = &self.text {
            view.insert("text".to_owned(), text.as_str().into());
        }
        if !self.candidate_ids.is_empty() {
            view.insert(
                "candidate_ids".to_owned(),
                self.candidate_ids.as_slice().into(),
            );
        }
        Value::Object(view)
    }
}

/// Reads a receipt: what `tlvs` do not say is taken from the text (see [`text`] for its octets).
#[must_use]
pub fn read(text: &str, tlvs: &ReceiptTlvs<'_>) -> Receipt {
    let mut receipt = read_text(text);
    let id = tlvs
        .receipted_message_id
        .map(|id| id.trim_end_matches('\0'));
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        let text_id = receipt.id.replace(id.to_owned());
        receipt.text_id = text_id.filter(|text_id| text_id != id);
        receipt.candidate_ids.clear();
    }
    if let Some(state) = tlvs.message_state.and_then(MessageState::from_octet) {
        receipt.state = Some(state);
    }
    receipt.network_error_code = tlvs.network_error_code.map(hex::encode);
    receipt
}

fn read_text(text: &str) -> Receipt {
    let fields = scan::scan(text);
    if !fields.any() {
        return read_commas(text).unwrap_or_default();
    }
    let mut receipt = Receipt {
        id: fields.id.and_then(readable),
        stat: fields.stat.and_then(present),
        err: fields.err.and_then(present),
        submit_date: fields.submit_date.and_then(date),
        done_date: fields.done_date.and_then(date),
        sub: fields.sub.and_then(|number| number.parse().ok()),
        dlvrd: fields.dlvrd.and_then(|number| number.parse().ok()),
        text: fields.text.map(str::to_owned),
        ..Receipt::default()
    };
    receipt.state = fields.stat.and_then(|stat| {
        MessageState::from_stat_word(stat).or_else(|| {
            fields
                .stat_is_last
                .then(|| MessageState::from_cut_word(stat))
                .flatten()
        })
    });
    if !fields.other_ids.is_empty() {
        receipt.candidate_ids = receipt
            .id
            .take()
            .into_iter()
            .chain(fields.other_ids.into_iter().filter_map(readable))
            .collect();
    }
    receipt
}

/// A value that says something, up to a NUL.
fn present(value: &str) -> Option<String> {
    let value = value.split('\0').next().unwrap_or_default();
    (!value.is_empty() && !value.eq_ignore_ascii_case("null")).then(|| value.to_owned())
}

/// An id that can be compared: raw octets in its place can't.
fn readable(id: &str) -> Option<String> {
    let id = (!id.contains('\0')).then_some(id)?;
    present(id).filter(|id| id.bytes().all(|octet| octet.is_ascii_graphic()))
}

/// A receipt without keys, as one operator sends them: status, done date, submit date, error and
/// addresses, with commas between. The numbers of its status are its own.
fn read_commas(text: &str) -> Option<Receipt> {
    let mut parts = text.split(',');
    let status = parts.next()?;
    let (done, submitted, err) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if status.len() != 2 || !digits(status) || done.len() != 10 || submitted.len() != 10 {
        return None;
    }
    Some(Receipt {
        stat: Some(status.to_owned()),
        err: present(err),
        done_date: Some(date(done)?),
        submit_date: Some(date(submitted)?),
        ..Receipt::default()
    })
}

/// Whether a message with an esm_class that says nothing reads like a receipt: for servers with
/// `esme_receipts_without_esm_class` only, and only to be believed where the id belongs to a message
/// that is under way.
///
/// It takes an id and a state that are known, or the other fields of a receipt around an unknown
/// word; or both TLVs.
#[must_use]
pub fn looks_like_receipt(text: &str, tlvs: &ReceiptTlvs<'_>) -> bool {
    let by_tlvs = tlvs.receipted_message_id.is_some_and(|id| !id.is_empty())
        && tlvs
            .message_state
            .and_then(MessageState::from_octet)
            .is_some();
    if by_tlvs {
        return true;
    }
    let fields = scan::scan(text);
    let Some(stat) = fields.stat.filter(|stat| !stat.is_empty()) else {
        return false;
    };
    fields.id.and_then(readable).is_some()
        && (MessageState::from_stat_word(stat).is_some() || fields.counted() >= 3)
}

/// What a message is, and what it says if it is a receipt.
///
/// A part of a long message (UDH indicator) is taken for a receipt only where esm_class says so.
#[must_use]
pub fn classify(
    esm_class: u8,
    text: &str,
    tlvs: &ReceiptTlvs<'_>,
    without_esm_class: bool,
) -> (Kind, Option<Receipt>) {
    const UDH_INDICATOR: u8 = 0x40;
    let kind = match Kind::from_esm_class(esm_class) {
        Kind::Message
            if without_esm_class
                && esm_class & UDH_INDICATOR == 0
                && looks_like_receipt(text, tlvs) =>
        {
            Kind::Receipt
        }
        kind => kind,
    };
    let receipt = matches!(kind, Kind::Receipt | Kind::Intermediate).then(|| read(text, tlvs));
    (kind, receipt)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod vectors;
