//! What a certificate says, for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Longer names are cut: who presents a certificate chooses what stands in it.
const LONGEST_NAME: usize = 200;

/// More names than this are not told.
const MOST_NAMES: usize = 20;

/// A certificate (X.509).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, e.g. `CN=smsc.example`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// For which host names and addresses it is (subjectAltName).
    pub names: Vec<String>,
    /// Those of `names` that are addresses and stand there as DNS names only: nobody is let in by them.
    pub misplaced: Vec<String>,
    /// From when on it is valid.
    pub not_before: DateTime<Utc>,
    /// Until when it is valid.
    pub not_after: DateTime<Utc>,
    /// SHA-256 of the certificate, in hex: two with the same are the same.
    pub fingerprint: String,
}

impl Certificate {
    /// `None` where it can't be read.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let time = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
            DateTime::from_timestamp(seconds, 0)
        };
        let all = match tbs.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0,
            _ => Vec::new(),
        };
        let names: Vec<String> = all.iter().filter_map(name).take(MOST_NAMES).collect();
        let addresses: Vec<String> = all
            .iter()
            .filter(|it| matches!(it, GeneralName::IpAddress(_)))
            .filter_map(name)
            .collect();
        let misplaced = names.iter().filter(|name| {
            let address = name.parse::<IpAddr>().ok();
            address.is_some_and(|it| !addresses.contains(&it.to_string()))
        });
        Some(Self {
            subject: printable(&tbs.subject().to_string()),
            issuer: printable(&tbs.issuer().to_string()),
            misplaced: misplaced.cloned().collect(),
            names,
            not_before: time(tbs.validity().not_before)?,
            not_after: time(tbs.validity().not_after)?,
            fingerprint: crate::hex::encode(&Sha256::digest(der)),
        })
    }

    /// Subject, or the names where that is empty.
    #[must_use]
    pub fn label(&self) -> String {
        if self.subject.is_empty() {
            self.names.join(", ")
        } else {
            self.subject.clone()
        }
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(printable(name.as_str())),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(|it| Ipv4Addr::from(it).to_string());
            let v6 = || <[u8; 16]>::try_from(octets).map(|it| Ipv6Addr::from(it).to_string());
            v4.or_else(|_| v6()).ok()
        }
        _ => None,
    }
}

/// On one line, and not too long.
fn printable(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { '?' } else { it })
        .take(LONGEST_NAME)
        .collect()
}
