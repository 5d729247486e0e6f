//! TLS of the simulator, and the connection with or without it as its sessions use it.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use clap::ValueEnum;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// Versions that a server can be kept to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsVersion {
    /// TLS 1.2 alone.
    #[value(name = "1.2")]
    V12,
    /// TLS 1.3 alone.
    #[value(name = "1.3")]
    V13,
}

/// TLS of a simulator. The files are read for each connection, so that they can be replaced while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the certificate, and of those behind it.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// PEM file of the authorities whose client certificates are taken; with it a client has to have one.
    pub client_ca: Option<PathBuf>,
    /// The only version that is spoken; `None`: TLS 1.2 and 1.3.
    pub version: Option<TlsVersion>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let at = |path: &PathBuf, error: &dyn std::fmt::Display| {
            io::Error::other(format!("can't use {}: {error}", path.display()))
        };
        let in_pem = |path: &PathBuf, what: &str, error: pem::Error| match error {
            pem::Error::Io(error) => {
                io::Error::other(format!("can't read {}: {error}", path.display()))
            }
            pem::Error::NoItemsFound => at(path, &format!("it holds no {what} in PEM")),
            error => at(path, &error),
        };
        let certificates = |path: &PathBuf| -> io::Result<Vec<CertificateDer<'static>>> {
            let all: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            match all {
                Ok(all) if all.is_empty() => {
                    Err(in_pem(path, "certificate", pem::Error::NoItemsFound))
                }
                Ok(all) => Ok(all),
                Err(error) => Err(in_pem(path, "certificate", error)),
            }
        };
        let provider = Arc::new(ring::default_provider());
        let versions: &[&SupportedProtocolVersion] = match self.version {
            None => &[&TLS12, &TLS13],
            Some(TlsVersion::V12) => &[&TLS12],
            Some(TlsVersion::V13) => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(io::Error::other)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| at(path, &error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| at(path, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| in_pem(&self.key, "key", error))?;
        let config = builder
            .with_single_cert(certificates(&self.certificate)?, key)
            .map_err(|error| self.refused(&error))?;
        Ok(Arc::new(config))
    }

    /// Why certificate and key can't be used.
    fn refused(&self, error: &rustls::Error) -> io::Error {
        let certificate = self.certificate.display();
        let why = match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("the key {} is that of another one", self.key.display())
            }
            // What `openssl x509 -req` makes; the parser's own type of error is not ours to name.
            error if error.to_string().contains("UnsupportedCertVersion") => {
                "it is of version 1, and TLS needs version 3; make one with: openssl req -x509 -newkey rsa:2048 -nodes \
                 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem"
                    .to_owned()
            }
            error => error.to_string(),
        };
        io::Error::other(format!("can't use the certificate {certificate}: {why}"))
    }
}

/// One connection of a client.
pub(super) struct Link {
    stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

/// The socket as rustls wants it, which waits for nothing.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link {
    /// With TLS where there is a configuration.
    pub(super) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let tls = match tls {
            Some(config) => {
                let tls = ServerConnection::new(config).map_err(io::Error::other)?;
                Some(Box::new(tls))
            }
            None => None,
        };
        Ok(Self { stream, tls })
    }

    /// The socket below.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether TLS holds something that is to be written.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Waits until the socket can be read, or be written too where something of TLS has to leave.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<()> {
        let interest = if self.has_unsent() {
            interest | Interest::WRITABLE
        } else {
            interest
        };
        self.stream.ready(interest).await.map(drop)
    }

    /// Writes as much as is taken now.
    pub(super) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.try_write(octets),
            Some(tls) => match tls.writer().write(octets)? {
                // Its buffer is full.
                0 => {
                    self.try_flush()?;
                    Err(io::ErrorKind::WouldBlock.into())
                }
                taken => Ok(taken),
            },
        }
    }

    /// Writes what TLS holds back; `WouldBlock` where the socket does not take all of it.
    pub(super) fn try_flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                if tls.write_tls(&mut Socket(&self.stream))? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
        }
        Ok(())
    }

    /// Reads what has arrived; 0 at the end of the stream.
    pub(super) fn try_read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.stream.try_read_buf(buffer);
        };
        let mut chunk = [0; 16 * 1024];
        loop {
            match tls.reader().read(&mut chunk) {
                Ok(read) => {
                    buffer.put_slice(&chunk[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Without close_notify, as when TCP ends.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            if tls.read_tls(&mut Socket(&self.stream))? == 0 {
                return Ok(0);
            }
            let processed = tls.process_new_packets();
            let flushed = {
                let mut socket = Socket(&self.stream);
                let mut flush = || -> io::Result<()> {
                    while tls.wants_write() {
                        tls.write_tls(&mut socket)?;
                    }
                    Ok(())
                };
                flush()
            };
            // An alert has had its try.
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            match flushed {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    /// Ends our side of the stream.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // Where it is not taken the end of TCP says the same.
            let _ = self.try_flush();
        }
        self.stream.shutdown().await
    }
}
