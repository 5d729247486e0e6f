//! Troubles that daemons before this one have told without their end: whoever finds that one is over tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::reload;
use crate::db::Database;
use crate::events::EventLog;

/// Between attempts to read them.
const RETRY: Duration = Duration::from_secs(5);

/// Reads them, sooner or later, and tells the end of those that a start ends.
pub(super) async fn learn(
    database: Database,
    lane: String,
    events: EventLog,
    refused: Arc<AtomicBool>,
    stop: CancellationToken,
) {
    let read = async {
        while let Err(error) = events.look_back(&database, &lane).await {
            tracing::debug!(%error, "events of before could not be read");
            sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = read => {}
        () = stop.cancelled() => return,
    }
    if !refused.load(Ordering::Relaxed) && events.over("config_refused", None) {
        let message = "the configuration of this start has no error".to_owned();
        events.emit(reload::taken(message, &[], &[]));
    }
    if events.over("metrics_failed", None) {
        events.metrics().pages_failed_before();
    }
}
