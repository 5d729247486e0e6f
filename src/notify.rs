//! Tells the service manager how things are: READY, STATUS, STOPPING, and the watchdog while work moves.
//!
//! Without a service manager (no `NOTIFY_SOCKET`) nothing is told. The protocol is that of sd_notify(3). Nothing in here
//! waits for the service manager, which the crates for it do: what it does not take now is told a little later, and a
//! manager that is slow must not hold up messages.

mod reload;
mod told;

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::pulse::Pulses;
use crate::supervisor::Gauge;

use told::{Look, Once, Told};

/// How often it is looked whether there is something new to tell.
const LOOK: Duration = Duration::from_secs(1);

/// Octets of a status line. The command that migrates, behind the name of a database, has to fit.
const LONGEST_STATUS: usize = 400;

/// What the daemon is about.
#[derive(Debug, Clone, Default)]
pub enum Phase {
    /// It has not reached its database yet.
    #[default]
    Starting,
    /// It can't serve until somebody does something: what is wrong, and what to run.
    Waiting(String),
    /// Another daemon serves the lane.
    StandingBy(String),
    /// It has the lease of the lane.
    Serving(Arc<Gauge>),
    /// It ends: what is under way is awaited.
    Draining,
}

impl Phase {
    fn is_draining(&self) -> bool {
        matches!(self, Self::Draining)
    }

    /// The line that `systemctl status` shows.
    fn line(&self) -> String {
        match self {
            Self::Starting => "connecting to the database".to_owned(),
            Self::Waiting(why) => why.clone(),
            Self::StandingBy(holder) => format!("standing by: {holder} serves the lane"),
            Self::Serving(gauge) => serving(gauge),
            Self::Draining => "draining: what is under way is awaited".to_owned(),
        }
    }
}

fn serving(gauge: &Gauge) -> String {
    let session = gauge.state();
    let state = match (session.state, session.label) {
        ("bound", Some(label)) => format!("bound to {label}"),
        ("throttled", Some(label)) => format!("bound to {label}, which is held back (throttled)"),
        ("unusable", Some(label)) => format!("{label} can't be used, see the log"),
        (state, Some(label)) => format!("{state}: {label}"),
        ("closed", None) => "no server is enabled".to_owned(),
        (state, None) => state.to_owned(),
    };
    if gauge.metrics.database_is_away() {
        return format!("database away; {state}");
    }
    match gauge.queue_depth() {
        Some(waiting) => format!("{state}, {waiting} waiting"),
        None => state,
    }
}

/// One line that fits, whatever names are in it: a line break would begin another assignment.
fn as_status(line: &str) -> String {
    let mut line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.len() > LONGEST_STATUS {
        let end = (0..=LONGEST_STATUS - "…".len())
            .rev()
            .find(|&at| line.is_char_boundary(at))
            .unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The service manager, as the parts of the daemon know it. Clones are the same.
#[derive(Debug, Clone)]
pub struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    told: Arc<Mutex<Told>>,
}

impl Manager {
    /// The one that `NOTIFY_SOCKET` names, if there is one.
    #[must_use]
    pub fn of_environment() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            connect(name.as_bytes())
                .inspect_err(|error| {
                    tracing::warn!(%error, "the service manager can't be told anything");
                })
                .ok()
        });
        Self {
            socket: socket.map(Arc::new),
            told: Arc::default(),
        }
    }

    /// The daemon has reached its database: whoever waits for the unit may go on. Told once.
    pub fn ready(&self) {
        self.told().ready.want();
        self.say(None);
    }

    /// What the daemon is about now. Whoever knows that it has to wait has reached the database, and is ready.
    pub fn tell(&self, phase: Phase) {
        let mut told = self.told();
        match phase {
            Phase::Waiting(_) => told.ready.want(),
            Phase::Draining => {
                told.stopping.want();
                told.reload.forget();
            }
            _ => {}
        }
        told.phase = phase;
        drop(told);
        self.say(None);
    }

    /// The configuration is being read again. Told only between start and end: before, READY is something else.
    pub fn reloading(&self) {
        let mut told = self.told();
        if told.ready == Once::Told && told.stopping == Once::Later {
            told.reload.begins();
            drop(told);
            self.say(None);
        }
    }

    /// It was read again, whatever came of that.
    pub fn reloaded(&self) {
        let mut told = self.told();
        told.reload.ends();
        let more = told.reload.has_more();
        drop(told);
        if more {
            self.say(None);
        }
    }

    /// Tells status and feeds the watchdog for ever.
    pub async fn keep(self, pulses: Pulses) {
        let watched = watchdog();
        // Three times within its patience.
        let every = watched.map_or(LOOK, |within| (within / 3).clamp(LOOK / 100, LOOK));
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.say(Some(Look {
                stuck: pulses.stuck(),
                watched: watched.is_some(),
            }));
        }
    }

    /// Assignments of sd_notify(3), one a line. False: the manager did not take them, or there is none.
    #[must_use]
    pub fn send(&self, lines: &str) -> bool {
        match self
            .socket
            .as_ref()
            .map(|socket| socket.send(lines.as_bytes()))
        {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                tracing::debug!(%error, "the service manager was not told");
                false
            }
            None => false,
        }
    }

    fn say(&self, look: Option<Look>) {
        let mut told = self.told();
        let lines = told.next(look);
        if !lines.is_empty() && self.send(&lines.join("\n")) {
            told.taken();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing in here panics half-way through a change.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A path, or an abstract name behind `@`.
fn connect(name: &[u8]) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// Within which time the manager wants to hear of us, where it wants to.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let of_another = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    number("WATCHDOG_USEC")
        .filter(|&micros| micros > 0 && !of_another)
        .map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbError;

    #[test]
    fn a_manager_that_does_not_listen_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let theirs = UnixDatagram::bind(&path).unwrap();
        let manager = Manager {
            socket: Some(Arc::new(connect(path.as_os_str().as_bytes()).unwrap())),
            told: Arc::default(),
        };
        // Until its queue is full, and longer.
        let mut taken = 0;
        while manager.send("WATCHDOG=1") {
            taken += 1;
            assert!(taken < 1_000_000);
        }
        manager.ready();
        let mut datagram = [0; 64];
        for _ in 0..taken {
            assert_eq!(theirs.recv(&mut datagram).unwrap(), 10);
        }
        manager.tell(Phase::StandingBy("db1/12".to_owned()));
        let octets = theirs.recv(&mut datagram).unwrap();
        let told = "READY=1\nSTATUS=standing by: db1/12 serves the lane";
        assert_eq!(&datagram[..octets], told.as_bytes());
    }

    #[test]
    fn an_abstract_socket_will_do() {
        let name = format!("esmed-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let theirs = UnixDatagram::bind_addr(&address).unwrap();
        let ours = connect(format!("@{name}").as_bytes()).unwrap();
        ours.send(b"READY=1").unwrap();
        assert_eq!(theirs.recv(&mut [0; 64]).unwrap(), 7);
    }

    #[test]
    fn the_status_says_how_the_session_is() {
        let gauge = Arc::new(Gauge::new(Arc::new(crate::metrics::Metrics::new(
            "default",
        ))));
        let phase = Phase::Serving(Arc::clone(&gauge));
        assert_eq!(phase.line(), "no server is enabled");
        gauge.set_queue_depth(Some(3));
        assert_eq!(phase.line(), "no server is enabled, 3 waiting");
        let away: Result<(), _> = Err(DbError::Away("no answer".to_owned()));
        gauge.metrics.database(&away);
        assert_eq!(phase.line(), "database away; no server is enabled");
        let waiting = Phase::Waiting("run esmed migrate".to_owned());
        assert_eq!(waiting.line(), "run esmed migrate");
    }

    #[test]
    fn a_status_is_one_line_that_fits() {
        assert_eq!(as_status("a\nREADY=1\u{7f}"), "a READY=1 ");
        // What has to be run is not cut off.
        let waiting = "database \"sms\" on db1.example.com port 5432 as \"esmed\" has the tables of esmed 0.1.1, which are to be \
                       migrated: run as the owner or a superuser sudo -u postgres esmed migrate --as \
                       'postgresql:///sms?host=/var/run/postgresql'";
        assert_eq!(as_status(waiting), waiting);
        let long = as_status(&"é".repeat(1000));
        assert!(
            long.len() <= LONGEST_STATUS && long.ends_with("é…"),
            "{long}"
        );
    }
}
