//! Session after session with one account.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::board::{Board, Role};
use super::outlet::SessionOutlet;
use super::{Context, certificates, pair};
use crate::backoff::Backoff;
use crate::server::Server;
use crate::session::connect::{Connected, connect};
use crate::session::driver::{self, Control};
use crate::session::{BindMode, CloseReason, Config};

/// Submits that fit between feeder and driver; how many there are is the feeder's to say.
const SUBMISSIONS: usize = 4096;

/// Keeps a session with the account, or a pair of them, until told to unbind.
pub(super) async fn run(
    context: Context,
    board: Arc<Board>,
    server: watch::Receiver<Arc<Server>>,
    mut control: watch::Receiver<Control>,
) {
    let first = Arc::clone(&server.borrow());
    let line = Side {
        context,
        board,
        role: Role::Only,
        server,
        line: control.clone(),
    };
    if let Some(reason) = unusable(&first) {
        line.show("unusable");
        line.board.failed();
        line.emit(&first, "server_unusable", line.status(), reason, None);
        ended(&mut control).await;
        return;
    }
    let message = format!("connecting to {}", first.label());
    line.emit(&first, "starting", line.status(), message, None);
    if first.account.with_receiver {
        pair::run(&line, control).await;
    } else {
        line.sessions(control).await;
    }
    let message = format!("no session with {} any more", first.label());
    line.emit(&first, "ended", None, message, None);
}

/// One of the sessions of a line, over and over.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) context: Context,
    pub(super) board: Arc<Board>,
    pub(super) role: Role,
    pub(super) server: watch::Receiver<Arc<Server>>,
    /// What the line is told, which a session of a pair may be told later.
    pub(super) line: watch::Receiver<Control>,
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

impl Side {
    pub(super) fn with(&self, role: Role) -> Self {
        Self {
            role,
            ..self.clone()
        }
    }

    /// Session after session, until told to unbind.
    pub(super) async fn sessions(&self, mut control: watch::Receiver<Control>) {
        let mut backoff = Backoff::default();
        while !is_ended(&control) {
            let wait = self.attempt(&mut control, &mut backoff).await;
            if is_ended(&control) {
                break;
            }
            self.show("waiting");
            if self.role != Role::Receiver {
                self.board.failed();
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = ended(&mut control) => {}
            }
        }
    }

    /// One session from connecting to its end; returns how long to wait before the next.
    async fn attempt(
        &self,
        control: &mut watch::Receiver<Control>,
        backoff: &mut Backoff,
    ) -> Duration {
        let known = Arc::clone(&self.server.borrow());
        let account = &known.account;
        let label = self.label(&known);
        self.show("connecting");
        let connected = tokio::select! {
            connected = connect(&account.host, account.port, account.tls.as_ref(), account.timers.session_init) => connected,
            () = ended(control) => return Duration::ZERO,
        };
        let Connected { stream, tls } = match connected {
            Ok(connected) => connected,
            Err(error) => {
                self.show("closed");
                certificates::no_connection(self, &known, &error);
                return backoff.wait(fastrand::f64());
            }
        };
        self.show("binding");
        let secured = account.tls.as_ref().zip(tls);
        let mut over = String::new();
        if let Some((client, tls)) = &secured {
            certificates::connected(self, &known, client, tls);
            over = format!(" over {} ({})", tls.version, tls.cipher);
        }
        let message = format!("binding to {label}{over}");
        self.emit(&known, "binding", self.status(), message, None);
        let (submissions, to_submit) = mpsc::channel(SUBMISSIONS);
        let mut outlet = SessionOutlet::new(self.clone(), submissions);
        let config = self.session_config(&known);
        let session = driver::run(stream, config, to_submit, control.clone(), &mut outlet);
        let reason = match secured {
            None => session.await,
            Some((client, tls)) => tokio::select! {
                reason = session => reason,
                never = certificates::watch(self, &known, client, tls) => match never {},
            },
        };
        outlet.ended(&known);
        let bound_for = outlet.bound_for();
        if let Some(bound_for) = bound_for {
            backoff.session_lived(bound_for);
        }
        self.tell_end(&known, &reason, bound_for.is_some());
        match reason {
            CloseReason::BindRefused(status) if status.refuses_account() => {
                Backoff::longest(fastrand::f64())
            }
            _ => backoff.wait(fastrand::f64()),
        }
    }

    fn session_config(&self, server: &Server) -> Config {
        let mut config = server.session_config();
        if self.role == Role::Receiver {
            config.mode = BindMode::Receiver;
        }
        config
    }

    fn tell_end(&self, server: &Server, reason: &CloseReason, was_bound: bool) {
        let kind = match reason {
            // Told when it began.
            CloseReason::Unbound => return,
            CloseReason::BindTimeout => "bind_timeout",
            CloseReason::BindRefused(_) => "bind_failed",
            _ if was_bound => "connection_lost",
            _ => "bind_failed",
        };
        let hint = certificates::hint(reason);
        let message = format!("{}: {reason}{hint}", self.label(server));
        self.emit(server, kind, self.status(), message, None);
    }

    /// Whether it is the session that submits, where the account can.
    pub(super) fn submits(&self) -> bool {
        self.role != Role::Receiver && self.server.borrow().account.mode != BindMode::Receiver
    }

    /// Shows a state, unless the line was told to end: what is shown then is another's.
    pub(super) fn show(&self, state: &'static str) {
        if !is_ended(&self.line) {
            self.board.show(self.role, state);
        }
    }

    /// The status for an event; none where the line was told to end: what becomes of it says nothing of its successor.
    pub(super) fn status(&self) -> Option<&'static str> {
        if is_ended(&self.line) {
            return None;
        }
        self.board.status()
    }

    pub(super) fn label(&self, server: &Server) -> String {
        match self.role.name() {
            Some(name) => format!("{} as {name}", server.label()),
            None => server.label(),
        }
    }

    pub(super) fn emit(
        &self,
        server: &Server,
        kind: &'static str,
        status: Option<&'static str>,
        message: String,
        details: Option<Value>,
    ) {
        let details = match self.role.name() {
            Some(name) => {
                let mut details = details.unwrap_or_else(|| json!({}));
                details["session"] = name.into();
                Some(details)
            }
            None => details,
        };
        self.context
            .emit_with(Some(server), kind, status, message, details);
    }
}

pub(super) fn is_ended(control: &watch::Receiver<Control>) -> bool {
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
