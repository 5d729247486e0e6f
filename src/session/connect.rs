//! Opens the TCP connection to an SMSC.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

/// Idle time before the first keepalive probe: below the usual 60 s of stateful firewalls.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(45);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Connects to the first address of `host` that answers, without Nagle's delay and with keepalive.
///
/// # Errors
/// When the name can't be resolved, no address answers within `patience`, or `host` is empty; the
/// message says which.
pub async fn connect(host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
    if host.trim().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "host is empty; it must be the name or address of the SMSC",
        ));
    }
    tokio::time::timeout(patience, connect_any(host, port))
        .await
        .unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "no connection to {host}:{port} within {} s",
                    patience.as_secs()
                ),
            ))
        })
}

async fn connect_any(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE_AFTER)
                    .with_interval(KEEPALIVE_INTERVAL);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                return Ok(stream);
            }
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(last)
}
