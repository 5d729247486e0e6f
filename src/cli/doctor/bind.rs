//! The bind, where no daemon has a session with the account, and what it came to.

use std::time::Duration;

use tokio::time::Instant;

use super::PATIENCE;
use super::probe::{Probe, ProbeError};
use super::report::Report;
use super::steps;
use crate::cli::times::ago;
use crate::db::doctor::Bound;
use crate::pdu::{CommandStatus, Pdu};
use crate::server::{Account, Server};
use crate::session::BindMode;
use crate::session::connect::connect;
use crate::tls::{Fault, Stream};

/// What to do where a bind is not answered.
const SILENT: &str = "is this the port for SMPP, and is TLS (esme_tls) as the provider wants it? Some close without a word when the address of this machine is not on their list";

/// Where a provider gives an account one session only.
fn single_session(id: i64) -> String {
    format!(
        "does the provider let an account have two sessions? Else UPDATE smpp_servers SET esme_bind_mode = 'transceiver' WHERE id = {id}"
    )
}

/// A daemon has a session with the account, so there is no bind of ours: what is known of the daemon's.
pub(super) fn beside(bound: &Bound, account: &Account, report: &mut Report) -> anyhow::Result<()> {
    const BESIDE: &str =
        "--bind does it all the same; an SMSC may refuse the second bind, or end the first";
    let who = format!("the daemon of lane {}", bound.lane);
    let since = bound.since_seconds.map(ago).unwrap_or_default();
    let error = match (&bound.last_error, bound.last_error_seconds) {
        (Some(error), Some(seconds)) => format!("; last error: {error} ({} ago)", ago(seconds)),
        _ => String::new(),
    };
    match bound.session_state.as_str() {
        "bound" | "throttled" => {
            let finding = format!("{who} is bound with this account, so it works");
            report.skipped("bind", finding, BESIDE)
        }
        "binding" => report.warning(
            "bind",
            format!("{who} has been binding with this account for {since}, and has no answer"),
            SILENT,
        ),
        "transmitter_only" => report.failed(
            "bind",
            format!(
                "{who} is bound with this account as transmitter only, for {since}: no receipts come, nor messages from phones{error}"
            ),
            single_session(account.id),
        ),
        "receiver_only" => report.failed(
            "bind",
            format!(
                "{who} is bound with this account as receiver only, for {since}: nothing is sent{error}"
            ),
            single_session(account.id),
        ),
        "unbinding" => report.skipped(
            "bind",
            format!("{who} is ending its session with this account"),
            "try it again in a moment",
        ),
        state => report.warning(
            "bind",
            format!("{who} has been {state} with this account for {since}"),
            "try it again in a moment; esmed events tells how it goes",
        ),
    }
}

/// Binds as the daemon would, and unbinds; of a pair the receiver while the transmitter is bound.
pub(super) async fn bind(
    server: &Server,
    stream: Stream,
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let account = &server.account;
    let Some(first) = session(server, account.mode, stream, patience, report).await? else {
        return Ok(());
    };
    let mut probes = vec![first];
    if account.with_receiver {
        let tls = account.tls.as_ref();
        match connect(&account.host, account.port, tls, patience).await {
            Ok(second) => {
                let receiver = BindMode::Receiver;
                probes.extend(session(server, receiver, second.stream, patience, report).await?);
            }
            Err(error) => report.failed(
                "bind",
                format!("there is no second connection, for the receiver: {error}"),
                single_session(account.id),
            )?,
        }
    }
    let refused: usize = probes.iter().map(|probe| probe.refused).sum();
    if refused > 0 {
        report.ok(
            "deliveries",
            format!("the SMSC had {refused} for us; it was asked to send them again later"),
        )?;
    }
    for probe in probes {
        match probe.end().await {
            Ok(()) => report.ok("unbind", "answered")?,
            Err(error) => report.warning(
                "unbind",
                error.to_string(),
                "the SMSC may hold on to the session for a while",
            )?,
        }
    }
    Ok(())
}

/// A session that is bound and has answered, or a verdict.
async fn session(
    server: &Server,
    mode: BindMode,
    stream: Stream,
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<Option<Probe>> {
    let account = &server.account;
    let body = server.session_config().bind;
    let (pdu, name) = match mode {
        BindMode::Transmitter => (Pdu::BindTransmitter(body), "bind_transmitter"),
        BindMode::Receiver => (Pdu::BindReceiver(body), "bind_receiver"),
        BindMode::Transceiver => (Pdu::BindTransceiver(body), "bind_transceiver"),
    };
    let is_second = account.with_receiver && mode == BindMode::Receiver;
    let mut probe = Probe::new(stream);
    let began = Instant::now();
    match probe.request(&pdu, patience).await {
        Ok(answer) if answer.header.command_status == CommandStatus::ESME_ROK => {
            report.ok(
                "bind",
                format!("{name} is accepted, in {} ms", began.elapsed().as_millis()),
            )?;
        }
        Ok(answer) => {
            let status = answer.header.command_status;
            let (finding, mut next) = refusal(status, account);
            // The same account was let in a moment ago.
            if is_second {
                next = single_session(account.id);
            }
            report.failed(
                "bind",
                format!("{name} is refused: {finding} ({status})"),
                next,
            )?;
            return Ok(None);
        }
        Err(error) => {
            let (finding, mut next) = broken(&error, account);
            if is_second {
                next = single_session(account.id);
            }
            report.failed("bind", format!("{name}: {finding}"), next)?;
            return Ok(None);
        }
    }
    let began = Instant::now();
    match probe.request(&Pdu::EnquireLink, PATIENCE).await {
        Ok(answer) if answer.header.command_status == CommandStatus::ESME_ROK => {
            report.ok("enquire_link", format!("answered in {:.1} ms", began.elapsed().as_secs_f64() * 1000.0))?;
        }
        Ok(answer) => report.warning(
            "enquire_link",
            format!("answered with {}", answer.header.command_status),
            "smpp_enquire_link_timer = 0 turns it off, and smpp_inactivity_timer with it",
        )?,
        Err(error) => report.warning(
            "enquire_link",
            error.to_string(),
            "without an answer the daemon rebinds after smpp_response_timer; smpp_enquire_link_timer = 0 turns it off",
        )?,
    }
    Ok(Some(probe))
}

/// Why there is no answer to a bind, and what to do.
fn broken(error: &ProbeError, account: &Account) -> (String, String) {
    let id = account.id;
    match error {
        ProbeError::Garbage(frame) if frame.is_tls() && account.tls.is_none() => (
            "what comes back is TLS: should esme_tls be TRUE?".to_owned(),
            format!(
                "UPDATE smpp_servers SET esme_tls = TRUE WHERE id = {id}, or take the port without TLS"
            ),
        ),
        // With TLS 1.3 a server looks at our certificate only now.
        ProbeError::Io(io) if Fault::of(io).is_some() => (
            error.to_string(),
            steps::smsc(Fault::of(io).unwrap_or(Fault::Other), None, account),
        ),
        _ => (error.to_string(), SILENT.to_owned()),
    }
}

/// Why a bind was refused, and what to do.
fn refusal(status: CommandStatus, account: &Account) -> (&'static str, String) {
    let id = account.id;
    let system_id = &account.system_id;
    match status {
        CommandStatus::ESME_RINVPASWD => (
            "the password is wrong",
            format!("correct esme_password: UPDATE smpp_servers SET esme_password = '...' WHERE id = {id}"),
        ),
        CommandStatus::ESME_RINVSYSID => (
            "the user name is wrong",
            format!("{system_id} is not known: correct esme_system_id of server {id}"),
        ),
        CommandStatus::ESME_RALYBND => (
            "the account is bound already",
            "by another program or machine with the same account, or by an old session that the SMSC has not dropped yet: wait a minute, then look who else uses it".to_owned(),
        ),
        CommandStatus::ESME_RINVSYSTYP => (
            "system_type is wrong",
            format!("correct smpp_system_type of server {id}; the provider's papers say what it has to be"),
        ),
        CommandStatus::ESME_RINVCMDID => (
            "the SMSC does not know this kind of bind",
            format!("another esme_bind_mode for server {id}: transmitter, receiver or transceiver"),
        ),
        CommandStatus::ESME_RBINDFAIL => (
            "the bind failed",
            "the account may have too many sessions, be locked, or not be allowed from this address: the provider knows".to_owned(),
        ),
        CommandStatus::ESME_RBINDTHROTTLED | CommandStatus::ESME_RTHROTTLED => (
            "too many binds",
            "wait some minutes; does another program bind again and again?".to_owned(),
        ),
        _ => (
            status.words().unwrap_or("a status that SMPP does not know"),
            "the provider knows what it means".to_owned(),
        ),
    }
}
