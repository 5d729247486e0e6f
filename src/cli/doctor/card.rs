//! The test message: a card of characters, its way to the phone, and what its receipt says of ids.

use std::time::Duration;

use super::Arguments;
use super::report::Report;
use crate::cli::as_role::{Why, may_send};
use crate::cli::paint::{Paint, When, plain};
use crate::cli::send::{End, follow, words};
use crate::config::Config;
use crate::db::Database;
use crate::db::send::{self, Message, Progress, Receipt};
use crate::server::Server;
use crate::session::BindMode;
use crate::text::{Alphabet, offending};

/// All characters of GSM 03.38 that can be seen, in the order of its table, then those behind an escape: 149 septets of 160.
const CARD: &str = "esmed @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà€^{}[]~|\\";

/// The part of the card that the default alphabet of a server has.
fn card(alphabet: Alphabet) -> String {
    let missing = offending(CARD, alphabet);
    CARD.chars().filter(|ch| !missing.contains(ch)).collect()
}

/// Sends it through the queue, as any other message goes.
pub(super) async fn send(
    arguments: &Arguments,
    number: &str,
    config: &Config,
    server: &Server,
    has_session: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    if !has_session {
        return report.failed(
            "message",
            "no daemon is bound with this server, and only a daemon sends",
            "start it, or enable the server; then try again",
        );
    }
    if server.settings.paused || server.account.mode == BindMode::Receiver {
        return report.failed(
            "message",
            "the daemon sends nothing with this server as it is set",
            "see the check of its columns above",
        );
    }
    let database = arguments.role.database(&config.database)?;
    if let Err(error) = may_send(&database).await {
        let next = match error.why {
            Why::WrongPassword => {
                "the password of the role in --as is wrong: correct it in the URL, or in PGPASSWORD"
            }
            Why::Peer => {
                "run this as the system user that has the name of that role, or name localhost in the URL, with the password in PGPASSWORD"
            }
            Why::NoPassword => "set PGPASSWORD to the password of the role in --as",
            Why::NotConnected => "correct the URL of --as; what it leaves out is as in [database]",
            Why::Rights => "with such a role once more",
        };
        return report.failed("message", error.to_string(), next);
    }
    let message = Message {
        lane: config.daemon.lane.clone(),
        destination: number.to_owned(),
        text: card(server.style.alphabet),
        receipt: Receipt::Always,
        ..Message::default()
    };
    let queued = match send::queue(&database, &message).await {
        Ok(queued) => queued,
        Err(error) => {
            return report.failed(
                "message",
                error.reason(),
                "a trigger or constraint on smpp_tx_queue?",
            );
        }
    };
    let patience = Duration::from_secs_f64(arguments.timeout);
    let quiet = Paint::new(When::Never);
    let (end, progress) = follow(&database, queued.id, true, patience, |progress| {
        eprintln!("message {}: {}", queued.id, words(progress, quiet));
    })
    .await?;
    outcome(end, &progress, queued.id, arguments.timeout, quiet, report)?;
    if progress.status == "sent" {
        report.ok(
            "characters",
            format!("compare what the phone shows with: {}", message.text),
        )?;
        ids(&database, server, queued.id, end, report).await?;
    }
    Ok(())
}

fn outcome(
    end: End,
    progress: &Progress,
    id: i64,
    seconds: f64,
    quiet: Paint,
    report: &mut Report,
) -> anyhow::Result<()> {
    let finding = format!("message {id}: {}", words(progress, quiet));
    match end {
        End::Delivered => report.ok("message", finding),
        End::TimedOut if progress.status == "sent" => report.warning(
            "message",
            format!("{finding}; no final receipt within {seconds} s"),
            "is the phone on? Receipts come by a transceiver or receiver only (esme_bind_mode), and are found by their ids: see the next check",
        ),
        End::TimedOut => report.failed(
            "message",
            format!("{finding}; not sent within {seconds} s"),
            "esmed status says what holds it up: the queue, the rate, a pause",
        ),
        _ => report.failed(
            "message",
            finding,
            "the status of the SMSC or the error of the receipt says why; is the sender (esme_source_addr) one that the provider allows?",
        ),
    }
}

/// Which id the receipt had, and whether the format of the server is right.
async fn ids(
    database: &Database,
    server: &Server,
    id: i64,
    end: End,
    report: &mut Report,
) -> anyhow::Result<()> {
    let format = server.id_format.name();
    match send::receipt_ids(database, id).await {
        Ok(Some((response, receipt))) => report.ok(
            "id format",
            format!(
                "{} in the response, {} in the receipt: they meet by esme_message_id_format = {format}",
                plain(&response),
                plain(&receipt)
            ),
        ),
        Ok(None) if end == End::TimedOut => match send::id_formats(database, server.account.id).await {
            Ok(formats) => match formats.first() {
                Some(best) if best.matches > 0 && best.format != format => report.failed(
                    "id format",
                    format!(
                        "receipts find no message by {format}, and {} of {} would by {}",
                        best.matches, best.receipts, best.format
                    ),
                    format!(
                        "UPDATE smpp_servers SET esme_message_id_format = '{}' WHERE id = {}; SELECT esmed_rematch()",
                        best.format, server.account.id
                    ),
                ),
                _ => report.skipped("id format", "there is no receipt to tell it from", "wait for one"),
            },
            Err(error) => report.skipped(
                "id format",
                error.reason(),
                "--as a role that has esmed_app, who may ask esmed_id_formats()",
            ),
        },
        Ok(None) => report.skipped("id format", "there is no receipt to tell it from", ""),
        Err(error) => report.skipped("id format", error.reason(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Style, Wanted, plan};

    #[test]
    fn the_card_is_one_message_in_each_alphabet() {
        for alphabet in [
            Alphabet::Gsm0338,
            Alphabet::Gsm0338Packed,
            Alphabet::Ascii,
            Alphabet::Latin1,
            Alphabet::Utf8,
        ] {
            let style = Style {
                alphabet,
                max_parts: 10,
                ..Style::default()
            };
            let card = card(alphabet);
            let plan = plan(&card, Wanted::default(), &style).unwrap();
            assert_eq!(plan.data_coding, 0, "{alphabet:?}");
            assert!(card.contains('@') && card.contains('_'), "{alphabet:?}");
            if alphabet == Alphabet::Gsm0338 {
                assert_eq!(plan.parts.len(), 1);
                // All but LF, CR and the escape, twice what an escape stands before, and the name.
                assert_eq!(plan.units, 125 + 9 * 2 + 6);
            }
        }
    }
}
