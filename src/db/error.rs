//! What can go wrong with the database, and whether it is worth another try.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::error::SqlState;

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database can't be reached, or is not ready to work: try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// Somebody else holds a lock, or the statement lost a conflict or was cancelled: try again, perhaps with less.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database refuses the data of some row: another try with the same row would end the same.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// The statement can't run, whatever the rows: a right or a table is missing, say.
    #[error("the statement can't run: {0}")]
    Broken(String),
    /// The same within a function, that of somebody's trigger, say: it may be so for some rows, or for all.
    #[error("a function can't run: {0}")]
    Failing(String),
}

impl DbError {
    /// What PostgreSQL or the network said.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Away(reason)
            | Self::Busy(reason)
            | Self::Refused(reason)
            | Self::Broken(reason)
            | Self::Failing(reason) => reason,
        }
    }

    /// Whether the database itself is away, so that nothing else would succeed either.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

/// This is no database that the program can work with.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct NotReady {
    /// One line that says what to do.
    pub what: String,
    /// What kind of reason it is.
    pub why: Why,
}

/// Whether waiting helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `esmed migrate` makes it ready.
    ToBeMigrated,
    /// It can't be asked: it may be away.
    Away,
    /// Somebody has to do something else.
    Unfit,
}

/// The message of PostgreSQL, without what may quote a row and so a text: its DETAIL, the value that a data exception is
/// about, and the words of somebody's trigger.
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let code = db.code().code();
        let words = if is_raised(db.routine(), db.file()) {
            raised_where(db.where_())
        } else if code.starts_with("22") || *db.code() == SqlState::SYNTAX_ERROR {
            without_quoted(db.message())
        } else if is_within_function(db.where_()) && code != "42501" {
            // Names that do not exist may be values, where somebody's function makes up statements.
            without_quoted(db.message())
        } else {
            db.message().to_owned()
        };
        return format!("{words} (SQLSTATE {code})");
    }
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_message = inner.to_string();
        if !message.contains(&inner_message) {
            message = format!("{message}: {inner_message}");
        }
        source = inner.source();
    }
    message
}

/// Whether the words are not PostgreSQL's but those of a function, by where PostgreSQL's source reports them.
fn is_raised(routine: Option<&str>, file: Option<&str>) -> bool {
    matches!(routine, Some("exec_stmt_raise" | "exec_stmt_assert"))
        || file.is_some_and(|file| {
            ["plpy", "plperl", "pltcl"]
                .iter()
                .any(|language| file.starts_with(language))
        })
}

/// Whether it happened within a function, in any language of messages.
fn is_within_function(context: Option<&str>) -> bool {
    context.is_some_and(|context| context.contains("PL/"))
}

/// Which function raised the exception, and where in it.
fn raised_where(context: Option<&str>) -> String {
    match context.and_then(|context| context.lines().next()) {
        // Its other lines may quote statements with their values.
        Some(place) if place.starts_with("PL/pgSQL function ") => {
            format!("an exception was raised in {place}")
        }
        _ => "a function raised an exception".to_owned(),
    }
}

/// Leaves out what is quoted, in the quotation marks of any language: a value may hold some too.
fn without_quoted(message: &str) -> String {
    const MARKS: [char; 8] = ['"', '\'', '«', '»', '„', '“', '”', '「'];
    match (message.find(MARKS), message.rfind(MARKS)) {
        (Some(first), Some(last)) => {
            let behind = message[last..].chars().skip(1).collect::<String>();
            format!("{}…{behind}", &message[..first])
        }
        _ => message.to_owned(),
    }
}

/// Locks, conflicts, and statements that took too long or that somebody cancelled: no row is to blame.
fn is_busy(code: &SqlState) -> bool {
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code)
        || code.code().starts_with("40")
}

/// Missing rights, tables and functions, statements that are not known to this connection.
fn is_broken(code: &SqlState) -> bool {
    ["0A", "25", "26", "28", "3D", "3F", "42"]
        .iter()
        .any(|class| code.code().starts_with(class))
}

/// Connections, crashes, resources, a server that starts or stops, one that only reads.
fn is_away(code: &SqlState) -> bool {
    let class = ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.code().starts_with(class));
    (class && *code != SqlState::QUERY_CANCELED) || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// What would be broken or away, if it were not a function that says so: it may raise any error, and may be of use to some
/// rows only.
fn is_failing(code: &SqlState, error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .filter(|db| is_within_function(db.where_()))
        .is_some_and(|db| {
            let raised = is_raised(db.routine(), db.file());
            // 08: another database, by dblink or postgres_fdw.
            is_broken(code) || (is_away(code) && (raised || code.code().starts_with("08")))
        })
}

/// How often a statement failed because it was prepared for a table that has changed since, or is not known to its
/// connection: it would fail so again and again. Of the process, for an error does not know its connection.
static OUTDATED: AtomicU64 = AtomicU64::new(0);

/// The count of statements that have to be prepared anew.
pub(super) fn outdated() -> u64 {
    OUTDATED.load(Ordering::Relaxed)
}

fn is_outdated(code: &SqlState) -> bool {
    // "cached plan must not change result type" has no code of its own.
    [
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
    ]
    .contains(code)
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let message = message(&error);
        if error.code().is_some_and(is_outdated) {
            OUTDATED.fetch_add(1, Ordering::Relaxed);
        }
        match error.code() {
            Some(code) if is_busy(code) => Self::Busy(message),
            Some(code) if is_failing(code, &error) => Self::Failing(message),
            Some(code) if is_away(code) => Self::Away(message),
            Some(code) if is_broken(code) => Self::Broken(message),
            Some(_) => Self::Refused(message),
            // A value that does not fit its parameter or column is our own fault or the row's.
            None if error.to_string().starts_with("error serializing")
                || error.to_string().starts_with("error deserializing") =>
            {
                Self::Refused(message)
            }
            None => Self::Away(message),
        }
    }
}

impl From<deadpool_postgres::PoolError> for DbError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => {
                // Whatever keeps a connection from being opened, nothing can be done without one.
                Self::Away(message(&error))
            }
            other => Self::Away(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out() {
        for (message, without) in [
            (
                r#"invalid input syntax for type integer: "Your "PIN" is 4711""#,
                "invalid input syntax for type integer: …",
            ),
            (
                r#"value "99999999999" is out of range for type integer"#,
                "value … is out of range for type integer",
            ),
            (
                "syntaxe en entrée invalide pour le type integer : « Your PIN »",
                "syntaxe en entrée invalide pour le type integer : …",
            ),
            ("division by zero", "division by zero"),
        ] {
            assert_eq!(without_quoted(message), without);
        }
    }

    #[test]
    fn of_an_exception_only_its_place_is_told() {
        let context =
            "PL/pgSQL function mine() line 2 at RAISE\nSQL statement \"SELECT 'Your PIN'\"";
        assert_eq!(
            raised_where(Some(context)),
            "an exception was raised in PL/pgSQL function mine() line 2 at RAISE"
        );
        assert_eq!(
            raised_where(Some("SQL statement \"SELECT 'Your PIN'\"")),
            "a function raised an exception"
        );
        assert!(is_raised(Some("exec_stmt_raise"), Some("pl_exec.c")));
        assert!(!is_raised(Some("ExecConstraints"), Some("execMain.c")));
        assert!(is_within_function(Some(
            "PL/pgSQL-Funktion mine() Zeile 2 bei RAISE"
        )));
        assert!(!is_within_function(Some("COPY t, line 1")));
    }
}
