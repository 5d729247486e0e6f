//! The commands for people, on a pipe and on a terminal.

mod doctor;
mod events;
mod hangs;
mod next_steps;
mod send;
mod status;
mod urls;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::{World, esmed};

/// Runs a command with the configuration of this world.
async fn run(world: &World, arguments: &[&str]) -> Output {
    let config = world.config("esmed", "");
    let config = config.to_str().unwrap();
    esmed(&[arguments, &["--config", config]].concat()).await
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn view(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Starts a command whose output is read while it runs.
fn start(world: &World, arguments: &[&str]) -> Child {
    let config = world.config("esmed", "");
    Command::new(env!("CARGO_BIN_EXE_esmed"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(pid: u32) {
    let status = Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// What a command writes to a terminal.
async fn on_terminal(config: &Path, no_color: &str, line: &str) -> String {
    let program = env!("CARGO_BIN_EXE_esmed");
    let mut command = Command::new("script");
    command
        .args(["-qec", &format!("exec {program} {line}"), "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("ESMED_CONFIG", config)
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("script, of the package bsdutils");
    out(&output)
}

/// A role of applications.
async fn application(world: &World) {
    world.sql("CREATE ROLE app LOGIN IN ROLE esmed_app").await;
}
