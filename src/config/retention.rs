//! `[retention]`: how long rows are kept that nothing needs any more.

use serde::Deserialize;

use super::ConfigError;

/// The most days that a key takes: a century.
const LONGEST: u32 = 36_500;

/// `[retention]`: days after which rows are deleted; `None`: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Messages that have ended, with their parts, by the last thing that happened to them.
    pub tx_queue: Option<u32>,
    /// Received PDUs.
    pub rx_queue: Option<u32>,
    /// Messages from phones that are processed.
    pub inbox: Option<u32>,
    /// Events.
    pub events: Option<u32>,
}

impl Retention {
    pub(super) fn validate(
        &self,
        check: impl Fn(bool, &str) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        for (key, days) in [
            ("tx_queue", self.tx_queue),
            ("rx_queue", self.rx_queue),
            ("inbox", self.inbox),
            ("events", self.events),
        ] {
            check(
                days.is_none_or(|days| (1..=LONGEST).contains(&days)),
                &format!(
                    "[retention] {key} must be from 1 to {LONGEST} days; leave it out to keep the rows for ever"
                ),
            )?;
        }
        Ok(())
    }
}
