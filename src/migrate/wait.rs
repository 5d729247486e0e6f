//! The daemon on a database that is to be migrated first: it says so, and waits.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::db::{Database, NotReady, Purpose, Why};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(3);

/// So often the same reason is told again.
const REMIND: Duration = Duration::from_secs(300);

/// Waits until the schema of the database is the one of this program.
///
/// `told` hears why it waits: at once, whenever the reason changes, and every five minutes.
///
/// # Errors
/// When nothing that `esmed migrate` does would help.
pub async fn until_ready(database: &Database, mut told: impl FnMut(&str)) -> Result<(), NotReady> {
    let mut last: Option<(String, Instant)> = None;
    loop {
        let reason = match database.check(Purpose::Serve).await {
            Ok(()) => return Ok(()),
            Err(reason) if reason.why == Why::ToBeMigrated => reason,
            // A database that goes away while somebody gets ready to migrate it comes back.
            Err(reason) if reason.why == Why::Away && last.is_some() => reason,
            Err(reason) => return Err(reason),
        };
        let is_known = last
            .as_ref()
            .is_some_and(|(known, since)| *known == reason.what && since.elapsed() < REMIND);
        if !is_known {
            told(&reason.what);
            last = Some((reason.what, Instant::now()));
        }
        sleep(LOOK).await;
    }
}
