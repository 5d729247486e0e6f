//! The HTTP server: a thread of its own, a few connections, one request each.

use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::pages::{self, Site};
use super::{Metrics, Stuck};
use crate::config;

/// Connections at once; more wait in the backlog of the socket.
const CONNECTIONS: usize = 32;

/// How long a client may take for the head of its request, and for everything.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);

/// Octets of a head at most.
const HEAD_AT_MOST: usize = 16 * 1024;

/// Between two connections: however many ask, the daemon keeps the processor.
const PACE: Duration = Duration::from_millis(4);

/// Between attempts to listen where the port is taken.
const RETRY: Duration = Duration::from_secs(5);

/// How the server names itself, so that `esmed check-config` knows it.
const NAME: &str = concat!("esmed/", env!("CARGO_PKG_VERSION"));

/// Serves `/metrics` and the other pages where the configuration says.
pub struct Server {
    site: Arc<Site>,
    settings: watch::Receiver<config::Metrics>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Shows `metrics` at the address of `settings`, also when that changes; `/health` asks `stuck`.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        settings: watch::Receiver<config::Metrics>,
        stuck: Stuck,
    ) -> Self {
        Self {
            site: Arc::new(Site::new(metrics, stuck)),
            settings,
        }
    }

    /// Starts the thread, which ends when the sender of the settings is gone. A port that is taken is tried again
    /// and again: sending does not depend on it.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || runtime.block_on(self.run()))?;
        Ok(())
    }

    async fn run(mut self) {
        loop {
            let address = self.settings.borrow_and_update().listen;
            let changed = async {
                loop {
                    self.settings.changed().await?;
                    if self.settings.borrow_and_update().listen != address {
                        return Ok::<_, watch::error::RecvError>(());
                    }
                }
            };
            let serve = async {
                match address {
                    Some(address) => listen(&self.site, address).await,
                    None => {
                        let message = "[metrics] listen is empty: nothing is to be served";
                        self.site.metrics.told().fine(message.to_owned());
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                changed = changed => if changed.is_err() {
                    return;
                },
                () = serve => {}
            }
        }
    }
}

async fn listen(site: &Arc<Site>, address: SocketAddr) {
    let mut failed = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    let message = format!(
                        "[metrics] can't listen on {address}: {error}; tried again every {} s, and sending goes on",
                        RETRY.as_secs()
                    );
                    tracing::error!("{message}");
                    site.metrics.told().failed(message);
                }
                sleep(RETRY).await;
            }
        }
    };
    tracing::info!("metrics and the status page are served at http://{address}/");
    let message = format!("[metrics] listens on {address} now");
    site.metrics.told().fine(message);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(site);
                tokio::spawn(async move {
                    // Who takes longer is cut off.
                    let _ = timeout(PATIENCE, answer(&site, stream)).await;
                    drop(place);
                });
                sleep(PACE).await;
            }
            Err(error) => {
                // Too many open files, say.
                tracing::debug!(%error, "a connection to the metrics could not be accepted");
                sleep(RETRY).await;
            }
        }
    }
}

async fn answer(site: &Site, stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<Response<Full<Bytes>>, Infallible>(pages::respond(site, &request, NAME))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_AT_MOST)
        .max_headers(64)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a client of the metrics");
    }
}

/// Whether `address` could be listened on: a line for people, and whether all is well.
#[must_use]
pub fn probe(address: SocketAddr) -> (String, bool) {
    let Err(error) = std::net::TcpListener::bind(address) else {
        return (format!("metrics: {address} is free to listen on"), true);
    };
    if error.kind() == io::ErrorKind::AddrInUse && is_served_by_us(address) {
        return (
            format!("metrics: {address} is served by esmed already"),
            true,
        );
    }
    (
        format!(
            "metrics: can't listen on {address}: {error}; [metrics] listen must be an address of this machine and a free port"
        ),
        false,
    )
}

fn is_served_by_us(mut address: SocketAddr) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let ask = || {
        let mut stream = StdStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: esmed\r\n\r\n")?;
        let mut head = [0; 1024];
        let mut length = 0;
        while length < head.len() {
            match stream.read(&mut head[length..])? {
                0 => break,
                read => length += read,
            }
        }
        Ok::<_, io::Error>(String::from_utf8_lossy(&head[..length]).contains("server: esmed/"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn free() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn get(address: SocketAddr, path: &str) -> Option<String> {
        let mut stream = StdStream::connect(address).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn until(what: &str, mut is: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is() {
            assert!(Instant::now() < until, "never {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_change_of_settings_moves_it_and_what_was_counted_stays() {
        let at = |address| config::Metrics {
            listen: Some(address),
        };
        let (first, second) = (free(), free());
        let metrics = Arc::new(Metrics::new("x"));
        metrics.submitted();
        let (settings, known) = watch::channel(at(first));
        Server::new(metrics, known, Arc::new(|| Some("recorder")))
            .start()
            .unwrap();
        until("served", || get(first, "/health").is_some());
        let stuck = get(first, "/health").unwrap();
        assert!(stuck.starts_with("HTTP/1.1 503 "), "{stuck}");
        assert!(stuck.ends_with("\r\n\r\nstuck: recorder\n"), "{stuck}");

        settings.send_replace(at(second));
        until("moved", || get(second, "/metrics").is_some());
        assert!(StdStream::connect(first).is_err());
        let scraped = get(second, "/metrics").unwrap();
        assert!(scraped.contains("esmed_submits_total{lane=\"x\"} 1\n"));
        assert!(probe(second).1 && probe(first).1);

        settings.send_replace(config::Metrics::default());
        until("switched off", || StdStream::connect(second).is_err());
        settings.send_replace(at(first));
        until("switched on", || get(first, "/").is_some());
        drop(settings);
        until("ended", || StdStream::connect(first).is_err());
    }

    #[test]
    fn an_smsc_that_makes_statuses_up_makes_few_labels() {
        let metrics = Metrics::new("x");
        for status in 0x1000..0x2000 {
            metrics.answered(crate::pdu::CommandStatus(status), None);
        }
        let labels = metrics.answers();
        assert_eq!(labels.len(), 33, "{labels:?}");
        assert_eq!(labels["0x00001000"], 1);
        assert_eq!(labels["other"], 0x1000 - 32);
    }
}
