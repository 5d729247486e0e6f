//! Gets the lease of the lane, and keeps it by a heartbeat.

mod misses;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::db::lease::{self, Report};
use crate::db::{Database, DbError, depth};
use crate::events::EventLog;
use crate::lease::{Lease, Moment};
use crate::log::hours::Hours;
use crate::metrics::Metrics;
use crate::notify::{Manager, Phase};
use crate::pulse;
use crate::supervisor::Gauge;
use misses::Misses;

/// How long the lease is good for in the database.
const TTL: Duration = Duration::from_secs(4);

/// How much less this process believes in it, for clocks that run apart.
const MARGIN: Duration = Duration::from_millis(250);

/// Between renewals.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Between looks of a daemon that stands by.
const STANDBY: Duration = Duration::from_millis(500);

/// So long it waits for an answer to one, from a database that may hang.
const NO_ANSWER: Duration = Duration::from_secs(60);

/// Between counts of the queue, and up to how many rows it is counted.
const DEPTH_EVERY: Duration = Duration::from_secs(5);
const DEPTH_AT_LEAST_EVERY: Duration = Duration::from_secs(100);
const DEPTH_AT_MOST: i64 = 1_000_000;

/// A lease that was taken.
#[derive(Debug, Clone)]
pub struct Leadership {
    /// Counts up with each taker.
    pub epoch: i64,
    /// What this process may believe of it.
    pub lease: Lease,
}

/// Waits for the lease of the lane and takes it.
///
/// # Errors
/// When the database refuses; while it is away, this waits.
pub async fn stand_by(
    database: &Database,
    lane: &str,
    manager: &Manager,
    metrics: &Metrics,
) -> Result<Leadership, DbError> {
    let holder = Holder::this_process().to_string();
    let mut waiting = false;
    let mut missed = 0;
    loop {
        let tried = timeout(NO_ANSWER, try_take(database, lane, &holder)).await;
        let tried = tried.unwrap_or_else(|_| Err(DbError::Away("no answer".to_owned())));
        metrics.database(&tried);
        match &tried {
            Err(error) if error.is_away() => {
                missed += 1;
                if missed == misses::MISSED {
                    tracing::warn!(lane, "the database is away: {error}");
                }
            }
            _ => {
                if missed >= misses::MISSED {
                    tracing::info!(lane, "the database is back");
                }
                missed = 0;
            }
        }
        match tried {
            Ok(Ok(leadership)) => return Ok(leadership),
            Ok(Err(other)) => {
                if !waiting {
                    tracing::info!(
                        lane,
                        holder = short(&other),
                        "standing by: another daemon serves the lane"
                    );
                }
                waiting = true;
                manager.tell(Phase::StandingBy(short(&other).to_owned()));
                metrics.standing_by(short(&other));
            }
            Err(error @ DbError::Refused(_)) => return Err(error),
            Err(error) => tracing::debug!(%error, "the lease could not be asked for"),
        }
        sleep(STANDBY).await;
    }
}

/// The lease, or who else has it.
async fn try_take(
    database: &Database,
    lane: &str,
    holder: &str,
) -> Result<Result<Leadership, String>, DbError> {
    let other = lease::holder(database, lane).await?;
    let gone = other.as_deref().filter(|other| Holder::is_gone(other));
    if other.is_some() && gone.is_none() {
        return Ok(Err(other.unwrap_or_default()));
    }
    let asked = Moment::now();
    let epoch = lease::take(database, lane, holder, TTL.as_secs_f64(), gone).await?;
    Ok(match epoch {
        Some(epoch) => {
            let lease = Lease::default();
            lease.extend(asked, TTL - MARGIN);
            Ok(Leadership { epoch, lease })
        }
        // Somebody was quicker.
        None => Err(other.unwrap_or_default()),
    })
}

/// Renews the lease and reports until `stop`, or until the lease is another's: then `lost` is told.
pub async fn keep(
    database: Database,
    lane: String,
    leadership: Leadership,
    gauge: Arc<Gauge>,
    events: EventLog,
    stop: CancellationToken,
    lost: CancellationToken,
) {
    let mut ticks = interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Apart from the heartbeat: a long queue takes long to count, and the lease does not wait.
    let (counted, depth) = watch::channel(None);
    let recount = Notify::new();
    let count = count_queue(&database, &lane, counted, &recount, &gauge.metrics);
    tokio::pin!(count);
    let mut last_error = None;
    let mut told = None;
    let mut misses = Misses::default();
    let mut outcomes = gauge.outcomes.load(Ordering::Relaxed);
    let mut measured = Instant::now();
    let mut hours = Hours::new(Utc::now().timestamp(), outcomes);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut count => {}
            () = stop.cancelled() => return,
        }
        events.settle();
        last_error = events.take_last_error().or(last_error);
        let state = gauge.state();
        let now_outcomes = gauge.outcomes.load(Ordering::Relaxed);
        let rate = (now_outcomes - outcomes) as f64 / measured.elapsed().as_secs_f64().max(0.001);
        (outcomes, measured) = (now_outcomes, Instant::now());
        if let Some(submits) = hours.ended(Utc::now().timestamp(), outcomes) {
            let waiting = *depth.borrow();
            tracing::info!(submits, waiting, "the last hour");
        }
        let report = Report {
            session_state: state.state.to_owned(),
            state_is_new: told != Some(state.changes),
            state_for: state.since.elapsed().as_secs_f64(),
            server_id: state.server_id,
            window_in_use: small(gauge.in_flight.load(Ordering::Relaxed)),
            window_size: small(state.window),
            rate: (rate * 10.0).round() / 10.0,
            queue_depth: *depth.borrow(),
            last_error: last_error.clone(),
        };
        gauge.set_queue_depth(report.queue_depth);
        let asked = Moment::now();
        let renewed = lease::heartbeat(
            &database,
            &lane,
            leadership.epoch,
            TTL.as_secs_f64(),
            &report,
        );
        let renewed = tokio::select! {
            renewed = renewed => renewed,
            () = stop.cancelled() => return,
        };
        gauge.metrics.database(&renewed);
        gauge
            .metrics
            .take_events()
            .into_iter()
            .for_each(|event| events.emit(event));
        match renewed {
            Ok(true) => {
                leadership.lease.extend(asked, TTL - MARGIN);
                if misses.over(&events) {
                    recount.notify_one();
                }
                last_error = None;
                told = Some(state.changes);
            }
            Ok(false) => {
                leadership.lease.revoke();
                misses.over(&events);
                tracing::error!(
                    lane,
                    "the lease of the lane is another daemon's; standing by"
                );
                lost.cancel();
                return;
            }
            // It runs out by itself when this goes on.
            Err(error) => {
                tracing::debug!(%error, "the lease could not be renewed");
                pulse::excuse();
                misses.another(&error, leadership.lease.stands_now(), &events);
                if events.heartbeat_lost() {
                    // What was counted before says nothing of now.
                    gauge.metrics.queue(None);
                }
            }
        }
    }
}

/// Counts what is still to be sent, now and then, for ever.
async fn count_queue(
    database: &Database,
    lane: &str,
    counted: watch::Sender<Option<i64>>,
    recount: &Notify,
    metrics: &Metrics,
) {
    loop {
        let count = depth::count(database, lane, DEPTH_AT_MOST).await;
        metrics.queue(count.as_ref().ok().map(|&(count, _)| count));
        let pause = match count {
            Ok((count, took)) => {
                counted.send_replace(Some(count.depth().min(DEPTH_AT_MOST)));
                // However many there are, counting them takes up to a twentieth of the time.
                (took * 20).clamp(DEPTH_EVERY, DEPTH_AT_LEAST_EVERY)
            }
            Err(error) => {
                metrics.database_error(&error);
                tracing::debug!(%error, "the queue could not be counted");
                DEPTH_EVERY
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            // The database did not answer for a while: what that took was not the count.
            () = recount.notified() => {}
        }
    }
}

/// Host and process, without what only another daemon needs.
fn short(holder: &str) -> &str {
    holder.split(' ').next().unwrap_or(holder)
}

fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A process, so described that another one on the same machine can tell whether it is gone.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    machine: Option<Machine>,
    pid: u32,
    started: Option<String>,
}

/// The boot and the PID namespace, within which a PID means something.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    boot_id: String,
    pid_namespace: String,
}

impl Machine {
    fn this() -> Option<Self> {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let pid_namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        Some(Self {
            boot_id: boot_id.trim().to_owned(),
            pid_namespace: pid_namespace.to_string_lossy().into_owned(),
        })
    }
}

impl Holder {
    fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            machine: Machine::this(),
            pid,
            started: start_of(pid),
        }
    }

    /// Whether `holder` was a process of this machine that runs no more. False when in doubt.
    fn is_gone(holder: &str) -> bool {
        Self::is_gone_by(holder, start_of)
    }

    fn is_gone_by(holder: &str, start_of: impl Fn(u32) -> Option<String>) -> bool {
        let Some(this) = Machine::this() else {
            return false;
        };
        let fields: Vec<&str> = holder.split(' ').collect();
        let [host_pid, boot_id, pid_namespace, started] = fields[..] else {
            return false;
        };
        let Some(pid) = host_pid.rsplit('/').next().and_then(|pid| pid.parse().ok()) else {
            return false;
        };
        boot_id == this.boot_id
            && pid_namespace == this.pid_namespace
            && start_of(pid).as_deref() != Some(started)
            // Where /proc hides what others run (hidepid, ProtectProc), what can't be seen may live.
            && start_of(1).is_some()
    }
}

/// `host/pid boot_id pid_namespace start`; the host and PID alone where the rest can't be known.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
        write!(f, "{}/{}", host.trim().replace(' ', "-"), self.pid)?;
        if let (Some(machine), Some(started)) = (&self.machine, &self.started) {
            write!(
                f,
                " {} {} {started}",
                machine.boot_id, machine.pid_namespace
            )?;
        }
        Ok(())
    }
}

/// When a process started, in ticks since the boot; `None` when there is no such process, or only
/// what is left of one until its parent asks for its exit code.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name in brackets, may hold spaces; the start is the 22nd.
    let mut behind_name = stat.rsplit_once(')')?.1.split_whitespace();
    let state = behind_name.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    behind_name.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone() {
        assert!(!Holder::is_gone(&Holder::this_process().to_string()));
    }

    #[test]
    fn a_process_that_is_hidden_is_not_gone() {
        let holder = Holder {
            machine: Machine::this(),
            pid: 4711,
            started: Some("1".to_owned()),
        }
        .to_string();
        assert!(!Holder::is_gone_by(&holder, |_| None));
        let init_only = |pid| (pid == 1).then(|| "0".to_owned());
        assert!(Holder::is_gone_by(&holder, init_only));
    }

    #[test]
    fn an_ended_process_of_this_machine_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let holder = Holder {
            machine: Machine::this(),
            pid: child.id(),
            started: Some("1".to_owned()),
        };
        child.wait().unwrap();
        assert!(Holder::is_gone(&holder.to_string()));
    }

    #[test]
    fn a_process_that_only_its_parent_still_knows_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        // It ends by itself; until it is waited for, its state is Z.
        while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert_eq!(start_of(child.id()), None);
        child.wait().unwrap();
    }

    #[test]
    fn a_process_elsewhere_is_not_gone() {
        for holder in [
            "",
            "db1/12",
            "db1/12 00000000-0000-0000-0000-000000000000 pid:[1] 7",
            "no/pid a b c",
        ] {
            assert!(!Holder::is_gone(holder), "{holder}");
        }
    }
}
