//! The command line: one file a subcommand.

mod as_role;
mod check_config;
mod convert_config;
mod decode;
mod doctor;
mod encode;
mod events;
mod help;
mod migrate;
mod number;
mod paint;
mod run;
mod send;
mod status;
mod times;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::db::Database;
use crate::help::widest;

use paint::{Paint, When};

/// SMPP client daemon whose API is a PostgreSQL table.
///
/// INSERT a row into smpp_tx_queue and the SMS leaves; its state comes back to the same row. What
/// phones send is found in smpp_inbox. Accounts at SMSCs are rows of smpp_servers.
#[derive(Debug, Parser)]
#[command(version, max_term_width = widest(), after_long_help = help::ESMED)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colours on standard output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    ///
    /// Ends on SIGTERM or SIGINT, after unanswered messages were awaited for drain_timeout seconds;
    /// a second signal ends it at once.
    #[command(after_long_help = help::RUN)]
    Run(ConfigFile),
    /// Validate the configuration file and try the database
    ///
    /// One line a step, and the first thing that is wrong. esmed doctor asks more, and says what to do.
    #[command(after_long_help = help::CHECK_CONFIG)]
    CheckConfig(ConfigFile),
    /// Look whether everything is right, and say what to do where it is not
    ///
    /// Configuration, database, rights, schema and clock; the daemon; then the server of the lane: name, TCP, TLS, bind,
    /// enquire_link; and with --to a test message.
    #[command(after_long_help = help::DOCTOR)]
    Doctor(doctor::Arguments),
    /// Bring the schema of the database up: from esmed 0.1.1, or in an empty database
    ///
    /// In one transaction, as the owner of the tables or a superuser (--as). Stop esmed 0.1.1 first. The tables are locked
    /// meanwhile: docs/migrate.md (in the package: /usr/share/doc/esmed/docs) tells for how long. Running it again does
    /// nothing.
    #[command(after_long_help = help::MIGRATE)]
    Migrate(migrate::Arguments),
    /// Turn a configuration file of esmed 0.1.1 into one of this version
    ///
    /// The connection to the database is taken over, with what 0.1.1 took for keys that the file does not have, and the level
    /// of the log. What has no place any more is told in comments; a password that can't be taken over exactly is refused.
    #[command(after_long_help = help::CONVERT_CONFIG)]
    ConvertConfig(convert_config::Arguments),
    /// Show session, queue and last events of a lane
    #[command(after_long_help = help::STATUS)]
    Status(status::Arguments),
    /// Show what happened, and follow what happens
    #[command(after_long_help = help::EVENTS)]
    Events(events::Arguments),
    /// Queue one message, and follow it if asked to
    ///
    /// Prints the id of its row of smpp_tx_queue.
    #[command(after_long_help = help::SEND)]
    Send(send::Arguments),
    /// Show what becomes of a text: coding, parts, octets, characters that force UCS2
    ///
    /// Nothing is sent, and no database is asked.
    #[command(after_long_help = help::ENCODE)]
    Encode(encode::Arguments),
    /// Show a PDU given in hexadecimal as the JSON of pdu_parsed
    ///
    /// With --data-coding the octets of a message alone, as its text.
    #[command(after_long_help = help::DECODE)]
    Decode(decode::Arguments),
}

/// Where it is as a rule.
const CONFIG_FILE: &str = "/etc/esmed/esmed.toml";

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "ESMED_CONFIG",
        default_value = CONFIG_FILE
    )]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Config::load(&self.config).map_err(|error| {
            let next = next_step(&error);
            let error = anyhow::Error::from(error);
            match next {
                Some(next) => anyhow::anyhow!("{error:#}; {next}"),
                None => error,
            }
        })
    }
}

/// What to do where a file of the configuration can't be read.
fn next_step(error: &ConfigError) -> Option<&'static str> {
    let (ConfigError::Unreadable { source, .. } | ConfigError::NoPassword { source, .. }) = error
    else {
        return None;
    };
    match source.kind() {
        ErrorKind::PermissionDenied => Some(
            "run this as the user esmed (sudo -u esmed …), who has to be allowed to read it (chgrp esmed, chmod 640), or as root",
        ),
        ErrorKind::NotFound => Some(
            "name the right file, of the configuration by --config, of the password by [database] pass_file",
        ),
        _ => None,
    }
}

impl Cli {
    /// Runs the subcommand; errors are one line on standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let paint = Paint::new(self.color);
        let done = match self.command {
            Command::Run(file) => run::run(&file),
            Command::CheckConfig(file) => check_config::run(&file),
            Command::Doctor(arguments) => doctor::run(&arguments, paint),
            Command::Status(arguments) => status::run(&arguments, paint),
            Command::Events(arguments) => events::run(&arguments, paint),
            Command::Send(arguments) => send::run(&arguments, paint),
            Command::Migrate(arguments) => migrate::run(&arguments),
            Command::ConvertConfig(arguments) => convert_config::run(&arguments),
            Command::Encode(arguments) => encode::run(&arguments),
            Command::Decode(arguments) => decode::run(&arguments),
        };
        done.unwrap_or_else(|error| {
            eprintln!("esmed: {error:#}");
            if error.is::<Usage>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        })
    }
}

/// Wrong usage that the parser of the command line does not know of, or must not show; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Prepares connections for a subcommand that needs the database.
fn database(config: &Config) -> anyhow::Result<Database> {
    Ok(Database::new(&config.database, "esmed")?)
}

/// Writes to standard output; a reader who has seen enough is no error.
fn say(text: &str) -> anyhow::Result<()> {
    told(text).map(drop)
}

/// Writes to standard output; `false`: nobody reads any more.
fn told(text: &str) -> anyhow::Result<bool> {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("can't write to standard output"),
    }
}

/// More is not read of standard input: far more than can be sent.
const MOST_INPUT: u64 = 1 << 20;

/// A text, without the line's end, which nobody means to send.
fn standard_input() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::io::stdin()
        .take(MOST_INPUT + 1)
        .read_to_string(&mut text)
        .context("can't read a text in UTF-8 from standard input")?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MOST_INPUT) {
        anyhow::bail!("standard input has more than {MOST_INPUT} octets");
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// An octet as people write it: decimal, or hexadecimal behind 0x.
fn octet(number: &str) -> Result<u8, String> {
    let octet = match number.strip_prefix("0x").or(number.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u8::from_str_radix(digits, 16),
        _ => number.parse(),
    };
    octet.map_err(|_| "must be 0 to 255, or 0x00 to 0xff".to_owned())
}

/// A runtime for subcommands: one thread is enough for them.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start")?
        .block_on(work)
}
