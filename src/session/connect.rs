//! Opens the TCP connection to an SMSC.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

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
    let until = Instant::now() + patience;
    let addresses = timeout_at(until, lookup_host((host, port)))
        .await
        .unwrap_or_else(|_| {
            Err(too_late(format!(
                "{host} could not be looked up within {} s",
                patience.as_secs()
            )))
        })?
        .collect();
    let stream = connect_any(addresses, until).await.unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{host} has no address"),
        ))
    })?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
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
