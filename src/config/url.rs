//! The URL of a database, as `--as` takes it: that of tokio-postgres, and the words of libpq about TLS, which it does not know.

use std::path::PathBuf;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};

use tokio_postgres::config::Host;

use super::SslMode;

/// What a URL says about TLS; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlTls {
    /// `sslmode`
    pub sslmode: Option<SslMode>,
    /// `sslrootcert`
    pub sslrootcert: Option<PathBuf>,
    /// `sslcert`
    pub sslcert: Option<PathBuf>,
    /// `sslkey`
    pub sslkey: Option<PathBuf>,
}

impl UrlTls {
    /// Puts what was said in the place of what `database` has.
    pub fn apply(self, database: &mut super::Database) {
        if let Some(mode) = self.sslmode {
            database.sslmode = mode;
        }
        database.sslrootcert = self.sslrootcert.or(database.sslrootcert.take());
        database.sslcert = self.sslcert.or(database.sslcert.take());
        database.sslkey = self.sslkey.or(database.sslkey.take());
    }
}

/// Reads a URL of a database.
///
/// # Errors
/// A line that names a parameter at most, never a value, but that of `sslmode`.
pub fn parse_url(url: &str) -> Result<(tokio_postgres::Config, UrlTls), String> {
    const SUCH_AS: &str = "such as postgresql://app@localhost/sms";
    if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
        return Err(format!(
            "--as must be the URL of a database, which begins with postgresql://, {SUCH_AS}"
        ));
    }
    let (url, tls) = split_tls(url).map_err(|why| format!("--as can't be used: {why}"))?;
    // The parser tells the kind of error and the name of a parameter.
    let config = url.parse().map_err(|error: tokio_postgres::Error| {
        format!(
            "--as is no URL of a database ({}), {SUCH_AS}",
            crate::db::reason(&error)
        )
    })?;
    Ok((config, tls))
}

/// What [`super::Database`] has a place for, and what changes nothing here: a name for `pg_stat_activity`, and time limits, of
/// which there are others.
const HAVE_A_PLACE: &[&str] = &[
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
];

/// One port and hosts named once, as [`super::Database`] has them: its parameters take the place of what stands before `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Empty: none is named.
    pub hosts: Vec<String>,
    /// `None`: none is named.
    pub port: Option<u16>,
}

/// Where a URL that [`parse_url`] has read leads, with nothing left out in silence.
///
/// # Errors
/// A line that names the parameter that there is no place for, never a value.
pub fn place_of(url: &str, parsed: &tokio_postgres::Config) -> Result<Place, String> {
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut by_host, mut by_port) = (0, 0);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let key = pair.split('=').next().unwrap_or_default();
        let key = decoded(key).unwrap_or_default();
        if !HAVE_A_PLACE.contains(&key.as_str()) {
            return Err(format!(
                "--as can't be used: {key} is not heeded here, so leave it out of the URL"
            ));
        }
        by_host += usize::from(key == "host");
        by_port += usize::from(key == "port");
    }
    if by_host > 1 || by_port > 1 {
        return Err("--as can't be used: host and port may be there once".to_owned());
    }
    let rest = front.split_once("://").map_or(front, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    // The parser gives each of these a port, named or not.
    let before = if authority.is_empty() {
        0
    } else {
        authority.split(',').count()
    };
    let has_port = |chunk: &str| chunk.rsplit(']').next().is_some_and(|it| it.contains(':'));
    let names_port = authority.split(',').any(has_port);
    let all = parsed.get_hosts();
    let named = all.get(before..).filter(|_| by_host > 0).unwrap_or(all);
    let mut hosts = Vec::new();
    for host in named {
        let names = match host {
            Host::Tcp(names) => names.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        };
        // Of a parameter the parser does not part them.
        hosts.extend(names.split(',').map(str::to_owned));
    }
    hosts.retain(|host| !host.is_empty());
    let all = parsed.get_ports();
    let ports = if by_port > 0 {
        all.get(before..).unwrap_or_default()
    } else if names_port {
        all
    } else {
        &[]
    };
    let port = ports.first().copied();
    if ports.iter().any(|other| Some(*other) != port) {
        return Err(
            "--as can't be used: its ports differ, and there is one port for all hosts".to_owned(),
        );
    }
    Ok(Place { hosts, port })
}

/// Takes the words about TLS out of a URL; returns the rest, and what they say.
///
/// # Errors
/// A line that never shows a value, but that of `sslmode`.
fn split_tls(url: &str) -> Result<(String, UrlTls), String> {
    let Some((front, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), UrlTls::default()));
    };
    let mut tls = UrlTls::default();
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let path = |into: &mut Option<PathBuf>| {
            *into = Some(PathBuf::from(decoded(value).ok_or_else(|| {
                format!("{key} is not percent-encoded as it has to be")
            })?));
            Ok::<(), String>(())
        };
        let name =
            decoded(key).ok_or("the name of a parameter is not percent-encoded as it has to be")?;
        match name.as_str() {
            "sslmode" => {
                let value: StrDeserializer<'_, ValueError> = value.into_deserializer();
                let mode =
                    SslMode::deserialize(value).map_err(|error| format!("sslmode: {error}"))?;
                tls.sslmode = Some(mode);
            }
            "sslrootcert" => path(&mut tls.sslrootcert)?,
            "sslcert" => path(&mut tls.sslcert)?,
            "sslkey" => path(&mut tls.sslkey)?,
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() {
        front.to_owned()
    } else {
        format!("{front}?{}", rest.join("&"))
    };
    Ok((url, tls))
}

fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_tls_are_taken_out() {
        let (url, tls) =
            split_tls("postgresql://a@b/c?sslmode=verify-full&user=x&sslrootcert=/etc/a%20b.pem")
                .unwrap();
        assert_eq!(url, "postgresql://a@b/c?user=x");
        assert_eq!(tls.sslmode, Some(SslMode::VerifyFull));
        assert_eq!(tls.sslrootcert, Some(PathBuf::from("/etc/a b.pem")));
        assert_eq!(
            split_tls("postgresql://a@b/c?sslmode=require").unwrap().0,
            "postgresql://a@b/c"
        );
        let error = split_tls("postgresql://a:secret@b/c?sslmode=verify").unwrap_err();
        assert!(
            error.contains("verify-full") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn what_has_no_place_is_refused_and_nothing_is_taken_from_elsewhere() {
        let place = |url: &str| place_of(url, &parse_url(url).unwrap().0);
        for (url, hosts, port) in [
            ("postgresql://app@", &[][..], None),
            ("postgresql://app@/sms?port=6432", &[], Some(6432)),
            ("postgresql://app@db1/sms", &["db1"], None),
            ("postgresql://app@db1:6432/sms", &["db1"], Some(6432)),
            ("postgresql://app@db1/sms?port=6432", &["db1"], Some(6432)),
            ("postgresql://app@db1,db2/sms", &["db1", "db2"], None),
            ("postgresql://app@db1:1,db2:1/sms", &["db1", "db2"], Some(1)),
            ("postgresql://app@db1/sms?host=db2", &["db2"], None),
            ("postgresql:///sms?host=db1,db2", &["db1", "db2"], None),
            ("postgresql:///sms?host=/a%20b&user=app", &["/a b"], None),
            ("postgresql://app@[::1]/sms", &["::1"], None),
            ("postgresql://app@[::1]:6432/sms", &["::1"], Some(6432)),
            (
                "postgresql://app@db1/sms?application_name=x&connect_timeout=3",
                &["db1"],
                None,
            ),
        ] {
            let place = place(url).unwrap();
            assert_eq!(
                (place.hosts, place.port),
                (hosts.iter().map(|it| (*it).to_owned()).collect(), port),
                "{url}"
            );
        }
        for (url, word) in [
            ("postgresql://app@db1:1,db2:2/sms", "ports differ"),
            ("postgresql://app@db1:1,db2/sms", "ports differ"),
            ("postgresql://app@db1,db2/sms?port=1,2", "ports differ"),
            ("postgresql:///sms?host=db1&host=db2", "once"),
            (
                "postgresql:///sms?channel_binding=require",
                "channel_binding",
            ),
            (
                "postgresql:///sms?chann%65l_binding=require",
                "channel_binding",
            ),
            ("postgresql:///sms?hostaddr=192.0.2.1", "hostaddr"),
            ("postgresql:///sms?options=-c%20work_mem%3D1", "options"),
            (
                "postgresql:///sms?target_session_attrs=read-only",
                "target_session_attrs",
            ),
            (
                "postgresql:///sms?load_balance_hosts=random",
                "load_balance_hosts",
            ),
            ("postgresql:///sms?sslnegotiation=direct", "sslnegotiation"),
        ] {
            let error = place(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
        }
    }
}
