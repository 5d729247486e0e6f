//! LISTEN on a connection of its own.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::{Database, DbError};

/// Between attempts to get the connection back; meanwhile the poll finds what changes.
const RECONNECT: Duration = Duration::from_secs(1);

/// A connection that is silent for so long is asked whether it lives.
const PING_AFTER: Duration = Duration::from_secs(10);

/// Who is woken up by which table.
#[derive(Debug, Clone, Default)]
pub struct Wakeups {
    /// By `smpp_servers`, and by `smpp_status_classes`, which are read with them.
    pub servers: Arc<Notify>,
    /// By `smpp_tx_queue`.
    pub tx_queue: Arc<Notify>,
    /// By `smpp_prefixes`.
    pub prefixes: Arc<Bell>,
}

/// Wakes one up, and counts how often it was to: who has read a table knows whether it has changed since.
#[derive(Debug, Default)]
pub struct Bell {
    rings: AtomicU64,
    notify: Notify,
}

impl Bell {
    /// Something has changed.
    pub fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Release);
        self.notify.notify_one();
    }

    /// How often it rang.
    #[must_use]
    pub fn rings(&self) -> u64 {
        self.rings.load(Ordering::Acquire)
    }

    /// Waits for a ring that nobody has waited for yet.
    pub async fn rung(&self) {
        self.notify.notified().await;
    }
}

/// Wakes people up until told to stop, whatever happens to the connection.
pub async fn run(database: Database, wakeups: Wakeups, stop: CancellationToken) {
    loop {
        let ended = tokio::select! {
            ended = listen(&database, &wakeups) => ended,
            () = stop.cancelled() => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "LISTEN is interrupted; polling goes on");
        }
        tokio::select! {
            () = sleep(RECONNECT) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn listen(database: &Database, wakeups: &Wakeups) -> Result<(), DbError> {
    let (client, mut connection) = database.connection().await?;
    // Notifications come out of polling the connection, which also carries the statements out.
    let pump = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    match notification.payload() {
                        "smpp_servers" | "smpp_status_classes" => wakeups.servers.notify_one(),
                        "smpp_tx_queue" => wakeups.tx_queue.notify_one(),
                        "smpp_prefixes" => wakeups.prefixes.ring(),
                        _ => {}
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(DbError::from(error)),
                None => return Err(DbError::Away("the connection was closed".to_owned())),
            }
        }
    };
    let ask = async {
        client.batch_execute("LISTEN notify_table_change").await?;
        // What changed before there was somebody to hear it.
        wakeups.prefixes.ring();
        wakeups.servers.notify_one();
        wakeups.tx_queue.notify_one();
        loop {
            sleep(PING_AFTER).await;
            timeout(PING_AFTER, client.batch_execute("SELECT 1"))
                .await
                .map_err(|_| DbError::Away("no answer on the connection".to_owned()))??;
        }
    };
    tokio::select! {
        ended = pump => ended,
        ended = ask => ended,
    }
}
