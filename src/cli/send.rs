//! `esmed send`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::signal::ctrl_c;
use tokio::time::{Instant, timeout_at};

use super::as_role::{AsRole, lacks_rights, may_send};
use super::number::number;
use super::paint::{Paint, plain};
use super::times::span;
use super::{ConfigFile, Usage, block_on, octet, standard_input, told};
use crate::config::Config;
use crate::db::ears::{Channel, Ears};
use crate::db::events::{self, Status};
use crate::db::send::{self, Message, Progress, Receipt, Sender};
use crate::db::{Database, DbError};

/// Exit code: the time of --timeout is over, and the end is not known.
pub(super) const TIMED_OUT: u8 = 3;

/// Exit code of who is interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

/// Between looks without a notification.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    role: AsRole,
    /// Number of the phone: digits, with or without a + in front
    #[arg(value_name = "NUMBER", value_parser = number)]
    number: String,
    /// The text, words with blanks between; `-` reads standard input
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// Sender (smpp_source_addr); else by smpp_prefixes, then by the server
    #[arg(long, value_name = "SENDER")]
    from: Option<String>,
    /// smpp_priority_flag, 0 to 3: higher ones leave first
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    priority: u8,
    /// smpp_message_class, 0 to 3
    #[arg(long, value_name = "CLASS", value_parser = clap::value_parser!(u8).range(0..=3))]
    class: Option<u8>,
    /// Shown at once and not stored, as --class 0
    #[arg(long, conflicts_with = "class")]
    flash: bool,
    /// Lane of the message; else that of the configuration
    #[arg(long, value_name = "LANE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    lane: Option<String>,
    /// Ask for a receipt, with =failure only for a failure; --wait then waits for the final state
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    receipt: Option<ReceiptWhen>,
    /// Not before so long from now: 90s, 15m, 1h (send_after)
    #[arg(long, value_name = "SPAN", value_parser = span)]
    send_in: Option<f64>,
    /// Not sent any more after so long from now: 90s, 15m, 1h (expires_at)
    #[arg(long, value_name = "SPAN", value_parser = span)]
    expires_in: Option<f64>,
    /// Reference of your own; a message that has it already is not sent again, its id is told
    #[arg(long, value_name = "REFERENCE")]
    client_ref: Option<String>,
    /// smpp_data_coding, decimal or as 0x18; else chosen by the text
    #[arg(long, value_name = "NUMBER", value_parser = octet)]
    data_coding: Option<u8>,
    /// Follow it until it is sent, with --receipt until its final state
    #[arg(long)]
    wait: bool,
    /// How long --wait waits; the message stays in the queue after it
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span, requires = "wait")]
    timeout: f64,
    /// One JSON object for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ReceiptWhen {
    Always,
    Failure,
}

pub(super) fn run(arguments: &Arguments, paint: Paint) -> anyhow::Result<ExitCode> {
    let (text, origin) = match arguments.text.as_slice() {
        [dash] if dash == "-" => (standard_input()?, ": standard input had none"),
        words => (words.join(" "), ""),
    };
    // As a rule what should have written it has failed, and an empty SMS costs as much as any.
    if text.trim().is_empty() {
        bail!(Usage(format!(
            "the text is empty{origin}; nothing was queued"
        )));
    }
    if text.contains('\0') {
        bail!("the text has a NUL, which PostgreSQL takes in no column; leave it out");
    }
    let own = arguments.role.config(&arguments.file)?;
    let config = match &own {
        Some(config) => config.clone(),
        None => Config::without_file()?,
    };
    let lane = arguments.lane.as_ref().unwrap_or(&config.daemon.lane);
    if own.is_none() && arguments.lane.is_none() {
        eprintln!(
            "esmed: the lane is {lane:?}, for {} can't be read; --lane names another one",
            arguments.file.config.display()
        );
    }
    let message = Message {
        lane: lane.clone(),
        destination: arguments.number.clone(),
        text,
        source: arguments.from.clone(),
        priority: arguments.priority,
        receipt: match arguments.receipt {
            None => Receipt::None,
            Some(ReceiptWhen::Always) => Receipt::Always,
            Some(ReceiptWhen::Failure) => Receipt::Failure,
        },
        class: arguments.class.or(arguments.flash.then_some(0)),
        data_coding: arguments.data_coding,
        send_in: arguments.send_in,
        expires_in: arguments.expires_in,
        client_ref: arguments.client_ref.clone(),
    };
    block_on(async {
        let database = arguments.role.database(&config.database)?;
        let sender = may_send(&database).await?;
        let queued = send::queue(&database, &message)
            .await
            .map_err(|error| anyhow!("the message is not queued: {}", refusal(&error, &sender)))?;
        if !queued.is_new {
            eprintln!(
                "esmed: message {} has this client_ref already; nothing was queued",
                queued.id
            );
        }
        let own = own.filter(|_| arguments.role.is_named());
        if let Some(warning) = will_wait(&database, lane, own.as_ref()).await {
            eprintln!("esmed: {warning}");
        }
        let mut view = json!({ "id": queued.id, "queued": queued.is_new });
        if !arguments.json {
            told(&queued.id.to_string())?;
        }
        if !arguments.wait {
            if arguments.json {
                told(&view.to_string())?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let wants_state = message.receipt == Receipt::Always;
        let patience = Duration::from_secs_f64(arguments.timeout);
        let began = Instant::now();
        let following = follow(&database, queued.id, wants_state, patience, |progress| {
            eprintln!(
                "{:>7.1} s  {}",
                began.elapsed().as_secs_f64(),
                words(progress, paint)
            );
        });
        let followed = tokio::select! {
            followed = following => followed?,
            _ = ctrl_c() => {
                eprintln!("esmed: not waited for any more; message {} stays as it is", queued.id);
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        let (end, progress) = &followed;
        if arguments.json {
            if let Value::Object(all) = view_of(progress) {
                for (key, value) in all {
                    view[&key] = value;
                }
            }
            view["outcome"] = end.name().into();
            told(&view.to_string())?;
        }
        if *end == End::TimedOut {
            eprintln!(
                "esmed: message {} has come no further within {} s; it stays as it is, and what becomes of it is in smpp_tx_report",
                queued.id, arguments.timeout
            );
        }
        Ok(end.exit_code())
    })
}

/// What the database said, without what it may quote of the row.
fn refusal(error: &DbError, sender: &Sender) -> String {
    match error {
        DbError::Broken(reason) if reason.contains("42501") => lacks_rights(sender),
        error => plain(error.reason()),
    }
}

/// Why the message will not leave soon.
async fn will_wait(database: &Database, lane: &str, own: Option<&Config>) -> Option<String> {
    let mut status = events::status(database, lane).await;
    let sees_server = |status: &Status| status.server_id.is_none() || status.bind_mode.is_some();
    let sees_all = match &status {
        Ok(status) => status.as_ref().is_none_or(sees_server),
        Err(_) => false,
    };
    if !sees_all && let Some(own) = own {
        // Applications may not see it, the daemon's role may.
        let own = Database::new(&own.database, "esmed").ok()?;
        status = events::status(&own, lane).await;
    }
    let status = status.ok()?;
    match status {
        Some(status) if status.alive && !status.can_send() => Some(format!(
            "no server of lane {lane} is bound ({}); the message waits until one is",
            plain(&status.session_state)
        )),
        Some(status) if status.alive => {
            let id = status.server_id.unwrap_or_default();
            if status.submit_paused == Some(true) {
                Some(format!(
                    "sending is paused (esme_submit_paused of server {id}); the message waits until it is not"
                ))
            } else if status.bind_mode.as_deref() == Some("receiver") {
                Some(format!(
                    "nothing is sent as receiver (esme_bind_mode of server {id}); the message waits until it is another"
                ))
            } else {
                None
            }
        }
        _ => Some(format!(
            "no daemon serves lane {lane}; the message waits until one does"
        )),
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// DELIVERED.
    Delivered,
    /// The SMSC has it, and no receipt was asked for.
    Sent,
    /// Failed, expired, cancelled, or a final state other than DELIVERED.
    Failed,
    /// In doubt, somebody has to decide.
    Held,
    /// The row is gone.
    Gone,
    /// The time is over.
    TimedOut,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Gone => "gone",
            Self::TimedOut => "timeout",
        }
    }

    fn exit_code(self) -> ExitCode {
        match self {
            Self::Delivered | Self::Sent => ExitCode::SUCCESS,
            Self::Failed | Self::Held | Self::Gone => ExitCode::FAILURE,
            Self::TimedOut => ExitCode::from(TIMED_OUT),
        }
    }
}

/// `None` while it goes on.
fn end(progress: &Progress, wants_state: bool) -> Option<End> {
    match (progress.status.as_str(), progress.state.as_deref()) {
        ("failed" | "expired" | "cancelled", _) => Some(End::Failed),
        ("held", _) => Some(End::Held),
        ("sent", Some("DELIVERED")) => Some(End::Delivered),
        ("sent", Some("EXPIRED" | "DELETED" | "UNDELIVERABLE" | "REJECTED")) => Some(End::Failed),
        ("sent", _) if !wants_state => Some(End::Sent),
        _ => None,
    }
}

/// Follows a message to its end, and tells of each step. A database that goes away is waited for.
///
/// # Errors
/// When the role may not look, say.
pub(super) async fn follow(
    database: &Database,
    id: i64,
    wants_state: bool,
    patience: Duration,
    mut tell: impl FnMut(&Progress),
) -> anyhow::Result<(End, Progress)> {
    let until = Instant::now() + patience;
    let ears = Ears::open(database, Channel::Delivery);
    let mut last: Option<Progress> = None;
    let mut is_away = false;
    loop {
        let look = database.in_time(send::progress(database, id));
        let looked = match timeout_at(until, look).await {
            Ok(Err(error)) if error.is_away() => {
                if !is_away {
                    eprintln!("esmed: {}; waiting for it", plain(&error.to_string()));
                    is_away = true;
                }
                None
            }
            Ok(looked) => Some(looked?),
            Err(_) => None,
        };
        if is_away && looked.is_some() {
            eprintln!("esmed: the database is back");
            is_away = false;
        }
        match looked {
            Some(Some(progress)) => {
                if last.as_ref() != Some(&progress) {
                    tell(&progress);
                }
                if let Some(end) = end(&progress, wants_state) {
                    return Ok((end, progress));
                }
                last = Some(progress);
            }
            Some(None) => return Ok((End::Gone, last.unwrap_or_default())),
            None => {}
        }
        if Instant::now() >= until {
            return Ok((End::TimedOut, last.unwrap_or_default()));
        }
        let left = until.saturating_duration_since(Instant::now());
        ears.wait(LOOK_EVERY.min(left)).await;
    }
}

/// One step in words.
pub(super) fn words(progress: &Progress, paint: Paint) -> String {
    let mut words = match progress.state.as_deref() {
        Some(state) if progress.status == "sent" => state.to_owned(),
        _ => progress.status.clone(),
    };
    words = match end(progress, true) {
        Some(End::Delivered) => paint.good(&words),
        Some(_) => paint.bad(&words),
        None => words,
    };
    if progress.status == "sent" {
        if let Some(id) = &progress.message_id {
            words = format!("{words} (id {})", plain(id));
        }
        if let Some(parts) = progress.parts.filter(|parts| *parts > 1) {
            words = format!("{words}, {parts} parts");
        }
    } else if let Some(info) = &progress.info {
        words = format!("{words}: {}", plain(info));
    }
    // 000 says that there is none.
    let error = progress.error_code.as_deref();
    if let Some(code) = error.filter(|code| !code.trim_start_matches('0').is_empty()) {
        words = format!("{words}, error {}", plain(code));
        if let Some(meaning) = &progress.error_meaning {
            words = format!("{words} ({})", plain(meaning));
        }
    }
    words
}

fn view_of(progress: &Progress) -> Value {
    json!({
        "status": progress.status,
        "message_id": progress.message_id,
        "state": progress.state,
        "parts": progress.parts,
        "attempts": progress.attempts,
        "info": progress.info,
        "error_code": progress.error_code,
        "error_meaning": progress.error_meaning,
    })
}
