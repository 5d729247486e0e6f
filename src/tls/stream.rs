//! A connection with or without TLS, as the driver of a session needs it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::words::refused_later;
use super::{Fault, TlsError};

/// A connection to an SMSC.
#[derive(Debug)]
pub enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP; boxed, for it is large.
    Tls(Box<Secured<TcpStream>>),
}

/// TLS over `S`, true to what a write says.
///
/// What a write has taken may have left, in part or whole, also when it then fails: so a failed write counts as taken,
/// and the error comes with the next one or with a flush. A peer that ends the connection without close_notify ends it
/// all the same: what is whole and what is not SMPP tells by itself.
#[derive(Debug)]
pub struct Secured<S> {
    inner: TlsStream<S>,
    /// Told again and again: nothing can be written any more.
    failed: Option<(io::ErrorKind, TlsError)>,
}

impl<S> Secured<S> {
    /// Over a stream whose handshake is done.
    pub fn new(inner: TlsStream<S>) -> Self {
        Self {
            inner,
            failed: None,
        }
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some((kind, error)) => Err(io::Error::new(*kind, error.clone())),
            None => Ok(()),
        }
    }
}

/// The same error in words for people, of a connection whose handshake was done: with TLS 1.3 a server looks at the
/// certificate of the client only then.
#[must_use]
pub fn in_words(error: io::Error) -> io::Error {
    match refused_later(&error) {
        Some(tls) => io::Error::new(error.kind(), tls),
        None => error,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(
            match ready!(Pin::new(&mut self.inner).poll_read(context, buffer)) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                read => read.map_err(in_words),
            },
        )
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        match ready!(Pin::new(&mut self.inner).poll_write(context, octets)) {
            Ok(taken) => Poll::Ready(Ok(taken)),
            Err(error) => {
                let error = in_words(error);
                let fault = Fault::of(&error).unwrap_or(Fault::Other);
                let told = TlsError::new(fault, error.to_string());
                self.failed = Some((error.kind(), told));
                Poll::Ready(Ok(octets.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner)
            .poll_flush(context)
            .map_err(in_words)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}
