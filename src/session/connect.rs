//! Opens the connection to an SMSC: name, TCP, TLS, each also by itself.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::tls::{Client, Fault, Negotiated, Secured, Stream, TlsError};

/// Idle time before the first keepalive probe: below the usual 60 s of stateful firewalls.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(45);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A connection that is ready for SMPP.
#[derive(Debug)]
pub struct Connected {
    /// For the driver.
    pub stream: Stream,
    /// What was agreed on in TLS; `None` without it.
    pub tls: Option<Negotiated>,
}

/// Why there is no connection; one line.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name can't be looked up, or no address answers.
    #[error("{0}")]
    Tcp(#[from] io::Error),
    /// It does not come to TLS as it was asked for.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

/// Connects to the first address of `host` that answers, and speaks TLS with it where `tls` says how; all of it takes
/// `patience` at most.
///
/// # Errors
/// When the name can't be resolved, no address answers, TLS fails, or `host` is empty; the message says which.
pub async fn connect(
    host: &str,
    port: u16,
    tls: Option<&Client>,
    patience: Duration,
) -> Result<Connected, ConnectError> {
    let until = Instant::now() + patience;
    let addresses = resolve(host, port, until).await?;
    let stream = open_tcp(addresses, until).await?;
    let Some(client) = tls else {
        return Ok(Connected {
            stream: Stream::Plain(stream),
            tls: None,
        });
    };
    let (stream, negotiated) = handshake(stream, client, host, port, until).await?;
    Ok(Connected {
        stream,
        tls: Some(negotiated),
    })
}

/// The addresses of `host`, at least one.
///
/// # Errors
/// When there is none, the name can't be looked up by then, or is empty.
pub async fn resolve(host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
    if host.trim().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "host is empty; it must be the name or address of the SMSC",
        ));
    }
    let patience = until.saturating_duration_since(Instant::now());
    let addresses: Vec<SocketAddr> = timeout_at(until, lookup_host((host, port)))
        .await
        .unwrap_or_else(|_| {
            Err(too_late(format!(
                "{host} could not be looked up within {} s",
                patience.as_secs()
            )))
        })?
        .collect();
    if addresses.is_empty() {
        return Err(no_address(host));
    }
    Ok(addresses)
}

/// A TCP connection to the first address that answers, without Nagle's delay and with keepalive.
///
/// # Errors
/// The last one, when no address answers by then; the message says which address.
pub async fn open_tcp(addresses: Vec<SocketAddr>, until: Instant) -> io::Result<TcpStream> {
    let stream = connect_any(addresses, until)
        .await
        .unwrap_or_else(|| Err(no_address("the host")))?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Reads the files that `client` names, and speaks TLS over `stream`, which is one to `host` and `port`.
///
/// # Errors
/// When a file can't be used, the handshake fails, or is not done by then.
pub async fn handshake(
    stream: TcpStream,
    client: &Client,
    host: &str,
    port: u16,
    until: Instant,
) -> Result<(Stream, Negotiated), TlsError> {
    let place = format!("port {port}");
    let name = client.server_name.as_deref().unwrap_or(host);
    let shake = async {
        let prepared = client.settings.prepare_aside().await?;
        prepared.handshake(name, &place, stream).await
    };
    let (stream, negotiated) = timeout_at(until, shake).await.unwrap_or_else(|_| {
        Err(TlsError {
            message: format!("no answer to the TLS handshake in time; is {place} the one for TLS?"),
            fault: Fault::NoTls,
            peer: None,
        })
    })?;
    Ok((Stream::Tls(Box::new(Secured::new(stream))), negotiated))
}

fn no_address(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"))
}

/// The first connection, or the last error; `None` without any address.
///
/// Each address has its share of the time that is left, so that a silent one leaves some to the
/// others.
async fn connect_any(addresses: Vec<SocketAddr>, until: Instant) -> Option<io::Result<TcpStream>> {
    let mut last = None;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = until.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        last = Some(match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Some(Ok(stream)),
            Ok(Err(error)) => Err(io::Error::new(error.kind(), format!("{address}: {error}"))),
            Err(_) => Err(too_late(format!(
                "{address} did not answer within {:.1} s",
                share.as_secs_f64()
            ))),
        });
    }
    last
}

fn too_late(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A listener whose queue is full: the system leaves further connections without an answer.
    fn silent() -> (SocketAddr, Vec<Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            sockets.push(socket);
        }
        (address.as_socket().unwrap(), sockets)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_leaves_time_for_the_next() {
        let (mute, _sockets) = silent();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let open = listener.local_addr().unwrap();
        let start = Instant::now();
        let stream = connect_any(vec![mute, open], start + PATIENCE).await;
        assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), open);
        let took = start.elapsed();
        assert!(took >= PATIENCE / 2 && took < PATIENCE, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_patience_is_not_passed_and_the_last_error_told() {
        let (mute, _sockets) = silent();
        let start = Instant::now();
        let stream = connect_any(vec![mute, mute, mute], start + PATIENCE).await;
        let error = stream.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            error.to_string(),
            format!("{mute} did not answer within 10.0 s")
        );
        let took = start.elapsed();
        assert!(took <= PATIENCE + Duration::from_millis(10), "{took:?}");

        let closed = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            listener.local_addr().unwrap()
        };
        let stream = connect_any(vec![mute, closed], Instant::now() + PATIENCE).await;
        let error = stream.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect_any(Vec::new(), Instant::now()).await.is_none());
    }
}
