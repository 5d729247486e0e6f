//! `--as`: the database as another role than that of the daemon.

use std::env;

use anyhow::{anyhow, bail};
use clap::Args;
use tokio_postgres::config::Host;

use crate::config::{self, Hosts, Password};
use crate::db::Database;

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

    /// The database, as this role or as the configuration says.
    pub(super) fn database(&self, database: &config::Database) -> anyhow::Result<Database> {
        Ok(Database::new(&self.settings(database)?, "esmed")?)
    }

    fn settings(&self, database: &config::Database) -> anyhow::Result<config::Database> {
        let mut settings = database.clone();
        let Some(url) = &self.url else {
            return Ok(settings);
        };
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            bail!("--as must be a URL, such as postgresql://app@localhost/sms");
        }
        // The error of the parser might show the password.
        let (url, tls) =
            config::split_tls(url).map_err(|why| anyhow!("--as can't be used: {why}"))?;
        let Ok(parsed) = url.parse::<tokio_postgres::Config>() else {
            bail!("--as is no URL of a database, such as postgresql://app@localhost/sms");
        };
        if let Some(user) = parsed.get_user()
            && user != settings.user
        {
            settings.user = user.to_owned();
            settings.pass = None;
        }
        let hosts: Vec<String> = parsed
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.display().to_string(),
            })
            .filter(|host| !host.is_empty())
            .collect();
        if !hosts.is_empty() {
            settings.host = Hosts::Several(hosts);
        }
        if let Some(&port) = parsed.get_ports().first() {
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
            .map_err(|why| anyhow!(why.replace("[database]", "--as")))?;
        Ok(settings)
    }
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
