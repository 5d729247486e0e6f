//! `esmed status`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigFile, block_on, database, say};
use crate::db::events::{self, Status};

/// How many events are shown.
const EVENTS: i64 = 5;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    block_on(async {
        let database = database(&config)?;
        database.check().await?;
        let lane = &config.daemon.lane;
        let status = events::status(&database, lane).await?;
        if arguments.json {
            say(&json!(status).to_string())?;
        } else if let Some(status) = &status {
            let mut lines = picture(status);
            lines.push(String::new());
            lines.push("last events".to_owned());
            let last = events::last(&database, lane, EVENTS).await?;
            lines.extend(last.iter().rev().map(|(at, kind, _, message)| {
                format!("  {}  {kind:<18} {message}", at.format("%Y-%m-%d %H:%M:%S"))
            }));
            say(&lines.join("\n"))?;
        } else {
            say(&format!("lane {lane}: no daemon has ever served it"))?;
        }
        let alive = status.is_some_and(|status| status.alive);
        Ok(if alive {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

fn picture(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |name: &str, value: String| lines.push(format!("{name:<10} {value}"));
    row("lane", status.lane.clone());
    row(
        "daemon",
        if status.alive {
            format!(
                "esmed {} is running ({})",
                status.version.as_deref().unwrap_or("?"),
                status
                    .holder
                    .as_deref()
                    .and_then(|it| it.split(' ').next())
                    .unwrap_or("?"),
            )
        } else {
            match status.heartbeat_seconds {
                Some(seconds) => format!("not running, last seen {} ago", ago(seconds)),
                None => "not running".to_owned(),
            }
        },
    );
    if let (Some(host), Some(port)) = (&status.host, status.port) {
        let place = format!("{host}:{port}");
        row(
            "server",
            match &status.server_name {
                Some(name) => format!("{name} ({place})"),
                None => place,
            },
        );
    }
    let since = status.since_seconds.map(ago).unwrap_or_default();
    row("session", format!("{} for {since}", status.session_state));
    row(
        "window",
        format!("{} of {}", status.window_in_use, status.window_size),
    );
    row("rate", format!("{} messages/s", status.rate));
    row("queue", format!("{} still to be sent", status.queue_depth));
    if let Some(error) = &status.last_error {
        let when = status.last_error_seconds.map(ago).unwrap_or_default();
        row("last error", format!("{error} ({when} ago)"));
    }
    lines
}

/// `45 s`, `12 min`, `3 h` or `5 d`.
fn ago(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round();
    if seconds < 120.0 {
        format!("{seconds} s")
    } else if seconds < 7200.0 {
        format!("{} min", (seconds / 60.0).floor())
    } else if seconds < 172_800.0 {
        format!("{} h", (seconds / 3600.0).floor())
    } else {
        format!("{} d", (seconds / 86_400.0).floor())
    }
}
