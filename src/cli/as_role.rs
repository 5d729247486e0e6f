//! `--as`: the database as another role than that of the daemon, and whether it may send.

use std::env;

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;

use super::paint::plain;
use super::{CONFIG_FILE, ConfigFile, Usage};
use crate::config::{self, Config, ConfigError, Hosts, Password};
use crate::db::Database;
use crate::db::send::{self, Sender};

/// Whom to connect as.
#[derive(Debug, Clone, Args)]
pub(super) struct AsRole {
    /// Connect as this role: postgresql://app@localhost/sms; what the URL leaves out is taken from the configuration,
    /// a password from PGPASSWORD
    #[arg(long = "as", value_name = "URL")]
    url: Option<String>,
}

impl AsRole {
    /// Whether one was named.
    pub(super) fn is_named(&self) -> bool {
        self.url.is_some()
    }

    /// The configuration. Who names role, host and database needs none: the file is readable for root and the daemon alone,
    /// and applications may run where there is none. `None`: it is not there or can't be read.
    pub(super) fn config(&self, file: &ConfigFile) -> anyhow::Result<Option<Config>> {
        let error = match Config::load(&file.config) {
            Ok(config) => return Ok(Some(config)),
            Err(error) => error,
        };
        let ConfigError::Unreadable { path, source } = &error else {
            return Err(error.into());
        };
        let may_lack = match source.kind() {
            ErrorKind::PermissionDenied => true,
            // Another one was asked for.
            ErrorKind::NotFound => path == Path::new(CONFIG_FILE),
            _ => false,
        };
        if !may_lack {
            return Err(error.into());
        }
        if self.is_complete()? {
            return Ok(None);
        }
        Err(error).context(
            "without the configuration --as has to name role, host and database, such as postgresql://app@localhost/sms",
        )
    }

    /// Whether it leaves nothing to the configuration.
    fn is_complete(&self) -> anyhow::Result<bool> {
        let Some(url) = &self.url else {
            return Ok(false);
        };
        let (parsed, _) = config::parse_url(url).map_err(Usage)?;
        Ok(parsed.get_user().is_some()
            && parsed.get_dbname().is_some()
            && !parsed.get_hosts().is_empty())
    }

    /// Whether it can be used at all, before anything is done.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if let Some(url) = &self.url {
            let (parsed, _) = config::parse_url(url).map_err(Usage)?;
            config::place_of(url, &parsed).map_err(Usage)?;
        }
        Ok(())
    }

    /// The database, as this role or as the configuration says.
    pub(super) fn database(&self, database: &config::Database) -> anyhow::Result<Database> {
        Ok(Database::new(&self.settings(database)?, "esmed")?)
    }

    fn settings(&self, database: &config::Database) -> anyhow::Result<config::Database> {
        let mut settings = database.clone();
        let Some(url) = &self.url else {
            return Ok(settings);
        };
        let (parsed, tls) = config::parse_url(url).map_err(Usage)?;
        if let Some(user) = parsed.get_user()
            && user != settings.user
        {
            settings.user = user.to_owned();
            settings.pass = None;
        }
        let place = config::place_of(url, &parsed).map_err(Usage)?;
        if !place.hosts.is_empty() {
            settings.host = Hosts::Several(place.hosts);
        }
        if let Some(port) = place.port {
            settings.port = port;
        }
        if let Some(name) = parsed.get_dbname() {
            settings.name = name.to_owned();
        }
        let password = match parsed.get_password() {
            Some(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
            None if settings.pass.is_none() => env::var("PGPASSWORD").ok(),
            None => None,
        };
        if let Some(password) = password {
            settings.pass = Some(Password::from(password));
        }
        // It was read with the configuration.
        settings.pass_file = None;
        tls.apply(&mut settings);
        settings
            .validate()
            .map_err(|why| Usage(why.replace("[database]", "--as")))?;
        Ok(settings)
    }
}

/// Why nobody can send so: one line, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct MayNot {
    /// What kind of reason it is.
    pub(super) why: Why,
    what: String,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// PostgreSQL asks for a password, and there is none.
    NoPassword,
    WrongPassword,
    /// Only the system user of that name is let in.
    Peer,
    /// There is no connection for another reason.
    NotConnected,
    /// The role may not.
    Rights,
}

/// Who sends; or why that can't be, with what to do.
pub(super) async fn may_send(database: &Database) -> Result<Sender, MayNot> {
    let sender = send::sender(database).await.map_err(|error| {
        let (why, what) = with_next_step(&plain(error.reason()));
        let what = format!("can't connect to {}: {what}", database.place());
        MayNot { why, what }
    })?;
    if sender.may {
        Ok(sender)
    } else {
        let (why, what) = (Why::Rights, lacks_rights(&sender));
        Err(MayNot { why, what })
    }
}

/// Why there is no connection, with what to do.
fn with_next_step(reason: &str) -> (Why, String) {
    const PASSWORD: &str = "it comes from PGPASSWORD or the URL of --as (postgresql://app:...@host/name), without --as from \
                            [database] pass; a unix socket (?host=/var/run/postgresql) may need none";
    const THERE: &str =
        "role, host and database are those of --as, else those of the configuration";
    const RUNS: &str = "does PostgreSQL run, and listen there? esmed doctor goes the daemon's own way step by step";
    let (why, next) = if reason.contains("password missing") {
        let reason = "it asks for a password, and there is none";
        return (Why::NoPassword, format!("{reason}: {PASSWORD}"));
    } else if reason.contains("28P01") {
        (Why::WrongPassword, PASSWORD)
    } else if reason.contains("Peer authentication failed") {
        (Why::Peer, THERE)
    } else if reason.contains("SQLSTATE") {
        (Why::NotConnected, THERE)
    } else {
        (Why::NotConnected, RUNS)
    };
    (why, format!("{reason}: {next}"))
}

pub(super) fn lacks_rights(sender: &Sender) -> String {
    let Sender {
        role,
        quoted,
        database,
        ..
    } = sender;
    if !sender.is_daemon {
        return format!(
            "the role {role:?} may not INSERT into smpp_tx_queue: let an administrator run GRANT esmed_app TO {quoted}"
        );
    }
    format!(
        "the role {role:?} may not INSERT into smpp_tx_queue, which is for applications, not for the daemon: name another \
         one (--as postgresql://app@localhost/{database}), which an administrator makes by CREATE ROLE app LOGIN PASSWORD \
         '...' IN ROLE esmed_app, or, where it is there already, GRANT esmed_app TO app"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> anyhow::Result<config::Database> {
        let database = config::Database {
            pass: Some(Password::from("secret".to_owned())),
            ..config::Database::default()
        };
        let role = AsRole {
            url: Some(url.to_owned()),
        };
        role.settings(&database)
    }

    #[test]
    fn a_full_url_leaves_nothing_to_the_configuration() {
        let is_complete = |url: Option<&str>| {
            let role = AsRole {
                url: url.map(str::to_owned),
            };
            role.is_complete()
        };
        for full in [
            "postgresql://app@localhost/sms",
            "postgresql:///sms?host=/run/postgresql&user=app",
        ] {
            assert!(is_complete(Some(full)).unwrap(), "{full}");
        }
        for part in [
            "postgresql://app@",
            "postgresql://app@localhost",
            "postgresql://localhost/sms",
        ] {
            assert!(!is_complete(Some(part)).unwrap(), "{part}");
        }
        assert!(!is_complete(None).unwrap());
        assert!(
            is_complete(Some("app@localhost/sms"))
                .unwrap_err()
                .is::<Usage>()
        );
    }

    #[test]
    fn only_what_is_not_there_or_not_readable_may_lack() {
        let role = AsRole {
            url: Some("postgresql://app@localhost/sms".to_owned()),
        };
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("missing.toml", None), ("wrong.toml", Some("[deamon]"))] {
            let config = folder.path().join(name);
            if let Some(text) = text {
                std::fs::write(&config, text).unwrap();
            }
            let error = role.config(&ConfigFile { config }).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        if Path::new(CONFIG_FILE).exists() {
            println!("passed over: there is a {CONFIG_FILE}");
            return;
        }
        let file = || ConfigFile {
            config: CONFIG_FILE.into(),
        };
        assert!(role.config(&file()).unwrap().is_none());
        let role = AsRole {
            url: Some("postgresql://app@".to_owned()),
        };
        let error = role.config(&file()).unwrap_err();
        assert!(
            format!("{error:#}")
                .starts_with("without the configuration --as has to name role, host and database"),
            "{error:#}"
        );
    }

    #[test]
    fn a_url_takes_the_place_of_what_it_names() {
        let all = settings("postgresql://app:word@db.example:6432/sms").unwrap();
        assert_eq!(all.user, "app");
        assert_eq!(all.host.list(), ["db.example"]);
        assert_eq!((all.port, all.name.as_str()), (6432, "sms"));
        assert_eq!(all.pass, Some(Password::from("word".to_owned())));
        let part = settings("postgresql://app@").unwrap();
        assert_eq!(part.user, "app");
        assert_eq!(part.host.list(), ["localhost"]);
        assert_ne!(part.pass, Some(Password::from("secret".to_owned())));
        let safe =
            settings("postgresql://app@h/sms?sslmode=verify-full&sslrootcert=system").unwrap();
        assert_eq!(safe.sslmode, config::SslMode::VerifyFull);
        assert!(settings("postgresql://app@h/sms?sslmode=verify-full").is_err());
        let socket = settings("postgresql:///sms?host=/run/postgresql&user=app").unwrap();
        assert_eq!(socket.host.list(), ["/run/postgresql"]);
        for wrong in ["app", "postgresql://a b:secret@[/", "host=localhost"] {
            let error = settings(wrong).unwrap_err().to_string();
            assert!(error.contains("postgresql://app@localhost/sms"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
