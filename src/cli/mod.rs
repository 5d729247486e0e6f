//! The command line: one file a subcommand.

mod check_config;
mod convert_config;
mod decode;
mod encode;
mod migrate;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::db::Database;

/// SMPP client daemon whose API is a PostgreSQL table.
///
/// INSERT a row into smpp_tx_queue and the SMS leaves; its state comes back to the same row. What
/// phones send is found in smpp_inbox. Accounts at SMSCs are rows of smpp_servers.
///
/// Exit codes: 0 all is well, 1 it is not (one line on standard error says why), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    ///
    /// Ends on SIGTERM or SIGINT, after unanswered messages were awaited for drain_timeout seconds;
    /// a second signal ends it at once.
    Run(ConfigFile),
    /// Validate the configuration file and try the database
    CheckConfig(ConfigFile),
    /// Bring the schema of the database up: from esmed 0.1.1, or in an empty database
    ///
    /// In one transaction, as the owner of the tables or a superuser (--as). Stop esmed 0.1.1 first. The tables are locked
    /// meanwhile: docs/migrate.md tells for how long. Running it again does nothing.
    Migrate(migrate::Arguments),
    /// Turn a configuration file of esmed 0.1.1 into one of this version
    ConvertConfig(convert_config::Arguments),
    /// Show session, queue and last events of a lane
    Status(status::Arguments),
    /// Show what becomes of a text: coding, parts, octets, characters that force UCS2
    ///
    /// Nothing is sent, and no database is asked. Exit code 1 where the text would be refused.
    Encode(encode::Arguments),
    /// Show a PDU given in hexadecimal as the JSON of pdu_parsed
    ///
    /// With --data-coding the octets of a message alone, as its text.
    Decode(decode::Arguments),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "ESMED_CONFIG",
        default_value = "/etc/esmed/esmed.toml"
    )]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config)?)
    }
}

impl Cli {
    /// Runs the subcommand; errors are one line on standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Run(file) => run::run(&file),
            Command::CheckConfig(file) => check_config::run(&file),
            Command::Migrate(arguments) => migrate::run(&arguments),
            Command::ConvertConfig(arguments) => convert_config::run(&arguments),
            Command::Status(arguments) => status::run(&arguments),
            Command::Encode(arguments) => encode::run(&arguments),
            Command::Decode(arguments) => decode::run(&arguments),
        };
        done.unwrap_or_else(|error| {
            eprintln!("esmed: {error:#}");
            ExitCode::FAILURE
        })
    }
}

/// Prepares connections for a subcommand that needs the database.
fn database(config: &Config) -> anyhow::Result<Database> {
    Ok(Database::new(&config.database, "esmed")?)
}

/// Writes to standard output; a reader who has seen enough is no error.
fn say(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write as _};
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("can't write to standard output")
        }
        _ => Ok(()),
    }
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
