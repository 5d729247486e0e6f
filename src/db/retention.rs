//! Deletes rows that are old and that nothing needs any more.

use super::{Database, DbError};

const RETAIN_TX: &str = include_str!("../../sql/queries/retain_tx.sql");
const RETAIN_RX: &str = include_str!("../../sql/queries/retain_rx.sql");
const RETAIN_INBOX: &str = include_str!("../../sql/queries/retain_inbox.sql");
const RETAIN_EVENTS: &str = include_str!("../../sql/queries/retain_events.sql");

/// A trigger or table of a user may be locked: rows can go later.
const NO_LONG_WAIT: &str = "SET LOCAL lock_timeout TO '50ms'";

/// A table of which old rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Table {
    TxQueue,
    RxQueue,
    Inbox,
    Events,
}

impl Table {
    /// Each of them. The inbox stands before the PDUs: what belongs to a message that is not processed stays.
    pub const ALL: [Self; 4] = [Self::TxQueue, Self::Inbox, Self::RxQueue, Self::Events];

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TxQueue => "smpp_tx_queue",
            Self::RxQueue => "smpp_rx_queue",
            Self::Inbox => "smpp_inbox",
            Self::Events => "smpp_events",
        }
    }

    fn statement(self) -> &'static str {
        match self {
            Self::TxQueue => RETAIN_TX,
            Self::RxQueue => RETAIN_RX,
            Self::Inbox => RETAIN_INBOX,
            Self::Events => RETAIN_EVENTS,
        }
    }
}

/// Rows in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Behind this id.
    pub after: i64,
    /// So many at most.
    pub limit: i64,
}

/// What a page had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its last id; `None`: there are no rows.
    pub last: Option<i64>,
    /// How many rows.
    pub rows: i64,
    /// How many of them were old enough.
    pub old: i64,
    /// How many of these were deleted.
    pub deleted: i64,
}

/// Looks at a page, and with `delete` deletes the rows of `lane` in it that are older than `days` and not needed.
///
/// # Errors
/// When the database can't do it.
pub async fn look(
    database: &Database,
    table: Table,
    lane: &str,
    days: i32,
    page: Page,
    delete: bool,
) -> Result<Seen, DbError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(NO_LONG_WAIT).await?;
    let statement = transaction.prepare_cached(table.statement()).await?;
    let row = transaction
        .query_one(
            &statement,
            &[&lane, &days, &page.after, &page.limit, &delete],
        )
        .await?;
    transaction.commit().await?;
    Ok(Seen {
        last: row.get("last"),
        rows: row.get("looked"),
        old: row.get("old"),
        deleted: row.get("deleted"),
    })
}
