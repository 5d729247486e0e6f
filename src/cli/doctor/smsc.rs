//! The way to the SMSC: columns, name, TCP, TLS, bind, enquire_link.

use chrono::Utc;
use tokio::time::Instant;

use super::PATIENCE;
use super::report::Report;
use super::{bind, steps};
use crate::db::{Database, doctor};
use crate::server::Server;
use crate::session::BindMode;
use crate::session::connect::{handshake, open_tcp, resolve};
use crate::tls::{Certificate, Negotiated, Stream, Told, Verify};

/// Looks at all of it; `waiting`: so many messages of the lane may leave; `beside_daemon`: bind also where a daemon has a session with the account.
pub(super) async fn examine(
    server: &Server,
    waiting: Option<i64>,
    database: &Database,
    beside_daemon: bool,
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
    if !beside_daemon {
        // As late as can be: a daemon may have begun meanwhile.
        match doctor::bound(database, account.id).await {
            Ok(None) => {}
            Ok(Some(bound)) => return bind::beside(&bound, account, report),
            Err(error) => {
                return report.skipped(
                    "bind",
                    format!("whether a daemon is bound is not known: {}", error.reason()),
                    "see the log of PostgreSQL; --bind does it all the same",
                );
            }
        }
    }
    bind::bind(server, stream, patience, report).await
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
