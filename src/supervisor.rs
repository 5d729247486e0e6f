//! Which server is enabled, and the line to it.
//!
//! A [`line`] is session after session with one account. The supervisor keeps one line to the
//! enabled server, and lets the lines to former ones drain.

mod line;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::db::events::Event;
use crate::db::{Database, servers};
use crate::events::EventLog;
use crate::feeder::SessionHandle;
use crate::in_flight::InFlight;
use crate::lease::Lease;
use crate::metrics::Metrics;
use crate::recorder::{Delivered, Recorded};
use crate::server::{Account, Server};
use crate::session::driver::Control;

/// What the heartbeat tells of the session.
#[derive(Debug)]
pub struct Gauge {
    state: Mutex<SessionState>,
    /// Unanswered submits.
    pub in_flight: AtomicUsize,
    /// Submits that were sent and have their outcome.
    pub outcomes: Arc<AtomicU64>,
    /// Where everything else is counted.
    pub metrics: Arc<Metrics>,
}

/// The state of the session in words, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// `closed`, `connecting`, `bound`, …
    pub state: &'static str,
    /// `smpp_servers.id`
    pub server_id: Option<i64>,
    /// Most unanswered submits.
    pub window: usize,
}

impl Default for SessionState {
    fn default() -> Self {
        Self {
            state: "closed",
            server_id: None,
            window: 0,
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

    fn set(&self, state: &'static str, server: Option<&Server>) {
        self.metrics.session(state, server);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = SessionState {
            state,
            server_id: server.map(|server| server.account.id),
            window: server.map_or(0, |server| server.settings.window),
        };
    }

    /// So many submits are unanswered.
    fn set_in_flight(&self, count: usize) {
        self.in_flight.store(count, Ordering::Relaxed);
        self.metrics.in_flight(count);
    }

    /// The window changed within a session.
    fn set_window(&self, window: usize) {
        self.metrics.window(window);
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .window = window;
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
    /// How long a drain awaits answers.
    pub drain_timeout: Duration,
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

/// A line that was started.
struct Line {
    account: Account,
    server: watch::Sender<Arc<Server>>,
    control: watch::Sender<Control>,
}

impl Line {
    fn drain(&self, patience: Duration) {
        self.control
            .send_modify(|control| control.unbind = Some(patience));
    }
}

/// Keeps a line to the enabled server until `stop`; then drains it.
///
/// `abandon` ends everything at once: the lane is another daemon's.
pub async fn run(
    context: Context,
    wake: Arc<Notify>,
    poll_interval: Duration,
    stop: CancellationToken,
    abandon: CancellationToken,
) {
    let mut supervisor = Supervisor {
        context,
        current: None,
        draining: Vec::new(),
        lines: JoinSet::new(),
        last_server: None,
        announced_none: false,
    };
    loop {
        if stop.is_cancelled() || abandon.is_cancelled() {
            break;
        }
        let look = servers::enabled(&supervisor.context.database, &supervisor.context.lane);
        // A database that hangs must not keep us from ending.
        let looked = tokio::select! {
            looked = look => looked,
            () = stop.cancelled() => break,
            () = abandon.cancelled() => break,
        };
        match looked {
            Ok(server) => supervisor.reconcile(server),
            // The session that there is goes on.
            Err(error) => tracing::debug!(%error, "servers could not be read"),
        }
        tokio::select! {
            () = wake.notified() => {}
            () = sleep(poll_interval) => {}
            Some(ended) = supervisor.lines.join_next() => {
                if ended.is_err() {
                    // A defect: what its session had in flight is in doubt, as this task's end tells.
                    return;
                }
                supervisor.forget_ended();
            }
            () = stop.cancelled() => {}
            () = abandon.cancelled() => {}
        }
    }
    supervisor.leave(&abandon).await;
}

struct Supervisor {
    context: Context,
    current: Option<Line>,
    draining: Vec<Line>,
    lines: JoinSet<()>,
    last_server: Option<i64>,
    announced_none: bool,
}

impl Supervisor {
    fn reconcile(&mut self, server: Option<Server>) {
        let Some(server) = server else {
            self.retire();
            if self.draining.is_empty() && !self.announced_none {
                self.announced_none = true;
                self.context.gauge.set("closed", None);
                self.context.gauge.set_in_flight(0);
                self.context
                    .emit(None, "no_server", Some("down"), "no server is enabled");
            }
            return;
        };
        self.announced_none = false;
        if let Some(current) = &self.current {
            if current.account == server.account {
                update(current, server, &self.context);
                return;
            }
            self.retire();
        }
        if self
            .draining
            .iter()
            .any(|line| line.account.is_same_account(&server.account))
        {
            // The SMSC may refuse a second bind; the end of the line rings.
            return;
        }
        self.start(Arc::new(server));
    }

    fn start(&mut self, server: Arc<Server>) {
        if self
            .last_server
            .is_some_and(|last| last != server.account.id)
        {
            self.context.emit(
                Some(&server),
                "server_switched",
                None,
                format!("now {}", server.label()),
            );
        }
        self.last_server = Some(server.account.id);
        for warning in server.warnings() {
            warn(&self.context, &server, warning);
        }
        self.context.gauge.set_in_flight(0);
        let (control, told) = watch::channel(Control {
            settings: server.settings,
            classes: server.classes.clone(),
            unbind: None,
            abandon: false,
        });
        let account = server.account.clone();
        let (server, known) = watch::channel(server);
        self.lines
            .spawn(line::run(self.context.clone(), known, told));
        self.current = Some(Line {
            account,
            server,
            control,
        });
    }

    /// Lets the current line drain.
    fn retire(&mut self) {
        if let Some(line) = self.current.take() {
            self.context.session.send_replace(None);
            let server = Arc::clone(&line.server.borrow());
            self.context.gauge.set("unbinding", Some(&server));
            line.drain(self.context.drain_timeout);
            self.draining.push(line);
        }
    }

    fn forget_ended(&mut self) {
        self.draining.retain(|line| !line.control.is_closed());
    }

    async fn leave(mut self, abandon: &CancellationToken) {
        self.retire();
        let lines = async { while self.lines.join_next().await.is_some() {} };
        tokio::select! {
            () = lines => return,
            () = abandon.cancelled() => {}
        }
        for line in &self.draining {
            line.control.send_modify(|control| control.abandon = true);
        }
        while self.lines.join_next().await.is_some() {}
    }
}

fn warn(context: &Context, server: &Server, warning: String) {
    context.emit(Some(server), "server_warning", None, warning);
}

/// Passes on what changes without a rebind.
fn update(line: &Line, server: Server, context: &Context) {
    let known = Arc::clone(&line.server.borrow());
    if *known == server {
        return;
    }
    let told = known.warnings();
    for warning in server.warnings() {
        if !told.contains(&warning) {
            warn(context, &server, warning);
        }
    }
    line.control.send_if_modified(|control| {
        let changed = control.settings != server.settings || control.classes != server.classes;
        control.settings = server.settings;
        control.classes = server.classes.clone();
        changed
    });
    context.gauge.set_window(server.settings.window);
    line.server.send_replace(Arc::new(server));
    // It may have a larger window.
    context.in_flight.made_progress();
}
