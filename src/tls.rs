//! TLS as a client, to an SMSC and to PostgreSQL: whom to trust, by which name, with which certificate of our own.
//!
//! TLS 1.2 and 1.3. Files are read by [`Settings::prepare`], so that a renewed file is used by the next connection.

mod certificate;
mod expiry;
mod fault;
mod files;
mod stream;
mod verifier;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use certificate::Certificate;
pub use expiry::{Expiry, Told};
pub use fault::Fault;
pub use stream::{Secured, Stream, in_words};
pub use verifier::Verify;

use verifier::Verifier;

/// Where the certificates of the authorities are that we trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Where the system has them.
    System,
    /// A PEM file with one or several.
    File(PathBuf),
}

/// Our own certificate and its key, each in a PEM file, or both in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and behind it those between it and its authority.
    pub certificate: PathBuf,
    /// The key, as PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: PathBuf,
}

/// What users call the settings: errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// The file of authorities.
    pub ca: &'static str,
    /// The file of our certificate.
    pub certificate: &'static str,
    /// The file of its key.
    pub key: &'static str,
    /// The name that the certificate of the server has to carry.
    pub server_name: &'static str,
}

impl Names {
    /// Columns of `smpp_servers`.
    pub const SMSC: Self = Self {
        ca: "esme_tls_ca_file",
        certificate: "esme_tls_cert_file",
        key: "esme_tls_key_file",
        server_name: "esme_tls_server_name",
    };

    /// Keys of the configuration.
    pub const DATABASE: Self = Self {
        ca: "[database] sslrootcert",
        certificate: "[database] sslcert",
        key: "[database] sslkey",
        server_name: "[database] host",
    };
}

/// TLS with one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// How.
    pub settings: Settings,
    /// The name that its certificate has to carry, and that it is asked for (SNI); `None`: the host that we connect to.
    pub server_name: Option<String>,
}

/// How a client behaves in TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How much of the server's certificate is checked.
    pub verify: Verify,
    /// Against whom.
    pub roots: Roots,
    /// What the server is shown when it asks.
    pub identity: Option<Identity>,
    /// For errors.
    pub names: Names,
}

/// Why there is no TLS; one line that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TlsError {
    /// In words.
    pub message: String,
    /// What kind of trouble it is.
    pub fault: Fault,
    /// What the server presented, if it came to that.
    pub peer: Option<Box<Certificate>>,
}

impl TlsError {
    fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fault,
            peer: None,
        }
    }
}

/// What both ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLS 1.3`
    pub version: &'static str,
    /// `TLS13_AES_256_GCM_SHA384`
    pub cipher: String,
    /// Of the server itself, without the chain.
    pub peer: Option<Certificate>,
    /// Our own, if there is one, whether or not the server asked for it.
    pub own: Option<Certificate>,
}

/// Settings with their files read.
#[derive(Debug, Clone)]
pub struct Prepared {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    own: Option<Certificate>,
    names: Names,
}

/// ring: it needs no more than a C compiler, and Debian's machines all have its instructions.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Settings {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file is missing, can't be read, or has not what it should; the message names setting and file.
    pub fn prepare(&self) -> Result<Prepared, TlsError> {
        let provider = provider();
        let names = self.names;
        let verifier = Arc::new(match (self.verify, &self.roots) {
            (Verify::Nothing, _) => Verifier::trusting(&provider),
            (verify, Roots::System) => Verifier::new(
                verify,
                files::system_roots(names)?,
                names,
                "the authorities of this machine",
                &provider,
            )?,
            (verify, Roots::File(path)) => Verifier::new(
                verify,
                files::certificates(path, names.ca)?,
                names,
                &format!("those in {} ({})", names.ca, path.display()),
                &provider,
            )?,
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::new(Fault::Other, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
        let (config, own) = match &self.identity {
            None => (builder.with_no_client_auth(), None),
            Some(identity) => {
                let chain = files::certificates(&identity.certificate, names.certificate)?;
                let key = files::key(&identity.key, names.key)?;
                let own = chain.first().and_then(|leaf| Certificate::read(leaf));
                let config = builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| words::own_certificate(&error, identity, names))?;
                (config, own)
            }
        };
        Ok(Prepared {
            config: Arc::new(config),
            verifier,
            own,
            names,
        })
    }

    /// The same without holding up other tasks: files may lie on a slow disk.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub async fn prepare_aside(&self) -> Result<Prepared, TlsError> {
        let settings = self.clone();
        tokio::task::spawn_blocking(move || settings.prepare())
            .await
            .unwrap_or_else(|error| Err(TlsError::new(Fault::Other, error.to_string())))
    }

    /// The certificate that the server is shown, read from its file now.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn own_certificate(&self) -> Result<Option<Certificate>, TlsError> {
        let Some(identity) = &self.identity else {
            return Ok(None);
        };
        let chain = files::certificates(&identity.certificate, self.names.certificate)?;
        Ok(chain.first().and_then(|leaf| Certificate::read(leaf)))
    }
}

impl Prepared {
    /// Speaks TLS over `stream` with a server that has to be `server_name` (a host name or an IP address). `place` is
    /// what errors call the port, e.g. `port 2775`.
    ///
    /// # Errors
    /// When the handshake fails, with the certificate that the server presented, if it came to that.
    pub async fn handshake<S>(
        &self,
        server_name: &str,
        place: &str,
        stream: S,
    ) -> Result<(TlsStream<S>, Negotiated), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| {
            TlsError::new(Fault::Name, format!(
                "{server_name:?} is neither a host name nor an IP address; {} has to be the name in the certificate",
                self.names.server_name
            ))
        })?;
        // Of this handshake only, for certificates of others may be looked at beside it.
        let seen = self.verifier.for_one_handshake();
        let mut config = ClientConfig::clone(&self.config);
        config
            .dangerous()
            .set_certificate_verifier(Arc::clone(&seen) as _);
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| {
                let (fault, message) = words::handshake(&error, &seen, self, place);
                TlsError {
                    message,
                    fault,
                    peer: seen.leaf().map(Box::new),
                }
            })?;
        let negotiated = self.negotiated(stream.get_ref().1);
        Ok((stream, negotiated))
    }

    fn negotiated(&self, connection: &ClientConnection) -> Negotiated {
        Negotiated {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                _ => "TLS",
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown")
                .to_owned(),
            peer: connection
                .peer_certificates()
                .and_then(|chain| chain.first())
                .and_then(|leaf| Certificate::read(leaf)),
            own: self.own.clone(),
        }
    }
}
