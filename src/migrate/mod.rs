//! From esmed 0.1.1 (or nothing) to the schema of this version: the SQL, who runs it, and how the daemon waits for it.

mod connection;
pub mod ini;
pub mod script;
mod wait;

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config};

use crate::db::{Elsewhere, SCHEMA_VERSION};

pub use connection::{Connection, owner_config};
pub use wait::until_ready;

const STANDING: &str = include_str!("../../sql/queries/standing_of_schema.sql");

/// What a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No table of esmed.
    Empty,
    /// The tables of 0.1.1.
    Old,
    /// This schema.
    Current,
    /// A schema of another version; `None`: one that says nothing about itself.
    Other(Option<i32>),
}

/// Why nothing was migrated; one line that says what to do. Never with a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Failed {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Standing {
    /// Looks which it is.
    ///
    /// # Errors
    /// When the database can't be asked, or is not one for esmed.
    pub async fn of(client: &Client) -> Result<Self, Failed> {
        // Whoever owns the database may have set another, with functions in it.
        client
            .batch_execute("SET search_path = pg_catalog, pg_temp")
            .await
            .map_err(|error| failed(&error))?;
        let row = client
            .query_one(STANDING, &[])
            .await
            .map_err(|error| failed(&error))?;
        // Before anything is sent that such a database could not even read.
        let encoding: String = row.get("encoding");
        if encoding != "UTF8" {
            return Err(Failed(format!(
                "esmed needs a UTF8 database, and the encoding of this one is {encoding}: nothing was changed; create \
                 another one (CREATE DATABASE sms2 ENCODING 'UTF8' TEMPLATE template0), copy this one into it by pg_dump \
                 (-E says in which encoding the old one really is), and migrate that"
            )));
        }
        if !row.get::<_, bool>("has_schema") {
            let elsewhere = Elsewhere::of(client).await;
            if let Some(elsewhere) = elsewhere.map_err(|error| failed(&error))? {
                return Err(Failed(format!(
                    "the tables of esmed 0.1.1 are {}: nothing was changed; run as their owner or a superuser {}; then migrate",
                    elsewhere.place(),
                    elsewhere.moves()
                )));
            }
            return Ok(if row.get("has_old_tables") {
                Self::Old
            } else {
                Self::Empty
            });
        }
        if !row.get::<_, bool>("has_version") {
            return Ok(Self::Other(None));
        }
        let version: Option<i32> = client
            .query_one("SELECT max(version) FROM public.esmed_schema", &[])
            .await
            .map_err(|error| failed(&error))?
            .get(0);
        Ok(match version {
            Some(SCHEMA_VERSION) => Self::Current,
            other => Self::Other(other),
        })
    }

    /// The SQL that is to be run; `None`: none is needed.
    ///
    /// # Errors
    /// When this program has none for it.
    pub fn script(self) -> Result<Option<String>, Failed> {
        match self {
            Self::Empty => Ok(Some(script::SCHEMA.to_owned())),
            Self::Old => Ok(Some(script::from_0_1_1())),
            Self::Current => Ok(None),
            Self::Other(Some(version)) if version > SCHEMA_VERSION => Err(Failed(format!(
                "the database has schema version {version}, this program knows {SCHEMA_VERSION}: install a newer esmed"
            ))),
            Self::Other(version) => Err(Failed(format!(
                "the database has schema version {}, which this program can't bring up to {SCHEMA_VERSION}: use a database that is empty or of esmed 0.1.1",
                version.map_or("none".to_owned(), |version| version.to_string())
            ))),
        }
    }
}

/// What an administrator runs for the database of `config`.
#[must_use]
pub fn command(config: &Config) -> String {
    let name = encoded(config.get_dbname().unwrap_or_default(), "");
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let folder = match config.get_hosts().first() {
        Some(Host::Tcp(host)) if !is_this_machine(host) => {
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                encoded(host, "")
            };
            return format!("esmed migrate --as 'postgresql://OWNER@{host}:{port}/{name}'");
        }
        Some(Host::Unix(folder)) => encoded(&folder.to_string_lossy(), "/"),
        // Who administers this machine comes in by the socket; this is its folder as a rule.
        _ => "/var/run/postgresql".to_owned(),
    };
    let port = if port == 5432 {
        String::new()
    } else {
        format!("&port={port}")
    };
    format!("sudo -u postgres esmed migrate --as 'postgresql:///{name}?host={folder}{port}'")
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Percent-encoded as a URL needs it, and a shell within single quotes; what is in `kept` stays.
fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        let letter = char::from(octet);
        if letter.is_ascii_alphanumeric() || "-._~".contains(letter) || kept.contains(letter) {
            encoded.push(letter);
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

/// All that PostgreSQL says, in one line. There are no rows of the user in it but in DETAIL, which is passed on only from the
/// migration's own errors.
fn failed(error: &tokio_postgres::Error) -> Failed {
    let Some(db) = error.as_db_error() else {
        return Failed(crate::db::reason(error));
    };
    let is_ours = db.code().code() == "P0001";
    let detail = db.detail().filter(|_| is_ours);
    let parts = [Some(db.message()), detail, db.hint()];
    let parts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    Failed(parts.join("; ").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_goes_to_where_the_database_is() {
        for (host, port, name, words) in [
            (
                "/run/pg",
                5432,
                "sms",
                "sudo -u postgres esmed migrate --as 'postgresql:///sms?host=/run/pg'",
            ),
            (
                "/run/pg",
                54991,
                "sms",
                "sudo -u postgres esmed migrate --as 'postgresql:///sms?host=/run/pg&port=54991'",
            ),
            (
                "localhost",
                5433,
                "sms",
                "sudo -u postgres esmed migrate --as 'postgresql:///sms?host=/var/run/postgresql&port=5433'",
            ),
            (
                "::1",
                5432,
                "sms",
                "sudo -u postgres esmed migrate --as 'postgresql:///sms?host=/var/run/postgresql'",
            ),
            (
                "db1",
                5432,
                "sms",
                "esmed migrate --as 'postgresql://OWNER@db1:5432/sms'",
            ),
            (
                "2001:db8::1",
                5432,
                "sms",
                "esmed migrate --as 'postgresql://OWNER@[2001:db8::1]:5432/sms'",
            ),
            (
                "/srv/my pg",
                5432,
                "it's/é?",
                "sudo -u postgres esmed migrate --as 'postgresql:///it%27s%2F%C3%A9%3F?host=/srv/my%20pg'",
            ),
        ] {
            let mut config = Config::new();
            config.host(host).port(port).dbname(name);
            let command = command(&config);
            assert_eq!(command, words);
            // It is read again as it was meant.
            let url = command.split('\'').nth(1).unwrap();
            let read: Config = url.parse().unwrap();
            assert_eq!(read.get_dbname(), Some(name));
            if host.starts_with('/') {
                assert_eq!(read.get_hosts(), config.get_hosts());
                assert_eq!(read.get_ports().first().copied().unwrap_or(5432), port);
            }
        }
    }
}
