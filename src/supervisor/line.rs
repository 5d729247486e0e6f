//! Session after session with one account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{Context, certificates};
use crate::backoff::Backoff;
use crate::feeder::SessionHandle;
use crate::outbox::{Attempt, Outcome};
use crate::recorder::{Delivered, Recorded};
use crate::server::Server;
use crate::session::connect::{Connected, connect};
use crate::session::driver::{self, Control, Delivery, Notice, Outlet, Submission, SubmitOutcome};
use crate::session::{BindMode, CloseReason};

/// Submits that fit between feeder and driver; how many there are is the feeder's to say.
const SUBMISSIONS: usize = 4096;

/// Keeps a session with the account until told to unbind.
pub(super) async fn run(
    context: Context,
    server: watch::Receiver<Arc<Server>>,
    mut control: watch::Receiver<Control>,
) {
    let first = Arc::clone(&server.borrow());
    if let Some(reason) = unusable(&first) {
        show(&context, &control, "unusable", &first);
        context.emit(Some(&first), "server_unusable", Some("down"), reason);
        ended(&mut control).await;
        return;
    }
    context.emit(
        Some(&first),
        "starting",
        Some("down"),
        format!("connecting to {}", first.label()),
    );
    let mut backoff = Backoff::default();
    while !is_ended(&control) {
        let known = Arc::clone(&server.borrow());
        let wait = attempt(&context, &server, &mut control, &mut backoff).await;
        if is_ended(&control) {
            break;
        }
        show(&context, &control, "waiting", &known);
        tokio::select! {
            () = sleep(wait) => {}
            () = ended(&mut control) => {}
        }
    }
    context.emit(
        Some(&first),
        "ended",
        None,
        format!("no session with {} any more", first.label()),
    );
}

fn unusable(server: &Server) -> Option<String> {
    let account = &server.account;
    if let Some(reason) = &account.unusable {
        return Some(reason.clone());
    }
    if account.host.trim().is_empty() {
        return Some(format!(
            "server {} has an empty host; it must be the name or address of the SMSC",
            account.id
        ));
    }
    if account.system_id.contains('\0') || account.password.reveal().contains('\0') {
        return Some(format!("server {} has credentials with a NUL", account.id));
    }
    None
}

/// One session from connecting to its end; returns how long to wait before the next.
async fn attempt(
    context: &Context,
    server: &watch::Receiver<Arc<Server>>,
    control: &mut watch::Receiver<Control>,
    backoff: &mut Backoff,
) -> Duration {
    let known = Arc::clone(&server.borrow());
    let account = &known.account;
    show(context, control, "connecting", &known);
    let connected = tokio::select! {
        connected = connect(&account.host, account.port, account.tls.as_ref(), account.timers.session_init) => connected,
        () = ended(control) => return Duration::ZERO,
    };
    let Connected { stream, tls } = match connected {
        Ok(connected) => connected,
        Err(error) => {
            certificates::no_connection(context, &known, &error);
            return backoff.wait(fastrand::f64());
        }
    };
    show(context, control, "binding", &known);
    let secured = account.tls.as_ref().zip(tls);
    let mut over = String::new();
    if let Some((client, tls)) = &secured {
        certificates::connected(context, &known, client, tls);
        over = format!(" over {} ({})", tls.version, tls.cipher);
    }
    context.emit(
        Some(&known),
        "binding",
        Some("down"),
        format!("binding to {}{over}", known.label()),
    );
    let (submissions, to_submit) = mpsc::channel(SUBMISSIONS);
    let mut outlet = SessionOutlet {
        context: context.clone(),
        server: server.clone(),
        control: control.clone(),
        submissions,
        outcomes: Arc::default(),
        throttled_until: watch::Sender::new(None),
        bound_since: None,
        slowed_by: None,
    };
    let session = driver::run(
        stream,
        known.session_config(),
        to_submit,
        control.clone(),
        &mut outlet,
    );
    let reason = match secured {
        None => session.await,
        Some((client, tls)) => tokio::select! {
            reason = session => reason,
            never = certificates::watch(context, &known, client, tls) => match never {},
        },
    };
    outlet.retract();
    show(context, control, "closed", &known);
    let bound_for = outlet.bound_since.map(|since| since.elapsed());
    if let Some(bound_for) = bound_for {
        backoff.session_lived(bound_for);
    }
    let told_to_end = is_ended(control);
    if let Some(by) = outlet.slowed_by.take() {
        // Who has heard of the beginning hears of the end.
        context.emit_with(
            Some(&known),
            "throttled_end",
            None,
            format!("the session with {} ends", known.label()),
            Some(by),
        );
    }
    tell_end(context, &known, &reason, bound_for.is_some(), told_to_end);
    match reason {
        CloseReason::BindRefused(status) if status.refuses_account() => {
            Backoff::longest(fastrand::f64())
        }
        _ => backoff.wait(fastrand::f64()),
    }
}

fn tell_end(
    context: &Context,
    server: &Server,
    reason: &CloseReason,
    was_bound: bool,
    told_to_end: bool,
) {
    let kind = match reason {
        // Told when it began.
        CloseReason::Unbound => return,
        CloseReason::BindTimeout => "bind_timeout",
        CloseReason::BindRefused(_) => "bind_failed",
        _ if was_bound => "connection_lost",
        _ => "bind_failed",
    };
    // What becomes of a line that was told to end says nothing of its successor.
    let status = (!told_to_end).then_some("down");
    context.emit(
        Some(server),
        kind,
        status,
        format!("{}: {reason}{}", server.label(), certificates::hint(reason)),
    );
}

/// Reports the state of the line, unless it was told to end: what is reported then is another's.
fn show(
    context: &Context,
    control: &watch::Receiver<Control>,
    state: &'static str,
    server: &Server,
) {
    if !is_ended(control) {
        context.gauge.set(state, Some(server));
    }
}

fn outcome_was_sent(outcome: &SubmitOutcome) -> bool {
    matches!(
        outcome,
        SubmitOutcome::Answered { .. } | SubmitOutcome::Unanswered
    )
}

fn is_ended(control: &watch::Receiver<Control>) -> bool {
    let control = control.borrow();
    control.unbind.is_some() || control.abandon
}

/// Waits until the line is told to end.
async fn ended(control: &mut watch::Receiver<Control>) {
    let told = control
        .wait_for(|control| control.unbind.is_some() || control.abandon)
        .await
        .is_ok();
    if !told {
        // The supervisor is gone without a word, which ends the line as well.
        tracing::debug!("a line lost its supervisor");
    }
}

/// Hands what a session tells to recorder, feeder and events.
struct SessionOutlet {
    context: Context,
    server: watch::Receiver<Arc<Server>>,
    control: watch::Receiver<Control>,
    submissions: mpsc::Sender<Submission<Attempt>>,
    outcomes: Arc<AtomicU64>,
    throttled_until: watch::Sender<Option<Instant>>,
    bound_since: Option<Instant>,
    /// What `throttled` was told with, for `throttled_end`.
    slowed_by: Option<Value>,
}

impl SessionOutlet {
    fn show(&self, state: &'static str, server: &Server) {
        show(&self.context, &self.control, state, server);
    }

    fn slowed(&mut self, server: &Server, message: String, by: Value) {
        self.show("throttled", server);
        self.slowed_by = Some(by.clone());
        self.context.emit_with(
            Some(server),
            "throttled",
            Some("degraded"),
            message,
            Some(by),
        );
    }

    fn publish(&mut self) {
        let is_receiver = self.server.borrow().account.mode == BindMode::Receiver;
        // A line that was told to end may have a successor by now, whose session this would hide.
        if is_receiver || is_ended(&self.control) {
            return;
        }
        self.context.session.send_replace(Some(SessionHandle {
            server: self.server.clone(),
            submissions: self.submissions.clone(),
            outcomes: Arc::clone(&self.outcomes),
            throttled_until: self.throttled_until.subscribe(),
        }));
    }

    /// Takes the session back, if it is still the one that was published.
    fn retract(&self) {
        self.context.session.send_if_modified(|published| {
            let own = published
                .as_ref()
                .is_some_and(|handle| handle.submissions.same_channel(&self.submissions));
            if own {
                *published = None;
            }
            own
        });
    }
}

impl Outlet for SessionOutlet {
    type Token = Attempt;

    fn outcome(&mut self, mut attempt: Attempt, outcome: SubmitOutcome) {
        // Policies may have changed since the claim; those of now hold.
        attempt.server = Arc::clone(&self.server.borrow());
        // What was not written is no submit, and tells nothing of how quick the SMSC is.
        if outcome_was_sent(&outcome) {
            self.outcomes.fetch_add(1, Ordering::Relaxed);
            self.context.gauge.outcomes.fetch_add(1, Ordering::Relaxed);
        }
        let recorded = Recorded {
            attempt,
            outcome: Outcome::from(outcome),
        };
        // As deep as there can be rows in flight, so it is full only if that count is wrong.
        if let Err(unsent) = self.context.outcomes.try_send(recorded) {
            let tx_id = unsent.into_inner().attempt.tx_id;
            tracing::error!(
                tx_id,
                "an outcome found no room; the next start resolves it"
            );
        }
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        if !*self.context.database_up.borrow() {
            return Err(delivery);
        }
        let delivered = Delivered {
            delivery,
            server: Arc::clone(&self.server.borrow()),
        };
        self.context
            .deliveries
            .try_send(delivered)
            .map_err(|full| full.into_inner().delivery)
    }

    fn notice(&mut self, notice: Notice) {
        let server = Arc::clone(&self.server.borrow());
        let label = server.label();
        match notice {
            Notice::Bound(system_id) => {
                self.bound_since = Some(Instant::now());
                self.show("bound", &server);
                self.context.emit(
                    Some(&server),
                    "bound",
                    Some("ok"),
                    format!("bound to {label}, which calls itself {system_id:?}"),
                );
                self.publish();
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
                self.show("bound", &server);
                let by = self.slowed_by.take();
                self.context.emit_with(
                    Some(&server),
                    "throttled_end",
                    Some("ok"),
                    format!("nothing holds messages to {label} back any more"),
                    by,
                );
            }
            Notice::Unbinding => self.context.emit(
                Some(&server),
                "unbinding",
                Some("down"),
                format!("{label}: no more submits; unbind when all are answered"),
            ),
            Notice::StrayResponse(command_id) => {
                tracing::debug!(%command_id, "a response to nothing that waits");
            }
        }
    }

    fn in_flight(&mut self, count: usize) {
        if !is_ended(&self.control) {
            self.context.gauge.in_flight.store(count, Ordering::Relaxed);
        }
        self.context.in_flight.made_progress();
    }

    fn throttled_until(&mut self, until: Option<Instant>) {
        self.throttled_until.send_replace(until);
    }

    fn may_submit(&self, _: Instant) -> bool {
        self.context.lease.stands_now()
    }
}
