//! The `esmed` program: parse, log, runtime, exit code.

use std::process::ExitCode;

use clap::Parser;

use esmed::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
