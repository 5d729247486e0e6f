//! Checks the certificate of a server.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::{Certificate, Fault, Names, TlsError};

/// How much of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Nothing: whoever is in between can be anybody.
    Nothing,
    /// That somebody we trust issued it, not for whom.
    Chain,
    /// Also that it is for the server that we want.
    Full,
}

/// Also remembers what it has seen, for a failed handshake leaves nothing else of it.
#[derive(Debug)]
pub(super) struct Verifier {
    verify: Verify,
    webpki: Option<Arc<WebPkiServerVerifier>>,
    /// What may be presented itself, though it is no authority: a self-signed one.
    trusted: Arc<[CertificateDer<'static>]>,
    algorithms: WebPkiSupportedAlgorithms,
    roots: Arc<str>,
    seen: OnceLock<CertificateDer<'static>>,
}

impl Verifier {
    /// Takes everything.
    pub(super) fn trusting(provider: &CryptoProvider) -> Self {
        Self {
            verify: Verify::Nothing,
            webpki: None,
            trusted: Arc::from([]),
            algorithms: provider.signature_verification_algorithms,
            roots: Arc::from(""),
            seen: OnceLock::new(),
        }
    }

    /// Trusts `certificates`; `roots` is what errors call them.
    pub(super) fn new(
        verify: Verify,
        certificates: Vec<CertificateDer<'static>>,
        names: Names,
        roots: &str,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
        if added == 0 {
            return Err(TlsError::new(
                Fault::Unfit,
                format!(
                    "{}: none of {roots} can be read as an X.509 certificate",
                    names.ca
                ),
            ));
        }
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
                .build()
                .map_err(|error| TlsError::new(Fault::Unfit, format!("{}: {error}", names.ca)))?;
        Ok(Self {
            verify,
            webpki: Some(webpki),
            trusted: certificates.into(),
            algorithms: provider.signature_verification_algorithms,
            roots: Arc::from(roots),
            seen: OnceLock::new(),
        })
    }

    /// The same, which has seen nothing yet.
    pub(super) fn for_one_handshake(&self) -> Arc<Self> {
        Arc::new(Self {
            verify: self.verify,
            webpki: self.webpki.clone(),
            trusted: Arc::clone(&self.trusted),
            algorithms: self.algorithms,
            roots: Arc::clone(&self.roots),
            seen: OnceLock::new(),
        })
    }

    /// What the server presented.
    pub(super) fn leaf(&self) -> Option<Certificate> {
        self.seen.get().and_then(|der| Certificate::read(der))
    }

    /// Whom we trust, in words.
    pub(super) fn roots(&self) -> &str {
        &self.roots
    }

    /// A certificate that stands itself among those we trust needs no issuer: webpki would refuse it, for it is no
    /// authority, or is one and must not be a server's. Time and name count all the same.
    fn trusted_itself(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, Error> {
        if !self.trusted.iter().any(|it| it == leaf) {
            return Ok(false);
        }
        let Some(certificate) = Certificate::read(leaf) else {
            return Ok(false);
        };
        let unix = |at: chrono::DateTime<chrono::Utc>| {
            let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
            UnixTime::since_unix_epoch(Duration::from_secs(seconds))
        };
        let not_before = unix(certificate.not_before);
        let not_after = unix(certificate.not_after);
        if now < not_before {
            let time = now;
            return Err(CertificateError::NotValidYetContext { time, not_before }.into());
        }
        if now > not_after {
            let time = now;
            return Err(CertificateError::ExpiredContext { time, not_after }.into());
        }
        if self.verify == Verify::Full {
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        }
        Ok(true)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Set once: a handshake verifies one certificate.
        let _ = self.seen.set(leaf.clone().into_owned());
        let Some(webpki) = &self.webpki else {
            return Ok(ServerCertVerified::assertion());
        };
        if self.trusted_itself(leaf, name, now)? {
            return Ok(ServerCertVerified::assertion());
        }
        match webpki.verify_server_cert(leaf, intermediates, name, ocsp_response, now) {
            // The name is looked at last: the chain is right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Chain => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}
