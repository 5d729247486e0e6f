//! Intervals of PostgreSQL as values.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type, accepts};

use crate::submission::time::Interval;

impl<'a> FromSql<'a> for Interval {
    /// The binary form: microseconds in 8 octets, days and months in 4 each.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let raw: &[u8; 16] = raw.try_into()?;
        let [
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            m6,
            m7,
            d0,
            d1,
            d2,
            d3,
            n0,
            n1,
            n2,
            n3,
        ] = *raw;
        Ok(Self {
            microseconds: i64::from_be_bytes([m0, m1, m2, m3, m4, m5, m6, m7]),
            days: i32::from_be_bytes([d0, d1, d2, d3]),
            months: i32::from_be_bytes([n0, n1, n2, n3]),
        })
    }

    accepts!(INTERVAL);
}
