//! Counts lines of the log that are not good.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

// A process has one log, which is there before anything else.
static WARNINGS: AtomicU64 = AtomicU64::new(0);
static ERRORS: AtomicU64 = AtomicU64::new(0);

/// A layer that counts warnings and errors.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineCounter;

impl<S: Subscriber> Layer<S> for LineCounter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => ERRORS.fetch_add(1, Ordering::Relaxed),
            Level::WARN => WARNINGS.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

/// Level and how many lines so far.
pub(super) fn lines() -> [(&'static str, u64); 2] {
    [
        ("warn", WARNINGS.load(Ordering::Relaxed)),
        ("error", ERRORS.load(Ordering::Relaxed)),
    ]
}
