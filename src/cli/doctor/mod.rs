//! `esmed doctor`

mod bind;
mod card;
mod login;
mod postgres;
mod probe;
mod queue;
mod report;
mod rows;
mod smsc;
mod steps;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::as_role::AsRole;
use super::number::number;
use super::paint::Paint;
use super::times::{ago, span};
use super::{ConfigFile, block_on, next_step};
use crate::config::Config;
use crate::db::events::{self, Status};
use crate::db::servers;
use crate::db::{Database, DbError};
use crate::server::Server;
use queue::{Waiting, quoted};
use report::Report;

/// No step of a connection takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
// Another role is of use for the test message alone.
#[command(mut_arg("url", |url| url.requires("to")))]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    role: AsRole,
    /// Look at this row of smpp_servers; else at the enabled one of the lane
    #[arg(long, value_name = "ID")]
    server: Option<i64>,
    /// Bind even if a daemon is bound with that account
    #[arg(long)]
    bind: bool,
    /// Have the daemon send a test message to this number: a card with all characters of the default alphabet
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    to: Option<String>,
    /// How long to wait for the receipt of the test message
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span, requires = "to")]
    timeout: f64,
    /// One JSON object for programs, at the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, paint: Paint) -> anyhow::Result<ExitCode> {
    arguments.role.check()?;
    let mut report = Report::new(arguments.json, paint);
    block_on(async {
        examine(arguments, &mut report).await?;
        Ok(if report.end()? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

async fn examine(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    report.area("configuration")?;
    let Some(config) = configuration(&arguments.file, report)? else {
        return report.skipped("all others", "they need the configuration", "");
    };
    report.area("PostgreSQL")?;
    let database = Database::new(&config.database, "esmed")?;
    if !postgres::examine(&config, &database, report).await? {
        report.area("daemon and SMSC")?;
        return report.skipped("all of them", "they are rows of the database", "");
    }
    report.area("daemon")?;
    let status = daemon(&config, &database, report).await?;
    report.area("queue")?;
    let lane = &config.daemon.lane;
    let enabled = servers::enabled(&database, lane).await;
    let of_lane = enabled.as_ref().ok().and_then(Option::as_ref);
    let waiting = queue::examine(lane, &database, status.as_ref(), of_lane, report).await?;
    report.area("SMSC")?;
    let found = match arguments.server {
        Some(id) => servers::by_id(&database, &[id])
            .await
            .map(|mut all| all.pop()),
        None => enabled,
    };
    let Some(server) = server(found, arguments.server, lane, &waiting, report)? else {
        return Ok(());
    };
    // Another server may be of another lane.
    let messages = waiting.messages.filter(|_| arguments.server.is_none());
    smsc::examine(&server, messages, &database, arguments.bind, report).await?;
    if let Some(number) = &arguments.to {
        report.area("test message")?;
        let sends = status
            .as_ref()
            .is_some_and(|status| status.can_send() && status.server_id == Some(server.account.id));
        card::send(arguments, number, &config, &server, sends, report).await?;
    }
    Ok(())
}

/// Reads the file; `None`: nothing can go on.
fn configuration(file: &ConfigFile, report: &mut Report) -> anyhow::Result<Option<Config>> {
    let path = file.config.display().to_string();
    let config = match Config::load(&file.config) {
        Ok(config) => config,
        Err(error) => {
            let next = next_step(&error)
                .unwrap_or("correct it; man esmed.toml has every key with its meaning");
            let error = anyhow::Error::from(error);
            report.failed("file", format!("{error:#}"), next)?;
            return Ok(None);
        }
    };
    report.ok("file", format!("{path} is valid"))?;
    let mut holders = Vec::new();
    if std::fs::read_to_string(&file.config).is_ok_and(|text| holds_password(&text)) {
        holders.push(file.config.as_path());
    }
    holders.extend(config.database.pass_file.as_deref());
    let open: Vec<String> = holders
        .into_iter()
        .filter(|path| is_open(path))
        .map(|path| path.display().to_string())
        .collect();
    if !open.is_empty() {
        let open = open.join(" and ");
        report.warning(
            "password",
            format!("{open} holds the password, and every user may read it"),
            format!("chmod o-rwx {open}"),
        )?;
    }
    Ok(Some(config))
}

fn holds_password(text: &str) -> bool {
    let table: Option<toml::Table> = toml::from_str(text).ok();
    table.is_some_and(|table| {
        let database = table.get("database");
        database.is_some_and(|database| database.get("pass").is_some())
    })
}

fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o007 != 0)
}

/// What the daemon of the lane does.
async fn daemon(
    config: &Config,
    database: &Database,
    report: &mut Report,
) -> anyhow::Result<Option<Status>> {
    let lane = &config.daemon.lane;
    let status = match events::status(database, lane).await {
        Ok(status) => status,
        Err(error) => {
            report.failed("daemon", error.reason(), "see the checks above")?;
            return Ok(None);
        }
    };
    let start = "systemctl start esmed, or esmed run; then journalctl -u esmed says how it goes";
    match &status {
        None => report.warning(
            "daemon",
            format!("lane {lane} was never served by one"),
            start,
        )?,
        Some(status) if !status.alive => {
            let seen = status.heartbeat_seconds.map(ago);
            let seen = seen.map_or_else(String::new, |seen| format!(", last seen {seen} ago"));
            report.warning("daemon", format!("none serves lane {lane}{seen}"), start)?;
        }
        Some(status) => {
            let version = status.version.as_deref().unwrap_or("?");
            let holder = status.holder.as_deref().unwrap_or("?");
            let holder = holder.split(' ').next().unwrap_or(holder);
            let words = format!("esmed {version} ({holder}) serves lane {lane}");
            if version == env!("CARGO_PKG_VERSION") {
                report.ok("daemon", words)?;
            } else {
                report.warning(
                    "daemon",
                    format!("{words}, and this program is {}", env!("CARGO_PKG_VERSION")),
                    "systemctl restart esmed, so that the installed version runs",
                )?;
            }
            let since = status.since_seconds.map(ago).unwrap_or_default();
            let words = format!("{} for {since}", status.session_state);
            match status.session_state.as_str() {
                "bound" | "throttled" => report.ok("session", words)?,
                _ => report.warning(
                    "session",
                    format!(
                        "{words}; last error: {}",
                        status.last_error.as_deref().unwrap_or("none")
                    ),
                    "see the checks of the SMSC below, and esmed events",
                )?,
            }
        }
    }
    Ok(status)
}

/// The server to look at, which is that of the lane where no `id` was asked for.
fn server(
    found: Result<Option<Server>, DbError>,
    id: Option<i64>,
    lane: &str,
    waiting: &Waiting,
    report: &mut Report,
) -> anyhow::Result<Option<Server>> {
    match (found, id) {
        (Ok(Some(server)), _) => return Ok(Some(server)),
        (Ok(None), Some(id)) => report.failed(
            "server",
            format!("smpp_servers has no row {id}"),
            "SELECT id, name, host FROM smpp_servers",
        )?,
        (Ok(None), None) => {
            let mut others = waiting.lanes.iter().filter(|other| other.has_server);
            // One that a daemon serves is right as it is.
            let (finding, next) = match others.find(|other| !other.is_served) {
                Some(other) => (
                    format!(
                        "no server of lane {lane} is enabled, but one of lane {} is",
                        other.name
                    ),
                    format!(
                        "UPDATE smpp_servers SET lane = {} WHERE lane = {} AND enabled; or lane = {:?} in [daemon]",
                        quoted(lane),
                        quoted(&other.name),
                        other.name
                    ),
                ),
                None => (
                    format!("no server of lane {lane} is enabled"),
                    "UPDATE smpp_servers SET enabled = TRUE WHERE id = ..., or INSERT one first"
                        .to_owned(),
                ),
            };
            report.failed("server", finding, next)?;
        }
        (Err(error), _) => {
            report.failed("server", error.reason(), "see the checks of the database")?;
        }
    }
    Ok(None)
}
