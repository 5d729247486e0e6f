//! Tables, rights, and what slows or hinders the daemon in them.

use super::postgres::Role;
use super::report::Report;
use crate::cli::times::ago;
use crate::config::Config;
use crate::db::doctor::Doctor;
use crate::db::{Database, SCHEMA_VERSION};

/// A transaction that is open for so many seconds keeps finished rows from being cleared away.
const LONG: f64 = 300.0;

/// So many dead rows, and more than a fifth of all, are worth a word.
const DEAD: i64 = 50_000;

/// Who lacks more rights than these was hardly meant to be the daemon.
const FEW: usize = 3;

const LOG: &str = "see the log of PostgreSQL";

/// Whether the daemon could work with it.
pub(super) async fn examine(
    config: &Config,
    database: &Database,
    doctor: &Doctor,
    role: &Role,
    report: &mut Report,
) -> anyhow::Result<bool> {
    if !schema(database, doctor, report).await? {
        return Ok(false);
    }
    let may = rights(doctor, role, report).await?;
    triggers(doctor, report).await?;
    transactions(doctor, role, report).await?;
    vacuum(doctor, report).await?;
    if may {
        refusals(config, doctor, report).await?;
    }
    Ok(may)
}

async fn schema(database: &Database, doctor: &Doctor, report: &mut Report) -> anyhow::Result<bool> {
    let migrate = format!(
        "as the owner or a superuser: {} (--print shows what it does)",
        database.migration()
    );
    let (has_schema, has_tables) = match doctor.tables().await {
        Ok(tables) => tables,
        Err(error) => {
            report.failed("schema", error.reason(), LOG)?;
            return Ok(false);
        }
    };
    if !has_schema {
        match doctor.elsewhere().await {
            Ok(None) => {}
            Ok(Some(elsewhere)) => {
                report.failed(
                    "schema",
                    format!("the tables of esmed 0.1.1 are {}", elsewhere.place()),
                    format!(
                        "as their owner or a superuser: {}; then {migrate}",
                        elsewhere.moves()
                    ),
                )?;
                return Ok(false);
            }
            Err(error) => {
                report.failed("schema", error.reason(), LOG)?;
                return Ok(false);
            }
        }
        let finding = if has_tables {
            "these are tables of esmed 0.1.1"
        } else {
            "there are no tables of esmed"
        };
        report.failed("schema", finding, migrate)?;
        return Ok(false);
    }
    let missing = doctor.missing_tables().await;
    match missing {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => {
            report.failed(
                "schema",
                format!("these tables are missing: {}", missing.join(", ")),
                "restore them from a backup; empty ones are made by their statements in /usr/share/esmed/sql/db.sql (sql/db.sql of the source)",
            )?;
            return Ok(false);
        }
        Err(error) => {
            report.failed("schema", error.reason(), LOG)?;
            return Ok(false);
        }
    }
    let (finding, next) = match doctor.schema_version().await {
        Ok(Some(SCHEMA_VERSION)) => {
            report.ok("schema", format!("version {SCHEMA_VERSION}"))?;
            return Ok(true);
        }
        Ok(Some(newer)) if newer > SCHEMA_VERSION => (
            format!("version {newer}, and this program knows {SCHEMA_VERSION}"),
            "install the newer esmed".to_owned(),
        ),
        Ok(other) => (
            format!(
                "version {}, and this program needs {SCHEMA_VERSION}",
                other.map_or("none".to_owned(), |version| version.to_string())
            ),
            migrate,
        ),
        // Told with the other rights.
        Err(error) if error.reason().contains("42501") => return Ok(true),
        Err(error) => (error.reason().to_owned(), LOG.to_owned()),
    };
    report.failed("schema", finding, next)?;
    Ok(false)
}

async fn rights(doctor: &Doctor, role: &Role, report: &mut Report) -> anyhow::Result<bool> {
    let missing = match doctor.missing_rights().await {
        Ok(missing) => missing,
        Err(error) => {
            report.failed("rights", error.reason(), LOG)?;
            return Ok(false);
        }
    };
    if missing.is_empty() {
        report.ok("rights", "all that the daemon needs")?;
    }
    if missing.len() > FEW && role.name != "esmed" {
        report.failed(
            "rights",
            format!(
                "[database] user is {}, which lacks {} rights of the daemon",
                role.name,
                missing.len()
            ),
            format!(
                "connect as esmed ([database] user), or as the owner: GRANT esmed TO {}",
                role.quoted
            ),
        )?;
        return Ok(false);
    }
    for (right, remedy) in &missing {
        report.failed(
            "rights",
            format!("{right} is missing"),
            format!("as the owner: {remedy}"),
        )?;
    }
    Ok(missing.is_empty())
}

async fn triggers(doctor: &Doctor, report: &mut Report) -> anyhow::Result<()> {
    match doctor.triggers().await {
        Ok(triggers) if triggers.is_empty() => report.ok("triggers", "none but those of esmed"),
        Ok(triggers) => report.warning(
            "triggers",
            format!("not of esmed: {}", triggers.join(", ")),
            "they run within the daemon's statements: one that is slow slows it, one that fails refuses rows; ALTER TABLE ... DISABLE TRIGGER ... takes one out",
        ),
        Err(error) => report.failed("triggers", error.reason(), LOG),
    }
}

async fn transactions(doctor: &Doctor, role: &Role, report: &mut Report) -> anyhow::Result<()> {
    match doctor.transactions(LONG).await {
        Ok((holders, _)) if !holders.is_empty() => {
            let words: Vec<String> = holders
                .iter()
                .map(|(who, seconds)| format!("{who} for {}", ago(*seconds)))
                .collect();
            report.warning(
                "transactions",
                format!("open: {}", words.join(", ")),
                "while one is open, finished rows can't be cleared away, and claims get slower: end it, or SELECT pg_terminate_backend(process)",
            )
        }
        Ok((_, true)) => report.ok("transactions", "none is open for more than 5 min"),
        Ok((_, false)) => report.skipped(
            "transactions",
            "those of other roles can't be seen",
            format!(
                "as a superuser: GRANT pg_read_all_stats TO {}, if they shall be looked at",
                role.quoted
            ),
        ),
        Err(error) => report.failed("transactions", error.reason(), LOG),
    }
}

async fn vacuum(doctor: &Doctor, report: &mut Report) -> anyhow::Result<()> {
    let tables = match doctor.vacuum().await {
        Ok(tables) => tables,
        Err(error) => return report.failed("vacuum", error.reason(), LOG),
    };
    let mut is_well = true;
    for (name, live, dead, is_off) in tables {
        if is_off {
            is_well = false;
            report.warning(
                "vacuum",
                format!("autovacuum is off for {name}"),
                format!("ALTER TABLE {name} RESET (autovacuum_enabled)"),
            )?;
        }
        if dead > DEAD && dead > live / 5 {
            is_well = false;
            report.warning(
                "vacuum",
                format!("{name} has {dead} dead rows beside {live}"),
                format!("VACUUM {name}; if they stay, a transaction is open for long, or autovacuum does not keep up"),
            )?;
        }
    }
    if is_well {
        report.ok(
            "vacuum",
            "autovacuum is on for all tables, and few rows are dead",
        )?;
    }
    Ok(())
}

async fn refusals(config: &Config, doctor: &Doctor, report: &mut Report) -> anyhow::Result<()> {
    match doctor.refusals(&config.daemon.lane).await {
        Ok((0, _)) => Ok(()),
        Ok((count, message)) => report.warning(
            "refused rows",
            format!(
                "{count} times within a day the database refused the daemon something: {}",
                message.unwrap_or_default()
            ),
            "a trigger or constraint that is not of esmed? esmed events --since 1d",
        ),
        Err(error) => report.failed("refused rows", error.reason(), LOG),
    }
}
