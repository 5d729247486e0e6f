//! Every key by name: for the environment, and for a file that is read again.

use super::{Config, ConfigError, invalid};

/// Environment variables with this prefix override the file: `ESMED_DATABASE_HOST` is `[database] host`.
const PREFIX: &str = "ESMED_";

/// `ESMED_CONFIG` names the file itself and is read with the command line.
const CONFIG: &str = "ESMED_CONFIG";

/// What begins so is for the simulator.
const SIM: &str = "ESMED_SIM_";

/// How the text of an environment variable becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
}

/// From when on a changed value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// As soon as the file is read again.
    AtOnce,
    /// From the next start on.
    Restart,
}

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// e.g. `database`
    pub section: &'static str,
    /// e.g. `host`
    pub name: &'static str,
    /// From when on a changed value holds.
    pub holds: Holds,
    kind: Kind,
    same: fn(&Config, &Config) -> bool,
    copy: fn(&mut Config, &Config),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}", self.section, self.name)
    }
}

/// One line a key: `section.key: kind, from when a change holds;`
macro_rules! keys {
    ($($section:ident.$key:ident: $kind:ident, $holds:ident;)+) => {
        &[$(Key {
            section: stringify!($section),
            name: stringify!($key),
            holds: Holds::$holds,
            kind: Kind::$kind,
            same: |one, other| one.$section.$key == other.$section.$key,
            copy: |to, from| to.$section.$key.clone_from(&from.$section.$key),
        }),+]
    };
}

/// Every key there is.
pub const KEYS: &[Key] = keys! {
    database.host: Text, Restart;
    database.port: Integer, Restart;
    database.name: Text, Restart;
    database.user: Text, Restart;
    database.pass: Text, Restart;
    database.pass_file: Text, Restart;
    database.sslmode: Text, Restart;
    database.sslrootcert: Text, Restart;
    database.sslcert: Text, Restart;
    database.sslkey: Text, Restart;
    daemon.lane: Text, Restart;
    daemon.drain_timeout: Integer, AtOnce;
    daemon.poll_interval: Integer, AtOnce;
    daemon.max_unrecorded: Integer, Restart;
    daemon.reassembly_timeout: Integer, AtOnce;
    log.level: Text, AtOnce;
    log.format: Text, AtOnce;
    retention.tx_queue: Integer, AtOnce;
    retention.rx_queue: Integer, AtOnce;
    retention.inbox: Integer, AtOnce;
    retention.events: Integer, AtOnce;
};

/// What a file that was read again brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// What holds now: the new file, but for what needs a restart.
    pub config: Config,
    /// Keys with a new value that holds now.
    pub at_once: Vec<String>,
    /// Keys whose new value needs a restart.
    pub need_restart: Vec<String>,
}

impl Config {
    /// What becomes of this configuration when the file now says `read`.
    #[must_use]
    pub fn reloaded(&self, read: &Self) -> Reloaded {
        let mut reloaded = Reloaded {
            config: read.clone(),
            at_once: Vec::new(),
            need_restart: Vec::new(),
        };
        for key in KEYS.iter().filter(|key| !(key.same)(self, read)) {
            if key.holds == Holds::Restart {
                (key.copy)(&mut reloaded.config, self);
                reloaded.need_restart.push(key.to_string());
            } else {
                reloaded.at_once.push(key.to_string());
            }
        }
        reloaded
    }
}

/// The variables of this process that override keys.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG && !name.starts_with(SIM))
}

/// Section, key and value that a variable stands for.
pub(super) fn override_of(
    variable: &str,
    value: String,
) -> Result<(&'static str, &'static str, toml::Value), ConfigError> {
    let variable_of = |key: &Key| format!("{PREFIX}{}_{}", key.section, key.name).to_uppercase();
    let Some(key) = KEYS.iter().find(|key| variable_of(key) == variable) else {
        let known: Vec<String> = KEYS.iter().map(variable_of).collect();
        return Err(invalid(
            variable,
            &format!("no such setting; there are {}", known.join(", ")),
        ));
    };
    let value = match key.kind {
        Kind::Text => toml::Value::String(value),
        Kind::Integer => toml::Value::Integer(
            value
                .parse()
                .map_err(|_| invalid(variable, "must be a whole number"))?,
        ),
    };
    Ok((key.section, key.name, value))
}
