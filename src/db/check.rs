//! Whether a database is one that the program can work with.

use super::error::{NotReady, Why};
use super::{Database, DbError, Elsewhere, SCHEMA_VERSION};

const CHECK: &str = include_str!("../../sql/queries/check.sql");

/// What is about to be done, and so which rights it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve a lane.
    Serve,
    /// To show how a lane is doing.
    Look,
}

impl Purpose {
    /// Tables, with what has to be allowed.
    fn needs(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Self::Serve => &[
                ("esmed_schema", &["SELECT"]),
                ("smpp_servers", &["SELECT"]),
                ("smpp_prefixes", &["SELECT"]),
                ("smpp_status_classes", &["SELECT"]),
                ("smpp_tx_queue", &["SELECT", "UPDATE"]),
                ("smpp_tx_parts", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
                ("smpp_rx_queue", &["SELECT", "INSERT", "UPDATE"]),
                ("smpp_inbox", &["SELECT", "INSERT", "UPDATE"]),
                ("smpp_events", &["INSERT"]),
                ("smpp_status", &["SELECT", "INSERT", "UPDATE"]),
            ],
            Self::Look => &[("smpp_status", &["SELECT"]), ("smpp_events", &["SELECT"])],
        }
    }

    /// The role that has these rights.
    fn role(self) -> &'static str {
        match self {
            Self::Serve => "esmed",
            Self::Look => "esmed_monitor",
        }
    }
}

/// What to do where PostgreSQL does not let the role in, for what can be told by its words alone.
pub(crate) fn login_step(reason: &str) -> Option<&'static str> {
    // Of an administrator who runs a command as root, mostly.
    if reason.starts_with("Peer authentication failed") {
        Some(
            "run this as the system user that has the name of the role (sudo -u esmed …), or set host and pass",
        )
    } else if reason.contains("password missing") {
        // A systemd credential, too, is there for the unit alone.
        Some(
            "set [database] pass or pass_file (a systemd credential is seen by the daemon alone); to PostgreSQL on this machine no password is needed by its socket: host = \"/var/run/postgresql\", and sudo -u esmed …",
        )
    } else {
        None
    }
}

impl Database {
    /// Whether this is a database that the program can work with.
    ///
    /// # Errors
    /// When it can't be reached or is not set up for this program; one line that says what to do.
    pub async fn check(&self, purpose: Purpose) -> Result<(), NotReady> {
        let away = |what: String| NotReady {
            what,
            why: Why::Away,
        };
        let unreachable =
            |error: DbError| away(format!("can't use {}: {}", self.place, error.reason()));
        let client = self.client().await.map_err(|error| {
            let reason = error.reason();
            let next = login_step(reason)
                .unwrap_or("check [database] in the configuration, and that PostgreSQL runs there");
            away(format!("can't connect to {}: {reason}; {next}", self.place))
        })?;
        let (privileges, relations): (Vec<&str>, Vec<&str>) = purpose
            .needs()
            .iter()
            .flat_map(|(relation, privileges)| privileges.iter().map(|it| (*it, *relation)))
            .unzip();
        let row = client
            .query_one(CHECK, &[&privileges, &relations])
            .await
            .map_err(|error| unreachable(error.into()))?;
        let not_ready = |why: Why, what: String| {
            let what = format!("{} {what}", self.place);
            Err(NotReady { what, why })
        };
        let unfit = |what: String| not_ready(Why::Unfit, what);
        let to_be_migrated = |what: &str| {
            let command = self.migration();
            not_ready(
                Why::ToBeMigrated,
                format!("{what}: run as the owner or a superuser {command}"),
            )
        };
        let has_old_tables = row.get::<_, bool>("has_old_tables");
        let encoding: String = row.get("encoding");
        if encoding != "UTF8" {
            return unfit(if has_old_tables {
                format!(
                    "has the encoding {encoding}; copy it by pg_dump into one with ENCODING 'UTF8', and run esmed migrate there"
                )
            } else {
                format!(
                    "has the encoding {encoding}; create one with ENCODING 'UTF8' and set it up with esmed migrate"
                )
            });
        }
        if !row.get::<_, bool>("has_schema") {
            let elsewhere = Elsewhere::of(&client).await;
            if let Some(elsewhere) = elsewhere.map_err(|error| unreachable(error.into()))? {
                return not_ready(
                    Why::ToBeMigrated,
                    format!(
                        "has the tables of esmed 0.1.1 {}: run as their owner or a superuser {}; then {}",
                        elsewhere.place(),
                        elsewhere.moves(),
                        self.migration()
                    ),
                );
            }
            return to_be_migrated(if has_old_tables {
                "has the tables of esmed 0.1.1, which are to be migrated"
            } else {
                "has no tables of esmed"
            });
        }
        let missing: Vec<String> = row.get("missing_rights");
        if !missing.is_empty() {
            let role: String = row.get("role");
            let next = if role == "esmed" {
                row.get::<_, Vec<String>>("grants").join("; ")
            } else {
                format!("GRANT {} TO {role}", purpose.role())
            };
            return unfit(format!(
                "lacks rights for the role {role} ({}): run as the owner of the tables {next}",
                missing.join(", ")
            ));
        }
        if !row.get::<_, bool>("may_read_version") {
            return Ok(());
        }
        let version: Option<i32> = client
            .query_one("SELECT max(version) FROM public.esmed_schema", &[])
            .await
            .map_err(|error| unreachable(error.into()))?
            .get(0);
        match version {
            Some(SCHEMA_VERSION) => Ok(()),
            Some(newer) if newer > SCHEMA_VERSION => unfit(format!(
                "has schema version {newer}, this program knows {SCHEMA_VERSION}: install a newer esmed"
            )),
            other => to_be_migrated(&format!(
                "has schema version {}, and this program needs {SCHEMA_VERSION}",
                other.map_or("none".to_owned(), |version| version.to_string())
            )),
        }
    }
}
