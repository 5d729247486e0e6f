//! Wires the rooms together: channels, tasks, signals, the drain.

mod earlier;
mod reload;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Live;
use crate::db::listener::{self, Wakeups};
use crate::db::{Database, lease};
use crate::events::{self, EventLog};
use crate::feeder::Feeder;
use crate::in_flight::InFlight;
use crate::leader::{self, Leadership};
use crate::metrics::{self, Metrics};
use crate::migrate;
use crate::notify::{Manager, Phase};
use crate::prefixes::Keeper;
use crate::pulse::{self, Pulses};
use crate::recorder::{Assembly, Kept, Recorder, Told};
use crate::retention;
use crate::supervisor::{self, Gauge};

pub use reload::{Hangups, Reloader, Signals, catch_signals};

/// Outcomes on their way to the recorder: more than can be in flight under any window.
const OUTCOMES: usize = 131_072;

/// Deliveries on their way to the recorder.
const DELIVERIES: usize = 2000;

/// What the recorder may take, behind the drain, to write the last outcomes.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// How long the others wait for what daemons before this one have told. The lease stands for longer.
const EARLIER: Duration = Duration::from_secs(1);

/// How a daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything is recorded.
    Clean,
    /// The database stayed away, or somebody held a row: what was not recorded is in doubt at the next
    /// start.
    Unrecorded,
}

/// Serves the lane until SIGTERM or SIGINT.
///
/// # Errors
/// When the database can't be used; one line that says what to do.
pub async fn run(reloader: Reloader, mut signals: Signals) -> anyhow::Result<Ended> {
    let live = reloader.live();
    let config = live.borrow().clone();
    let lane = config.daemon.lane.clone();
    let application = format!("esmed {lane}");
    let database = Database::new(&config.database, &application)?;
    let pulses = Pulses::default();
    let manager = Manager::of_environment();
    tokio::spawn(manager.clone().keep(pulses.clone()));
    let metrics = Arc::new(Metrics::new(&lane));
    tokio::spawn(Arc::clone(&metrics).keep_time());
    let refused = reloader.refused();
    let done = CancellationToken::new();
    let reloads = tokio::spawn(reloader.run(
        database.clone(),
        lane.clone(),
        Arc::clone(&metrics),
        manager.clone(),
        done.clone(),
    ));
    let (clock, tasks) = (Arc::clone(&metrics), pulses.clone());
    metrics::Server::new(
        Arc::clone(&metrics),
        reload::metrics(live.clone()),
        Arc::new(move || tasks.stuck().or_else(|| clock.clock_stuck())),
    )
    .start()?;
    let around = Around {
        pulses: &pulses,
        manager: &manager,
        metrics: &metrics,
        refused: &refused,
    };
    let ended = stand_by_and_serve(&live, &database, &mut signals, around).await;
    done.cancel();
    tokio::select! {
        // A reload that came late has its event still to be stored.
        stored = timeout(LAST_COMMIT, reloads) => if stored.is_err() {
            tracing::warn!("some events were not stored");
        },
        () = signals.stop() => {}
    }
    ended
}

/// Waits for the lease and serves, again and again.
async fn stand_by_and_serve(
    live: &Live,
    database: &Database,
    signals: &mut Signals,
    around: Around<'_>,
) -> anyhow::Result<Ended> {
    let Around {
        pulses,
        manager,
        metrics,
        ..
    } = around;
    let lane = live.borrow().daemon.lane.clone();
    let until_ready = migrate::until_ready(database, |reason| {
        tracing::warn!("waiting: {reason}");
        manager.tell(Phase::Waiting(reason.to_owned()));
        metrics.waiting(reason);
    });
    tokio::select! {
        ready = pulses.felt("start", pulse::DATABASE, until_ready) => ready?,
        () = signals.stop() => return Ok(stopped(manager)),
    }
    // What it waited for is over.
    manager.tell(Phase::Starting);
    metrics.starting();
    manager.ready();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        lane,
        database = database.place(),
        "esmed starts"
    );
    loop {
        let stand_by = leader::stand_by(database, &lane, manager, metrics);
        let leadership = tokio::select! {
            leadership = pulses.felt("standby", pulse::DATABASE, stand_by) => leadership?,
            () = signals.stop() => return Ok(stopped(manager)),
        };
        metrics.serving();
        match serve(live, database, leadership, signals, around).await {
            Served::Stopped(ended) => {
                metrics.stopped();
                return Ok(ended);
            }
            // Who has it now is seen in a moment.
            Served::LeaseLost => metrics.standing_by("another daemon"),
        }
    }
}

/// Nothing was under way.
fn stopped(manager: &Manager) -> Ended {
    manager.tell(Phase::Draining);
    Ended::Clean
}

/// Who is told how things are.
#[derive(Clone, Copy)]
struct Around<'a> {
    pulses: &'a Pulses,
    manager: &'a Manager,
    metrics: &'a Arc<Metrics>,
    /// The configuration was refused when it was read last.
    refused: &'a Arc<AtomicBool>,
}

/// Why serving ended.
enum Served {
    Stopped(Ended),
    LeaseLost,
}

/// Serves the lane while the lease stands.
async fn serve(
    live: &Live,
    database: &Database,
    leadership: Leadership,
    signals: &mut Signals,
    Around {
        pulses,
        manager,
        metrics,
        refused,
    }: Around<'_>,
) -> Served {
    let config = live.borrow().clone();
    let lane = config.daemon.lane.clone();
    let stop = CancellationToken::new();
    let stop_heart = CancellationToken::new();
    let lost = CancellationToken::new();
    let give_up = CancellationToken::new();

    let (event_log, waiting_events) = EventLog::new(Arc::clone(metrics));
    let mut earlier = tokio::spawn(earlier::learn(
        database.clone(),
        lane.clone(),
        event_log.clone(),
        Arc::clone(refused),
        stop.clone(),
    ));
    // Before all others where that is quick: else their first proof that all is well comes too early.
    let _ = timeout(EARLIER, &mut earlier).await;
    let (outcomes, recorded) = mpsc::channel(OUTCOMES);
    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    let (session, published) = watch::channel(None);
    let (database_up, is_database_up) = watch::channel(true);
    let in_flight = InFlight::new(config.daemon.max_unrecorded);
    let wakeups = Wakeups::default();
    let gauge = Arc::new(Gauge::new(Arc::clone(metrics)));
    manager.tell(Phase::Serving(Arc::clone(&gauge)));

    let events = tokio::spawn(pulses.felt(
        "events",
        pulse::DATABASE,
        events::write(
            database.clone(),
            lane.clone(),
            Some(leadership.epoch),
            waiting_events,
            give_up.clone(),
        ),
    ));
    // Without a pulse: where it hangs, the polls of the others find what changes.
    let listener = tokio::spawn(listener::run(
        database.clone(),
        wakeups.clone(),
        stop_heart.clone(),
    ));
    let mut heart = tokio::spawn(pulses.felt(
        "heartbeat",
        pulse::DATABASE,
        leader::keep(
            database.clone(),
            lane.clone(),
            leadership.clone(),
            Arc::clone(&gauge),
            event_log.clone(),
            stop_heart.clone(),
            lost.clone(),
        ),
    ));
    let mut recorder = tokio::spawn(
        pulses.felt(
            "recorder",
            pulse::DATABASE,
            Recorder {
                database: database.clone(),
                outcomes: recorded,
                deliveries: delivered,
                in_flight: in_flight.clone(),
                wake: Arc::clone(&wakeups.tx_queue),
                database_up,
                wary_until: None,
                told: Told::new(event_log.clone()),
                assembly: Assembly::new(live.clone()),
                kept: Kept::default(),
            }
            .run(give_up.clone()),
        ),
    );
    let (keeper, prefixes) = Keeper::new(
        database.clone(),
        event_log.clone(),
        Arc::clone(&wakeups.prefixes),
    );
    let mut keeper = tokio::spawn(pulses.felt(
        "prefixes",
        pulse::DATABASE,
        keeper.run(live.clone(), stop.clone()),
    ));
    let mut feeder = tokio::spawn(
        pulses.felt(
            "feeder",
            pulse::DATABASE,
            Feeder {
                database: database.clone(),
                lane: lane.clone(),
                epoch: leadership.epoch,
                lease: leadership.lease.clone(),
                session: published,
                outcomes: outcomes.clone(),
                in_flight: in_flight.clone(),
                wake: Arc::clone(&wakeups.tx_queue),
                prefixes,
                events: event_log.clone(),
                config: live.clone(),
            }
            .run(stop.clone()),
        ),
    );
    let retention = tokio::spawn(
        retention::Keeper {
            database: database.clone(),
            lane: lane.clone(),
            lease: leadership.lease.clone(),
            config: live.clone(),
            events: event_log.clone(),
            gauge: Arc::clone(&gauge),
        }
        .run(stop.clone()),
    );
    let mut lines = tokio::spawn(pulses.felt(
        "supervisor",
        pulse::DATABASE,
        supervisor::run(
            supervisor::Context {
                database: database.clone(),
                lane: lane.clone(),
                lease: leadership.lease.clone(),
                events: event_log,
                outcomes,
                deliveries,
                database_up: is_database_up,
                in_flight,
                session: Arc::new(session),
                gauge,
                pulses: pulses.clone(),
                config: live.clone(),
                certificates: Arc::default(),
            },
            Arc::clone(&wakeups.servers),
            stop.clone(),
            lost.clone(),
        ),
    ));

    tokio::spawn(reload::ring(live.clone(), wakeups, stop.clone()));

    // None of these ends by itself but by a defect. What is in flight is then in doubt, which the
    // next start resolves; half a daemon would not.
    let mut told_to_stop = false;
    let failed = tokio::select! {
        // In this order: a heartbeat that ends because the lease is lost has said so before.
        biased;
        () = signals.stop() => {
            tracing::info!("stopping: no new submits, answers are awaited");
            told_to_stop = true;
            manager.tell(Phase::Draining);
            None
        }
        () = lost.cancelled() => None,
        _ = &mut recorder => Some("recorder"),
        _ = &mut feeder => Some("feeder"),
        _ = &mut keeper => Some("prefixes"),
        _ = &mut lines => Some("supervisor"),
        _ = &mut heart => Some("heartbeat"),
    };
    if let Some(task) = failed {
        tracing::error!(task, "a task of the daemon failed");
        return Served::Stopped(Ended::Unrecorded);
    }
    stop.cancel();
    let drain = async {
        ended("feeder", feeder).await;
        ended("prefixes", keeper).await;
        ended("retention", retention).await;
        ended("supervisor", lines).await;
        // Both channels are closed now, and the recorder ends with its last commit.
        let patience = live.borrow().daemon.drain_timeout() + LAST_COMMIT;
        let everything = match timeout(patience, recorder).await {
            Ok(everything) => everything.unwrap_or(false),
            Err(_) => {
                give_up.cancel();
                false
            }
        };
        stop_heart.cancel();
        ended("heartbeat", heart).await;
        ended("listener", listener).await;
        if timeout(LAST_COMMIT, events).await.is_err() {
            tracing::warn!("some events were not stored");
        }
        everything
    };
    tokio::pin!(drain);
    let everything = loop {
        tokio::select! {
            everything = &mut drain => break everything,
            () = signals.stop() => {
                if told_to_stop {
                    tracing::warn!("stopped at once by a second signal");
                    std::process::exit(1);
                }
                // Until now it ended only because the lease is lost.
                tracing::info!("stopping, as soon as what is under way has ended");
                manager.tell(Phase::Draining);
                told_to_stop = true;
            }
        }
    };
    if !told_to_stop {
        return Served::LeaseLost;
    }
    if !everything {
        tracing::error!(
            "not everything could be recorded (is the database away, or a row locked?): what was not is in doubt at the next start"
        );
        return Served::Stopped(Ended::Unrecorded);
    }
    let release = lease::release(database, &lane, leadership.epoch);
    if !matches!(timeout(LAST_COMMIT, release).await, Ok(Ok(()))) {
        // It runs out by itself.
        tracing::warn!("the lease could not be given back");
    }
    tracing::info!("stopped");
    Served::Stopped(Ended::Clean)
}

async fn ended(name: &str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(name, %error, "a task failed");
    }
}
