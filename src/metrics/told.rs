//! What is to be told of the HTTP server, until somebody stores events.

use crate::db::events::Event;

/// So many events wait at most.
const WAITING: usize = 10;

/// How the HTTP server is, and what of it was not told yet.
#[derive(Debug, Default)]
pub(super) struct Told {
    waiting: Vec<Event>,
    /// It was told that it can't listen, and not yet that it can.
    failed: bool,
    /// Why nothing is wrong with it, once that is known.
    fine: Option<String>,
}

impl Told {
    /// It can't listen.
    pub(super) fn failed(&mut self, message: String) {
        self.failed = true;
        self.fine = None;
        self.tell("metrics_failed", "degraded", message);
    }

    /// It listens, or it is not to.
    pub(super) fn fine(&mut self, message: String) {
        if std::mem::take(&mut self.failed) {
            self.tell("metrics_resumed", "ok", message.clone());
        }
        self.fine = Some(message);
    }

    /// A process before this one has told that it can't listen.
    pub(super) fn failed_before(&mut self) {
        match self.fine.clone() {
            Some(message) => self.tell("metrics_resumed", "ok", message),
            None => self.failed = true,
        }
    }

    /// What is to be told.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting)
    }

    fn tell(&mut self, kind: &'static str, status: &'static str, message: String) {
        self.waiting.truncate(WAITING - 1);
        self.waiting.push(Event {
            component: "metrics",
            kind,
            status: Some(status),
            server_id: None,
            message,
            details: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(told: &mut Told) -> Vec<&'static str> {
        told.take().iter().map(|event| event.kind).collect()
    }

    #[test]
    fn an_end_is_told_where_there_is_one() {
        let mut told = Told::default();
        told.fine("listens".to_owned());
        assert_eq!(kinds(&mut told), [""; 0]);
        told.failed("taken".to_owned());
        told.failed("the next one is taken, too".to_owned());
        told.fine("listens".to_owned());
        told.fine("listens elsewhere".to_owned());
        let all = ["metrics_failed", "metrics_failed", "metrics_resumed"];
        assert_eq!(kinds(&mut told), all);
    }

    #[test]
    fn that_of_a_process_before_is_told_once_it_is_known() {
        let mut told = Told::default();
        told.failed_before();
        assert_eq!(kinds(&mut told), [""; 0]);
        told.fine("listens".to_owned());
        assert_eq!(kinds(&mut told), ["metrics_resumed"]);
        told.failed_before();
        assert_eq!(kinds(&mut told), ["metrics_resumed"]);
    }
}
