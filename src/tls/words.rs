//! What went wrong, in words that say what would be right.

use std::io;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InconsistentKeys};

use super::verifier::Verifier;
use super::{Certificate, Fault, Identity, Names, Prepared, TlsError};

/// A handshake failed.
pub(super) fn handshake(
    error: &io::Error,
    seen: &Verifier,
    prepared: &Prepared,
    place: &str,
) -> (Fault, String) {
    let names = prepared.names;
    match tls_error(error) {
        Some(Error::InvalidCertificate(wrong)) => {
            let words = certificate(wrong, seen.leaf().as_ref(), seen.roots(), names);
            (fault_of(wrong), words)
        }
        Some(Error::AlertReceived(alert)) => {
            let has_own = prepared.own.is_some();
            (alert_fault(*alert, has_own), alert_words(*alert, prepared))
        }
        Some(Error::InvalidMessage(_)) if seen.leaf().is_none() => (
            Fault::NoTls,
            format!("the server answered without TLS; is {place} the one for TLS?"),
        ),
        Some(error) => (Fault::Other, error.to_string()),
        None if is_end(error) => (
            Fault::NoTls,
            format!(
                "the server ended the connection within the TLS handshake; is {place} the one for TLS?"
            ),
        ),
        None => (Fault::Other, error.to_string()),
    }
}

/// The peer ended the connection, politely or not.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// An error of TLS behind the handshake; `None` where it is another.
pub(super) fn refused_later(error: &io::Error) -> Option<TlsError> {
    Some(match tls_error(error)? {
        // Whether we have shown one is told by the alert itself: only CertificateRequired comes without.
        Error::AlertReceived(alert) => TlsError::new(alert_fault(*alert, true), refusal(*alert)),
        error => TlsError::new(Fault::Other, error.to_string()),
    })
}

fn alert_fault(alert: AlertDescription, has_own: bool) -> Fault {
    match alert {
        AlertDescription::CertificateRequired => Fault::WantsOurs,
        AlertDescription::BadCertificate if !has_own => Fault::WantsOurs,
        AlertDescription::UnknownCA
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => Fault::RefusesOurs,
        AlertDescription::UnrecognisedName => Fault::Name,
        _ => Fault::Other,
    }
}

fn fault_of(wrong: &CertificateError) -> Fault {
    match wrong {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Fault::Time,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Fault::Issuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::Name
        }
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => Fault::Issuer,
        _ => Fault::Other,
    }
}

fn alert_words(alert: AlertDescription, prepared: &Prepared) -> String {
    let names = prepared.names;
    let hint = match alert {
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate
            if prepared.own.is_none() =>
        {
            format!("; is {} missing?", names.certificate)
        }
        AlertDescription::UnrecognisedName => format!("; is {} right?", names.server_name),
        _ => String::new(),
    };
    format!("{}{hint}", refusal(alert))
}

/// What an alert of the server means.
fn refusal(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired => "it wants a certificate of ours and got none",
        AlertDescription::UnknownCA => "it does not trust the issuer of our certificate",
        AlertDescription::CertificateExpired => "our certificate has expired",
        AlertDescription::CertificateRevoked => "our certificate was revoked",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "it does not take our certificate, or its lack"
        }
        AlertDescription::DecryptError => {
            "our key does not fit our certificate, or its proof failed"
        }
        AlertDescription::AccessDenied => "our certificate is right, but may not come in",
        AlertDescription::ProtocolVersion => "it takes neither TLS 1.2 nor 1.3",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it shares no cipher with us, or wants a certificate of ours"
        }
        AlertDescription::UnrecognisedName => "it does not know the name that we asked for",
        other => return format!("the server refused, by the TLS alert {other:?}"),
    };
    format!("the server refused: {what} (TLS alert {alert:?})")
}

fn certificate(
    wrong: &CertificateError,
    leaf: Option<&Certificate>,
    roots: &str,
    names: Names,
) -> String {
    let whose = |same: bool| {
        if same {
            "the certificate of the server"
        } else {
            "a certificate between that of the server and its authority"
        }
    };
    match wrong {
        CertificateError::ExpiredContext { not_after, .. } => {
            let at = date(*not_after);
            let own = leaf.is_some_and(|leaf| Some(leaf.not_after) == at);
            format!("{} expired on {}", whose(own), day(at))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let at = date(*not_before);
            let own = leaf.is_some_and(|leaf| Some(leaf.not_before) == at);
            format!(
                "{} is valid from {} on; is the clock of this machine right?",
                whose(own),
                day(at)
            )
        }
        CertificateError::UnknownIssuer => format!(
            "the certificate of the server was issued by {}, who is not among {roots}; {} has to hold that authority",
            leaf.map_or("somebody", |leaf| leaf.issuer.as_str()),
            names.ca
        ),
        CertificateError::NotValidForNameContext { expected, .. } => match leaf {
            Some(leaf) if leaf.names.is_empty() => format!(
                "the certificate of the server, {}, carries no subjectAltName; it has to carry one with {}",
                leaf.subject,
                expected.to_str()
            ),
            Some(leaf) if is_misplaced(expected, leaf) => format!(
                "the certificate of the server carries {} as a DNS name, not as an IP address; it has to be renewed, or {} has to be another name that it carries",
                expected.to_str(),
                names.server_name
            ),
            leaf => format!(
                "the certificate of the server is for {}, not for {}; {} has to be a name that it carries",
                leaf.map_or("others".to_owned(), |leaf| leaf.names.join(", ")),
                expected.to_str(),
                names.server_name
            ),
        },
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate of the server is not for servers (extended key usage)".to_owned()
        }
        CertificateError::BadSignature => {
            format!("the certificate of the server carries a signature that is by none of {roots}")
        }
        CertificateError::Revoked => "the certificate of the server was revoked".to_owned(),
        other => {
            let text = format!("{other:?}");
            if text.contains("CaUsedAsEndEntity") {
                format!(
                    "the server presents the certificate of an authority as its own; {} may hold that very certificate to trust it",
                    names.ca
                )
            } else if text.contains("UnsupportedCertVersion") {
                "the certificate of the server is X.509 version 1, which carries no name; it must be version 3, with a subjectAltName"
                    .to_owned()
            } else {
                format!("the certificate of the server can't be taken: {other}")
            }
        }
    }
}

/// The certificate was meant for that address, and does not fit it.
fn is_misplaced(expected: &ServerName<'_>, leaf: &Certificate) -> bool {
    let ServerName::IpAddress(address) = expected else {
        return false;
    };
    let address = IpAddr::from(*address);
    leaf.misplaced.iter().any(|it| it.parse() == Ok(address))
}

/// Our own certificate or key can't be used.
pub(super) fn own_certificate(error: &Error, identity: &Identity, names: Names) -> TlsError {
    let (certificate, key) = (identity.certificate.display(), identity.key.display());
    let message = match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "{}: the key in {key} does not belong to the certificate in {certificate} ({}); the certificate itself has to be the first in its file",
            names.key, names.certificate
        ),
        Error::InvalidCertificate(wrong) => {
            let what = if format!("{wrong:?}").contains("UnsupportedCertVersion") {
                "is X.509 version 1; it must be version 3, which openssl x509 -req makes with -extfile".to_owned()
            } else {
                format!("can't be used: {wrong}")
            };
            format!(
                "{}: the certificate in {certificate} {what}",
                names.certificate
            )
        }
        error => format!(
            "{}: the key in {key} can't be used: {error}; it must be RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519",
            names.key
        ),
    };
    TlsError::new(Fault::Unfit, message)
}

fn date(at: UnixTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(at.as_secs()).ok()?, 0)
}

/// `2026-11-21 13:40 UTC`
pub(super) fn day(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "a day that can't be told".to_owned(),
        |at| at.format("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
