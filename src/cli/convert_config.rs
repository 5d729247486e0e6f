//! `esmed convert-config`

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::say;
use crate::config::Config;
use crate::migrate::ini;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The old file, such as /etc/esmed/esmed.conf
    #[arg(value_name = "OLD.conf")]
    old: PathBuf,
    /// Write to this file, which only its owner may read, instead of to standard output; it must not be there yet
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let old = arguments.old.display();
    let octets = fs::read(&arguments.old).with_context(|| format!("can't read {old}"))?;
    let text = String::from_utf8(octets).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|octet| **octet == b'\n')
            .count();
        anyhow::anyhow!(
            "{old} line {}: it is not UTF-8; convert it first (iconv -f latin1 -t utf8)",
            line + 1
        )
    })?;
    let toml = ini::convert(&text).with_context(|| format!("can't convert {old}"))?;
    // What it can't take would only be found at the start of the daemon.
    Config::parse(&format!("{old}, converted,"), &toml, [])?;
    match &arguments.output {
        None => say(toml.trim_end())?,
        Some(path) => {
            let there = || format!("can't write {}", path.display());
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .with_context(there)?;
            file.write_all(toml.as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(there)?;
            say(&format!(
                "{}: written, and readable for its owner alone; for the service: chown root:esmed, chmod 640",
                path.display()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
