//! File and environment become one validated [`Config`].

mod database;
mod environment;
mod file;
mod log;
mod metrics;
mod retention;
mod url;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

pub use database::{Database, Hosts, SslMode};
pub use environment::{Holds, KEYS, Key, Reloaded};
pub use log::{Log, LogFormat, LogLevel};
pub use metrics::Metrics;
pub use retention::Retention;
pub use url::{Place, UrlTls, parse_url, place_of};

/// The configuration as it is now: it changes when the file is read again.
pub type Live = tokio::sync::watch::Receiver<Config>;

/// The longest of all settings in seconds.
const A_DAY: u64 = 86_400;

/// Name of the systemd credential that holds the password of the database.
const CREDENTIAL: &str = "database-pass";

/// What can be wrong with a configuration; one line, which says what would be right.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file with the password of the database can't be read.
    #[error("{origin}: can't read {path}")]
    NoPassword {
        /// What names the file.
        origin: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key or value that it must not have.
    #[error("{place}: {message}")]
    Invalid {
        /// File and line, or the environment variable.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// A password, which no formatting prints.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

/// By hand, for the error of a wrong type would show the value.
impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer) {
            Ok(toml::Value::String(password)) => Ok(Self(password)),
            _ => Err(D::Error::custom("the password must be a string, in quotes")),
        }
    }
}

impl Password {
    /// The password itself, for whoever has to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that can be configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[database]`
    pub database: Database,
    /// `[daemon]`
    pub daemon: Daemon,
    /// `[log]`
    pub log: Log,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[retention]`
    pub retention: Retention,
}

/// `[daemon]`: what the daemon does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// Which servers and messages it serves.
    pub lane: String,
    /// Seconds that a drain waits for answers.
    pub drain_timeout: u64,
    /// Seconds between looks at the tables without a notification.
    pub poll_interval: u64,
    /// Most messages that are claimed and not yet recorded.
    pub max_unrecorded: usize,
    /// Seconds after which a long message from a phone appears without the parts that are missing.
    pub reassembly_timeout: u64,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            lane: "default".to_owned(),
            drain_timeout: 30,
            poll_interval: 1,
            max_unrecorded: 1000,
            reassembly_timeout: 1800,
        }
    }
}

impl Daemon {
    /// `drain_timeout` as a duration.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout)
    }

    /// `poll_interval` as a duration.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        Duration::from_secs(self.poll_interval)
    }

    /// `reassembly_timeout` as a duration.
    #[must_use]
    pub fn reassembly_timeout(&self) -> Duration {
        Duration::from_secs(self.reassembly_timeout)
    }
}

impl Config {
    /// Reads `path` and the environment of this process.
    ///
    /// # Errors
    /// On the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(
            &path.display().to_string(),
            &text,
            environment::variables()?,
        )?;
        config.read_password()?;
        Ok(config)
    }

    /// The defaults, overridden by the environment of this process.
    ///
    /// # Errors
    /// On the first thing that is wrong.
    pub fn without_file() -> Result<Self, ConfigError> {
        Self::parse("environment", "", environment::variables()?)
    }

    /// Reads the text of a file called `name`, overridden by `environment`.
    ///
    /// # Errors
    /// On the first thing that is wrong.
    pub fn parse(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        // The file by itself first, so that its errors have a line.
        let (mut config, mut table) = file::read(text).map_err(|(at, message)| {
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            invalid(format!("{name} line {line}"), &message)
        })?;
        for (variable, value) in environment {
            let (key, value) = environment::override_of(&variable, value)?;
            let section = table
                .entry(key.section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(key.name.to_owned(), value);
            }
            config = table
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| invalid(&variable, error.message()))?;
        }
        config.validate(name)?;
        Ok(config)
    }

    fn validate(&self, name: &str) -> Result<(), ConfigError> {
        let check = |right: bool, message: &str| {
            if right {
                Ok(())
            } else {
                Err(invalid(name, message))
            }
        };
        self.database
            .validate()
            .map_err(|message| invalid(name, &message))?;
        check(
            !self.daemon.lane.is_empty(),
            "[daemon] lane is empty; it must be a name",
        )?;
        check(
            (1..=A_DAY).contains(&self.daemon.poll_interval),
            "[daemon] poll_interval must be from 1 to 86400 seconds",
        )?;
        check(
            self.daemon.drain_timeout <= A_DAY,
            "[daemon] drain_timeout must be at most 86400 seconds",
        )?;
        check(
            (1..=50_000).contains(&self.daemon.max_unrecorded),
            "[daemon] max_unrecorded must be from 1 to 50000",
        )?;
        check(
            (1..=A_DAY).contains(&self.daemon.reassembly_timeout),
            "[daemon] reassembly_timeout must be from 1 to 86400 seconds",
        )?;
        self.retention.validate(check)
    }

    /// Takes the password from `pass_file`, or from the systemd credential where neither key is set.
    fn read_password(&mut self) -> Result<(), ConfigError> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|folder| Path::new(&folder).join(CREDENTIAL))
            .filter(|path| self.database.pass.is_none() && path.exists());
        let named = self.database.pass_file.clone();
        let named = named.map(|path| (path, "[database] pass_file"));
        let credential = credential.map(|path| (path, "the systemd credential database-pass"));
        let Some((path, origin)) = named.or(credential) else {
            return Ok(());
        };
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::NoPassword {
            origin,
            path,
            source,
        })?;
        self.database.pass = Some(Password(text.trim_end_matches(['\r', '\n']).to_owned()));
        Ok(())
    }
}

/// An error of a wrong type or word would show the value, which may be a password at the wrong place.
fn without_value(message: &str) -> String {
    let kind = ["invalid type", "invalid value", "unknown variant"]
        .into_iter()
        .find(|kind| message.starts_with(kind));
    match (kind, message.rfind(", expected ")) {
        (Some(kind), Some(at)) => format!("{kind}{}", &message[at..]),
        _ => message.to_owned(),
    }
}

fn invalid(place: impl Into<String>, message: &str) -> ConfigError {
    ConfigError::Invalid {
        place: place.into(),
        message: without_value(&message.replace('\n', " ")).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
