//! The URL of a database, as `--as` takes it: that of tokio-postgres, and the words of libpq about TLS, which it does not know.

use std::path::PathBuf;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};

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
        match key {
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
}
