//! `esmed run`

use std::process::ExitCode;

use anyhow::Context as _;

use super::ConfigFile;
use crate::daemon::{self, Ended};

/// Two threads: one for the socket, one for what is on its way to and from the database.
const THREADS: usize = 2;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    crate::log::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("can't start")?;
    Ok(match runtime.block_on(daemon::run(&config))? {
        Ended::Clean => ExitCode::SUCCESS,
        Ended::Unrecorded => ExitCode::FAILURE,
    })
}
