//! PostgreSQL: connections, and one typed function for each statement of `sql/queries`.

pub mod depth;
pub mod doctor;
pub mod ears;
mod error;
pub mod events;
pub mod inbound;
mod interval;
pub mod lease;
pub mod listener;
pub mod long;
pub mod parts;
pub mod prefixes;
pub mod queue;
pub mod retention;
pub mod send;
pub mod servers;
pub mod status;
pub mod tls;
pub mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::Client;
use tokio_postgres::config::TargetSessionAttrs;

pub(crate) use error::message as reason;
pub use error::{DbError, NotReady, Why};
pub(crate) use tls::{PgConnection, connector};

use tls::{Connector, Pooled};

use crate::{config, migrate, pulse};

const CHECK: &str = include_str!("../../sql/queries/check.sql");

/// The version of `sql/db.sql` that this program works with.
pub const SCHEMA_VERSION: i32 = 2;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Feeder, recorder, heartbeat, the count of the queue, supervisor, events, those of reloads, prefixes and retention each have at
/// most one under way. With fewer the heartbeat could wait for those that take long, and the lease run out.
const CONNECTIONS: usize = 9;

/// What the statements rely on, whatever the role's or the database's defaults are.
///
/// Every statement takes a batch of rows by an index, one by one. The planner, which can't know how
/// few they are, would now and then rather read a whole table; before the first ANALYZE after a large
/// INSERT it does so for every claim.
const SESSION: &str = "\
    SET synchronous_commit TO on;\
    SET default_transaction_isolation TO 'read committed';\
    SET default_transaction_read_only TO off;\
    SET search_path TO public, pg_temp;\
    SET TimeZone TO 'UTC';\
    SET DateStyle TO 'ISO';\
    SET statement_timeout TO '30s';\
    SET lock_timeout TO '1s';\
    SET idle_in_transaction_session_timeout TO '60s';\
    SET jit TO off;\
    SET enable_seqscan TO off;\
    SET enable_bitmapscan TO off;\
    SET enable_hashjoin TO off;\
    SET enable_mergejoin TO off";

/// Connections to the database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    /// The outdated statements that were heeded.
    outdated: Arc<AtomicU64>,
    connector: Connector,
    configs: Vec<tokio_postgres::Config>,
    place: String,
}

impl Database {
    /// Prepares connections; none is opened yet.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub fn new(database: &config::Database, application: &str) -> Result<Self, DbError> {
        let configs = pg_configs(database, application);
        let connector = tls::connector(database);
        let manager = Manager::from_connect(
            tokio_postgres::Config::new(),
            Pooled {
                connector: connector.clone(),
                configs: configs.clone(),
            },
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        // Each host may have several addresses, be silent at each, and be tried with and without TLS before the next is.
        let hosts = u32::try_from(configs.len()).unwrap_or(1);
        let create_timeout = CONNECT_TIMEOUT * 3 * hosts + CONNECT_TIMEOUT;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .create_timeout(Some(create_timeout))
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move {
                    client
                        .batch_execute(SESSION)
                        .await
                        .map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(|error| DbError::Refused(error.to_string()))?;
        Ok(Self {
            pool,
            outdated: Arc::new(AtomicU64::new(error::outdated())),
            connector,
            configs,
            place: format!(
                "database {:?} on {} port {} as {:?}",
                database.name, database.host, database.port, database.user
            ),
        })
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A connection that is set up as the statements need it.
    ///
    /// # Errors
    /// When none can be opened.
    pub async fn client(&self) -> Result<Object, DbError> {
        // Who asks again while the database is away moves as well.
        pulse::beat();
        let outdated = error::outdated();
        if self.outdated.swap(outdated, Ordering::Relaxed) != outdated {
            // Somebody changed a table: all is prepared anew.
            self.pool.manager().statement_caches.clear();
        }
        Ok(self.pool.get().await?)
    }

    /// Whether the database takes writes: a standby, say, does not.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), DbError> {
        let client = self.client().await?;
        Ok(client
            .batch_execute("UPDATE public.smpp_status SET lane = lane WHERE FALSE")
            .await?)
    }

    /// A connection of its own, which has to be polled.
    pub(crate) async fn connection(&self) -> Result<(Client, PgConnection), DbError> {
        Ok(tls::first(&self.connector, &self.configs).await?)
    }

    /// What an administrator runs to have it migrated.
    pub(crate) fn migration(&self) -> String {
        self.configs
            .first()
            .map_or_else(|| "esmed migrate".to_owned(), migrate::command)
    }

    /// Whether this is a database that the program can work with.
    ///
    /// # Errors
    /// When it can't be reached or is not set up for this program; one line that says what to do.
    pub async fn check(&self) -> Result<(), NotReady> {
        let away = |what: String| NotReady {
            what,
            why: Why::Away,
        };
        let unreachable =
            |error: DbError| away(format!("can't use {}: {}", self.place, error.reason()));
        let client = self.client().await.map_err(|error| {
            let reason = error.reason();
            // Of an administrator who runs a command as root, mostly.
            let next = if reason.starts_with("Peer authentication failed") {
                "run this as the system user that has the name of the role (sudo -u esmed …), or set host and pass"
            } else {
                "check [database] in the configuration, and that PostgreSQL runs there"
            };
            away(format!("can't connect to {}: {reason}; {next}", self.place))
        })?;
        let row = client
            .query_one(CHECK, &[])
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
            return to_be_migrated(if has_old_tables {
                "has the tables of esmed 0.1.1, which are to be migrated"
            } else {
                "has no tables of esmed"
            });
        }
        let missing: Vec<String> = row.get("missing_rights");
        if !missing.is_empty() {
            return unfit(format!(
                "lacks rights for this role ({}); connect as esmed, or grant the role esmed",
                missing.join(", ")
            ));
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

/// One for each host, in the order in which they are to be tried: whether it is with TLS is each host's own.
fn pg_configs(database: &config::Database, application: &str) -> Vec<tokio_postgres::Config> {
    let hosts = database.host.list();
    let several = hosts.len() > 1;
    hosts
        .into_iter()
        .map(|host| {
            let mut config = tokio_postgres::Config::new();
            if several {
                config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            config
                .host(host)
                .port(database.port)
                .dbname(&database.name)
                .user(&database.user)
                .application_name(application)
                .connect_timeout(CONNECT_TIMEOUT)
                .keepalives(true)
                .keepalives_idle(Duration::from_secs(30))
                .keepalives_interval(Duration::from_secs(10))
                .keepalives_retries(3)
                .tcp_user_timeout(Duration::from_secs(30));
            if let Some(pass) = &database.pass {
                config.password(pass.reveal());
            }
            config
        })
        .collect()
}
