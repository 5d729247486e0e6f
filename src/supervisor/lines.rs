//! Which lines there are, and which of them gets the submits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::started::{Line, warn};
use super::{Context, line};
use crate::db::servers;
use crate::failover::{self, Failover, Member, Move, Orders, Seen, Submitter};
use crate::feeder::SessionHandle;
use crate::pulse;
use crate::server::Server;
use crate::session::BindMode;
use crate::session::driver::Control;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Enabled,
    StandIn,
}

/// The lines of a lane.
pub(super) struct Lines {
    context: Context,
    /// As last read; `None`: not yet.
    lane: Option<Arc<servers::Lane>>,
    enabled: Option<Line>,
    stand_in: Option<Line>,
    draining: Vec<Line>,
    tasks: JoinSet<()>,
    failover: Option<Failover>,
    /// Rung by the boards.
    bell: Arc<Notify>,
    last_server: Option<i64>,
    announced_none: bool,
}

impl Lines {
    pub(super) fn new(context: Context, bell: Arc<Notify>) -> Self {
        Self {
            context,
            lane: None,
            enabled: None,
            stand_in: None,
            draining: Vec::new(),
            tasks: JoinSet::new(),
            failover: None,
            bell,
            last_server: None,
            announced_none: false,
        }
    }

    /// What the table says now.
    pub(super) fn set_lane(&mut self, lane: servers::Lane) {
        self.lane = Some(Arc::new(lane));
    }

    /// Waits for the end of a line; true where it failed. Never where there is none.
    pub(super) async fn ended(&mut self) -> bool {
        match self.tasks.join_next().await {
            Some(ended) => {
                self.draining.retain(|line| !line.control.is_closed());
                ended.is_err()
            }
            None => std::future::pending().await,
        }
    }

    /// Brings the lines in accord with the table and with how they are doing; returns when to do so again, whatever
    /// happens until then.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Instant> {
        let lane = Arc::clone(self.lane.as_ref()?);
        let Some(server) = &lane.enabled else {
            self.none_is_enabled();
            return None;
        };
        self.announced_none = false;
        self.promote(server);
        if self.last_server != Some(server.account.id) {
            // Another one was enabled.
            let line = self.stand_in.take();
            self.retire(line);
        }
        self.tend(Place::Enabled, server);
        let orders = self.orders(server, &lane.stand_ins, now);
        let ordered = orders.stand_in.and_then(|id| {
            let mut stand_ins = lane.stand_ins.iter();
            stand_ins.find(|stand_in| stand_in.account.id == id)
        });
        match ordered {
            Some(stand_in) => self.tend(Place::StandIn, stand_in),
            None => {
                let line = self.stand_in.take();
                if let Some(line) = &line {
                    // How the lane is, the enabled one tells from now on.
                    line.board.set_foremost(false);
                }
                self.retire(line);
            }
        }
        self.put_forward(orders.submitter);
        if let Some(moved) = orders.moved {
            self.tell(server, moved);
        }
        orders.look_at
    }

    fn none_is_enabled(&mut self) {
        self.failover = None;
        for line in [self.stand_in.take(), self.enabled.take()] {
            self.retire(line);
        }
        self.publish(None);
        if self.draining.is_empty() && !self.announced_none {
            self.announced_none = true;
            self.context.gauge.set("closed", None);
            self.context.gauge.set_in_flight(0);
            self.context
                .emit(None, "no_server", Some("down"), "no server is enabled");
        }
    }

    /// Where the one that stands in was enabled, its line goes on.
    fn promote(&mut self, server: &Server) {
        let stands_in = |line: &mut Line| line.account == server.account;
        let Some(line) = self.stand_in.take_if(stands_in) else {
            return;
        };
        line.board.set_stands_in(false);
        line.board.set_foremost(true);
        if let Some(old) = &self.enabled {
            old.board.set_foremost(false);
        }
        let status = line.board.status();
        let old = self.enabled.replace(line);
        self.retire(old);
        self.switched(server, status);
    }

    fn switched(&mut self, server: &Server, status: Option<&'static str>) {
        let before = self.last_server.replace(server.account.id);
        if before.is_some_and(|before| before != server.account.id) {
            let message = format!("now {}", server.label());
            self.context
                .emit(Some(server), "server_switched", status, message);
        }
    }

    fn orders(&mut self, server: &Server, stand_ins: &[Server], now: Instant) -> Orders {
        let member = |server: &Server| Member {
            id: server.account.id,
            after: server.failover_after,
        };
        let members: Vec<Member> = stand_ins
            .iter()
            .filter(|other| may_stand_in(other, server))
            .map(member)
            .collect();
        let lane = failover::Lane {
            enabled: member(server),
            paused: server.settings.paused,
            stand_ins: &members,
        };
        let failover = self
            .failover
            .get_or_insert_with(|| Failover::new(server.account.id, now));
        let seen =
            |line: &Option<Line>| line.as_ref().map_or(Seen::default(), |it| it.board.seen());
        let stand_in = failover.stand_in();
        let of_stand_in = self
            .stand_in
            .as_ref()
            .filter(|line| Some(line.account.id) == stand_in)
            .map_or(Seen::default(), |line| line.board.seen());
        failover.step(&lane, seen(&self.enabled), of_stand_in, now)
    }

    /// Keeps a line to this server, as it is now.
    fn tend(&mut self, place: Place, server: &Server) {
        let other = |line: &mut Line| line.account != server.account;
        let former = self.slot(place).take_if(other);
        self.retire(former);
        let line = match place {
            Place::Enabled => &self.enabled,
            Place::StandIn => &self.stand_in,
        };
        if let Some(line) = line {
            return line.update(server, &self.context);
        }
        // Of the same account there may be one that was a stand-in under its former settings.
        if place == Place::Enabled {
            let is_same = |line: &mut Line| line.account.is_same_account(&server.account);
            let line = self.stand_in.take_if(is_same);
            self.retire(line);
        }
        let others = self.draining.iter().chain(&self.enabled);
        for line in others.chain(&self.stand_in) {
            if line.account.is_same_account(&server.account) {
                // The SMSC may refuse a second bind; the end of the line rings.
                return;
            }
        }
        let line = self.start(place, Arc::new(server.clone()));
        *self.slot(place) = Some(line);
    }

    fn slot(&mut self, place: Place) -> &mut Option<Line> {
        match place {
            Place::Enabled => &mut self.enabled,
            Place::StandIn => &mut self.stand_in,
        }
    }

    fn start(&mut self, place: Place, server: Arc<Server>) -> Line {
        if place == Place::Enabled {
            self.switched(&server, None);
        }
        for warning in server.warnings() {
            warn(&self.context, &server, warning);
        }
        let board = Arc::new(Board::new(Arc::clone(&self.bell)));
        // Before it can tell anything.
        let other = self.stand_in.as_ref();
        let foremost = place == Place::Enabled && other.is_none_or(|it| !it.board.is_foremost());
        board.set_foremost(foremost);
        if foremost {
            self.context.gauge.set_in_flight(0);
        }
        board.set_stands_in(place == Place::StandIn);
        let (control, told) = watch::channel(Control {
            settings: server.settings,
            classes: server.classes.clone(),
            unbind: None,
            abandon: false,
        });
        let account = server.account.clone();
        let (server, known) = watch::channel(server);
        let line = line::run(self.context.clone(), Arc::clone(&board), known, told);
        self.tasks
            .spawn(self.context.pulses.felt("session", pulse::QUICK, line));
        Line {
            account,
            server,
            control,
            board,
        }
    }

    /// Lets a line drain.
    fn retire(&mut self, line: Option<Line>) {
        let Some(line) = line else { return };
        if line.board.is_foremost() {
            self.publish(None);
            self.context.gauge.set("unbinding", Some(&line.known()));
        }
        line.drain(self.context.config.borrow().daemon.drain_timeout());
        self.draining.push(line);
    }

    /// Has one line get the submits, and tell how the lane is.
    fn put_forward(&self, submitter: Submitter) {
        let line = match submitter {
            Submitter::Enabled => self.enabled.as_ref(),
            Submitter::StandIn => self.stand_in.as_ref(),
        };
        let gauge = &self.context.gauge;
        for other in self.enabled.iter().chain(&self.stand_in) {
            let foremost = line.is_some_and(|line| Arc::ptr_eq(&line.board, &other.board));
            let changed = other.board.set_foremost(foremost) != foremost;
            if foremost && changed {
                // From here on it tells itself.
                let in_flight = other.board.in_flight.load(Ordering::Relaxed);
                gauge.set_in_flight(in_flight);
            }
        }
        if let Some(line) = line {
            gauge.set(line.board.state(), Some(&line.known()));
        }
        self.publish(line.and_then(|line| line.board.handle()));
    }

    fn publish(&self, handle: Option<SessionHandle>) {
        self.context.session.send_if_modified(|published| {
            let same = match (&*published, &handle) {
                (Some(old), Some(new)) => old.submissions.same_channel(&new.submissions),
                (None, None) => true,
                _ => false,
            };
            if !same {
                *published = handle;
            }
            !same
        });
    }

    fn tell(&self, server: &Server, moved: Move) {
        match moved {
            Move::Failover(away) => {
                let Some(line) = &self.stand_in else { return };
                let stand_in = line.known();
                let message = format!(
                    "{} stands in for {}, which was not bound for {} s",
                    stand_in.label(),
                    server.label(),
                    away.as_secs()
                );
                let details = json!({
                    "enabled": server.account.id,
                    "stand_in": stand_in.account.id,
                    "away": away.as_secs(),
                });
                let about = Some(&*stand_in);
                self.context
                    .emit_with(about, "failover", Some("degraded"), message, Some(details));
            }
            Move::Failback(stand_in) => {
                let status = self.enabled.as_ref().and_then(|it| it.board.status());
                let message = format!(
                    "messages go to {} again, nothing stands in for it any more",
                    server.label()
                );
                let details = json!({ "enabled": server.account.id, "stand_in": stand_in });
                self.context
                    .emit_with(Some(server), "failback", status, message, Some(details));
            }
        }
    }

    /// Drains all lines, and waits for their end.
    pub(super) async fn leave(mut self, abandon: &CancellationToken) {
        for line in [self.stand_in.take(), self.enabled.take()] {
            self.retire(line);
        }
        let lines = pulse::idle(async { while self.tasks.join_next().await.is_some() {} });
        tokio::select! {
            () = lines => return,
            () = abandon.cancelled() => {}
        }
        for line in &self.draining {
            line.control.send_modify(|control| control.abandon = true);
        }
        pulse::idle(async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

/// Whether `other` can do what `enabled` does: one that only receives stands in for one that only receives.
fn may_stand_in(other: &Server, enabled: &Server) -> bool {
    let receives_only = |server: &Server| server.account.mode == BindMode::Receiver;
    other.account.id != enabled.account.id
        && !other.account.is_same_account(&enabled.account)
        && !other.settings.paused
        && receives_only(other) == receives_only(enabled)
}
