//! The lists of submit_multi and submit_multi_resp (SMPP 3.4, 4.5.1.1 and 4.5.2.1).

use bytes::{BufMut, BytesMut};

use super::body::UnsuccessSme;
use super::fields::{FieldValue, Fields};
use super::wire::{CString, Field, Reader};
use super::{DecodeError, EncodeError};

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

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        let entries = self.0.iter().map(|dest| {
            let mut entry = Fields::new();
            match dest {
                DestAddress::Sme {
                    dest_addr_ton,
                    dest_addr_npi,
                    destination_addr,
                } => {
                    entry.push(("dest_flag", FieldValue::Integer(1)));
                    dest_addr_ton.show(&mut entry, "dest_addr_ton");
                    dest_addr_npi.show(&mut entry, "dest_addr_npi");
                    destination_addr.show(&mut entry, "destination_addr");
                }
                DestAddress::DistributionList { dl_name } => {
                    entry.push(("dest_flag", FieldValue::Integer(2)));
                    dl_name.show(&mut entry, "dl_name");
                }
            }
            entry
        });
        fields.push(("number_of_dests", FieldValue::count(self.0.len())));
        fields.push((name, FieldValue::List(entries.collect())));
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

    fn show<'a>(&'a self, fields: &mut Fields<'a>, name: &'static str) {
        let entries = self.0.iter().map(|sme| {
            let mut entry = Fields::new();
            sme.show(&mut entry, name);
            entry
        });
        fields.push(("no_unsuccess", FieldValue::count(self.0.len())));
        fields.push((name, FieldValue::List(entries.collect())));
    }
}
