//! Certificates and keys from PEM files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Fault, Names, TlsError};

/// Far more than a file of all authorities takes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The file that `setting` names.
fn read(path: &Path, setting: &str) -> Result<Vec<u8>, TlsError> {
    let wrong = |error: io::Error| {
        let (fault, hint) = match error.kind() {
            io::ErrorKind::NotFound => (
                Fault::Missing,
                "; it must be a file on the machine of the daemon",
            ),
            io::ErrorKind::PermissionDenied => (
                Fault::Unreadable,
                "; the user of the daemon must be allowed to read it",
            ),
            _ => (Fault::Unreadable, ""),
        };
        TlsError::new(
            fault,
            format!("{setting}: can't read {}: {error}{hint}", path.display()),
        )
    };
    // Opening a pipe, say, would wait for somebody to write to it.
    if !fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(TlsError::new(
            Fault::Unfit,
            format!("{setting}: {} is not a file", path.display()),
        ));
    }
    let mut octets = Vec::new();
    File::open(path)
        .map_err(wrong)?
        .take(LONGEST + 1)
        .read_to_end(&mut octets)
        .map_err(wrong)?;
    if octets.len() as u64 > LONGEST {
        return Err(TlsError::new(
            Fault::Unfit,
            format!(
                "{setting}: {} is longer than {LONGEST} octets",
                path.display()
            ),
        ));
    }
    Ok(octets)
}

/// All certificates of a file, at least one.
pub(super) fn certificates(
    path: &Path,
    setting: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let octets = read(path, setting)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    // What is wrong is not quoted: the file may be that of a key.
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(TlsError::new(
            Fault::Unfit,
            format!(
                "{setting}: {} holds no certificate; it must be PEM, with -----BEGIN CERTIFICATE-----",
                path.display()
            ),
        )),
        Err(_) => Err(TlsError::new(
            Fault::Unfit,
            format!(
                "{setting}: {} is broken PEM; each certificate must stand whole between its BEGIN and END lines",
                path.display()
            ),
        )),
    }
}

/// The first key of a file.
pub(super) fn key(path: &Path, setting: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let octets = read(path, setting)?;
    PrivateKeyDer::from_pem_slice(&octets).map_err(|_| {
        let has = |word: &[u8]| octets.windows(word.len()).any(|part| part == word);
        let what = if has(b"ENCRYPTED") {
            "is protected by a passphrase; esmed needs one without: openssl pkey -in FILE -out NEW"
        } else {
            "holds no private key; it must be PEM, with -----BEGIN PRIVATE KEY-----"
        };
        TlsError::new(
            Fault::Unfit,
            format!("{setting}: {} {what}", path.display()),
        )
    })
}

/// The authorities that the system trusts.
pub(super) fn system_roots(names: Names) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(TlsError::new(
            Fault::Issuer,
            format!(
                "this machine has no certificates of authorities: install ca-certificates, or name a file in {}",
                names.ca
            ),
        ));
    }
    Ok(found.certs)
}
