//! Hears one channel, for who looks at tables anyway and only wants to know when.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;

use super::{Database, DbError};

/// Between attempts to get the connection back.
const RECONNECT: Duration = Duration::from_secs(1);

/// A channel that esmed notifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `smpp_events`
    Events,
    /// `smpp_delivery`
    Delivery,
}

impl Channel {
    fn listen(self) -> &'static str {
        match self {
            Self::Events => "LISTEN smpp_events",
            Self::Delivery => "LISTEN smpp_delivery",
        }
    }
}

/// Hears a channel until dropped, whatever becomes of the connection.
#[derive(Debug)]
pub struct Ears {
    heard: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Ears {
    /// Begins to listen.
    #[must_use]
    pub fn open(database: &Database, channel: Channel) -> Self {
        let heard = Arc::new(Notify::new());
        let task = tokio::spawn(run(database.clone(), channel, Arc::clone(&heard)));
        Self { heard, task }
    }

    /// Waits for a notification, for `patience` at most: it is only a hint, and none may come.
    pub async fn wait(&self, patience: Duration) {
        // Nothing was heard: it is time to look all the same.
        let _ = timeout(patience, self.heard.notified()).await;
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(database: Database, channel: Channel, heard: Arc<Notify>) {
    loop {
        if let Err(error) = listen(&database, channel, &heard).await {
            tracing::debug!(%error, "LISTEN is interrupted; polling goes on");
        }
        sleep(RECONNECT).await;
    }
}

async fn listen(database: &Database, channel: Channel, heard: &Notify) -> Result<(), DbError> {
    let (client, mut connection) = database.connection().await?;
    let pump = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => heard.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(DbError::from(error)),
                None => return Err(DbError::Away("the connection was closed".to_owned())),
            }
        }
    };
    let ask = async {
        client.batch_execute(channel.listen()).await?;
        // What happened before there was somebody to hear it.
        heard.notify_one();
        std::future::pending().await
    };
    tokio::select! {
        ended = pump => ended,
        ended = ask => ended,
    }
}
