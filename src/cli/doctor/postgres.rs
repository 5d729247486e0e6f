//! The way to PostgreSQL, and what the role finds there.

use std::path::Path;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};
use tokio_postgres::Row;

use super::PATIENCE;
use super::report::Report;
use super::{login, rows};
use crate::config::Config;
use crate::db::Database;
use crate::db::doctor::Doctor;
use crate::session::connect::{open_tcp, resolve};

/// By how many seconds clocks may differ.
const CLOCKS_APART: f64 = 5.0;

/// A daemon has so many connections, one of them for LISTEN.
const CONNECTIONS: i64 = 10;

/// Whether the rest can be asked for.
pub(super) async fn examine(
    config: &Config,
    database: &Database,
    report: &mut Report,
) -> anyhow::Result<bool> {
    if !hosts(config, report).await? {
        report.skipped("login", "no host answers", "")?;
        return Ok(false);
    }
    let doctor = match Doctor::connect(database, PATIENCE * 2).await {
        Ok(doctor) => doctor,
        Err(error) => {
            let check = if error.is_tls() { "TLS" } else { "login" };
            let (finding, next) = login::refused(config, database, &error);
            report.failed(check, finding, next)?;
            return Ok(false);
        }
    };
    let user = &config.database.user;
    let name = &config.database.name;
    report.ok("login", format!("as {user} to the database {name}"))?;
    if pooler(database, &doctor, report).await? {
        return Ok(false);
    }
    if let Err(error) = doctor.set_up().await {
        report.failed(
            "settings",
            error.reason(),
            "the daemon sets these for each connection; is there a pooler in between that refuses them?",
        )?;
        return Ok(false);
    }
    let row = match doctor.server().await {
        Ok(row) => row,
        Err(error) => {
            report.failed("server", error.reason(), "see the log of PostgreSQL")?;
            return Ok(false);
        }
    };
    login::encryption(&config.database, &row, report)?;
    if !kind(&row, report)? {
        return Ok(false);
    }
    role(&row, report)?;
    clock(&doctor, report).await?;
    settings(&row, report)?;
    let role = Role {
        name: row.get("role"),
        quoted: row.get("role_quoted"),
    };
    rows::examine(config, database, &doctor, &role, report).await
}

/// As whom we are connected.
pub(super) struct Role {
    pub(super) name: String,
    /// As statements need it.
    pub(super) quoted: String,
}

/// Where PostgreSQL should be reached.
struct Place {
    check: &'static str,
    /// What was found there, or what is wrong and what to do.
    found: Result<String, (String, &'static str)>,
}

/// Name and port of each host; whether one answers.
async fn hosts(config: &Config, report: &mut Report) -> anyhow::Result<bool> {
    let port = config.database.port;
    let mut places = Vec::new();
    for host in config.database.host.list() {
        places.push(if host.starts_with('/') {
            socket(host, port).await
        } else {
            address(host, port).await
        });
    }
    let answers = places.iter().any(|place| place.found.is_ok());
    for Place { check, found } in places {
        match found {
            Ok(finding) => report.ok(check, finding)?,
            // Of several hosts one is enough, until it fails.
            Err((finding, next)) if answers => report.warning(check, finding, next)?,
            Err((finding, next)) => report.failed(check, finding, next)?,
        }
    }
    Ok(answers)
}

async fn socket(folder: &str, port: u16) -> Place {
    let path = Path::new(folder).join(format!(".s.PGSQL.{port}"));
    let name = path.display();
    Place {
        check: "socket",
        found: match timeout(PATIENCE, UnixStream::connect(&path)).await {
            Ok(Ok(_)) => Ok(format!("{name} answers")),
            Ok(Err(error)) => Err((
                format!("{name}: {error}"),
                "does PostgreSQL run here (pg_lsclusters), with this port, and its socket in this folder? [database] host and port",
            )),
            Err(_) => Err((
                format!("{name} does not answer"),
                "is PostgreSQL overloaded or stopped?",
            )),
        },
    }
}

async fn address(host: &str, port: u16) -> Place {
    let until = Instant::now() + PATIENCE;
    let addresses = match resolve(host, port, until).await {
        Ok(addresses) => addresses,
        Err(error) => {
            return Place {
                check: "host name",
                found: Err((
                    format!("{host}: {error}"),
                    "correct [database] host, or the name service of this machine",
                )),
            };
        }
    };
    let opened = open_tcp(addresses, until).await;
    Place {
        check: "connection",
        found: match opened.and_then(|stream| stream.peer_addr()) {
            Ok(peer) => Ok(format!("{host}: {peer} answers")),
            Err(error) => Err((
                format!("{host}: {error}"),
                "does PostgreSQL run there, with listen_addresses and port as in [database], and does no firewall keep it away?",
            )),
        },
    }
}

/// Whether a pooler gives sessions away between transactions, which the daemon can't work with.
async fn pooler(database: &Database, doctor: &Doctor, report: &mut Report) -> anyhow::Result<bool> {
    let other = match Doctor::connect(database, PATIENCE).await {
        Ok(other) => other,
        Err(error) => {
            report.failed(
                "second login",
                error.message,
                "the daemon has up to 10 connections: raise max_connections, or CONNECTION LIMIT of the role",
            )?;
            return Ok(true);
        }
    };
    match doctor.shares_session_with(&other).await {
        Ok(true) => {
            report.failed(
                "pooler",
                "two connections share one session: a pooler in its transaction mode is in between",
                "LISTEN, SET and prepared statements need a session: name PostgreSQL itself in [database], or a pool with pool_mode = session",
            )?;
            Ok(true)
        }
        Ok(false) => Ok(false),
        Err(error) => {
            report.failed(
                "session",
                error.reason(),
                "see the log of PostgreSQL, or of the pooler in between",
            )?;
            Ok(true)
        }
    }
}

/// Whether it is a database that can be used at all.
fn kind(row: &Row, report: &mut Report) -> anyhow::Result<bool> {
    let version: String = row.get("version");
    if row.get::<_, i32>("version_num") < 130_000 {
        report.failed(
            "PostgreSQL",
            format!("version {version}"),
            "use 13 or later",
        )?;
        return Ok(false);
    }
    report.ok("PostgreSQL", format!("version {version}"))?;
    let encoding: String = row.get("encoding");
    if encoding != "UTF8" {
        report.failed(
            "encoding",
            encoding,
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, name it in [database], and set it up with esmed migrate",
        )?;
        return Ok(false);
    }
    report.ok("encoding", encoding)?;
    if row.get::<_, bool>("is_standby") {
        report.failed(
            "standby",
            "this server only reads: it is a standby",
            "name the primary in [database] host; with several hosts the one that takes writes is used",
        )?;
        return Ok(false);
    }
    if !row.get::<_, bool>("may_use_schema") {
        let role: String = row.get("role");
        report.failed(
            "rights",
            format!("{role} may not use the schema public"),
            format!("GRANT USAGE ON SCHEMA public TO {role}"),
        )?;
        return Ok(false);
    }
    Ok(true)
}

fn role(row: &Row, report: &mut Report) -> anyhow::Result<()> {
    let role: String = row.get("role");
    let missing: Vec<String> = row.get("missing_roles");
    if row.get::<_, bool>("is_superuser") {
        report.warning(
            "role",
            format!("{role} is a superuser"),
            "the daemon needs far less: [database] user = \"esmed\"",
        )?;
    } else if missing.is_empty() {
        report.ok("role", format!("{role}, no superuser"))?;
    }
    if missing.is_empty() {
        Ok(())
    } else {
        report.warning(
            "roles",
            format!("there is no role {}", missing.join(", ")),
            "the statements that make a role and give it its rights are in /usr/share/esmed/sql/db.sql (sql/db.sql of the source)",
        )
    }
}

async fn clock(doctor: &Doctor, report: &mut Report) -> anyhow::Result<()> {
    match doctor.clock().await {
        Ok((_, ahead)) if ahead.abs() <= CLOCKS_APART => report.ok(
            "clock",
            format!(
                "that of the database and this one are {:.1} s apart",
                ahead.abs()
            ),
        ),
        Ok((there, ahead)) => {
            let relation = if ahead > 0.0 { "ahead of" } else { "behind" };
            report.warning(
                "clock",
                format!(
                    "this machine is {:.0} s {relation} the database, which says {}",
                    ahead.abs(),
                    there.format("%Y-%m-%d %H:%M:%S UTC")
                ),
                "NTP on both; dates in tables are by the clock of the database, certificates are checked by ours",
            )
        }
        Err(error) => report.failed("clock", error.reason(), "see the log of PostgreSQL"),
    }
}

fn settings(row: &Row, report: &mut Report) -> anyhow::Result<()> {
    let is_on = |name: &str| row.get::<_, bool>(name);
    let mut is_well = true;
    for (name, consequence) in [
        (
            "fsync",
            "a crash of the machine may lose committed messages, or the database",
        ),
        (
            "full_page_writes",
            "a crash of the machine may break the database",
        ),
        (
            "autovacuum",
            "the queue gets slower and larger with every message",
        ),
    ] {
        if !is_on(name) {
            is_well = false;
            report.warning(
                "settings",
                format!("{name} is off: {consequence}"),
                format!("{name} = on in postgresql.conf"),
            )?;
        }
    }
    let allowed = i64::from(row.get::<_, i32>("connections_allowed"));
    let left = allowed - row.get::<_, i64>("connections_used");
    let limit: i32 = row.get("connection_limit");
    if left < CONNECTIONS || (0..CONNECTIONS).contains(&i64::from(limit)) {
        is_well = false;
        report.warning(
            "connections",
            format!(
                "{} are left for a daemon that may need {CONNECTIONS}",
                left.min(if limit < 0 { left } else { i64::from(limit) })
            ),
            "raise max_connections, or CONNECTION LIMIT of the role",
        )?;
    }
    if is_well {
        report.ok(
            "settings",
            format!("fsync, full_page_writes and autovacuum are on, {left} connections are free"),
        )?;
    }
    Ok(())
}
