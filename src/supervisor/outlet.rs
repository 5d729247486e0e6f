//! What a session of a line tells, on its way to recorder, feeder, supervisor and events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::board::Role;
use super::line::{Side, is_ended};
use crate::feeder::SessionHandle;
use crate::outbox::{Attempt, Outcome};
use crate::recorder::{Delivered, Recorded};
use crate::server::Server;
use crate::session::driver::{Delivery, Notice, Outlet, Submission, SubmitOutcome};

/// Hands what a session tells to recorder, feeder and events.
pub(super) struct SessionOutlet {
    side: Side,
    submissions: mpsc::Sender<Submission<Attempt>>,
    outcomes: Arc<AtomicU64>,
    throttled_until: watch::Sender<Option<Instant>>,
    bound_since: Option<Instant>,
    /// What `throttled` was told with, for `throttled_end`.
    slowed_by: Option<Value>,
}

impl SessionOutlet {
    pub(super) fn new(side: Side, submissions: mpsc::Sender<Submission<Attempt>>) -> Self {
        Self {
            side,
            submissions,
            outcomes: Arc::default(),
            throttled_until: watch::Sender::new(None),
            bound_since: None,
            slowed_by: None,
        }
    }

    /// For how long the session was bound; `None`: never.
    pub(super) fn bound_for(&self) -> Option<Duration> {
        self.bound_since.map(|since| since.elapsed())
    }

    /// To be told when the session has ended.
    pub(super) fn ended(&mut self, server: &Server) {
        // Takes the session back.
        if self.side.submits() {
            self.side.board.offer(None);
        }
        self.side.show("closed");
        if let Some(by) = self.slowed_by.take() {
            // Who has heard of the beginning hears of the end.
            let message = format!("the session with {} ends", self.side.label(server));
            self.side
                .emit(server, "throttled_end", None, message, Some(by));
        }
    }

    fn tell(&self, server: &Server, kind: &'static str, message: String, details: Option<Value>) {
        let status = self.side.status();
        self.side.emit(server, kind, status, message, details);
    }

    fn slowed(&mut self, server: &Server, message: String, by: Value) {
        self.side.show("throttled");
        self.slowed_by = Some(by.clone());
        self.tell(server, "throttled", message, Some(by));
    }

    /// Offers the session for submits.
    fn offer(&self) {
        if self.side.submits() {
            self.side.board.offer(Some(SessionHandle {
                server: self.side.server.clone(),
                submissions: self.submissions.clone(),
                outcomes: Arc::clone(&self.outcomes),
                throttled_until: self.throttled_until.subscribe(),
            }));
        }
    }
}

impl Outlet for SessionOutlet {
    type Token = Attempt;

    fn outcome(&mut self, mut attempt: Attempt, outcome: SubmitOutcome) {
        // Policies may have changed since the claim; those of now hold.
        attempt.server = Arc::clone(&self.side.server.borrow());
        let metrics = &self.side.context.gauge.metrics;
        match &outcome {
            SubmitOutcome::Answered { status, .. } => {
                metrics.answered(*status, attempt.sent_at.map(|sent| sent.elapsed()));
            }
            SubmitOutcome::Unanswered => metrics.unanswered(),
            SubmitOutcome::Unwritten | SubmitOutcome::Unencodable(_) => {}
        }
        // What was not written is no submit, and tells nothing of how quick the SMSC is.
        if outcome_was_sent(&outcome) {
            self.outcomes.fetch_add(1, Ordering::Relaxed);
            let gauge = &self.side.context.gauge;
            gauge.outcomes.fetch_add(1, Ordering::Relaxed);
        }
        let recorded = Recorded {
            attempt,
            outcome: Outcome::from(outcome),
        };
        // As deep as there can be rows in flight, so it is full only if that count is wrong.
        if let Err(unsent) = self.side.context.outcomes.try_send(recorded) {
            let tx_id = unsent.into_inner().attempt.tx_id;
            tracing::error!(
                tx_id,
                "an outcome found no room; the next start resolves it"
            );
        }
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        let context = &self.side.context;
        // The recorder can wait for an answer of the database that the heartbeat has given up.
        let away = !*context.database_up.borrow() || context.events.heartbeat_lost();
        // What wants no answer nobody sends again: the recorder keeps it.
        if away && delivery.answer.is_some() {
            return Err(delivery);
        }
        let delivered = Delivered {
            delivery,
            server: Arc::clone(&self.side.server.borrow()),
        };
        context
            .deliveries
            .try_send(delivered)
            .map_err(|full| full.into_inner().delivery)
    }

    fn refused(&mut self) {
        self.side.context.gauge.metrics.refused(1);
    }

    fn notice(&mut self, notice: Notice) {
        let server = Arc::clone(&self.side.server.borrow());
        let label = self.side.label(&server);
        match notice {
            Notice::Bound(system_id) => {
                self.bound_since = Some(Instant::now());
                self.side.show("bound");
                let message = format!("bound to {label}, which calls itself {system_id:?}");
                self.tell(&server, "bound", message, None);
                self.offer();
            }
            Notice::Throttled(status) => {
                let name = status
                    .name()
                    .map_or_else(|| format!("{:#010x}", status.0), str::to_owned);
                let by = json!({ "by": "smsc", "status": name });
                self.slowed(&server, format!("{label} throttles: {status}"), by);
            }
            Notice::HeldByRate => {
                let rate = server.settings.rate;
                let message = format!(
                    "messages wait for esme_throughput: {} a second",
                    rate.unwrap_or_default()
                );
                let by = json!({ "by": "esme_throughput", "rate": rate });
                self.slowed(&server, message, by);
            }
            Notice::ThrottleEnded => {
                self.side.show("bound");
                let by = self.slowed_by.take();
                let message = format!("nothing holds messages to {label} back any more");
                self.tell(&server, "throttled_end", message, by);
            }
            Notice::Unbinding => {
                let message = match self.side.role {
                    Role::Receiver => format!("{label}: unbind"),
                    _ => format!("{label}: no more submits; unbind when all are answered"),
                };
                let status = self.side.board.is_foremost().then_some("down");
                self.side.emit(&server, "unbinding", status, message, None);
            }
            Notice::StrayResponse(command_id) => {
                tracing::debug!(%command_id, "a response to nothing that waits");
            }
        }
    }

    fn leaves(&mut self, attempt: &mut Attempt, now: Instant) {
        attempt.sent_at = Some(now);
    }

    fn submitted(&mut self) {
        self.side.context.gauge.metrics.submitted();
    }

    fn in_flight(&mut self, count: usize) {
        let Side { context, board, .. } = &self.side;
        if self.side.role != Role::Receiver {
            board.in_flight.store(count, Ordering::Relaxed);
            if board.is_foremost() && !is_ended(&self.side.line) {
                context.gauge.set_in_flight(count);
            }
        }
        context.in_flight.made_progress();
    }

    fn throttled_until(&mut self, until: Option<Instant>) {
        self.throttled_until.send_replace(until);
    }

    fn may_submit(&self, _: Instant) -> bool {
        self.side.context.lease.stands_now()
    }
}

fn outcome_was_sent(outcome: &SubmitOutcome) -> bool {
    matches!(
        outcome,
        SubmitOutcome::Answered { .. } | SubmitOutcome::Unanswered
    )
}
