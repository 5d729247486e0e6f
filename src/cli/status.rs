//! `esmed status`

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use tokio::signal::ctrl_c;
use tokio::time::sleep;

use super::paint::{Paint, fit, plain};
use super::times::{ago, span};
use super::{ConfigFile, block_on, database, told};
use crate::db::events::{self, Status, Stored};
use crate::db::status::{QueueCounts, queue_counts};
use crate::db::{Database, DbError, Purpose};

/// How many events are shown.
const EVENTS: i64 = 5;

/// Further no kind of message is counted, so that a look costs little.
const COUNT_UP_TO: i64 = 100_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Show it again and again, every so many seconds (2), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = pause)]
    watch: Option<f64>,
    /// One JSON object for programs; with --watch one a line
    #[arg(long)]
    json: bool,
}

fn pause(text: &str) -> Result<f64, String> {
    let seconds = span(text)?;
    if (0.1..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("must be from 0.1 to 86400 seconds".to_owned())
    }
}

pub(super) fn run(arguments: &Arguments, paint: Paint) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let lane = config.daemon.lane.clone();
    block_on(async {
        let database = database(&config)?;
        if let Some(seconds) = arguments.watch {
            return tokio::select! {
                shown = watch(&database, &lane, arguments.json, paint, Duration::from_secs_f64(seconds)) => shown,
                _ = ctrl_c() => Ok(ExitCode::SUCCESS),
            };
        }
        database.check(Purpose::Look).await?;
        let view = View::look(&database, &lane).await?;
        if arguments.json {
            told(&view.to_json().to_string())?;
        } else {
            told(&view.to_words(paint).join("\n"))?;
        }
        Ok(if view.is_alive() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// Shows it until nobody reads any more.
async fn watch(
    database: &Database,
    lane: &str,
    json: bool,
    paint: Paint,
    pause: Duration,
) -> anyhow::Result<ExitCode> {
    // What never works is told at once; what goes away later is shown, and may come back.
    database.check(Purpose::Look).await?;
    let on_screen = !json && io::stdout().is_terminal();
    if on_screen && !told_raw("\x1b[2J")? {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        let now = Utc::now();
        let shown = match View::look(database, lane).await {
            Ok(view) if json => told(&view.to_json().to_string())?,
            Ok(view) => block(&view.to_words(paint), now, paint, on_screen)?,
            Err(error) if json => told(&json!({ "error": plain(&error.to_string()) }).to_string())?,
            Err(error) => {
                let lines = [paint.bad(&plain(&error.to_string()))];
                block(&lines, now, paint, on_screen)?
            }
        };
        if !shown {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(pause).await;
    }
}

/// One look: on a screen in the place of the one before, without clearing it first, or it would flicker.
fn block(
    lines: &[String],
    now: DateTime<Utc>,
    paint: Paint,
    on_screen: bool,
) -> anyhow::Result<bool> {
    let time = now.with_timezone(&chrono::Local).format("%H:%M:%S");
    let head = paint.faint(&format!("esmed status at {time}, Ctrl-C ends"));
    if !on_screen {
        return told(&format!("{head}\n{}\n", lines.join("\n")));
    }
    let (width, height) = terminal_size::terminal_size().map_or((80, 24), |(width, height)| {
        (width.0.max(1), height.0.max(2))
    });
    let mut screen = "\x1b[H".to_owned();
    let all = std::iter::once(&head).chain(lines);
    for (row, line) in all.take(usize::from(height) - 1).enumerate() {
        if row > 0 {
            screen.push('\n');
        }
        screen.push_str(&fit(line, usize::from(width)));
        screen.push_str("\x1b[K");
    }
    screen.push_str("\n\x1b[J");
    told_raw(&screen)
}

/// Writes without a line's end; `false`: nobody reads any more.
fn told_raw(text: &str) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What there is to show of a lane.
struct View {
    lane: String,
    /// `None`: no daemon has ever served it.
    status: Option<Status>,
    /// Or why it could not be counted.
    queue: Result<QueueCounts, DbError>,
    events: Vec<Stored>,
}

impl View {
    async fn look(database: &Database, lane: &str) -> Result<Self, DbError> {
        let status = database.in_time(events::status(database, lane)).await?;
        let counting = queue_counts(database, lane, COUNT_UP_TO);
        let queue = match database.in_time(counting).await {
            Err(error) if error.is_away() => return Err(error),
            counted => counted,
        };
        let listing = events::list(database, lane, EVENTS, None, None);
        Ok(Self {
            lane: lane.to_owned(),
            status,
            queue,
            events: database.in_time(listing).await?,
        })
    }

    fn is_alive(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.alive)
    }

    fn to_json(&self) -> Value {
        let mut view = match &self.status {
            Some(status) => json!(status),
            None => json!({ "lane": self.lane, "alive": false }),
        };
        match &self.queue {
            Ok(queue) => view["queue"] = json!(queue),
            Err(error) => {
                view["queue"] = Value::Null;
                view["queue_error"] = error.reason().into();
            }
        }
        view["events"] = json!(self.events);
        view
    }

    fn to_words(&self, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        let mut row = |name: &str, value: String| {
            lines.push(format!("{} {value}", paint.strong(&format!("{name:<10}"))));
        };
        row("lane", plain(&self.lane));
        row("daemon", self.daemon(paint));
        if let Some(status) = &self.status {
            if let (Some(host), Some(port)) = (&status.host, status.port) {
                let place = plain(&format!("{host}:{port}"));
                row(
                    "server",
                    match &status.server_name {
                        Some(name) => format!("{} ({place})", plain(name)),
                        None => place,
                    },
                );
            } else if let Some(id) = status.server_id {
                row("server", format!("number {id}"));
            }
            if status.alive {
                let since = status.since_seconds.map(ago).unwrap_or_default();
                let state = match status.session_state.as_str() {
                    "bound" => paint.good("bound"),
                    "throttled" => paint.odd("throttled"),
                    other => paint.bad(&plain(other)),
                };
                let but = match (status.submit_paused, status.bind_mode.as_deref()) {
                    (Some(true), _) => paint.odd(", sending is paused (esme_submit_paused)"),
                    (_, Some("receiver")) => {
                        paint.odd(", nothing is sent as receiver (esme_bind_mode)")
                    }
                    _ => String::new(),
                };
                row("session", format!("{state} for {since}{but}"));
                row(
                    "window",
                    format!("{} of {}", status.window_in_use, status.window_size),
                );
                row("rate", format!("{} messages/s", status.rate));
            }
        }
        match &self.queue {
            Ok(queue) => self.queue(queue, paint, &mut row),
            Err(error) => row(
                "queue",
                paint.bad(&format!("not counted: {}", error.reason())),
            ),
        }
        if let Some(status) = &self.status
            && let Some(error) = &status.last_error
        {
            let when = status.last_error_seconds.map(ago).unwrap_or_default();
            row("last error", format!("{} ({when} ago)", plain(error)));
        }
        lines.push(String::new());
        lines.push(paint.strong("last events"));
        if self.events.is_empty() {
            lines.push("  none yet".to_owned());
        }
        lines.extend(self.events.iter().map(|event| {
            let when = format!("{:>7} ago", ago(event.seconds));
            let kind = format!("{:<18}", plain(&event.kind));
            format!(
                "  {}  {} {}",
                paint.faint(&when),
                paint.by_status(event.status.as_deref(), &kind),
                plain(&event.message)
            )
        }));
        lines
    }

    fn daemon(&self, paint: Paint) -> String {
        let Some(status) = &self.status else {
            return paint.bad(&format!(
                "lane {}: no daemon has ever served it",
                plain(&self.lane)
            ));
        };
        if status.alive {
            let holder = status.holder.as_deref().unwrap_or("?");
            return format!(
                "{} ({})",
                paint.good(&format!(
                    "esmed {} is running",
                    plain(status.version.as_deref().unwrap_or("?"))
                )),
                plain(holder.split(' ').next().unwrap_or(holder)),
            );
        }
        paint.bad(&match status.heartbeat_seconds {
            Some(seconds) => format!("not running, last seen {} ago", ago(seconds)),
            None => "not running".to_owned(),
        })
    }

    fn queue(&self, queue: &QueueCounts, paint: Paint, row: &mut impl FnMut(&str, String)) {
        let count = |count: i64| {
            if queue.capped && count >= queue.counted_up_to / 2 {
                format!("{count} or more")
            } else {
                count.to_string()
            }
        };
        // A daemon counts further than we do.
        let total = match &self.status {
            Some(status) if status.alive && queue.capped => status.queue_depth.to_string(),
            _ => {
                count(queue.waiting + queue.scheduled + queue.retrying + queue.started + queue.held)
            }
        };
        let mut kinds: Vec<String> = [
            ("waiting", queue.waiting),
            ("scheduled", queue.scheduled),
            ("retrying", queue.retrying),
            ("started", queue.started),
        ]
        .into_iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(name, rows)| format!("{} {name}", count(rows)))
        .collect();
        if queue.held > 0 {
            kinds.push(paint.odd(&format!("{} held", count(queue.held))));
        }
        let kinds = if kinds.is_empty() {
            String::new()
        } else {
            format!(": {}", kinds.join(", "))
        };
        row("queue", format!("{total} still to be sent{kinds}"));
        if let Some(seconds) = queue.oldest_seconds {
            row(
                "oldest",
                format!(
                    "waiting for {}{}",
                    ago(seconds),
                    queue
                        .oldest_id
                        .map(|id| format!(" (id {id})"))
                        .unwrap_or_default()
                ),
            );
        }
        if queue.in_doubt > 0 {
            row(
                "in doubt",
                paint.odd(&format!("{}, see smpp_in_doubt", count(queue.in_doubt))),
            );
        }
    }
}
