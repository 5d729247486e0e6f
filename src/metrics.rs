//! What the daemon counts of itself, and shows over HTTP.
//!
//! Everybody who counts does so by a method of [`Metrics`]. What happens once a submit only adds to atomic
//! numbers; what happens seldom also takes a lock that nobody holds for longer than a copy takes. The
//! [`Server`] has a thread of its own, so that nothing that a client does is felt anywhere else.

mod counts;
mod log;
mod pages;
mod server;
mod state;
mod told;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use tokio::time::{MissedTickBehavior, interval};

use crate::db::DbError;
use crate::db::depth::QueueCount;
use crate::db::events::Event;
use crate::inbound::Inbound;
use crate::pdu::CommandStatus;
use crate::receipt::{Kind, MessageState};
use crate::server::Server as SmppServer;
use counts::Counts;
use state::{EventView, Role, ServerView, State, seconds};
use told::Told;

pub use log::LineCounter;
pub use server::{Server, probe};

/// States of the session, as in `smpp_status`.
const SESSION_STATES: [&str; 10] = [
    "closed",
    "connecting",
    "binding",
    "bound",
    "throttled",
    "transmitter_only",
    "receiver_only",
    "unbinding",
    "waiting",
    "unusable",
];

/// Statuses without a name that get a label of their own; more are counted together.
const UNNAMED_AT_MOST: usize = 32;

/// Says what is stuck; `None` while everything moves.
pub type Stuck = Arc<dyn Fn() -> Option<&'static str> + Send + Sync>;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    lane: String,
    started: SystemTime,
    counts: Counts,
    state: Mutex<State>,
    unnamed: Mutex<Vec<u32>>,
    /// What is to become an event once there is somebody who stores it.
    to_tell: Mutex<Told>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new("default")
    }
}

impl Metrics {
    /// For a daemon of this lane, which starts now.
    #[must_use]
    pub fn new(lane: &str) -> Self {
        let started = SystemTime::now();
        let counts = Counts::new(lane);
        counts.start_time.set(seconds(started) as f64);
        // What may be 0 for long is there from the beginning, or rates would miss its first count.
        for kind in ["message", "receipt", "intermediate", "other"] {
            counts.deliveries.with_label_values(&[kind]);
        }
        for state in MessageState::ALL {
            counts.receipts.with_label_values(&[state.name()]);
        }
        for reason in ["away", "busy", "refused", "broken"] {
            counts.database_errors.with_label_values(&[reason]);
        }
        for batch in ["claim", "record"] {
            counts.batch_seconds.with_label_values(&[batch]);
            counts.batch_rows.with_label_values(&[batch]);
        }
        for state in SESSION_STATES {
            counts.session_state.with_label_values(&[state]);
        }
        Self {
            lane: lane.to_owned(),
            started,
            counts,
            state: Mutex::new(State::new()),
            unnamed: Mutex::default(),
            to_tell: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- sending

    /// A submit was sent.
    pub fn submitted(&self) {
        self.counts.submits.inc();
    }

    /// A submit was answered, so long after it was sent.
    pub fn answered(&self, status: CommandStatus, after: Option<Duration>) {
        if status == CommandStatus::ESME_ROK {
            self.counts.accepted.inc();
        } else {
            let name = status.name().map_or_else(
                || self.unnamed(status.0).unwrap_or("other".to_owned()),
                str::to_owned,
            );
            self.counts.responses.with_label_values(&[&name]).inc();
        }
        if let Some(after) = after {
            self.counts.response_seconds.observe(after.as_secs_f64());
        }
    }

    /// The label of a status without a name, as long as there are few of them.
    fn unnamed(&self, status: u32) -> Option<String> {
        let mut known = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&status) {
            if known.len() >= UNNAMED_AT_MOST {
                return None;
            }
            known.push(status);
        }
        Some(format!("{status:#010x}"))
    }

    /// A submit will get no answer any more.
    pub fn unanswered(&self) {
        self.counts.unanswered.inc();
    }

    /// So many submits wait for their answer.
    pub fn in_flight(&self, count: usize) {
        self.counts.window_in_use.set(whole(count));
    }

    /// Messages ended as failed.
    pub fn failed(&self, messages: usize) {
        self.counts.messages_failed.inc_by(messages as u64);
    }

    /// A row was claimed for its first attempt.
    pub fn waited(&self, from: DateTime<Utc>, until: DateTime<Utc>) {
        observe_between(&self.counts.wait_seconds, from, until);
    }

    // ---- receiving

    /// A PDU was stored.
    pub fn stored(&self, row: &Inbound) {
        let kind = match row.kind {
            Kind::Message => "message",
            Kind::Receipt => "receipt",
            Kind::Intermediate => "intermediate",
            Kind::Other => "other",
        };
        self.counts.deliveries.with_label_values(&[kind]).inc();
        if matches!(row.kind, Kind::Receipt | Kind::Intermediate) {
            let state = row.receipt.as_ref().and_then(|receipt| receipt.state);
            let state = state.map_or("none", MessageState::name);
            self.counts.receipts.with_label_values(&[state]).inc();
        }
    }

    /// A PDU could not be stored, and the SMSC was told so.
    pub fn refused(&self, deliveries: usize) {
        self.counts.deliveries_refused.inc_by(deliveries as u64);
    }

    /// A receipt came so many seconds after the answer to its message.
    pub fn receipt_after(&self, seconds: f64) {
        self.counts.receipt_seconds.observe(seconds.max(0.0));
    }

    // ---- the session

    /// The session has been in this state for so long, with this server and window.
    pub fn session(&self, session: &'static str, server: Option<&SmppServer>, lasts: Duration) {
        let view = server.map(|server| ServerView {
            id: server.account.id,
            name: server.name.clone(),
            host: server.account.host.clone(),
            port: server.account.port,
        });
        let mut state = self.state();
        if state.session != session || state.server != view {
            let now = SystemTime::now();
            state.since = now.checked_sub(lasts).unwrap_or(now);
        }
        if state.server != view {
            self.counts.server_info.reset();
            if let Some(server) = &view {
                let name = server.name.as_deref().unwrap_or_default();
                let labels = [&server.id.to_string(), name];
                self.counts.server_info.with_label_values(&labels).set(1);
            }
        }
        state.session = session;
        state.server = view;
        state.window_size = server.map_or(0, |server| server.settings.window);
        self.counts.window_size.set(whole(state.window_size));
        self.show_session(&state);
    }

    fn show_session(&self, state: &State) {
        for name in SESSION_STATES {
            let is = i64::from(name == state.session);
            self.counts.session_state.with_label_values(&[name]).set(is);
        }
        self.counts.bound.set(i64::from(state.is_bound()));
        self.counts
            .throttled
            .set(i64::from(state.is_bound() && state.session == "throttled"));
    }

    /// The window changed within a session.
    pub fn window(&self, window: usize) {
        self.state().window_size = window;
        self.counts.window_size.set(whole(window));
    }

    // ---- lease, queue, database

    /// The daemon can't serve until somebody does something: why, and what to run.
    pub fn waiting(&self, why: &str) {
        self.not_serving(Role::Waiting(why.to_owned()));
    }

    /// There is nothing any more that somebody has to do first.
    pub fn starting(&self) {
        self.not_serving(Role::Starting);
    }

    /// Another daemon serves the lane.
    pub fn standing_by(&self, holder: &str) {
        self.not_serving(Role::StandingBy(holder.to_owned()));
    }

    /// The lease was taken.
    pub fn serving(&self) {
        self.counts.lease_held.set(1);
        self.counts.leases_taken.inc();
        self.state().role = Role::Serving;
    }

    /// The end has come.
    pub fn stopped(&self) {
        self.not_serving(Role::Stopping);
    }

    fn not_serving(&self, role: Role) {
        self.counts.lease_held.set(0);
        {
            let mut state = self.state();
            state.role = role;
        }
        self.session("closed", None, Duration::ZERO);
        self.in_flight(0);
        self.queue(None);
    }

    /// What waits in the queue; `None` where it could not be counted.
    pub fn queue(&self, count: Option<QueueCount>) {
        self.state().queue = count.map(|count| (count, Instant::now()));
        let counts = &self.counts;
        let Some(count) = count else {
            counts.queue.reset();
            counts.queue_oldest_seconds.reset();
            counts.in_doubt.reset();
            counts.inbox_unprocessed.reset();
            return;
        };
        for (state, messages) in [
            ("waiting", count.waiting),
            ("started", count.started),
            ("scheduled", count.scheduled),
            ("retrying", count.retrying),
            ("held", count.held),
        ] {
            counts.queue.with_label_values(&[state]).set(messages);
        }
        let none: [&str; 0] = [];
        counts
            .queue_oldest_seconds
            .with_label_values(&none)
            .set(count.oldest_seconds.unwrap_or_default());
        counts.in_doubt.with_label_values(&none).set(count.in_doubt);
        counts
            .inbox_unprocessed
            .with_label_values(&none)
            .set(count.inbox_unprocessed);
    }

    /// Whether the database does what has to be done every second.
    pub fn database<T>(&self, answer: &Result<T, DbError>) {
        let up = answer.is_ok();
        if let Err(error) = answer {
            self.database_error(error);
        }
        self.counts.database_up.set(i64::from(up));
        self.state().database_up = Some(up);
    }

    /// Whether it did not when it was asked last.
    #[must_use]
    pub fn database_is_away(&self) -> bool {
        self.state().database_up == Some(false)
    }

    /// A statement failed.
    pub fn database_error(&self, error: &DbError) {
        let reason = match error {
            DbError::Away(_) => "away",
            DbError::Busy(_) => "busy",
            DbError::Refused(_) => "refused",
            DbError::Broken(_) | DbError::Failing(_) => "broken",
        };
        self.counts
            .database_errors
            .with_label_values(&[reason])
            .inc();
    }

    /// A batch (`claim` or `record`) of so many rows was begun then and has ended.
    pub fn batch(&self, batch: &'static str, rows: usize, begun: Instant) {
        let seconds = begun.elapsed().as_secs_f64();
        self.counts
            .batch_seconds
            .with_label_values(&[batch])
            .observe(seconds);
        self.counts
            .batch_rows
            .with_label_values(&[batch])
            .inc_by(rows as u64);
    }

    // ---- events

    /// An event was told.
    pub fn event(&self, event: &Event) {
        self.counts.events.with_label_values(&[event.kind]).inc();
        let server = event.server_id.unwrap_or_default().to_string();
        let result = match event.kind {
            "bound" => Some("ok"),
            "bind_failed" => Some("refused"),
            "bind_timeout" => Some("timeout"),
            "connection_failed" => Some("unreachable"),
            _ => None,
        };
        if let Some(result) = result {
            self.counts
                .binds
                .with_label_values(&[result, &server])
                .inc();
        }
        if event.kind == "bound" {
            // There at 0, or its first loss would be no increase.
            self.counts.sessions_lost.with_label_values(&[&server]);
        }
        if event.kind == "connection_lost" {
            self.counts
                .sessions_lost
                .with_label_values(&[&server])
                .inc();
        }
        self.state().event(EventView {
            at: seconds(SystemTime::now()),
            kind: event.kind,
            status: event.status,
            message: event.message.clone(),
        });
    }

    /// What is to be told of the HTTP server.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.to_tell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process before this one has told that it can't listen for the HTTP server, and not that it can.
    pub fn pages_failed_before(&self) {
        self.told().failed_before();
    }

    /// Events of the HTTP server that are to be stored.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.told().take()
    }

    // ---- time

    /// Ticks for ever: the rate, the samples of the plots, and the life of the runtime.
    pub async fn keep_time(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last = Instant::now();
        loop {
            ticks.tick().await;
            let since = last.elapsed();
            last = Instant::now();
            if self.counts.throttled.get() == 1 {
                self.counts.throttled_seconds.inc_by(since.as_secs_f64());
            }
            let answered = self.counts.response_seconds.get_sample_count();
            let window = self.counts.window_in_use.get();
            let rate = self.state().tick(answered, window);
            self.counts.rate.set(rate);
        }
    }

    /// A simple look at whether the daemon moves: its clock ticks each second, by the runtime that does all work.
    #[must_use]
    pub fn clock_stuck(&self) -> Option<&'static str> {
        const PATIENCE: Duration = Duration::from_secs(15);
        (self.state().ticked.elapsed() > PATIENCE).then_some("clock")
    }
}

fn observe_between(histogram: &prometheus::Histogram, from: DateTime<Utc>, until: DateTime<Utc>) {
    let seconds = (until - from).as_seconds_f64();
    histogram.observe(seconds.max(0.0));
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
