//! The user data header in front of a short_message (GSM 03.40, 9.2.3.24).

use bytes::Bytes;
use serde_json::{Value, json};
use thiserror::Error;

use crate::hex;

/// Element of a concatenated message with an 8 bit reference (GSM 03.40, 9.2.3.24.1).
const CONCATENATED_8: u8 = 0x00;
/// Element of a concatenated message with a 16 bit reference (GSM 03.40, 9.2.3.24.8).
const CONCATENATED_16: u8 = 0x08;

/// Element of application ports of 8 bits (GSM 03.40, 9.2.3.24.3).
const PORTS_8: u8 = 0x04;
/// Element of application ports of 16 bits (GSM 03.40, 9.2.3.24.4).
const PORTS_16: u8 = 0x05;

/// Which part of which long message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The same in all parts of one message, from one sender.
    pub reference: u16,
    /// The number of this part, from 1.
    pub part: u8,
    /// How many parts there are.
    pub total: u8,
    /// The reference has 16 bits, not 8: 5 of 8 bits and 5 of 16 bits are different messages.
    pub wide: bool,
}

/// A user data header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Udh {
    /// The information elements, identifier and data, in the order received.
    pub elements: Vec<(u8, Bytes)>,
    /// The element for concatenated messages, if there is a valid one; the last counts.
    pub concat: Option<Concat>,
    /// The octets of the header, its length octet included.
    pub length: usize,
}

/// Why there is no user data header, though the UDH indicator is set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UdhError {
    /// There are no octets at all.
    #[error("no user data header in an empty message")]
    Empty,
    /// The header is longer than the message.
    #[error("the user data header says {length} octets, {left} are left")]
    PastEnd {
        /// The length that it says, without its length octet.
        length: usize,
        /// The octets behind the length octet.
        left: usize,
    },
    /// An information element is longer than the header.
    #[error("information element 0x{id:02x} does not fit into the user data header")]
    Element {
        /// The identifier of the element.
        id: u8,
    },
}

impl Udh {
    /// The zero bits between this header and septets that are packed behind it, 0 to 6.
    #[must_use]
    pub fn fill_bits(&self) -> u8 {
        match self.length * 8 % 7 {
            0 => 0,
            // At most 6.
            over => 7 - u8::try_from(over).unwrap_or(0),
        }
    }

    /// `{"elements":[{"id":0,"hex":"070301"}],"concat":{"reference":7,"part":1,"total":3},
    /// "ports":{"destination":5505,"source":0}}`; `concat` and `ports` only where there are such, of
    /// several the last.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let elements: Vec<Value> = self
            .elements
            .iter()
            .map(|(id, data)| json!({"id": id, "hex": hex::encode(data)}))
            .collect();
        let mut view = json!({ "elements": elements });
        if let Some(concat) = self.concat {
            view["concat"] = json!({
                "reference": concat.reference,
                "part": concat.part,
                "total": concat.total,
            });
        }
        let ports = self
            .elements
            .iter()
            .filter_map(|(id, data)| ports(*id, data));
        if let Some((destination, source)) = ports.last() {
            view["ports"] = json!({ "destination": destination, "source": source });
        }
        view
    }
}

/// Destination and source of an element of application ports.
fn ports(id: u8, data: &[u8]) -> Option<(u16, u16)> {
    match (id, data) {
        (PORTS_8, &[destination, source]) => Some((destination.into(), source.into())),
        (PORTS_16, &[high, low, source_high, source_low]) => Some((
            u16::from_be_bytes([high, low]),
            u16::from_be_bytes([source_high, source_low]),
        )),
        _ => None,
    }
}

/// Splits a short_message with the UDH indicator (esm_class 0x40) into its header and the octets
/// behind it.
///
/// A concatenation element with part 0, total 0 or part above total is kept as an element, but is
/// no [`Concat`] (GSM 03.40 has it ignored).
///
/// # Errors
/// [`UdhError`], if there is no whole header; the octets are best taken as a text then.
pub fn split_udh(octets: &[u8]) -> Result<(Udh, &[u8]), UdhError> {
    let (&length, behind) = octets.split_first().ok_or(UdhError::Empty)?;
    let length = usize::from(length);
    let (mut header, rest) = behind.split_at_checked(length).ok_or(UdhError::PastEnd {
        length,
        left: behind.len(),
    })?;
    let mut udh = Udh {
        length: length + 1,
        ..Udh::default()
    };
    while let [id, tail @ ..] = header {
        let (data, next) = tail
            .split_first()
            .and_then(|(&size, tail)| tail.split_at_checked(usize::from(size)))
            .ok_or(UdhError::Element { id: *id })?;
        if let Some(concat) = concat(*id, data) {
            udh.concat = Some(concat);
        }
        udh.elements.push((*id, Bytes::copy_from_slice(data)));
        header = next;
    }
    Ok((udh, rest))
}

fn concat(id: u8, data: &[u8]) -> Option<Concat> {
    let concat = match (id, data) {
        (CONCATENATED_8, &[reference, total, part]) => Concat {
            reference: u16::from(reference),
            part,
            total,
            wide: false,
        },
        (CONCATENATED_16, &[high, low, total, part]) => Concat {
            reference: u16::from_be_bytes([high, low]),
            part,
            total,
            wide: true,
        },
        _ => return None,
    };
    (1..=concat.total).contains(&concat.part).then_some(concat)
}
