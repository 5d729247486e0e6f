//! What the daemon shows of itself over HTTP.

mod browser;
mod documents;
mod http;
mod page;
mod scrape;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{Daemon, World, own_address};

const PATIENCE: Duration = Duration::from_secs(60);

/// The pages of a daemon.
#[derive(Debug, Clone, Copy)]
struct Pages {
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Pages {
    /// Where nobody listens, before and after the daemon does.
    fn free() -> Self {
        // Below those that the system gives to connections.
        const PORT: u16 = 9464;
        let address = SocketAddr::from((own_address(), PORT));
        Self { address }
    }

    fn url(self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The answer to octets; `None` where nobody listens or the connection is cut.
    async fn send(self, octets: &[u8]) -> Option<Answer> {
        let ask = async {
            let mut stream = TcpStream::connect(self.address).await.ok()?;
            stream.write_all(octets).await.ok()?;
            let mut text = Vec::new();
            stream.read_to_end(&mut text).await.ok()?;
            let text = String::from_utf8(text).ok()?;
            let (head, body) = text.split_once("\r\n\r\n")?;
            Some(Answer {
                status: head.split(' ').nth(1)?.parse().ok()?,
                head: head.to_lowercase(),
                body: body.to_owned(),
            })
        };
        timeout(PATIENCE, ask).await.ok()?
    }

    async fn try_get(self, path: &str) -> Option<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: anything\r\n\r\n");
        self.send(request.as_bytes()).await
    }

    async fn get(self, path: &str) -> Answer {
        self.try_get(path).await.expect("an answer")
    }

    /// Waits until the answer to a path is so.
    async fn until(self, path: &str, what: &str, mut is: impl FnMut(&Answer) -> bool) -> Answer {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.try_get(path).await;
            match answer {
                Some(answer) if is(&answer) => return answer,
                last => assert!(Instant::now() < until, "{path} never {what}: {last:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a sample, e.g. `esmed_bound{lane="default"}`, has this value.
    async fn until_value(self, sample: &str, value: f64) -> String {
        let what = format!("had {sample} {value}");
        self.until("/metrics", &what, |it| {
            value_of(&it.body, sample) == Some(value)
        })
        .await
        .body
    }
}

/// The value of a sample in what was scraped.
fn value_of(scraped: &str, sample: &str) -> Option<f64> {
    scraped
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

/// Starts a daemon that shows its pages.
fn watched(world: &World, name: &str) -> (Daemon, Pages) {
    let pages = Pages::free();
    (watched_at(world, name, pages), pages)
}

fn watched_at(world: &World, name: &str, pages: Pages) -> Daemon {
    let text = format!(
        "[database]\nhost = {:?}\n[log]\nlevel = \"debug\"\n[metrics]\nlisten = \"{}\"\n",
        world.cluster.host(),
        pages.address
    );
    Daemon::start(&world.config_text(name, &text), name)
}
