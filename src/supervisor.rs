//! Which server is enabled, and the line to it.
//!
//! A `line` is session after session with one account, or a `pair` of them. The supervisor keeps one line to the
//! enabled server, another to the one that stands in for it, and lets the lines to former ones drain. Each line shows on
//! its `board` how it is doing; only the one that `lines` puts forward gets the submits.

mod board;
mod certificates;
mod line;
mod lines;
mod outlet;
mod pair;
mod started;

use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::Live;
use crate::db::events::Event;
use crate::db::{Database, DbError, servers};
use crate::events::EventLog;
use crate::feeder::SessionHandle;
use crate::in_flight::InFlight;
use crate::lease::Lease;
use crate::metrics::Metrics;
use crate::pulse::{self, Pulses};
use crate::recorder::{Delivered, Recorded};
use crate::server::Server;
use crate::tls::Told;

use lines::Lines;

/// The servers could not be read so often, one look after the other: a lock may be gone by the next.
const REFUSALS: u32 = 2;

/// What the heartbeat tells of the session.
#[derive(Debug)]
pub struct Gauge {
    state: Mutex<SessionState>,
    /// Unanswered submits.
    pub in_flight: AtomicUsize,
    /// Submits that were sent and have their outcome.
    pub outcomes: Arc<AtomicU64>,
    /// Messages still to be sent, as last counted.
    queue_depth: Mutex<Option<i64>>,
    /// Where everything else is counted.
    pub metrics: Arc<Metrics>,
}

/// The state of the session in words, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// `closed`, `connecting`, `bound`, `transmitter_only`, …
    pub state: &'static str,
    /// `smpp_servers.id`
    pub server_id: Option<i64>,
    /// What people call the server.
    pub label: Option<String>,
    /// Most unanswered submits.
    pub window: usize,
    /// How often state or server became others.
    pub changes: u64,
    /// Since when; being bound goes on while and after it is throttled.
    pub since: Instant,
    /// When it was bound, where it is.
    bound: Option<Instant>,
}

impl Default for SessionState {
    fn default() -> Self {
        Self {
            state: "closed",
            server_id: None,
            label: None,
            window: 0,
            changes: 0,
            since: Instant::now(),
            bound: None,
        }
    }
}

impl Gauge {
    /// Nothing so far.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            state: Mutex::default(),
            in_flight: AtomicUsize::default(),
            outcomes: Arc::default(),
            queue_depth: Mutex::default(),
            metrics,
        }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Messages still to be sent, as last counted.
    #[must_use]
    pub fn queue_depth(&self) -> Option<i64> {
        *self
            .queue_depth
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_queue_depth(&self, depth: Option<i64>) {
        *self
            .queue_depth
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = depth;
    }

    pub(crate) fn set(&self, state: &'static str, server: Option<&Server>) {
        let server_id = server.map(|server| server.account.id);
        let now = Instant::now();
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.state != state || known.server_id != server_id;
        let bound = matches!(state, "bound" | "throttled").then(|| {
            let known = known.bound.filter(|_| known.server_id == server_id);
            known.unwrap_or(now)
        });
        let since = match bound {
            _ if !changed => known.since,
            Some(bound) if state == "bound" => bound,
            _ => now,
        };
        *known = SessionState {
            state,
            server_id,
            label: server.map(Server::label),
            window: server.map_or(0, |server| server.settings.window),
            changes: known.changes + u64::from(changed),
            since,
            bound,
        };
        drop(known);
        self.metrics.session(state, server, since.elapsed());
    }

    /// So many submits are unanswered.
    pub(crate) fn set_in_flight(&self, count: usize) {
        self.in_flight.store(count, Ordering::Relaxed);
        self.metrics.in_flight(count);
    }
}

/// What supervisor and lines share.
#[derive(Clone)]
pub struct Context {
    /// For the servers.
    pub database: Database,
    /// Whose servers.
    pub lane: String,
    /// Submits are written only while it stands.
    pub lease: Lease,
    /// For what happens.
    pub events: EventLog,
    /// Outcomes for the recorder.
    pub outcomes: mpsc::Sender<Recorded>,
    /// Deliveries for the recorder.
    pub deliveries: mpsc::Sender<Delivered>,
    /// Whether deliveries can be stored.
    pub database_up: watch::Receiver<bool>,
    /// The feeder waits on it.
    pub in_flight: InFlight,
    /// The session that takes submits.
    pub session: Arc<watch::Sender<Option<SessionHandle>>>,
    /// For the heartbeat.
    pub gauge: Arc<Gauge>,
    /// How long a drain awaits answers, and how often it looks for another server.
    pub config: Live,
    /// Which certificates were told to end soon.
    pub certificates: Arc<Mutex<Told>>,
    /// For the lines.
    pub pulses: Pulses,
}

impl Context {
    fn emit(
        &self,
        server: Option<&Server>,
        kind: &'static str,
        status: Option<&'static str>,
        message: impl Into<String>,
    ) {
        self.emit_with(server, kind, status, message, None);
    }

    fn emit_with(
        &self,
        server: Option<&Server>,
        kind: &'static str,
        status: Option<&'static str>,
        message: impl Into<String>,
        details: Option<Value>,
    ) {
        self.events.emit(Event {
            component: "smpp",
            kind,
            status,
            server_id: server.map(|server| server.account.id),
            message: message.into(),
            details,
        });
    }
}

/// Keeps a line to the enabled server until `stop`, and one to a stand-in where it is needed; then drains them.
///
/// `abandon` ends everything at once: the lane is another daemon's.
pub async fn run(
    context: Context,
    wake: Arc<Notify>,
    stop: CancellationToken,
    abandon: CancellationToken,
) {
    let bell = Arc::new(Notify::new());
    let look = async |after| look(&context.database, &context.lane, &wake, after).await;
    let mut lines = Lines::new(context.clone(), Arc::clone(&bell));
    // Beside everything else: a database that hangs must not keep a bound session from its submits, nor us from ending.
    let mut looking = Box::pin(look(Duration::ZERO));
    let mut refusals = 0_u32;
    while !stop.is_cancelled() && !abandon.is_cancelled() {
        let look_at = lines.turn(Instant::now());
        let turn = async {
            tokio::select! {
                looked = &mut looking => Turn::Looked(Box::new(looked)),
                () = bell.notified() => Turn::Rung,
                () = until(look_at) => Turn::Rung,
                failed = lines.ended() => if failed { Turn::Failed } else { Turn::Rung },
                () = stop.cancelled() => Turn::Rung,
                () = abandon.cancelled() => Turn::Rung,
            }
        };
        match pulse::idle(turn).await {
            Turn::Looked(looked) => {
                match *looked {
                    Ok(lane) => {
                        refusals = 0;
                        if context.events.over("servers_unread", None) {
                            tell(
                                &context,
                                "servers_read",
                                "ok",
                                "smpp_servers is heeded again",
                            );
                        }
                        lines.set_lane(lane);
                    }
                    // The sessions that there are go on.
                    Err(error) => {
                        tracing::debug!(%error, "servers could not be read");
                        // That it is away, others tell.
                        if !error.is_away() {
                            refusals = refusals.saturating_add(1);
                        }
                        if refusals == REFUSALS && !error.is_away() {
                            let message = format!("no change of smpp_servers is heeded: {error}");
                            tell(&context, "servers_unread", "degraded", &message);
                        }
                    }
                }
                let poll_interval = context.config.borrow().daemon.poll_interval();
                looking = Box::pin(look(poll_interval));
            }
            Turn::Rung => {}
            // A defect: what its session had in flight is in doubt, as this task's end tells.
            Turn::Failed => return,
        }
    }
    lines.leave(&abandon).await;
}

/// Of the table, not of a session: how the lane is, these don't say.
fn tell(context: &Context, kind: &'static str, status: &'static str, message: &str) {
    context.events.tell("queue", kind, status, message);
}

/// What the supervisor waits for.
enum Turn {
    Looked(Box<Result<servers::Lane, DbError>>),
    Rung,
    Failed,
}

/// The servers of the lane, after a ring or this time.
async fn look(
    database: &Database,
    lane: &str,
    wake: &Notify,
    after: Duration,
) -> Result<servers::Lane, DbError> {
    tokio::select! {
        () = wake.notified() => {}
        () = sleep(after) => {}
    }
    servers::of_lane(database, lane).await
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant.into()).await,
        None => pending().await,
    }
}
