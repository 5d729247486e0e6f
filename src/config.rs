//! File and environment become one validated [`Config`].

mod metrics;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

pub use metrics::Metrics;

/// Environment variables with this prefix override the file: `ESMED_DATABASE_HOST` is `[database] host`.
const ENV_PREFIX: &str = "ESMED_";

/// `ESMED_CONFIG` names the file itself and is read with the command line.
const ENV_CONFIG: &str = "ESMED_CONFIG";

/// What begins so is for the simulator.
const ENV_SIM: &str = "ESMED_SIM_";

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
}

/// `[database]`: how to reach PostgreSQL. The keys are those of esmed 0.1.1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// Host names or addresses, or the folder of a unix socket.
    pub host: Hosts,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role to connect as.
    pub user: String,
    /// Its password.
    pub pass: Option<Password>,
    /// File that holds the password.
    pub pass_file: Option<PathBuf>,
    /// As in libpq.
    pub sslmode: SslMode,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            host: Hosts::One("localhost".to_owned()),
            port: 5432,
            name: "esmed".to_owned(),
            user: "esmed".to_owned(),
            pass: None,
            pass_file: None,
            sslmode: SslMode::Prefer,
        }
    }
}

/// One host or several; of several the first that takes writes is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Hosts {
    /// `host = "localhost"`; several may stand behind each other, parted by commas.
    One(String),
    /// `host = ["db1", "db2"]`
    Several(Vec<String>),
}

impl Hosts {
    /// All of them, in order.
    #[must_use]
    pub fn list(&self) -> Vec<&str> {
        let hosts: Vec<&str> = match self {
            Self::One(hosts) => hosts.split(',').collect(),
            Self::Several(hosts) => hosts.iter().map(String::as_str).collect(),
        };
        hosts
            .into_iter()
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .collect()
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.list().join(","))
    }
}

/// `sslmode` of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
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

/// `[log]`: what is written to standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// Levels of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As tracing knows it.
    #[must_use]
    pub fn filter(self) -> tracing::level_filters::LevelFilter {
        use tracing::level_filters::LevelFilter;
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How the text of an environment variable becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
}

/// Every key, for the environment.
const KEYS: &[(&str, &str, Kind)] = &[
    ("database", "host", Kind::Text),
    ("database", "port", Kind::Integer),
    ("database", "name", Kind::Text),
    ("database", "user", Kind::Text),
    ("database", "pass", Kind::Text),
    ("database", "pass_file", Kind::Text),
    ("database", "sslmode", Kind::Text),
    ("daemon", "lane", Kind::Text),
    ("daemon", "drain_timeout", Kind::Integer),
    ("daemon", "poll_interval", Kind::Integer),
    ("daemon", "max_unrecorded", Kind::Integer),
    ("daemon", "reassembly_timeout", Kind::Integer),
    ("log", "level", Kind::Text),
    ("log", "format", Kind::Text),
    ("metrics", "listen", Kind::Text),
];

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
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| {
                name.starts_with(ENV_PREFIX) && name != ENV_CONFIG && !name.starts_with(ENV_SIM)
            });
        let mut config = Self::parse(&path.display().to_string(), &text, environment)?;
        config.read_password()?;
        Ok(config)
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
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            invalid(format!("{name} line {line}"), error.message())
        })?;
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| invalid(name, error.message()))?;
        for (variable, value) in environment {
            let (section, key, value) = override_of(&variable, value)?;
            let section = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(key.to_owned(), value);
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
        let Database {
            host,
            port,
            name: database,
            user,
            ..
        } = &self.database;
        check(
            !host.list().is_empty(),
            "[database] host is empty; it must be a host or a socket folder",
        )?;
        check(
            *port > 0,
            "[database] port is 0; it must be from 1 to 65535",
        )?;
        check(
            !database.is_empty(),
            "[database] name is empty; it must be the name of the database",
        )?;
        check(
            !user.is_empty(),
            "[database] user is empty; it must be the role to connect as",
        )?;
        check(
            self.database.pass.is_none() || self.database.pass_file.is_none(),
            "[database] has both pass and pass_file; it must have one of them",
        )?;
        check(
            matches!(
                self.database.sslmode,
                SslMode::Disable | SslMode::Allow | SslMode::Prefer
            ),
            "[database] sslmode asks for TLS, which this version can't do yet; disable, allow and prefer connect without",
        )?;
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
        )
    }

    /// Takes the password from `pass_file`, or from the systemd credential where neither key is set.
    fn read_password(&mut self) -> Result<(), ConfigError> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|folder| Path::new(&folder).join(CREDENTIAL))
            .filter(|path| self.database.pass.is_none() && path.exists());
        let Some(path) = self.database.pass_file.clone().or(credential) else {
            return Ok(());
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path, source })?;
        self.database.pass = Some(Password(text.trim_end_matches(['\r', '\n']).to_owned()));
        Ok(())
    }
}

/// An error of a wrong type would show the value, which may hold a password.
fn without_value(message: &str) -> String {
    match (
        message.strip_prefix("invalid type: "),
        message.rfind(", expected "),
    ) {
        (Some(_), Some(at)) => format!("invalid type{}", &message[at..]),
        _ => message.to_owned(),
    }
}

fn invalid(place: impl Into<String>, message: &str) -> ConfigError {
    ConfigError::Invalid {
        place: place.into(),
        message: without_value(&message.replace('\n', " ")).trim().to_owned(),
    }
}

fn override_of(
    variable: &str,
    value: String,
) -> Result<(&'static str, &'static str, toml::Value), ConfigError> {
    let name_of = |section: &str, key: &str| format!("{ENV_PREFIX}{section}_{key}").to_uppercase();
    let Some(&(section, key, kind)) = KEYS
        .iter()
        .find(|(section, key, _)| name_of(section, key) == variable)
    else {
        let known: Vec<String> = KEYS
            .iter()
            .map(|(section, key, _)| name_of(section, key))
            .collect();
        return Err(invalid(
            variable,
            &format!("no such setting; there are {}", known.join(", ")),
        ));
    };
    let value = match kind {
        Kind::Text => toml::Value::String(value),
        Kind::Integer => toml::Value::Integer(
            value
                .parse()
                .map_err(|_| invalid(variable, &format!("{value:?} is no number")))?,
        ),
    };
    Ok((section, key, value))
}

#[cfg(test)]
mod tests;
