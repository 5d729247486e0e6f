//! `esmed events`

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::signal::ctrl_c;

use super::paint::{Paint, plain};
use super::times::span;
use super::{ConfigFile, block_on, database, told};
use crate::config::Config;
use crate::db::ears::{Channel, Ears};
use crate::db::events::{self, Stored};
use crate::db::{Database, DbError, Purpose};

/// Numbers are given before they are committed, so that an event may appear behind later ones: so far back it is looked.
const LOOK_BACK: i64 = 1000;

/// Events read at once.
const AT_ONCE: i64 = 2000;

/// Without --limit.
const FEW: u32 = 20;
const MANY: u32 = 1000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Go on with what happens from now on, until Ctrl-C; a database that goes away is waited for
    #[arg(long, short)]
    follow: bool,
    /// Only those of the last 90s, 15m, 1h, 2d or 1w
    #[arg(long, value_name = "SPAN", value_parser = span)]
    since: Option<f64>,
    /// Only those of this type, such as bound or connection_lost; several parted by commas, or by more --type
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    kinds: Vec<String>,
    /// The last so many: 20, or 1000 with --since; 0 with --follow begins with what comes
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=100_000))]
    limit: Option<u32>,
    /// One JSON object a line for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, paint: Paint) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    block_on(async {
        let database = database(&config)?;
        database.check(Purpose::Look).await?;
        tokio::select! {
            shown = show(&database, &config, arguments, paint) => shown?,
            _ = ctrl_c(), if arguments.follow => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn show(
    database: &Database,
    config: &Config,
    arguments: &Arguments,
    paint: Paint,
) -> anyhow::Result<()> {
    let lane = &config.daemon.lane;
    let kinds = Some(arguments.kinds.as_slice()).filter(|kinds| !kinds.is_empty());
    let write = |event: &Stored| {
        told(&if arguments.json {
            json!(event).to_string()
        } else {
            line(event, paint)
        })
    };
    let ears = arguments
        .follow
        .then(|| Ears::open(database, Channel::Events));
    // What was there before the list was asked for is never new.
    let mut seen = if arguments.follow {
        let last = events::list(database, lane, 1, None, None).await?;
        let last = last.first().map_or(0, |event| event.id);
        let before = events::after(database, lane, last - LOOK_BACK, AT_ONCE).await?;
        before.iter().map(|event| event.id).collect()
    } else {
        BTreeSet::new()
    };
    let few = if arguments.since.is_some() { MANY } else { FEW };
    let limit = i64::from(arguments.limit.unwrap_or(few));
    let listed = events::list(database, lane, limit, kinds, arguments.since).await?;
    if listed.is_empty() && limit > 0 {
        eprintln!("esmed: {}", none(arguments, lane));
    }
    for event in listed {
        seen.insert(event.id);
        if !write(&event)? {
            return Ok(());
        }
    }
    let Some(ears) = ears else {
        return Ok(());
    };
    let mut is_away = false;
    loop {
        match look(database, lane, &mut seen).await {
            Ok(new) => {
                if is_away {
                    eprintln!("esmed: the database is back");
                    is_away = false;
                }
                for event in new {
                    let is_wanted = kinds.is_none_or(|kinds| kinds.contains(&event.kind));
                    if is_wanted && !write(&event)? {
                        return Ok(());
                    }
                }
            }
            Err(error) => {
                if !is_away {
                    eprintln!("esmed: {}; waiting for it", plain(&error.to_string()));
                    is_away = true;
                }
            }
        }
        ears.wait(config.daemon.poll_interval()).await;
    }
}

/// That there is nothing to show, for an empty answer to a misspelt type would look like good news.
fn none(arguments: &Arguments, lane: &str) -> String {
    let types = match arguments.kinds.as_slice() {
        [] => String::new(),
        kinds => format!(" of type {}", plain(&kinds.join(" or "))),
    };
    let time = match arguments.since {
        Some(_) => " in that time",
        None if arguments.follow => " yet",
        None => "",
    };
    format!("no events{types} in lane {}{time}", plain(lane))
}

/// Events that were not seen yet; `seen` has them only when they were all read.
async fn look(
    database: &Database,
    lane: &str,
    seen: &mut BTreeSet<i64>,
) -> Result<Vec<Stored>, DbError> {
    let mut new = Vec::new();
    let mut after = seen.last().copied().unwrap_or(0) - LOOK_BACK;
    loop {
        let read = database
            .in_time(events::after(database, lane, after, AT_ONCE))
            .await?;
        let is_all = i64::try_from(read.len()).is_ok_and(|rows| rows < AT_ONCE);
        after = read.last().map_or(after, |event| event.id);
        new.extend(read.into_iter().filter(|event| !seen.contains(&event.id)));
        if is_all {
            break;
        }
    }
    seen.extend(new.iter().map(|event| event.id));
    let oldest = seen.last().copied().unwrap_or(0) - LOOK_BACK;
    *seen = seen.split_off(&oldest);
    Ok(new)
}

fn line(event: &Stored, paint: Paint) -> String {
    let at = event.at.with_timezone(&chrono::Local);
    let kind = format!("{:<18}", plain(&event.kind));
    let server = event
        .server_id
        .map_or_else(|| "-".to_owned(), |id| id.to_string());
    format!(
        "{}  {:<8} {server:>3}  {} {}",
        paint.faint(&at.format("%Y-%m-%d %H:%M:%S").to_string()),
        event.status.as_deref().unwrap_or("-"),
        paint.by_status(event.status.as_deref(), &kind),
        plain(&event.message)
    )
}
