//! What is told of TLS: that it did not come about, that nothing is checked, that a certificate ends soon.

use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::line::Side;
use crate::server::Server;
use crate::session::CloseReason;
use crate::session::connect::ConnectError;
use crate::tls::{Certificate, Client, Negotiated, Verify};

/// Between looks while a session stays: it may stay for months.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// Tells of a new connection what is not as it should be.
pub(super) fn connected(side: &Side, server: &Server, client: &Client, tls: &Negotiated) {
    if client.settings.verify == Verify::Nothing {
        side.emit(
            server,
            "tls_unverified",
            Some("degraded"),
            format!(
                "esme_tls_verify is FALSE: nothing tells whether it is {} that answers and gets the password",
                server.label()
            ),
            tls.peer.as_ref().map(details),
        );
    }
    look(side, server, tls);
}

/// Looks again and again, for as long as the session stays.
pub(super) async fn watch(
    side: &Side,
    server: &Server,
    client: &Client,
    mut tls: Negotiated,
) -> Infallible {
    loop {
        sleep(LOOK).await;
        // A renewed file is what the next connection uses; one that can't be read is told by that.
        let settings = client.settings.clone();
        if let Ok(Ok(own)) = spawn_blocking(move || settings.own_certificate()).await {
            tls.own = own;
        }
        look(side, server, &tls);
    }
}

/// Tells that there is no connection, with the certificate that was presented, if it came to that.
pub(super) fn no_connection(side: &Side, server: &Server, error: &ConnectError) {
    let peer = match error {
        ConnectError::Tls(error) => error.peer.as_deref(),
        ConnectError::Tcp(_) => None,
    };
    side.emit(
        server,
        "connection_failed",
        side.status(),
        format!("can't connect to {}: {error}", side.label(server)),
        peer.map(|peer| json!({ "certificate": details(peer) })),
    );
}

/// What else to say of a session that ended so.
pub(super) fn hint(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Framing(error) if error.is_tls() => "; that is TLS: should esme_tls be TRUE?",
        _ => "",
    }
}

fn look(side: &Side, server: &Server, tls: &Negotiated) {
    let whose = [
        (&tls.peer, format!("the certificate of {}", server.label())),
        (&tls.own, "our certificate (esme_tls_cert_file)".to_owned()),
    ];
    for (certificate, whose) in whose {
        let Some(certificate) = certificate else {
            continue;
        };
        let expiry = side
            .context
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(certificate, Utc::now());
        if let Some(expiry) = expiry {
            let mut details = details(certificate);
            details["days_left"] = expiry.days_left.into();
            side.emit(
                server,
                "certificate_expires",
                None,
                format!("{whose}, {}, {}", certificate.label(), expiry.message),
                Some(details),
            );
        }
    }
}

/// A certificate for programs.
fn details(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": certificate.names,
        "not_before": certificate.not_before.to_rfc3339(),
        "not_after": certificate.not_after.to_rfc3339(),
        "sha256": certificate.fingerprint,
    })
}
