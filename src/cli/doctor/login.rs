//! Who may come in, and whether the way there is safe.

use tokio_postgres::Row;

use super::report::Report;
use super::steps;
use crate::config::{self, Config, SslMode};
use crate::db::doctor::LoginError;
use crate::db::{Database, login_step};

/// Why there is no login, and what to do.
pub(super) fn refused(config: &Config, place: &Database, error: &LoginError) -> (String, String) {
    let database = &config.database;
    let (user, name) = (&database.user, &database.name);
    let (quoted_user, quoted_name) = (quoted(user), quoted(name));
    let said = error.message.clone();
    let (finding, next) = match error.code.as_deref() {
        Some("28P01") => (
            format!("the password of {user} is wrong: {said}"),
            format!("correct [database] pass or pass_file; or an administrator of PostgreSQL sets a new one, in psql: \\password {quoted_user}"),
        ),
        Some("28000") => (
            format!("PostgreSQL does not let {user} in: {said}"),
            not_let_in(database, &said),
        ),
        Some("3D000") => (
            format!("there is no database {name}: {said}"),
            format!(
                "correct [database] name, or create it: CREATE DATABASE {quoted_name} ENCODING 'UTF8' TEMPLATE template0, then {}",
                place.migration()
            ),
        ),
        Some("53300") => (
            format!("no connection is left for {user}: {said}"),
            "raise max_connections, or CONNECTION LIMIT of the role or the database; pg_stat_activity says who holds them".to_owned(),
        ),
        Some("57P03") => (
            format!("PostgreSQL starts or stops: {said}"),
            "wait, then try again".to_owned(),
        ),
        Some("42501") => (
            format!("{user} may not connect: {said}"),
            format!("GRANT CONNECT ON DATABASE {quoted_name} TO {quoted_user}"),
        ),
        Some(_) => (said, "see the log of PostgreSQL".to_owned()),
        None if error.is_tls() => {
            let next = steps::database(error.fault, &said);
            (said, next)
        }
        None => match login_step(&said) {
            Some(next) => (
                format!("PostgreSQL asks {user} for a password, and there is none"),
                next.to_owned(),
            ),
            None => (
                said,
                "see the log of PostgreSQL, and [database] of the configuration".to_owned(),
            ),
        },
    };
    (finding, next)
}

/// A name as statements need it. Nobody can be asked which words need no quotation marks; with them each is right.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// SQLSTATE 28000 has many reasons; its words, which may be in any language, tell which.
fn not_let_in(database: &config::Database, said: &str) -> String {
    let (user, name) = (&database.user, &database.name);
    let quoted = quoted(user);
    if let Some(step) = login_step(said) {
        step.to_owned()
    } else if said.contains("does not exist") {
        format!(
            "correct [database] user, or CREATE ROLE {quoted} LOGIN; esmed migrate creates esmed"
        )
    } else if said.contains("is not permitted to log in") {
        format!("correct [database] user, or ALTER ROLE {quoted} LOGIN")
    } else if said.contains("valid client certificate") {
        "set sslcert and sslkey of [database]: pg_hba.conf asks for a client certificate".to_owned()
    } else {
        format!(
            "does the role exist (esmed migrate creates esmed), and has pg_hba.conf a line for {user}, {name} and this machine?"
        )
    }
}

/// Whether what goes to PostgreSQL can be read or changed on the way.
pub(super) fn encryption(
    database: &config::Database,
    row: &Row,
    report: &mut Report,
) -> anyhow::Result<()> {
    if row.get::<_, bool>("is_local") {
        return report.ok("TLS", "none, and none is needed on a unix socket");
    }
    let tls = (row.get::<_, Option<bool>>("has_tls") == Some(true)).then(|| {
        let version: Option<String> = row.get("tls_version");
        let cipher: Option<String> = row.get("tls_cipher");
        format!(
            "{} ({})",
            version.unwrap_or_default(),
            cipher.unwrap_or_default()
        )
    });
    match judged(database, tls.as_deref()) {
        (finding, None) => report.ok("TLS", finding),
        (finding, Some(next)) => report.warning("TLS", finding, next),
    }
}

/// What was found, and what to do where that is not enough. `tls`: version and cipher.
fn judged(database: &config::Database, tls: Option<&str>) -> (String, Option<&'static str>) {
    let is_near = database.host.list().iter().all(|host| {
        *host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|it| it.is_loopback())
    });
    let is_checked = matches!(database.sslmode, SslMode::VerifyCa | SslMode::VerifyFull)
        || database.sslrootcert.is_some();
    match tls {
        Some(words) if is_checked => (
            format!("{words}, the server's certificate is checked"),
            None,
        ),
        Some(words) if is_near => (format!("{words}, within this machine"), None),
        Some(words) => (
            format!("{words}, but nobody checks whose certificate the server has"),
            Some("sslmode = \"verify-full\" with sslrootcert"),
        ),
        None if is_near => ("none, within this machine".to_owned(), None),
        None => (
            "none: texts, numbers and passwords cross the network as they are".to_owned(),
            Some("ssl = on in PostgreSQL, and sslmode = \"verify-full\" with sslrootcert here"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hosts;

    #[test]
    fn a_certificate_that_nobody_checks_matters_beyond_this_machine() {
        let database = |hosts: &[&str], sslmode| config::Database {
            host: Hosts::Several(hosts.iter().map(|host| (*host).to_owned()).collect()),
            sslmode,
            ..config::Database::default()
        };
        let warns = |database: &config::Database, tls| judged(database, tls).1.is_some();
        let near = database(&["localhost", "127.0.0.1", "::1"], SslMode::Prefer);
        assert!(!warns(&near, Some("TLSv1.3 (X)")));
        assert!(!warns(&near, None));
        for hosts in [&["db.example"][..], &["localhost", "192.0.2.1"]] {
            let far = database(hosts, SslMode::Require);
            let (finding, next) = judged(&far, Some("TLSv1.3 (X)"));
            assert!(finding.contains("nobody checks whose"), "{finding}");
            assert!(next.unwrap().contains("verify-full"));
            assert!(warns(&far, None));
            assert!(!warns(
                &database(hosts, SslMode::VerifyFull),
                Some("TLSv1.3 (X)")
            ));
        }
    }
}
