//! The way to the SMSC: columns, name, TCP, TLS, bind, enquire_link.

use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;

use super::PATIENCE;
use super::probe::{Probe, ProbeError};
use super::report::Report;
use super::steps;
use crate::pdu::{CommandStatus, Pdu};
use crate::server::{Account, Server};
use crate::session::BindMode;
use crate::session::connect::{handshake, open_tcp, resolve};
use crate::tls::{Certificate, Fault, Negotiated, Stream, Told, Verify};

/// Looks at all of it; `waiting`: so many messages of the lane may leave; `leave_bound`: a daemon is bound, so there is no second bind.
pub(super) async fn examine(
    server: &Server,
    waiting: Option<i64>,
    leave_bound: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let account = &server.account;
    if !columns(server, waiting, report)? {
        return Ok(());
    }
    let patience = account.timers.session_init.min(PATIENCE * 3);
    let until = Instant::now() + patience;
    let addresses = match resolve(&account.host, account.port, until).await {
        Ok(addresses) => addresses,
        Err(error) => {
            return report.failed(
                "host name",
                format!("{}: {error}", account.host),
                "correct host in smpp_servers, or the name service of this machine",
            );
        }
    };
    let all: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    report.ok(
        "host name",
        format!("{} is {}", account.host, all.join(", ")),
    )?;
    let began = Instant::now();
    let stream = match open_tcp(addresses, until.max(Instant::now() + PATIENCE)).await {
        Ok(stream) => stream,
        Err(error) => {
            return report.failed(
                "connection",
                error.to_string(),
                "are host and port right, does the provider let this machine's address in (most have a list), and does no firewall keep it from leaving?",
            );
        }
    };
    report.ok(
        "connection",
        format!(
            "{}, in {} ms",
            stream.peer_addr()?,
            began.elapsed().as_millis()
        ),
    )?;
    let stream = match &account.tls {
        None => {
            report.ok("TLS", "none (esme_tls is FALSE)")?;
            Stream::Plain(stream)
        }
        Some(client) => {
            let until = Instant::now() + PATIENCE;
            match handshake(stream, client, &account.host, account.port, until).await {
                Ok((stream, negotiated)) => {
                    secured(&negotiated, client.settings.verify, report)?;
                    stream
                }
                Err(error) => {
                    if let Some(peer) = &error.peer {
                        certificate("certificate", peer, report)?;
                    }
                    let next = steps::smsc(error.fault, error.peer.as_deref(), account);
                    return report.failed("TLS", error.message, next);
                }
            }
        }
    };
    if leave_bound {
        return report.skipped(
            "bind",
            "the daemon is bound with this account, so it works",
            "--bind does it all the same; an SMSC may refuse the second bind, or end the first",
        );
    }
    bind(account, server, stream, patience, report).await
}

/// What can be told by the row alone; whether it makes sense to go on.
fn columns(server: &Server, waiting: Option<i64>, report: &mut Report) -> anyhow::Result<bool> {
    let account = &server.account;
    let id = account.id;
    let label = format!("{} (id {id}) as {}", server.label(), account.system_id);
    if let Some(reason) = &account.unusable {
        report.failed(
            "server",
            format!("{label}: {reason}"),
            format!("UPDATE smpp_servers SET ... WHERE id = {id}"),
        )?;
        return Ok(false);
    }
    report.ok("server", label)?;
    for warning in server.warnings() {
        report.warning(
            "columns",
            warning,
            "the provider's papers say what is right",
        )?;
    }
    if account.system_id.is_empty() {
        report.warning(
            "columns",
            "esme_system_id is empty",
            "it is the user name that the provider gave you",
        )?;
    }
    let waiting = match waiting {
        Some(0) | None => String::new(),
        Some(1) => ", and 1 message of this lane waits".to_owned(),
        Some(messages) => format!(", and {messages} messages of this lane wait"),
    };
    if account.mode == BindMode::Receiver {
        report.warning(
            "columns",
            format!("esme_bind_mode is receiver, which submits nothing{waiting}"),
            format!("to send, too: UPDATE smpp_servers SET esme_bind_mode = 'transceiver' WHERE id = {id}, or 'transmitter+receiver'"),
        )?;
    }
    if server.settings.paused {
        report.warning(
            "columns",
            format!("esme_submit_paused is TRUE: nothing is sent{waiting}"),
            format!("UPDATE smpp_servers SET esme_submit_paused = FALSE WHERE id = {id}"),
        )?;
    }
    Ok(true)
}

fn secured(negotiated: &Negotiated, verify: Verify, report: &mut Report) -> anyhow::Result<()> {
    let words = format!("{} ({})", negotiated.version, negotiated.cipher);
    if verify == Verify::Nothing {
        report.warning(
            "TLS",
            format!("{words}, but the certificate is not checked: anybody could be at the other end"),
            "esme_tls_verify = TRUE, with esme_tls_ca_file if the authority is not one of the system's",
        )?;
    } else {
        report.ok("TLS", format!("{words}, the certificate is checked"))?;
    }
    if let Some(peer) = &negotiated.peer {
        certificate("certificate", peer, report)?;
    }
    if let Some(own) = &negotiated.own {
        certificate("own certificate", own, report)?;
    }
    Ok(())
}

fn certificate(check: &str, certificate: &Certificate, report: &mut Report) -> anyhow::Result<()> {
    let words = format!(
        "{}, for {}, issued by {}",
        certificate.label(),
        if certificate.names.is_empty() {
            "no host name".to_owned()
        } else {
            certificate.names.join(", ")
        },
        certificate.issuer,
    );
    match Told::default().look(certificate, Utc::now()) {
        Some(expiry) => report.warning(
            check,
            format!("{words}; it {}", expiry.message),
            "have it renewed",
        ),
        None => report.ok(
            check,
            format!(
                "{words}, until {}",
                certificate.not_after.format("%Y-%m-%d")
            ),
        ),
    }
}

async fn bind(
    account: &Account,
    server: &Server,
    stream: Stream,
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let body = server.session_config().bind;
    let (pdu, name) = match account.mode {
        BindMode::Transmitter => (Pdu::BindTransmitter(body), "bind_transmitter"),
        BindMode::Receiver => (Pdu::BindReceiver(body), "bind_receiver"),
        BindMode::Transceiver => (Pdu::BindTransceiver(body), "bind_transceiver"),
    };
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
            let (finding, next) = refusal(status, account);
            return report.failed(
                "bind",
                format!("{name} is refused: {finding} ({status})"),
                next,
            );
        }
        Err(error) => {
            let (finding, next) = broken(&error, account);
            return report.failed("bind", format!("{name}: {finding}"), next);
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
    if probe.refused > 0 {
        report.ok(
            "deliveries",
            format!(
                "the SMSC had {} for us; it was asked to send them again later",
                probe.refused
            ),
        )?;
    }
    match probe.end().await {
        Ok(()) => report.ok("unbind", "answered"),
        Err(error) => report.warning(
            "unbind",
            error.to_string(),
            "the SMSC may hold on to the session for a while",
        ),
    }
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
        _ => (
            error.to_string(),
            "is this the port for SMPP, and is TLS (esme_tls) as the provider wants it? Some close without a word when the address of this machine is not on their list".to_owned(),
        ),
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
