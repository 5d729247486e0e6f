//! What `esmed doctor` asks a database.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::time::timeout;
use tokio_postgres::{Client, Row};

use super::{Database, DbError, Elsewhere, SESSION, tls};
use crate::tls::Fault;

const SERVER: &str = include_str!("../../sql/queries/doctor_server.sql");
const TABLES: &str = include_str!("../../sql/queries/doctor_tables.sql");
const OBJECTS: &str = include_str!("../../sql/queries/doctor_objects.sql");
const RIGHTS: &str = include_str!("../../sql/queries/doctor_rights.sql");
const TRIGGERS: &str = include_str!("../../sql/queries/doctor_triggers.sql");
const TRANSACTIONS: &str = include_str!("../../sql/queries/doctor_transactions.sql");
const VACUUM: &str = include_str!("../../sql/queries/doctor_vacuum.sql");
const LANES: &str = include_str!("../../sql/queries/doctor_lanes.sql");
const BOUND: &str = include_str!("../../sql/queries/doctor_bound.sql");
const REFUSALS: &str = include_str!("../../sql/queries/doctor_refusals.sql");

/// No question takes longer.
const TIME_LIMIT: &str = "SET statement_timeout TO '5s'";

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginError {
    /// SQLSTATE, where PostgreSQL itself refused.
    pub code: Option<String>,
    /// One line.
    pub message: String,
    /// What kind of trouble TLS has, where it is that.
    pub fault: Option<Fault>,
}

impl LoginError {
    /// Whether it did not come to TLS as it was asked for.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.code.is_none() && (self.fault.is_some() || self.message.contains("TLS"))
    }
}

/// A connection of its own, not from the pool.
#[derive(Debug)]
pub struct Doctor {
    client: Client,
}

impl Doctor {
    /// Connects within `patience`.
    ///
    /// # Errors
    /// When that fails.
    pub async fn connect(database: &Database, patience: Duration) -> Result<Self, LoginError> {
        let connecting = tls::first(&database.connector, &database.configs);
        match timeout(patience, connecting).await {
            Ok(Ok((client, connection))) => {
                // It ends with the client; who waits for an answer hears of errors too.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                Ok(Self { client })
            }
            Ok(Err(error)) => Err(LoginError {
                code: error.code().map(|code| code.code().to_owned()),
                message: super::error::message(&error),
                fault: Fault::of(&error),
            }),
            Err(_) => Err(LoginError {
                code: None,
                message: format!("no connection within {} s", patience.as_secs()),
                fault: None,
            }),
        }
    }

    /// Whether several clients share one session of PostgreSQL, a transaction each: a pooler in between, in its transaction
    /// mode. `other` is a second connection.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn shares_session_with(&self, other: &Self) -> Result<bool, DbError> {
        // No prepared statements: a pooler may not know them.
        const PID: &str = "SELECT pg_backend_pid()";
        let pid = async |client: &Client| -> Result<Option<String>, DbError> {
            let answers = client.simple_query(PID).await?;
            Ok(answers.iter().find_map(|answer| match answer {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
                _ => None,
            }))
        };
        let own = pid(&self.client).await?;
        other.client.batch_execute("BEGIN").await?;
        let others = pid(&other.client).await;
        other.client.batch_execute("ROLLBACK").await?;
        Ok(own == others?)
    }

    /// The connection as the daemon sets it up, but for a shorter time limit.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_up(&self) -> Result<(), DbError> {
        self.client.batch_execute(SESSION).await?;
        Ok(self.client.batch_execute(TIME_LIMIT).await?)
    }

    /// What the connection is.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn server(&self) -> Result<Row, DbError> {
        Ok(self.client.query_one(SERVER, &[]).await?)
    }

    /// The clock of the database, and by how much this machine is ahead of it, in seconds.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn clock(&self) -> Result<(DateTime<Utc>, f64), DbError> {
        let statement = self.client.prepare("SELECT clock_timestamp()").await?;
        let asked = Instant::now();
        let row = self.client.query_one(&statement, &[]).await?;
        let trip = asked.elapsed();
        let here = Utc::now();
        let there: DateTime<Utc> = row.get(0);
        let ahead = (here - there).as_seconds_f64() - trip.as_secs_f64() / 2.0;
        Ok((there, ahead))
    }

    /// Whether there is the table with the schema's version, and whether there are tables at all.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn tables(&self) -> Result<(bool, bool), DbError> {
        let row = self.client.query_one(TABLES, &[]).await?;
        Ok((row.get("has_schema"), row.get("has_old_tables")))
    }

    /// Tables of 0.1.1 in another schema.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn elsewhere(&self) -> Result<Option<Elsewhere>, DbError> {
        Ok(Elsewhere::of(&self.client).await?)
    }

    /// The version of the schema.
    ///
    /// # Errors
    /// When the database can't answer, or the role may not ask.
    pub async fn schema_version(&self) -> Result<Option<i32>, DbError> {
        let row = self
            .client
            .query_one("SELECT max(version) FROM public.esmed_schema", &[])
            .await?;
        Ok(row.get(0))
    }

    /// Tables that are missing.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn missing_tables(&self) -> Result<Vec<String>, DbError> {
        Ok(self.client.query_one(OBJECTS, &[]).await?.get("missing"))
    }

    /// Rights that are missing, each with the statement that gives it.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn missing_rights(&self) -> Result<Vec<(String, String)>, DbError> {
        let rows = self.client.query(RIGHTS, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Triggers of users on our tables.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn triggers(&self) -> Result<Vec<String>, DbError> {
        let rows = self.client.query(TRIGGERS, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Who has a transaction open for longer than `seconds`, and for how long; and whether those of other roles were seen.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn transactions(&self, seconds: f64) -> Result<(Vec<(String, f64)>, bool), DbError> {
        let rows = self.client.query(TRANSACTIONS, &[&seconds]).await?;
        let sees_all = rows.iter().any(|row| row.get("sees_all"));
        let holders = rows
            .iter()
            .filter_map(|row| Some((row.get::<_, Option<String>>(0)?, row.get(1))))
            .collect();
        Ok((holders, sees_all))
    }

    /// Each table: name, live rows, dead rows, and whether autovacuum is off for it.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn vacuum(&self) -> Result<Vec<(String, i64, i64, bool)>, DbError> {
        let rows = self.client.query(VACUUM, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
            .collect())
    }

    /// How often the database refused the daemon something within a day, and one of the messages.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn refusals(&self, lane: &str) -> Result<(i64, Option<String>), DbError> {
        let row = self.client.query_one(REFUSALS, &[&lane]).await?;
        Ok((row.get(0), row.get(1)))
    }
}

/// A lane other than that of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// As rows have it.
    pub name: String,
    /// Messages of it are still to be sent.
    pub has_messages: bool,
    /// A server of it is enabled.
    pub has_server: bool,
    /// A daemon holds its lease.
    pub is_served: bool,
}

/// Lanes other than `own` that have messages to send or an enabled server, at most 50.
///
/// # Errors
/// When the database can't answer within 5 s.
pub async fn lanes(database: &Database, own: &str) -> Result<Vec<Lane>, DbError> {
    let client = database.client().await?;
    client.batch_execute(TIME_LIMIT).await?;
    let rows = client.query(LANES, &[&own]).await?;
    Ok(rows
        .iter()
        .map(|row| Lane {
            name: row.get("lane"),
            has_messages: row.get("has_messages"),
            has_server: row.get("has_server"),
            is_served: row.get("is_served"),
        })
        .collect())
}

/// The session of a daemon with a server, by its row of `smpp_status`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Bound {
    pub lane: String,
    pub session_state: String,
    pub since_seconds: Option<f64>,
    pub last_error: Option<String>,
    pub last_error_seconds: Option<f64>,
}

/// The session that a daemon of any lane has, opens or ends with a server (`smpp_servers.id`); `None` where there is none.
///
/// # Errors
/// When the database can't answer within 5 s.
pub async fn bound(database: &Database, id: i64) -> Result<Option<Bound>, DbError> {
    let client = database.client().await?;
    client.batch_execute(TIME_LIMIT).await?;
    let row = client.query_opt(BOUND, &[&id]).await?;
    Ok(row.map(|row| Bound {
        lane: row.get("lane"),
        session_state: row.get("session_state"),
        since_seconds: row.get("since_seconds"),
        last_error: row.get("last_error"),
        last_error_seconds: row.get("last_error_seconds"),
    }))
}
