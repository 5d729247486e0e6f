//! PostgreSQL: connections, and one typed function for each statement of `sql/queries`.

mod check;
pub mod depth;
pub mod doctor;
pub mod ears;
mod elsewhere;
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
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::config::TargetSessionAttrs;

pub use check::Purpose;
pub(crate) use check::login_step;
pub use elsewhere::Elsewhere;
pub(crate) use error::message as reason;
pub use error::{DbError, NotReady, Why};
pub(crate) use tls::{PgConnection, connector};

use tls::{Connector, Pooled};

use crate::{config, migrate, pulse};

/// The version of `sql/db.sql` that this program works with.
pub const SCHEMA_VERSION: i32 = 2;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// So long people wait for an answer to one look, from a database that may hang.
const NO_ANSWER: Duration = Duration::from_secs(10);

/// Feeder, recorder, heartbeat, the count of the queue, supervisor, events, those of reloads, prefixes and retention each have at
/// most one under way (and for a moment what hands parts back after a lost commit). With fewer the heartbeat could wait for those that take long, and the lease run out.
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

    /// The answer to one look, or that there is none: who only looks has to say so soon. A connection that may never answer
    /// any more is not used again.
    ///
    /// # Errors
    /// Those of `look`, and when the database does not answer.
    pub async fn in_time<T>(
        &self,
        look: impl Future<Output = Result<T, DbError>>,
    ) -> Result<T, DbError> {
        // Connecting takes its own time, with several hosts more.
        drop(self.client().await?);
        if let Ok(looked) = timeout(NO_ANSWER, look).await {
            return looked;
        }
        // The look has given its connection back, with its statement still under way.
        self.pool.retain(|_, _| false);
        let seconds = NO_ANSWER.as_secs();
        Err(DbError::Away(format!("no answer within {seconds} s")))
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
}

/// Waits until the server has done with what failed on this connection.
///
/// It tells an error before it gives the locks back: who then asks by another connection, past rows that are locked, which
/// row is to blame, may be told the next one.
pub(crate) async fn settled(client: &Client) {
    if let Err(error) = client.check_connection().await {
        tracing::debug!(%error, "a connection ended with its statement");
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
