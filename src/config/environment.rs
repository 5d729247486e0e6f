//! Every key by name: for the environment, and for a file that is read again.

use super::{Config, ConfigError, file, invalid};

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
    /// What its value must be, for errors.
    pub(super) right: &'static str,
    same: fn(&Config, &Config) -> bool,
    copy: fn(&mut Config, &Config),
}

impl Key {
    pub(super) fn is_number(&self) -> bool {
        self.kind == Kind::Integer
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}", self.section, self.name)
    }
}

/// Of names, paths and passwords.
const IN_QUOTES: &str = "a text in quotes";

/// One line a key: `section.key: kind, from when a change holds, what is right;`
macro_rules! keys {
    ($($section:ident.$key:ident: $kind:ident, $holds:ident, $right:expr;)+) => {
        &[$(Key {
            section: stringify!($section),
            name: stringify!($key),
            holds: Holds::$holds,
            kind: Kind::$kind,
            right: $right,
            same: |one, other| one.$section.$key == other.$section.$key,
            copy: |to, from| to.$section.$key.clone_from(&from.$section.$key),
        }),+]
    };
}

/// Every key there is.
pub const KEYS: &[Key] = keys! {
    database.host: Text, Restart, "a host or the folder of a socket in quotes, or several: [\"db1\", \"db2\"]";
    database.port: Integer, Restart, "a whole number from 1 to 65535";
    database.name: Text, Restart, IN_QUOTES;
    database.user: Text, Restart, IN_QUOTES;
    database.pass: Text, Restart, IN_QUOTES;
    database.pass_file: Text, Restart, IN_QUOTES;
    database.sslmode: Text, Restart, "\"disable\", \"allow\", \"prefer\", \"require\", \"verify-ca\" or \"verify-full\"";
    database.sslrootcert: Text, Restart, IN_QUOTES;
    database.sslcert: Text, Restart, IN_QUOTES;
    database.sslkey: Text, Restart, IN_QUOTES;
    daemon.lane: Text, Restart, IN_QUOTES;
    daemon.drain_timeout: Integer, AtOnce, "a whole number of seconds from 0 to 86400";
    daemon.poll_interval: Integer, AtOnce, "a whole number of seconds from 1 to 86400";
    daemon.max_unrecorded: Integer, Restart, "a whole number from 1 to 50000";
    daemon.reassembly_timeout: Integer, AtOnce, "a whole number of seconds from 1 to 86400";
    log.level: Text, AtOnce, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
    log.format: Text, AtOnce, "\"text\" or \"json\"";
    metrics.listen: Text, AtOnce, "an IP address and a port in quotes, as in \"127.0.0.1:9719\"";
    retention.tx_queue: Integer, AtOnce, "a whole number of days from 1 to 36500";
    retention.rx_queue: Integer, AtOnce, "a whole number of days from 1 to 36500";
    retention.inbox: Integer, AtOnce, "a whole number of days from 1 to 36500";
    retention.events: Integer, AtOnce, "a whole number of days from 1 to 36500";
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
///
/// # Errors
/// When one of them is not UTF-8.
pub(super) fn variables() -> Result<Vec<(String, String)>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) || name == CONFIG || name.starts_with(SIM) {
            continue;
        }
        let Ok(value) = value.into_string() else {
            return Err(invalid(&name, "its value has to be UTF-8"));
        };
        variables.push((name, value));
    }
    Ok(variables)
}

/// The key and the value that a variable stands for.
pub(super) fn override_of(
    variable: &str,
    value: String,
) -> Result<(&'static Key, toml::Value), ConfigError> {
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
                .map_err(|_| invalid(variable, &format!("must be {}", key.right)))?,
        ),
    };
    if let Some(why) = file::of_value(key, value.clone()) {
        return Err(invalid(variable, &why));
    }
    Ok((key, value))
}
