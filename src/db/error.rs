//! What can go wrong with the database, and whether it is worth another try.

use tokio_postgres::error::SqlState;

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database can't be reached, or is not ready to work: try again later.
    #[error("the database is away: {0}")]
    Away(String),
    /// Somebody else holds a lock, or the statement lost a conflict: try again, perhaps with less.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database refuses the data of some row: another try with the same row would end the same.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// The statement can't run, whatever the rows: a right or a table is missing, say.
    #[error("the statement can't run: {0}")]
    Broken(String),
}

impl DbError {
    /// What PostgreSQL or the network said.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Away(reason)
            | Self::Busy(reason)
            | Self::Refused(reason)
            | Self::Broken(reason) => reason,
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

/// The message of PostgreSQL without its DETAIL, which may quote a row and so a text.
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
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

fn is_busy(code: &SqlState) -> bool {
    *code == SqlState::LOCK_NOT_AVAILABLE || code.code().starts_with("40")
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
    // A statement that took too long may be quicker with fewer rows.
    (class && *code != SqlState::QUERY_CANCELED) || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let message = message(&error);
        match error.code() {
            Some(code) if is_busy(code) => Self::Busy(message),
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
