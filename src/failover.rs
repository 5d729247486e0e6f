//! Which server submits: the enabled one, or one that stands in for it. Pure.
//!
//! The enabled server is always tried. When it has not been bound for its `esme_failover_after`, the servers with an
//! `esme_failover_order` are tried, lowest first, each for its own `esme_failover_after`. The first that binds submits until the
//! enabled one is bound again and has stayed so for a while ([`Failover::step`]).

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

/// So long at least a stand-in is tried, and the enabled server has to stay bound before it submits again.
const SHORTEST: Duration = Duration::from_secs(1);

/// So long at most the enabled server has to stay bound, the first time.
const LONGEST_FIRST_HOLD: Duration = Duration::from_secs(60);

/// And at most when it has been lost again and again.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// Lost again within so long after it took the submits back: next time it has to stay bound twice as long.
const CALM: Duration = Duration::from_secs(600);

/// A server as far as this matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// `smpp_servers.id`
    pub id: i64,
    /// `esme_failover_after`
    pub after: Duration,
}

/// The servers of a lane.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a> {
    /// The enabled one.
    pub enabled: Member,
    /// It is told to submit nothing: then nobody else does.
    pub paused: bool,
    /// Those that may stand in, in their order.
    pub stand_ins: &'a [Member],
}

/// What is seen of the line to a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// It could submit.
    pub bound: bool,
    /// It connects or binds just now.
    pub trying: bool,
    /// Attempts that failed and sessions that were lost since the line started.
    pub failures: u32,
}

/// Who submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitter {
    /// The enabled server.
    Enabled,
    /// The one that stands in.
    StandIn,
}

/// What is worth an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The stand-in has the submits; the enabled server was not bound for so long.
    Failover(Duration),
    /// The enabled server has them again, or nobody stands in any more; this server stood in.
    Failback(i64),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// Beside the enabled server, keep a line to this one.
    pub stand_in: Option<i64>,
    /// Who gets the submits, as soon as it is bound.
    pub submitter: Submitter,
    /// What just changed.
    pub moved: Option<Move>,
    /// Look again at this time, whatever happens until then.
    pub look_at: Option<Instant>,
}

/// How long a server has been away. What it was bound for counts only once it has lasted: one that binds and is lost, again
/// and again, is as good as away.
#[derive(Debug, Clone, Copy)]
struct Away {
    bound: bool,
    /// The last change.
    since: Instant,
    /// Away before that.
    before: Duration,
}

impl Away {
    fn new(now: Instant) -> Self {
        Self {
            bound: false,
            since: now,
            before: Duration::ZERO,
        }
    }

    fn look(&mut self, bound: bool, steady: Duration, now: Instant) {
        let lasted = now.saturating_duration_since(self.since);
        if self.bound && lasted >= steady {
            self.before = Duration::ZERO;
        }
        if bound != self.bound {
            if !self.bound {
                self.before += lasted;
            }
            (self.bound, self.since) = (bound, now);
        }
    }

    fn away_for(&self, now: Instant) -> Duration {
        if self.bound {
            self.before
        } else {
            self.before + now.saturating_duration_since(self.since)
        }
    }

    fn bound_for(&self, now: Instant) -> Option<Duration> {
        self.bound
            .then(|| now.saturating_duration_since(self.since))
    }
}

/// A stand-in that is tried or stands in.
#[derive(Debug, Clone, Copy)]
struct Turn {
    id: i64,
    /// Since when it is not bound; `None` while it is.
    away_since: Option<Instant>,
}

/// What is remembered from step to step.
#[derive(Debug)]
pub struct Failover {
    enabled: i64,
    away: Away,
    submitter: Submitter,
    turn: Option<Turn>,
    /// Others are being tried, or stand in.
    searching: bool,
    /// Stand-ins that had their turn since one was bound.
    tried: Vec<i64>,
    /// Who was told to stand in.
    told: Option<i64>,
    /// When the enabled one last took the submits back, and how often it was lost soon after.
    moved_back: Option<Instant>,
    flaps: u32,
}

impl Failover {
    /// Starts with this enabled server, which is not bound yet.
    #[must_use]
    pub fn new(enabled: i64, now: Instant) -> Self {
        Self {
            enabled,
            away: Away::new(now),
            submitter: Submitter::Enabled,
            turn: None,
            searching: false,
            tried: Vec::new(),
            told: None,
            moved_back: None,
            flaps: 0,
        }
    }

    /// The server that is tried or stands in, by the last step.
    #[must_use]
    pub fn stand_in(&self) -> Option<i64> {
        self.turn.map(|turn| turn.id)
    }

    /// What to do at `now`, by what is seen of the enabled server and of [`Failover::stand_in`].
    ///
    /// To be called whenever something may have changed, and at `look_at`. Another enabled server begins anew.
    pub fn step(&mut self, lane: &Lane<'_>, enabled: Seen, stand_in: Seen, now: Instant) -> Orders {
        if self.enabled != lane.enabled.id {
            *self = Self::new(lane.enabled.id, now);
        }
        if lane.paused {
            let moved = self.told.map(Move::Failback);
            *self = Self::new(self.enabled, now);
            return self.orders(moved, None);
        }
        let steady = lane.enabled.after.clamp(SHORTEST, LONGEST_FIRST_HOLD);
        self.away.look(enabled.bound, steady, now);
        if !self.searching {
            let Some(look_at) = self.until_search(lane, enabled, now) else {
                return self.orders(None, None);
            };
            if look_at > now {
                return self.orders(None, Some(look_at));
            }
            self.begin(now);
        }
        let hold = (steady * 2_u32.saturating_pow(self.flaps)).min(LONGEST_HOLD);
        let bound_for = self.away.bound_for(now);
        if lane.stand_ins.is_empty() || bound_for.is_some_and(|bound_for| bound_for >= hold) {
            return self.end(now);
        }
        let before = self.stand_in();
        let turn_ends = self.choose(lane.stand_ins, stand_in, now);
        let stand_in = if self.stand_in() == before {
            stand_in
        } else {
            // The line to another one: what was seen is not of this one.
            if self.submitter == Submitter::StandIn {
                self.submitter = Submitter::Enabled;
            }
            Seen::default()
        };
        let held_until = bound_for.map(|_| self.away.since + hold);
        let moved = self.pass_on(enabled, stand_in, now);
        let look_at = [turn_ends, held_until].into_iter().flatten().min();
        self.orders(moved, look_at)
    }

    /// When to look for a stand-in; `None` while there is no reason to.
    fn until_search(&self, lane: &Lane<'_>, enabled: Seen, now: Instant) -> Option<Instant> {
        if enabled.bound || lane.stand_ins.is_empty() {
            return None;
        }
        let after = lane.enabled.after;
        if after.is_zero() && enabled.failures == 0 {
            // It has not been tried yet.
            return None;
        }
        Some(now + after.saturating_sub(self.away.away_for(now)))
    }

    fn begin(&mut self, now: Instant) {
        self.searching = true;
        self.tried.clear();
        let soon = self
            .moved_back
            .is_some_and(|then| now.saturating_duration_since(then) < CALM);
        self.flaps = if soon { (self.flaps + 1).min(16) } else { 0 };
    }

    fn end(&mut self, now: Instant) -> Orders {
        let moved = self.told.take().map(Move::Failback);
        if moved.is_some() {
            self.moved_back = Some(now);
        }
        self.searching = false;
        self.turn = None;
        self.submitter = Submitter::Enabled;
        self.orders(moved, None)
    }

    /// Whose turn it is to stand in; returns when that ends, where nothing happens before.
    fn choose(&mut self, stand_ins: &[Member], seen: Seen, now: Instant) -> Option<Instant> {
        let current = self
            .turn
            .and_then(|turn| stand_ins.iter().find(|it| it.id == turn.id));
        if let (Some(turn), Some(member)) = (&mut self.turn, current) {
            if seen.bound {
                turn.away_since = None;
                self.tried.clear();
                return None;
            }
            let ends = *turn.away_since.get_or_insert(now) + member.after.max(SHORTEST);
            if ends > now {
                return Some(ends);
            }
            if seen.trying {
                // The attempt that is under way may still succeed; its end is told.
                return None;
            }
            self.tried.push(member.id);
        }
        let last = current.map(|member| member.id);
        let next = stand_ins.iter().find(|it| !self.tried.contains(&it.id));
        let next = next.or_else(|| {
            // All had their turn: once more, and the last one last.
            self.tried.clear();
            self.tried.extend(last);
            stand_ins.iter().find(|it| Some(it.id) != last)
        });
        // The only one goes on.
        let next = next.or(current)?;
        self.turn = Some(Turn {
            id: next.id,
            away_since: Some(now),
        });
        Some(now + next.after.max(SHORTEST))
    }

    /// Who submits keeps on while it is bound; else the other does, when that is.
    fn pass_on(&mut self, enabled: Seen, stand_in: Seen, now: Instant) -> Option<Move> {
        self.submitter = match (self.submitter, enabled.bound, stand_in.bound) {
            (kept, true, true) | (kept, false, false) => kept,
            (_, true, false) => Submitter::Enabled,
            (_, false, true) => Submitter::StandIn,
        };
        match self.submitter {
            Submitter::StandIn if stand_in.bound && self.told != self.stand_in() => {
                self.told = self.stand_in();
                Some(Move::Failover(self.away.away_for(now)))
            }
            Submitter::Enabled if enabled.bound => {
                let moved = self.told.take().map(Move::Failback);
                if moved.is_some() {
                    self.moved_back = Some(now);
                }
                moved
            }
            _ => None,
        }
    }

    fn orders(&self, moved: Option<Move>, look_at: Option<Instant>) -> Orders {
        Orders {
            stand_in: self.stand_in(),
            submitter: self.submitter,
            moved,
            look_at,
        }
    }
}
