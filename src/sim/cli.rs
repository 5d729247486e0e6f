//! The program `esmed-sim`.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::control::{self, COMMANDS};
use super::outcome::OUTCOMES_NOTE;
use super::{Behaviour, Config, IdStyle, LedgerMode, OUTCOMES, ReceiptStyle, Sim, Tls, TlsVersion};
use crate::help::widest;

/// An SMSC simulator on loopback, for demos, tests and load.
///
/// Any SMPP 3.4 client can bind and submit. The last two digits of a destination choose what
/// becomes of the message; delays and faults are set by options, and by the control port while it
/// runs. It ends on SIGTERM and SIGINT.
#[derive(Debug, Parser)]
#[command(
    name = "esmed-sim",
    version,
    max_term_width = widest(),
    after_help = format!("{OUTCOMES}\n\n{OUTCOMES_NOTE}"),
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Sends one command to the control port of a running simulator and prints the answer.
    #[command(after_help = ctl_help())]
    Ctl {
        /// The control port.
        #[arg(long, value_name = "ADDR", env = "ESMED_SIM_CONTROL")]
        control: SocketAddr,
        /// Print the answer to `help` as JSON, too; all others are JSON anyway.
        #[arg(long)]
        json: bool,
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2775")]
    listen: SocketAddr,
    /// Serve the control port here; loopback only.
    #[arg(long, value_name = "ADDR")]
    control: Option<SocketAddr>,
    /// The only system_id that may bind; without it any may.
    #[arg(long, value_name = "NAME", requires = "password")]
    system_id: Option<String>,
    /// Its password.
    #[arg(
        long,
        value_name = "WORD",
        requires = "system_id",
        env = "ESMED_SIM_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// From a submit to its response.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay())]
    response_delay_ms: u64,
    /// From the response to the receipt.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay())]
    receipt_delay_ms: u64,
    /// Where a receipt says what it says.
    #[arg(long, value_enum, default_value_t)]
    receipts: ReceiptStyle,
    /// How ids are written in responses and receipts.
    #[arg(long, value_enum, default_value_t)]
    ids: IdStyle,
    /// Speak TLS, with the certificate in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take only clients with a certificate by the authorities in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Speak only this version of TLS; without it both.
    #[arg(long, value_name = "VERSION", value_enum, requires = "tls_cert")]
    tls_version: Option<TlsVersion>,
    /// Keep counters only, no ledger of submits: for load.
    #[arg(long)]
    counts_only: bool,
    /// No line for each bind, unbind and lost connection.
    #[arg(long, short)]
    quiet: bool,
}

fn ctl_help() -> String {
    let commands = COMMANDS.lines().map(|line| format!("\n  {line}"));
    format!(
        "Commands:{}\n\n\
         Exit codes:\n  0  done\n  1  the answer is an error, or there was none\n  2  wrong usage\n\n\
         Example:\n  esmed-sim ctl --control 127.0.0.1:2776 stats",
        commands.collect::<String>()
    )
}

fn delay() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=86_400_000)
}

/// Runs the program by the command line of the process.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match args.command {
                Some(Subcommands::Ctl {
                    control,
                    json,
                    words,
                }) => ctl(control, json, &words).await,
                None => serve(args.serve).await,
            }
        })
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("esmed-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn ctl(control: SocketAddr, json: bool, words: &[String]) -> io::Result<ExitCode> {
    let command = words.join(" ");
    if command.contains('\n') {
        return Err(io::Error::other("a command is one line"));
    }
    let answer = control::ask(control, &command)
        .await
        .map_err(|error| io::Error::other(format!("control port {control}: {error}")))?;
    match answer.get("commands").and_then(|lines| lines.as_array()) {
        Some(lines) if !json => {
            for line in lines {
                say(&line.as_str().unwrap_or_default())?;
            }
        }
        _ => say(&answer)?,
    }
    Ok(if answer.get("error").is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn serve(args: ServeArgs) -> io::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_target(false)
        .with_max_level(if args.quiet {
            tracing::Level::WARN
        } else {
            tracing::Level::INFO
        })
        .init();
    let listen = args.listen;
    let control = args.control;
    let config = args.into_config();
    // Its files by themselves first: what is wrong with them is no matter of the port.
    config.tls.as_ref().map(Tls::load).transpose()?;
    let sim = Sim::start(config).map_err(|error| at(listen, &error))?;
    let sim = Arc::new(sim);
    say(&format_args!("listening on {}", sim.addr()))?;
    let controlled = control_port(control, Arc::clone(&sim));
    tokio::select! {
        result = controlled => result?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    sim.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Serves the control port where there is one; without one it never ends.
async fn control_port(addr: Option<SocketAddr>, sim: Arc<Sim>) -> io::Result<()> {
    let Some(addr) = addr else {
        return std::future::pending().await;
    };
    if !addr.ip().is_loopback() {
        return Err(io::Error::other(
            "the control port has no password, so it must be on loopback",
        ));
    }
    let listener = TcpListener::bind(addr)
        .await
        .map_err(|error| at(addr, &error))?;
    say(&format_args!("control on {}", listener.local_addr()?))?;
    control::serve(listener, sim).await
}

fn at(addr: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::other(format!("can't listen on {addr}: {error}"))
}

/// A line on standard output, there at once also when it is a pipe.
fn say(what: &impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")?;
    out.flush()
}

impl ServeArgs {
    fn into_config(self) -> Config {
        Config {
            listen: self.listen,
            behaviour: Behaviour {
                credentials: self.system_id.zip(self.password),
                response_delay: Duration::from_millis(self.response_delay_ms),
                receipt_delay: Duration::from_millis(self.receipt_delay_ms),
                receipts: self.receipts,
                ids: self.ids,
                ..Behaviour::default()
            },
            ledger: if self.counts_only {
                LedgerMode::Counts
            } else {
                LedgerMode::Full
            },
            tls: self
                .tls_cert
                .zip(self.tls_key)
                .map(|(certificate, key)| Tls {
                    certificate,
                    key,
                    client_ca: self.tls_client_ca,
                    version: self.tls_version,
                }),
            ..Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let help = Args::command().render_long_help().to_string();
        assert!(help.contains("receipt UNDELIV"));
    }
}
