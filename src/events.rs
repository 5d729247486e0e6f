//! Events on their way into `smpp_events` and the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::db::events::{self, Event};
use crate::db::{Database, DbError};
use crate::metrics::Metrics;

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

/// Takes events from everybody.
#[derive(Debug, Clone)]
pub struct EventLog {
    events: mpsc::Sender<Event>,
    last_error: Arc<Mutex<Option<String>>>,
    metrics: Arc<Metrics>,
}

impl EventLog {
    /// The log, and what [`write()`] has to store.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Event>) {
        let (events, waiting) = mpsc::channel(WAITING);
        let log = Self {
            events,
            last_error: Arc::default(),
            metrics,
        };
        (log, waiting)
    }

    /// Where everybody counts who has this log.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Logs an event and has it stored.
    pub fn emit(&self, event: Event) {
        self.metrics.event(&event);
        let Event {
            component,
            kind,
            message,
            server_id,
            ..
        } = &event;
        match event.status {
            Some("down" | "degraded") if !is_expected(&event) => {
                tracing::warn!(component, kind, server_id, "{message}");
                *self
                    .last_error
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
            }
            _ => tracing::info!(component, kind, server_id, "{message}"),
        }
        if self.events.try_send(event).is_err() {
            tracing::warn!("the event above was only logged: too many wait for the database");
        }
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

/// Stores events until there are no more, or until `stop`.
pub async fn write(
    database: Database,
    lane: String,
    mut waiting: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    while let Some(event) = waiting.recv().await {
        loop {
            match events::insert(&database, &lane, &event).await {
                Ok(()) => break,
                Err(DbError::Refused(error)) => {
                    tracing::error!(kind = event.kind, %error, "an event was not stored");
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
