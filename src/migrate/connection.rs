//! The connection of who migrates: not from the pool, as the owner, with what PostgreSQL says on the way.

use std::future::poll_fn;

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use super::{Failed, failed};
use crate::config;
use crate::db::{self, Database, PgConnection};

/// More than a migration says before somebody reads it.
const NOTICES: usize = 10_000;

/// A connection, and the notices that came by it.
#[derive(Debug)]
pub struct Connection {
    /// For statements.
    pub client: Client,
    notices: mpsc::Receiver<String>,
}

/// Connection settings from a URL of libpq, `postgresql://user:password@host:port/name?host=/folder`.
/// A password that it lacks is `password`. With it what it says about TLS, in words of libpq.
///
/// # Errors
/// When it is none, or asks for what can't be.
pub fn owner_config(
    url: &str,
    password: Option<String>,
) -> Result<(Config, config::Database), Failed> {
    let (mut config, tls) = config::parse_url(url).map_err(Failed::new)?;
    let mut database = config::Database::default();
    tls.apply(&mut database);
    database
        .validate()
        .map_err(|why| Failed::new(why.replace("[database]", "--as")))?;
    if config.get_password().is_none()
        && let Some(password) = password
    {
        config.password(password);
    }
    if config.get_hosts().is_empty() {
        config.host("/var/run/postgresql");
    }
    config.application_name("esmed migrate");
    Ok((config, database))
}

impl Connection {
    /// Opens one, with TLS as `database` says.
    ///
    /// # Errors
    /// When that fails.
    pub async fn open(config: &Config, database: &config::Database) -> Result<Self, Failed> {
        let opened = db::connector(database).connect(config).await;
        let (client, connection) = opened.map_err(|error| {
            let reason = failed(&error).to_string();
            Failed::new(if reason.contains("password missing") {
                "the database asks for a password, and there is none: set PGPASSWORD, or write it into the URL of --as \
                 (postgresql://owner:...@host/name)"
                    .to_owned()
            } else {
                format!("can't connect to the database: {reason}")
            })
        })?;
        Ok(Self::with(client, connection))
    }

    /// Opens one as the configuration says.
    ///
    /// # Errors
    /// When that fails.
    pub async fn of(database: &Database) -> Result<Self, Failed> {
        let opened = database.connection().await;
        let (client, connection) = opened.map_err(|error| {
            Failed::new(format!(
                "can't connect to {}: {}",
                database.place(),
                error.reason()
            ))
        })?;
        Ok(Self::with(client, connection))
    }

    fn with(client: Client, mut connection: PgConnection) -> Self {
        let (sender, notices) = mpsc::channel(NOTICES);
        tokio::spawn(async move {
            // An error comes back to who waits for the statement, too.
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message {
                    // A full channel has said enough.
                    let _ = sender.try_send(notice.message().to_owned());
                }
            }
        });
        Self { client, notices }
    }

    /// What a script tells to run instead, where this role may not run it.
    ///
    /// # Errors
    /// When the database can't be told.
    pub async fn suggest(&self, command: &str) -> Result<(), Failed> {
        let told = self
            .client
            .execute("SELECT set_config('esmed.command', $1, FALSE)", &[&command])
            .await;
        told.map(drop).map_err(|error| failed(&error))
    }

    /// Runs a script, and tells `told` each notice as it comes. When `stop` ends first, the script is cancelled.
    ///
    /// # Errors
    /// When it fails; it is one transaction, so nothing was changed then.
    pub async fn run(
        &mut self,
        script: &str,
        mut told: impl FnMut(&str),
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failed> {
        let cancel = self.client.cancel_token();
        let running = self.client.batch_execute(script);
        tokio::pin!(running, stop);
        let mut stopped = false;
        let done = loop {
            tokio::select! {
                biased;
                Some(notice) = self.notices.recv() => told(&notice),
                done = &mut running => break done,
                () = &mut stop, if !stopped => {
                    stopped = true;
                    // Where that fails, the end of the script is waited for.
                    if let Err(error) = cancel.cancel_query(NoTls).await {
                        told(&format!("can't be stopped: {}", failed(&error)));
                    }
                }
            }
        };
        while let Ok(notice) = self.notices.try_recv() {
            told(&notice);
        }
        done.map_err(|error| failed(&error))
    }
}
