//! Connections to PostgreSQL with and without TLS, as libpq's `sslmode` says.
//!
//! Glue of our own, for that of `tokio-postgres-rustls` reads its files once, knows neither `verify-ca` nor what libpq does
//! where TLS fails, and has no room for errors that name a key.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_postgres::Connect;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode as Mode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_rustls::client::TlsStream;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_1_WITH_RSA_ENCRYPTION,
    SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};

use crate::config::{self, SslMode};
use crate::tls::{Prepared, Settings, TlsError, in_words};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What drives a connection: it has to be polled for the client to get answers.
pub type PgConnection = Connection<Socket, PgStream<Socket>>;

/// Opens connections by `[database] sslmode`, to whatever server a [`Config`] names.
#[derive(Debug, Clone)]
pub struct Connector {
    mode: SslMode,
    settings: Settings,
}

/// The connector that `[database]` asks for.
#[must_use]
pub fn connector(database: &config::Database) -> Connector {
    Connector {
        mode: database.sslmode,
        settings: database.tls(),
    }
}

impl Connector {
    /// Opens a connection. The `ssl_mode` of `config` is not heeded. Files are read anew.
    ///
    /// # Errors
    /// Of the server, the network or TLS; where it was tried with and without TLS, the first of both.
    pub async fn connect(&self, config: &Config) -> Result<(Client, PgConnection), Error> {
        let only_sockets = config
            .get_hosts()
            .iter()
            .all(|host| matches!(host, Host::Unix(_)));
        if only_sockets {
            return self.attempt(config, Mode::Disable).await;
        }
        match self.mode {
            SslMode::Disable => self.attempt(config, Mode::Disable).await,
            SslMode::Allow => {
                let refused = match self.attempt(config, Mode::Disable).await {
                    Err(error) if is_refused(&error) => error,
                    other => return other,
                };
                let secured = self.attempt(config, Mode::Require).await;
                secured.map_err(|error| if lacks_tls(&error) { refused } else { error })
            }
            SslMode::Prefer => match self.attempt(config, Mode::Prefer).await {
                Err(error) if is_tls(&error) || is_refused(&error) => {
                    let plain = self.attempt(config, Mode::Disable).await;
                    if plain.is_ok() && is_tls(&error) {
                        tracing::warn!(
                            "sslmode is prefer, and TLS failed: the database is reached without ({})",
                            super::error::message(&error)
                        );
                    }
                    plain.map_err(|_| error)
                }
                other => other,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                self.attempt(config, Mode::Require).await
            }
        }
    }

    async fn attempt(&self, config: &Config, mode: Mode) -> Result<(Client, PgConnection), Error> {
        let prepared = if mode == Mode::Disable {
            None
        } else {
            Some(self.settings.prepare_aside().await)
        };
        let mut config = config.clone();
        config.ssl_mode(mode);
        config.connect(MakeTls { prepared }).await
    }
}

/// TLS was asked for and did not come about: tokio-postgres tells it in no other way.
fn is_tls(error: &Error) -> bool {
    error
        .to_string()
        .starts_with("error performing TLS handshake")
}

fn lacks_tls(error: &Error) -> bool {
    super::error::message(error).contains("server does not support TLS")
}

/// pg_hba.conf has no line for it, or one that refuses; it may have another for a connection with, or without, TLS.
fn is_refused(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// Connections for the pool: to the first of several hosts that can be used.
pub(super) struct Pooled {
    pub(super) connector: Connector,
    pub(super) configs: Vec<Config>,
}

/// To the first host that can be used, or the error of the last.
pub(super) async fn first(
    connector: &Connector,
    configs: &[Config],
) -> Result<(Client, PgConnection), Error> {
    let mut result = None;
    for config in configs {
        match connector.connect(config).await {
            Ok(connected) => return Ok(connected),
            Err(error) => result = Some(Err(error)),
        }
    }
    match result {
        Some(result) => result,
        // Tells that there is no host.
        None => connector.connect(&Config::new()).await,
    }
}

type Opening<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Pooled {
    fn connect(&self, _: &Config) -> Opening<'_> {
        Box::pin(async move {
            let (client, connection) = first(&self.connector, &self.configs).await?;
            let pump = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    // Whoever waits for an answer is told too.
                    tracing::debug!(%error, "a connection to the database ended");
                }
            });
            Ok((client, pump))
        })
    }
}

/// Makes a [`StartTls`] for each host.
#[derive(Clone)]
struct MakeTls {
    prepared: Option<Result<Prepared, TlsError>>,
}

impl<S> MakeTlsConnect<S> for MakeTls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = PgStream<S>;
    type TlsConnect = StartTls;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<StartTls, io::Error> {
        Ok(StartTls {
            prepared: self.prepared.clone(),
            host: host.to_owned(),
        })
    }
}

/// Starts TLS with a server that has said that it can.
struct StartTls {
    prepared: Option<Result<Prepared, TlsError>>,
    host: String,
}

impl<S> TlsConnect<S> for StartTls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = PgStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<PgStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let prepared = match self.prepared {
                Some(Ok(prepared)) => prepared,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::other("TLS was not asked for")),
            };
            let shake = prepared.handshake(&self.host, "that port", stream);
            match timeout(PATIENCE, shake).await {
                Ok(Ok((stream, _))) => Ok(PgStream(stream)),
                Ok(Err(error)) => Err(io::Error::other(error)),
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "no answer to the TLS handshake in time",
                )),
            }
        })
    }
}

/// A connection to PostgreSQL under TLS.
#[derive(Debug)]
pub struct PgStream<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for PgStream<S> {
    /// For SCRAM-SHA-256-PLUS: the hash of the server's certificate (`tls-server-end-point`, RFC 5929, 4.1).
    fn channel_binding(&self) -> ChannelBinding {
        let leaf = self.0.get_ref().1.peer_certificates();
        leaf.and_then(|chain| end_point(chain.first()?))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// `None` where the signature has no hash of its own (Ed25519, RSA-PSS): nothing is defined for these, and PostgreSQL can't
/// bind to them either.
fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    Some(match certificate.signature_algorithm().oid {
        // SHA-1 is raised to SHA-256.
        SHA_1_WITH_RSA_ENCRYPTION | SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => {
            Sha256::digest(der).to_vec()
        }
        SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Sha384::digest(der).to_vec(),
        SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Sha512::digest(der).to_vec(),
        _ => return None,
    })
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PgStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0)
            .poll_read(context, buffer)
            .map_err(in_words)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PgStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
