//! The log on standard error: for a terminal, for journald, or as JSON. Level and form can change while it runs.

pub mod hours;
mod line;
pub mod repeats;

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, reload};

use crate::config::{Log, LogFormat};
use crate::metrics::LineCounter;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// With the time; on a terminal in colours.
    Text { colours: bool },
    /// journald knows the time, and takes the priority from `<N>`: see sd-daemon(3).
    Journal,
    /// One object a line.
    Json,
}

impl Form {
    const ALL: [Self; 4] = [
        Self::Text { colours: false },
        Self::Text { colours: true },
        Self::Journal,
        Self::Json,
    ];

    fn of(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text if is_journal() => Self::Journal,
            LogFormat::Text => Self::Text {
                colours: io::stderr().is_terminal(),
            },
        }
    }
}

/// A form that can be changed while others write.
#[derive(Debug, Clone)]
struct Shared(Arc<AtomicU8>);

impl Shared {
    fn new(form: Form) -> Self {
        let shared = Self(Arc::default());
        shared.set(form);
        shared
    }

    fn set(&self, form: Form) {
        let at = Form::ALL.iter().position(|it| *it == form);
        let at = at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default();
        self.0.store(at, Ordering::Relaxed);
    }

    fn get(&self) -> Form {
        let at = usize::from(self.0.load(Ordering::Relaxed));
        Form::ALL.get(at).copied().unwrap_or(Form::Json)
    }
}

/// The log of this process, once it was started.
#[derive(Debug, Clone)]
pub struct Started {
    filter: reload::Handle<Targets, Registry>,
    form: Shared,
}

impl Started {
    /// Changes level and form from the next line on.
    pub fn change(&self, log: &Log) {
        // It fails only when nobody logs any more.
        let _ = self.filter.reload(filter(log));
        self.form.set(Form::of(log.format));
    }
}

/// Sends the log of this program to standard error, and the place of each panic with it. To be called once.
pub fn start(log: &Log) -> Started {
    let (filter, handle) = reload::Layer::new(filter(log));
    let form = Shared::new(Form::of(log.format));
    let lines = fmt::layer()
        .event_format(line::Lines(form.clone()))
        .with_writer(io::stderr)
        // What can't be written can't be told either.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(LineCounter)
        .with(lines)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        // A message that was put together may quote a text: that of a wrong index into a string does.
        let reason = panic.payload().downcast_ref::<&'static str>();
        tracing::error!(place, reason, "a defect: this part of the program ends");
    }));
    Started {
        filter: handle,
        form,
    }
}

/// This program's own log; of others only what is wrong. The pool tells each connection that is gone, and we tell that the
/// database is.
fn filter(log: &Log) -> Targets {
    let level = log.level.filter();
    let pool = if level >= LevelFilter::DEBUG {
        LevelFilter::WARN
    } else {
        LevelFilter::ERROR
    };
    Targets::new()
        .with_target("esmed", level)
        .with_target("deadpool", pool.min(level))
        .with_default(LevelFilter::WARN.min(level))
}

/// Whether standard error is connected to the journal. `JOURNAL_STREAM` alone does not tell: it is inherited, also by what
/// writes elsewhere.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let same = || -> io::Result<bool> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
        Ok(stream == format!("{}:{}", stderr.dev(), stderr.ino()))
    };
    same().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_kept() {
        let shared = Shared::new(Form::Journal);
        for form in Form::ALL {
            shared.set(form);
            assert_eq!(shared.get(), form);
        }
    }
}
