//! Stands between a daemon and PostgreSQL, and cuts the connection around a commit.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// What PostgreSQL gets of a commit whose answer nobody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It commits.
    Committed,
    /// Nothing: it rolls back.
    Never,
    /// It commits when it is let go, long after the connection was cut.
    Late,
}

/// Which commits are cut.
#[derive(Debug)]
pub(super) struct Plan {
    /// Those of transactions with a statement that contains this.
    pub(super) marker: &'static str,
    pub(super) cut: Cut,
    /// So many are let through first.
    pub(super) skip: usize,
    /// Then so many are cut.
    pub(super) count: usize,
}

/// A proxy at a socket of its own.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) host: PathBuf,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    server: PathBuf,
    met: AtomicUsize,
    let_go: Semaphore,
}

impl Proxy {
    /// In `folder`, in front of the PostgreSQL whose socket is in `server`.
    pub(super) fn start(folder: &Path, server: &str, plan: Plan) -> Self {
        let host = folder.join("proxy");
        std::fs::create_dir(&host).unwrap();
        let listener = UnixListener::bind(host.join(".s.PGSQL.5432")).unwrap();
        let state = Arc::new(State {
            plan,
            server: Path::new(server).join(".s.PGSQL.5432"),
            met: AtomicUsize::new(0),
            let_go: Semaphore::new(0),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&accepting);
                tokio::spawn(async move {
                    // It ends with either of both.
                    let _ = state.serve(client).await;
                });
            }
        });
        Self { host, state }
    }

    /// How many commits were cut.
    pub(super) fn cuts(&self) -> usize {
        let met = self.state.met.load(Ordering::Acquire);
        met.saturating_sub(self.state.plan.skip)
            .min(self.state.plan.count)
    }

    /// PostgreSQL gets what is late.
    pub(super) fn let_go(&self) {
        self.state.let_go.add_permits(self.state.plan.count);
    }
}

impl State {
    /// Whether this commit is to be cut.
    fn takes(&self) -> bool {
        let met = self.met.fetch_add(1, Ordering::AcqRel);
        (self.plan.skip..self.plan.skip + self.plan.count).contains(&met)
    }

    async fn serve(&self, client: UnixStream) -> std::io::Result<()> {
        let server = UnixStream::connect(&self.server).await?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut marked = Marked::default();
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        loop {
            tokio::select! {
                count = from_server.read_buf(&mut answered) => {
                    if count? == 0 {
                        return Ok(());
                    }
                    to_client.write_all(&answered).await?;
                    answered.clear();
                }
                count = from_client.read_buf(&mut asked) => {
                    if count? == 0 {
                        return Ok(());
                    }
                    while let Some(frame) = marked.next(&mut asked) {
                        if !(marked.commits(&frame, self.plan.marker) && self.takes()) {
                            to_server.write_all(&frame).await?;
                            continue;
                        }
                        let client = (from_client, to_client);
                        let _until_it_is_done = match self.plan.cut {
                            Cut::Committed => Some(client),
                            Cut::Never => return Ok(()),
                            Cut::Late => {
                                drop(client);
                                self.let_go.acquire().await.unwrap().forget();
                                None
                            }
                        };
                        to_server.write_all(&frame).await?;
                        // ReadyForQuery, outside of a transaction.
                        while !answered.ends_with(b"Z\0\0\0\x05I") {
                            if from_server.read_buf(&mut answered).await? == 0 {
                                return Ok(());
                            }
                        }
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The statements of a connection that are looked for.
#[derive(Debug, Default)]
struct Marked {
    /// The startup message has no type.
    started: bool,
    names: HashSet<Vec<u8>>,
    /// One of them was executed in the transaction that is open.
    executed: bool,
    within: bool,
}

impl Marked {
    /// Takes the next message of the client, once it is complete.
    fn next(&mut self, octets: &mut Vec<u8>) -> Option<Vec<u8>> {
        let at = usize::from(self.started);
        let length: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
        let end = at + u32::from_be_bytes(length) as usize;
        if octets.len() < end {
            return None;
        }
        self.started = true;
        Some(octets.drain(..end).collect())
    }

    /// Whether this message commits what a marked statement did.
    fn commits(&mut self, frame: &[u8], marker: &str) -> bool {
        let mut strings = frame
            .get(5..)
            .unwrap_or_default()
            .split(|octet| *octet == 0);
        match frame[0] {
            b'P' => {
                let name = strings.next().unwrap_or_default();
                let text = String::from_utf8_lossy(strings.next().unwrap_or_default());
                if text.contains(marker) {
                    self.names.insert(name.to_owned());
                }
                false
            }
            b'B' => {
                let statement = strings.nth(1).unwrap_or_default();
                self.executed |= self.names.contains(statement);
                false
            }
            b'Q' => {
                let text = strings.next().unwrap_or_default();
                let begins = text.starts_with(b"START") || text.starts_with(b"BEGIN");
                let ends = text.starts_with(b"COMMIT") || text.starts_with(b"ROLLBACK");
                self.within = begins || (self.within && !ends);
                let commits = self.executed && text.starts_with(b"COMMIT");
                self.executed &= !ends;
                commits
            }
            // Sync.
            b'S' if !self.within => std::mem::take(&mut self.executed),
            _ => false,
        }
    }
}
