//! What the package has besides the programs: man pages, completions, and the copyright of the crates that are linked in.
//!
//! An example, so that the programs carry none of the crates that make it: `cargo run --example package-files -- FOLDER`.

mod copyright;
mod man;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("usage: package-files FOLDER")?
        .into();
    let man = made(folder.join("man"))?;
    let programs = || {
        [
            ("esmed", esmed::cli::Cli::command()),
            ("esmed-sim", esmed::sim::cli::Args::command()),
        ]
    };
    for (name, command) in programs() {
        man::pages(name, command, &man)?;
    }
    man::configuration(&fs::read_to_string("cfg/esmed.toml")?, &man)?;
    for (shell, place) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
    ] {
        let place = made(folder.join(place))?;
        for (name, mut command) in programs() {
            let written = generate_to(shell, &mut command, name, &place)?;
            // bash looks for a file of the name of the program.
            if shell == Shell::Bash {
                fs::rename(written, place.join(name))?;
            }
        }
    }
    let known = fs::read_to_string("debian/copyright")?;
    fs::write(folder.join("copyright"), copyright::of_crates(&known)?)?;
    Ok(())
}

fn made(folder: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The version that stands in each page.
fn source() -> String {
    format!("esmed {}", env!("CARGO_PKG_VERSION"))
}

/// Writes a page.
fn write(folder: &Path, page: &str, octets: &[u8]) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(folder.join(page), octets)?)
}

/// Subcommands that people are to see.
fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}
