//! An SMSC simulator for demos, tests and load: in-process as [`Sim`], or as the program `esmed-sim`.
//!
//! It speaks SMPP 3.4 over TCP with any number of clients. What becomes of a message is chosen by
//! the last two digits of its destination ([`OUTCOMES`]); delays, faults and silence are set by
//! [`Behaviour`] while it runs; what it saw and sent stands in its [`Ledger`].
//!
//! One task serves one connection. It reads large chunks, answers all PDUs of a chunk in one write,
//! and takes the lock of the ledger once a chunk. Receipts and messages from phones wait in one
//! bounded queue for all sessions, which outlives them.

mod answer;
mod behaviour;
pub mod cli;
pub mod control;
mod deliver;
mod deliveries;
mod ledger;
mod long;
mod mail;
mod outcome;
mod phone;
mod records;
mod requests;
mod segment;
mod session;
mod settings;
mod shared;
mod submission;
mod submits;
#[cfg(test)]
mod tests;
mod tls;
mod view;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use behaviour::{Behaviour, IdStyle, Mute, ReceiptStyle};
pub use ledger::{Ledger, LedgerMode, Records};
pub use outcome::{OUTCOMES, Outcome, State};
pub use phone::PhoneMessage;
pub use records::{BindRecord, Counts, DeliveryKind, DeliveryRecord, SessionRecord, SubmitRecord};
pub use segment::{Segment, SegmentKind};
pub use tls::{Tls, TlsVersion};

use mail::{Content, Delivery};
use shared::{Command, Ending, Shared};
use tls::Link;

/// How a simulator starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it behaves at first.
    pub behaviour: Behaviour,
    /// What the ledger keeps.
    pub ledger: LedgerMode,
    /// Most submits, and most deliveries, that a full ledger keeps; more are only counted. Each
    /// takes about 400 octets and, for a submit, its PDU.
    pub ledger_limit: usize,
    /// Most receipts and messages that wait to be delivered; more are dropped and counted.
    pub queue_limit: usize,
    /// With TLS; `None`: without.
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            behaviour: Behaviour::default(),
            ledger: LedgerMode::Full,
            ledger_limit: 2_000_000,
            queue_limit: 1_000_000,
            tls: None,
        }
    }
}

/// A running simulator. Dropping it ends its connections.
#[derive(Debug)]
pub struct Sim {
    addr: SocketAddr,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    listening: Mutex<Option<Listening>>,
}

#[derive(Debug)]
struct Listening {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Sim {
    /// Listens, and serves whoever connects. Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address can't be listened on, or the files of TLS can't be used.
    pub fn start(config: Config) -> io::Result<Self> {
        if let Some(tls) = &config.tls {
            tls.load()?;
        }
        let listener = listen(config.listen)?;
        let sim = Self {
            addr: listener.local_addr()?,
            tls: config.tls.clone(),
            shared: Arc::new(Shared::new(config)),
            listening: Mutex::new(None),
        };
        sim.serve(listener);
        Ok(sim)
    }

    /// Listens again after [`Self::stop`], on the same port, with ledger and queues as they were.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub fn restart(&self) -> io::Result<()> {
        self.serve(listen(self.addr)?);
        Ok(())
    }

    fn serve(&self, listener: TcpListener) {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(accept(
            listener,
            self.tls.clone(),
            Arc::clone(&self.shared),
            stopped,
        ));
        *self.listening() = Some(Listening { stop, task });
    }

    fn listening(&self) -> std::sync::MutexGuard<'_, Option<Listening>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the port and every connection, without an unbind, as a crash does; returns when all
    /// are closed.
    pub async fn stop(&self) {
        let listening = self.listening().take();
        if let Some(Listening { stop, task }) = listening {
            drop(stop);
            // An error would be a panic of the task, which has then ended as well.
            let _ = task.await;
        }
        self.shared.end_all(Ending::Close);
        let all_closed = |records: &Records| records.counts().open_sessions == 0;
        while !self
            .ledger()
            .wait_until(all_closed, Duration::from_secs(1))
            .await
        {
            self.shared.end_all(Ending::Close);
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it saw and sent.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger.clone()
    }

    /// How it behaves now.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::clone(&self.shared.behaviour.borrow())
    }

    /// Changes how it behaves, for running sessions too.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.shared
            .behaviour
            .send_modify(|behaviour| change(Arc::make_mut(behaviour)));
    }

    /// Resets every TCP connection, bound or not; says how many.
    pub fn drop_connections(&self) -> usize {
        self.shared.end_all(Ending::Reset)
    }

    /// Resets one TCP connection, by the number of its session; `false` where it is gone.
    pub fn drop_session(&self, session: u64) -> bool {
        self.shared.end(session, Ending::Reset)
    }

    /// Sends unbind to every bound session; says to how many. A session is closed when the client
    /// has answered.
    pub fn unbind_all(&self) -> usize {
        self.shared.tell_bound(&Command::Unbind)
    }

    /// Sends enquire_link to every bound session; says to how many.
    pub fn enquire(&self) -> usize {
        self.shared.tell_bound(&Command::EnquireLink)
    }

    /// Sends octets as they are to every bound session; says to how many.
    pub fn send_raw(&self, octets: impl Into<Bytes>) -> usize {
        self.shared.tell_bound(&Command::Raw(octets.into()))
    }

    /// Sends a message from a phone to a session that is bound to receive; it waits until there is
    /// one. `false` when too many wait.
    pub fn deliver(&self, message: PhoneMessage) -> bool {
        let delivery = Delivery::new(Content::Message(message));
        let refused = self.shared.mail().push(b"", None, delivery).is_some();
        if refused {
            self.shared
                .ledger
                .change(|records| records.counts.dropped += 1);
        }
        self.shared.bell.send_replace(());
        !refused
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.listening().take();
        self.shared.end_all(Ending::Close);
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: u32 = 1024;
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<()>,
) {
    /// After an error such as too many open files.
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, _)) if shared.behaviour.borrow().refuse_connections => {
                // Where it fails, the connection is closed by FIN, which refuses too.
                let _ = session::reset(&stream);
            }
            Ok((stream, _)) => {
                // Small PDUs must not wait for the acknowledgement of earlier ones.
                let _ = stream.set_nodelay(true);
                let config = tls.as_ref().map(Tls::load).transpose();
                match config.and_then(|config| Link::new(stream, config)) {
                    Ok(link) => drop(tokio::spawn(session::open(link, &shared))),
                    Err(error) => tracing::warn!(%error, "no TLS, so the connection is closed"),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
