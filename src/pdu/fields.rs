//! The fields of a body, one by one, for those who show or compare them.

use bytes::Bytes;

use super::Tlvs;

/// Names of the specification with their values, in the order of the wire.
pub type Fields<'a> = Vec<(&'static str, FieldValue<'a>)>;

/// The value of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// An integer of 1 or 4 octets.
    Integer(u32),
    /// The octets of a C-octet string, without the NUL.
    Text(&'a Bytes),
    /// An octet string (short_message).
    Octets(&'a Bytes),
    /// The entries of a list, each with its own fields.
    List(Vec<Fields<'a>>),
    /// The optional parameters.
    Tlvs(&'a Tlvs),
}

impl FieldValue<'_> {
    /// A count or length of the wire; what is too large for it shows as the largest.
    pub(super) fn count(count: usize) -> Self {
        Self::Integer(u32::try_from(count).unwrap_or(u32::MAX))
    }
}
