//! `esmed run`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::ConfigFile;
use crate::daemon::{self, Ended, Reloader};
use crate::log;

/// Two threads: one for the socket, one for what is on its way to and from the database.
const THREADS: usize = 2;

/// What is under way behind the end is only what hangs: a name that is looked up, a file on a disk that is away.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("can't start")?;
    let ended = runtime.block_on(async {
        let (mut signals, hangups) = daemon::catch_signals()?;
        let of = file.clone();
        // The file, or that of the password, may lie on a disk that is away.
        let load = tokio::task::spawn_blocking(move || of.load());
        let config = tokio::select! {
            loaded = load => loaded.context("the configuration could not be read")??,
            // Nothing was begun.
            () = signals.stop() => return Ok(Ended::Clean),
        };
        let log = log::start(&config.log);
        let reloader = Reloader::new(&file.config, config, log, hangups);
        daemon::run(reloader, signals).await
    });
    // Dropped, it would wait for that without an end.
    runtime.shutdown_timeout(LAST_PATIENCE);
    Ok(match ended? {
        Ended::Clean => ExitCode::SUCCESS,
        Ended::Unrecorded => ExitCode::FAILURE,
    })
}
