//! The control port: one command a line, one answer a line, as JSON.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::settings;
use super::view;
use super::{PhoneMessage, Sim};

/// The commands, as `esmed-sim ctl --help` and the command `help` show them.
pub const COMMANDS: &str = "\
phone FROM TO TEXT...  a message from a phone; waits for a receiver
phone-long FROM TO TEXT...
                       the same in UCS2; over 70 units in parts of up to
                       67, each with a user data header
drop                   reset every connection
unbind                 send unbind to every bound session
enquire                send enquire_link to every bound session
raw HEX                send these octets to every bound session
mute on|off            answer and send nothing; or one of submits,
                       enquire-links, binds, unbinds: answer none of
                       these
refuse on|off          reset new connections
set                    show the settings
set NAME VALUE         change one, e.g. set response-delay-ms 500,
                       set throttle 10, set throttle off,
                       set submit-status ESME_RSYSERR
stats                  the counters
ledger [N]             the last N submits (10)
deliveries [N]         the last N receipts and messages sent (10)
binds [N]              the last N binds (10)
violations [N]         the last N violations of the protocol (10)
help                   this list";

/// Octets of a line; a longer one ends the connection.
const LINE: u64 = 1024 * 1024;
/// Connections served at once.
const CONNECTIONS: usize = 32;

/// Serves the control port until the task is dropped.
///
/// # Errors
/// When accepting fails.
pub async fn serve(listener: TcpListener, sim: Arc<Sim>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(()); // Only when closed, which nobody does.
        };
        let (stream, _) = listener.accept().await?;
        let sim = Arc::clone(&sim);
        tokio::spawn(async move {
            if let Err(error) = talk(stream, &sim).await {
                tracing::debug!(%error, "control connection");
            }
            drop(place);
        });
    }
}

async fn talk(stream: TcpStream, sim: &Sim) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        (&mut stream).take(LINE).read_line(&mut line).await?;
        if !line.ends_with('\n') {
            return Ok(());
        }
        let mut answer = execute(sim, &line).to_string();
        answer.push('\n');
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Sends one command to a control port; gives its answer.
///
/// # Errors
/// When there is nobody, or the answer is no JSON.
pub async fn ask(addr: SocketAddr, command: &str) -> io::Result<Value> {
    let mut stream = BufReader::new(TcpStream::connect(addr).await?);
    stream.write_all(format!("{command}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    serde_json::from_str(&answer).map_err(io::Error::from)
}

/// Does what a line says; the answer has `error` where it can't.
#[must_use]
pub fn execute(sim: &Sim, line: &str) -> Value {
    command(sim, line.trim()).unwrap_or_else(|error| json!({"error": error}))
}

fn command(sim: &Sim, line: &str) -> Result<Value, String> {
    let (name, rest) = split_word(line);
    match (name, rest) {
        ("phone", rest) => phone(sim, rest),
        ("phone-long", rest) => phone_long(sim, rest),
        ("drop", "") => Ok(json!({"ok": true, "sessions": sim.drop_connections()})),
        ("unbind", "") => Ok(json!({"ok": true, "sessions": sim.unbind_all()})),
        ("enquire", "") => Ok(json!({"ok": true, "sessions": sim.enquire()})),
        ("raw", hex) => {
            let octets = parse_hex(hex).ok_or("raw: pairs of hexadecimal digits are needed")?;
            Ok(json!({"ok": true, "sessions": sim.send_raw(octets)}))
        }
        ("mute", what) => set(sim, "mute", what),
        ("refuse", what) => set(sim, "refuse", what),
        ("set", "") => Ok(settings::show(&sim.behaviour())),
        ("set", rest) => {
            let (name, value) = split_word(rest);
            set(sim, name, value)
        }
        ("stats", "") => Ok(sim.ledger().read(view::stats)),
        ("ledger", number) => {
            let number = last(number)?;
            Ok(sim
                .ledger()
                .read(|records| view::last(records.submits(), number, view::submit)))
        }
        ("deliveries", number) => {
            let number = last(number)?;
            Ok(sim
                .ledger()
                .read(|records| view::last(records.deliveries(), number, view::delivery)))
        }
        ("binds", number) => {
            let number = last(number)?;
            Ok(sim
                .ledger()
                .read(|records| view::last(records.binds(), number, view::bind)))
        }
        ("violations", number) => {
            let number = last(number)?;
            Ok(sim
                .ledger()
                .read(|records| view::last(records.violations(), number, |text| json!(text))))
        }
        ("help", "") => Ok(json!({"commands": COMMANDS.lines().collect::<Vec<_>>()})),
        _ => Err(format!("unknown command {line:?}; `help` lists them")),
    }
}

fn set(sim: &Sim, name: &str, value: &str) -> Result<Value, String> {
    let mut behaviour = sim.behaviour();
    settings::set(&mut behaviour, name, value)?;
    sim.behave(|current| *current = behaviour);
    Ok(json!({"ok": true}))
}

fn phone(sim: &Sim, rest: &str) -> Result<Value, String> {
    let (source, rest) = split_word(rest);
    let (destination, text) = split_word(rest);
    if destination.is_empty() {
        return Err("phone FROM TO TEXT...".into());
    }
    let message = PhoneMessage::from_text(source, destination, text);
    if message.octets.len() > usize::from(u16::MAX) {
        return Err("the text is longer than message_payload can be".into());
    }
    let answer =
        json!({"ok": true, "octets": message.octets.len(), "data_coding": message.data_coding});
    if sim.deliver(message) {
        Ok(answer)
    } else {
        Err("too many messages wait".into())
    }
}

fn phone_long(sim: &Sim, rest: &str) -> Result<Value, String> {
    let (source, rest) = split_word(rest);
    let (destination, text) = split_word(rest);
    if destination.is_empty() {
        return Err("phone-long FROM TO TEXT...".into());
    }
    let reference = sim.shared.next_reference();
    let parts = PhoneMessage::from_long_text(source, destination, reference, text)
        .ok_or("the text takes more than 255 parts")?;
    let total = parts.len();
    if parts.into_iter().all(|part| sim.deliver(part)) {
        Ok(json!({"ok": true, "parts": total, "data_coding": 8}))
    } else {
        Err("too many messages wait".into())
    }
}

fn last(number: &str) -> Result<usize, String> {
    match number {
        "" => Ok(10),
        number => number
            .parse()
            .map_err(|_| format!("{number:?} is not a number")),
    }
}

fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}
