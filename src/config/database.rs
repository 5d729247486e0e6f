//! `[database]`: where PostgreSQL is and how it is reached.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Password;
use crate::tls::{self, Identity, Names, Roots, Verify};

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
    /// Whether with TLS, and how much is checked.
    pub sslmode: SslMode,
    /// PEM file of the authorities to trust, or `system` for those of the system.
    pub sslrootcert: Option<PathBuf>,
    /// PEM file of a client certificate.
    pub sslcert: Option<PathBuf>,
    /// PEM file of its key.
    pub sslkey: Option<PathBuf>,
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
            sslrootcert: None,
            sslcert: None,
            sslkey: None,
        }
    }
}

impl Database {
    /// What is wrong, with what would be right.
    /// # Errors
    /// A line that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let check = |right: bool, message: &str| {
            if right {
                Ok(())
            } else {
                Err(message.to_owned())
            }
        };
        check(
            !self.host.list().is_empty(),
            "[database] host is empty; it must be a host or a socket folder",
        )?;
        check(
            self.host.list().iter().all(|host| is_host(host)),
            "[database] host must be a name, an IP address or a socket folder, which begins with /; the rest of a URL has keys of its own: port, name, user, pass",
        )?;
        check(
            self.port > 0,
            "[database] port is 0; it must be from 1 to 65535",
        )?;
        check(
            !self.name.is_empty(),
            "[database] name is empty; it must be the name of the database",
        )?;
        check(
            !self.user.is_empty(),
            "[database] user is empty; it must be the role to connect as",
        )?;
        check(
            self.pass.is_none() || self.pass_file.is_none(),
            "[database] has both pass and pass_file; it must have one of them",
        )?;
        let verifies = matches!(self.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
        check(
            !verifies || self.sslrootcert.is_some(),
            "[database] sslmode verify-ca and verify-full need sslrootcert: a file of authorities, or \"system\"",
        )?;
        check(
            !self.trusts_system() || self.sslmode == SslMode::VerifyFull,
            "[database] sslrootcert = \"system\" needs sslmode = \"verify-full\", for anybody can have a certificate of these authorities",
        )?;
        check(
            self.sslcert.is_some() == self.sslkey.is_some(),
            "[database] has one of sslcert and sslkey; a client certificate needs both",
        )
    }

    fn trusts_system(&self) -> bool {
        self.sslrootcert.as_deref() == Some(Path::new("system"))
    }

    /// How TLS is spoken where it is spoken.
    #[must_use]
    pub fn tls(&self) -> tls::Settings {
        let given = |path: &Option<PathBuf>| path.clone().filter(|it| !it.as_os_str().is_empty());
        let roots = match given(&self.sslrootcert) {
            Some(_) if self.trusts_system() => Roots::System,
            Some(path) => Roots::File(path),
            None => Roots::System,
        };
        tls::Settings {
            // As in libpq: a file of authorities is heeded whatever the mode.
            verify: match (self.sslmode, given(&self.sslrootcert)) {
                (SslMode::VerifyFull, _) => Verify::Full,
                (SslMode::VerifyCa, _) | (_, Some(_)) => Verify::Chain,
                (_, None) => Verify::Nothing,
            },
            roots,
            identity: given(&self.sslcert)
                .zip(given(&self.sslkey))
                .map(|(certificate, key)| Identity { certificate, key }),
            names: Names::DATABASE,
        }
    }
}

/// Whether it can be the name of a host, an address or a folder. What can't may be a URL with its password, or a part of one,
/// and would be shown in the errors of connections.
fn is_host(host: &str) -> bool {
    const OF_URLS: [char; 5] = ['/', ':', '@', '?', '='];
    let (address, _zone) = host.split_once('%').unwrap_or((host, ""));
    host.starts_with('/')
        || address.parse::<std::net::IpAddr>().is_ok()
        || !host.contains(OF_URLS) && !host.contains(char::is_whitespace)
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

/// `sslmode`, as in libpq. A unix socket is always without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server wants it.
    Allow,
    /// TLS where it can be had.
    Prefer,
    /// TLS; of whom is not checked, unless there is `sslrootcert`.
    Require,
    /// TLS with a server whose certificate is by an authority that we trust.
    VerifyCa,
    /// TLS with a server whose certificate is also for its host.
    VerifyFull,
}
