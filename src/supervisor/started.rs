//! A line that was started, and what it is told from then on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Context;
use super::board::Board;
use crate::server::{Account, Server};
use crate::session::driver::Control;

/// A line that was started.
pub(super) struct Line {
    pub(super) account: Account,
    pub(super) server: watch::Sender<Arc<Server>>,
    pub(super) control: watch::Sender<Control>,
    pub(super) board: Arc<Board>,
}

impl Line {
    /// No more submits; it ends when all are answered, within `patience`.
    pub(super) fn drain(&self, patience: Duration) {
        self.control
            .send_modify(|control| control.unbind = Some(patience));
    }

    /// The server as the line knows it.
    pub(super) fn known(&self) -> Arc<Server> {
        Arc::clone(&self.server.borrow())
    }

    /// Passes on what changes without a rebind.
    pub(super) fn update(&self, server: &Server, context: &Context) {
        let known = self.known();
        if *known == *server {
            return;
        }
        let told = known.warnings();
        for warning in server.warnings() {
            if !told.contains(&warning) {
                warn(context, server, warning);
            }
        }
        let (was_paused, is_paused) = (known.settings.paused, server.settings.paused);
        self.control.send_if_modified(|control| {
            let changed = control.settings != server.settings || control.classes != server.classes;
            control.settings = server.settings;
            control.classes = server.classes.clone();
            changed
        });
        self.server.send_replace(Arc::new(server.clone()));
        let (server_id, label) = (server.account.id, server.label());
        let what = match (was_paused, is_paused) {
            (false, true) => "sending is paused (esme_submit_paused)",
            (true, false) => "sending is not paused any more (esme_submit_paused)",
            _ => "its changed settings hold",
        };
        tracing::info!(server_id, "{label}: {what}");
        // It may have a larger window.
        context.in_flight.made_progress();
    }
}

/// Tells what is odd about a server.
pub(super) fn warn(context: &Context, server: &Server, warning: String) {
    context.emit(Some(server), "server_warning", None, warning);
}
