//! Events on their way into `smpp_events` and the log.

mod outage;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::db::events::{self, Event};
use crate::db::{Database, DbError};
use crate::log::repeats::Repeats;
use crate::metrics::Metrics;
use crate::pulse;

use outage::Outage;
pub use outage::Witness;
use standing::Standing;

/// Events that wait for a database that is away; more are only logged.
const WAITING: usize = 1000;

/// Between attempts to store an event while the database is away.
const RETRY: Duration = Duration::from_millis(500);

/// Whether an event is no error although nothing, or not all, can be sent meanwhile: a session comes or
/// goes as it was told to, or keeps to the rate that it was given.
fn is_expected(event: &Event) -> bool {
    match event.kind {
        "starting" | "binding" | "unbinding" => true,
        "throttled" => event
            .details
            .as_ref()
            .is_some_and(|details| details["by"] == "esme_throughput"),
        _ => false,
    }
}

/// Whether somebody should look at it.
fn is_trouble(event: &Event) -> bool {
    match event.status {
        // Where another trouble stands the end of one has its status.
        Some("down" | "degraded") => !is_expected(event) && !standing::is_end(event.kind),
        // All works, but not for long, or not for this row or PDU.
        _ => matches!(
            event.kind,
            "certificate_expires"
                | "claim_refused"
                | "expire_refused"
                | "record_refused"
                | "store_refused"
        ),
    }
}

fn kind(event: &Event) -> Kind {
    (event.component, event.kind, event.server_id)
}

/// What an event says that others of its kind may not; where it is about one message, it is but the number of that.
fn says(event: &Event) -> &str {
    match &event.details {
        Some(details) if details.get("id").is_some() => event.kind,
        _ => &event.message,
    }
}

/// Whether an event tells how things may stay.
fn is_end(event: &Event) -> bool {
    event.status == Some("ok") || event.kind == "ended" || standing::is_end(event.kind)
}

/// One line. `left_out`: so many of its kind were not logged since the last one that was; `ago`: it is told so late.
fn log(event: &Event, left_out: u32, ago: Option<Duration>) {
    let Event {
        component,
        kind,
        status,
        server_id,
        message,
        ..
    } = event;
    let left_out = (left_out > 0).then_some(left_out);
    let at = ago.map(|ago| {
        let at = DateTime::<Utc>::from(SystemTime::now() - ago);
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    });
    if is_trouble(event) || matches!(*kind, "server_warning" | "events_lost") {
        tracing::warn!(
            component,
            "type" = kind,
            status,
            server_id,
            left_out,
            at,
            "{message}"
        );
    } else {
        tracing::info!(
            component,
            "type" = kind,
            status,
            server_id,
            left_out,
            at,
            "{message}"
        );
    }
}

/// What an event is about: component, type and server.
type Kind = (&'static str, &'static str, Option<i64>);

/// Takes events from everybody.
#[derive(Debug, Clone)]
pub struct EventLog {
    events: mpsc::Sender<Event>,
    last_error: Arc<Mutex<Option<String>>>,
    repeats: Arc<Mutex<Repeats<Kind, Event>>>,
    metrics: Arc<Metrics>,
    outage: Outage,
    standing: Standing,
}

impl EventLog {
    /// The log, and what [`write()`] has to store.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Event>) {
        let (events, waiting) = mpsc::channel(WAITING);
        let log = Self {
            events,
            last_error: Arc::default(),
            repeats: Arc::default(),
            metrics,
            outage: Outage::default(),
            standing: Standing::default(),
        };
        (log, waiting)
    }

    /// Where everybody counts who has this log.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Logs an event and has it stored. Of what comes again and again not all is logged.
    pub fn emit(&self, mut event: Event) {
        self.standing.heed(&mut event);
        self.metrics.event(&event);
        if is_trouble(&event) {
            *self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(event.message.clone());
        }
        let came = self
            .repeats()
            .came(kind(&event), says(&event), &event, Instant::now());
        match came {
            Some(left_out) => log(&event, left_out, None),
            None => tracing::debug!(
                component = event.component,
                "type" = event.kind,
                server_id = event.server_id,
                "again: {}",
                event.message
            ),
        }
        if let Err(error) = self.events.try_send(event) {
            let event = error.into_inner();
            tracing::debug!(
                "type" = event.kind,
                "not stored: too many events wait for the database"
            );
            let lost = Event {
                component: "database",
                kind: "events_lost",
                status: None,
                server_id: None,
                message: "an event was not stored: too many wait for the database".to_owned(),
                details: None,
            };
            let came = self
                .repeats()
                .came(kind(&lost), says(&lost), &lost, Instant::now());
            if let Some(left_out) = came {
                log(&lost, left_out, None);
            }
        }
    }

    /// An event that is about no server and has nothing more for programs.
    pub fn tell(
        &self,
        component: &'static str,
        kind: &'static str,
        status: &'static str,
        message: impl Into<String>,
    ) {
        self.emit(Event {
            component,
            kind,
            status: Some(status),
            server_id: None,
            message: message.into(),
            details: None,
        });
    }

    /// Logs what was left out last of what has stopped to come. To be called now and then.
    pub fn settle(&self) {
        let stopped = self.repeats().stopped(Instant::now(), is_end);
        for late in stopped {
            log(&late.what, late.left_out, Some(late.ago));
        }
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats<Kind, Event>> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last message of an event that was not good, once.
    #[must_use]
    pub fn take_last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Stores events until there are no more, or until `stop`. `epoch`: under which lease they are told; `None`: under none.
pub async fn write(
    database: Database,
    lane: String,
    epoch: Option<i64>,
    mut waiting: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    while let Some(event) = pulse::idle(waiting.recv()).await {
        loop {
            match events::insert(&database, &lane, epoch, &event).await {
                Ok(()) => break,
                Err(DbError::Refused(error)) => {
                    tracing::error!("type" = event.kind, %error, "an event was not stored");
                    break;
                }
                Err(_) => tokio::select! {
                    () = sleep(RETRY) => {}
                    () = stop.cancelled() => return,
                },
            }
        }
    }
}
