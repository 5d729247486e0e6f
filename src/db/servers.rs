//! Reads `smpp_servers`.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Row;

use super::{Database, DbError};
use crate::classes::{Classes, MOST_OVERRIDES, Override};
use crate::config::Password;
use crate::pdu::{CommandStatus, StatusClass};
use crate::receipt::IdFormat;
use crate::server::{Account, InDoubt, Server};
use crate::session::{BindMode, Settings, Timers};
use crate::text::{Alphabet, LongMessage, Style};
use crate::tls::{self, Client, Identity, Names, Roots, Verify};

const SERVERS: &str = include_str!("../../sql/queries/servers.sql");
/// Servers that may stand in; further ones are never tried.
pub const MOST_STAND_INS: i64 = 20;

const STATUS_CLASSES: &str = include_str!("../../sql/queries/status_classes.sql");

/// The servers of a lane that may be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lane {
    /// The one to use.
    pub enabled: Option<Server>,
    /// Those that may stand in for it, in their order.
    pub stand_ins: Vec<Server>,
}

/// The servers of a lane that may be used; at most [`MOST_STAND_INS`] that stand in.
///
/// # Errors
/// When the database can't answer.
pub async fn of_lane(database: &Database, lane: &str) -> Result<Lane, DbError> {
    let mut servers = select(database, Some(lane), &[]).await?;
    let enabled = servers.iter().position(|(_, is_enabled)| *is_enabled);
    let enabled = enabled.map(|index| servers.remove(index).0);
    let others = servers.into_iter().map(|(server, _)| server);
    Ok(Lane {
        enabled,
        stand_ins: others.filter(|server| server.stands_in).collect(),
    })
}

/// The enabled server of a lane.
///
/// # Errors
/// When the database can't answer.
pub async fn enabled(database: &Database, lane: &str) -> Result<Option<Server>, DbError> {
    Ok(of_lane(database, lane).await?.enabled)
}

/// The servers with these ids, whatever their lane.
///
/// # Errors
/// When the database can't answer.
pub async fn by_id(database: &Database, ids: &[i64]) -> Result<Vec<Server>, DbError> {
    let servers = select(database, None, ids).await?;
    Ok(servers.into_iter().map(|(server, _)| server).collect())
}

/// Servers, and whether each is enabled.
async fn select(
    database: &Database,
    lane: Option<&str>,
    ids: &[i64],
) -> Result<Vec<(Server, bool)>, DbError> {
    let client = database.client().await?;
    let statement = client.prepare_cached(SERVERS).await?;
    let rows = client
        .query(&statement, &[&lane, &ids, &MOST_STAND_INS])
        .await?;
    let mut servers: Vec<(Server, bool)> = rows
        .iter()
        .map(|row| (read(row), row.get("enabled")))
        .collect();
    if servers.is_empty() {
        return Ok(servers);
    }
    let statement = client.prepare_cached(STATUS_CLASSES).await?;
    let ids: Vec<i64> = servers.iter().map(|it| it.0.account.id).collect();
    // One more tells that there are more.
    let most = i64::try_from(MOST_OVERRIDES + 1).unwrap_or(i64::MAX);
    let rows = client.query(&statement, &[&ids, &most]).await?;
    for (server, _) in &mut servers {
        let id = server.account.id;
        let of_server = rows.iter().filter(|row| row.get::<_, i64>("id") == id);
        server.classes = Classes::new(of_server.filter_map(read_override));
    }
    Ok(servers)
}

/// `None` where a constraint of the table is gone, so that the row makes no sense.
fn read_override(row: &Row) -> Option<Override> {
    Some(Override {
        own: row.get("own"),
        status: CommandStatus(u32::try_from(row.get::<_, i64>("command_status")).ok()?),
        class: StatusClass::from_name(row.get("class"))?,
    })
}

fn read(row: &Row) -> Server {
    let seconds = |column: &str| {
        let seconds: i32 = row.get(column);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    };
    let unless_zero = |column: &str| Some(seconds(column)).filter(|timer| !timer.is_zero());
    let octet = |column: &str| octet(row.get(column));
    let optional_octet = |column: &str| row.get::<_, Option<i16>>(column).map(self::octet);
    let bind_mode: Option<&str> = row.get("esme_bind_mode");
    let with_receiver = bind_mode == Some("transmitter+receiver");
    let (mode, mut unusable) = match bind_mode {
        Some("transmitter" | "transmitter+receiver") => (BindMode::Transmitter, None),
        Some("receiver") => (BindMode::Receiver, None),
        Some("transceiver") => (BindMode::Transceiver, None),
        None if row.get("esme_bind_transceiver") => (BindMode::Transceiver, None),
        None => (BindMode::Transmitter, None),
        Some(other) => (
            BindMode::Transmitter,
            Some(format!(
                "esme_bind_mode {other:?} is not supported by this version"
            )),
        ),
    };
    let tls = match tls_of(row) {
        Ok(tls) => tls,
        Err(reason) => {
            unusable = Some(reason);
            None
        }
    };
    // The table's constraints let no other names through; an unknown one is as good as the default.
    let alphabet: &str = row.get("esme_default_alphabet");
    let id_format: &str = row.get("esme_message_id_format");
    let in_doubt: &str = row.get("esme_in_doubt");
    let window: i32 = row.get("esme_window_size");
    let port: i32 = row.get("port");
    Server {
        account: Account {
            id: row.get("id"),
            host: row.get("host"),
            port: u16::try_from(port).unwrap_or_default(),
            system_id: row.get("esme_system_id"),
            password: Password::from(row.get::<_, String>("esme_password")),
            mode,
            with_receiver,
            system_type: row.get("smpp_system_type"),
            interface_version: octet("smpp_interface_version"),
            addr_ton: octet("esme_addr_ton"),
            addr_npi: octet("esme_addr_npi"),
            address_range: row.get("esme_address_range"),
            timers: Timers {
                session_init: seconds("smpp_session_init_timer"),
                enquire_link: unless_zero("smpp_enquire_link_timer"),
                inactivity: unless_zero("smpp_inactivity_timer"),
                response: seconds("smpp_response_timer"),
                pdu_read: seconds("smpp_pdu_read_timer"),
            },
            tls,
            unusable,
        },
        name: row.get("name"),
        settings: Settings {
            window: usize::try_from(window).unwrap_or(1),
            rate: row.get("esme_throughput"),
            throttle_delay: duration(row.get("esme_throttle_delay")),
            paused: row.get("esme_submit_paused"),
        },
        classes: Classes::default(),
        source_addr: row
            .get::<_, Option<String>>("esme_source_addr")
            .unwrap_or_default(),
        source_addr_ton: optional_octet("esme_source_addr_ton"),
        source_addr_npi: optional_octet("esme_source_addr_npi"),
        dest_addr_ton: octet("esme_dest_addr_ton"),
        dest_addr_npi: octet("esme_dest_addr_npi"),
        country_code: row.get("esme_country_code"),
        service_type: row.get("esme_service_type"),
        validity_period: row.get("esme_validity_period"),
        registered_delivery: row.get("esme_registered_delivery"),
        max_submission_attempts: row.get("esme_max_submission_attempts"),
        retry_delay: duration(row.get("esme_retry_delay")),
        style: Style {
            alphabet: alphabet.parse().unwrap_or(Alphabet::Gsm0338),
            transliterate: row.get("esme_transliterate"),
            long_message: LongMessage::from_name(row.get("esme_long_message")).unwrap_or_default(),
            max_parts: u8::try_from(row.get::<_, i16>("esme_max_parts")).unwrap_or(1),
        },
        one_receipt: row.get::<_, &str>("esme_part_receipts") == "one",
        receipts_without_esm_class: row.get("esme_receipts_without_esm_class"),
        id_format: id_format.parse().unwrap_or(IdFormat::Same),
        in_doubt: InDoubt::from_name(in_doubt).unwrap_or(InDoubt::Resend),
        stands_in: row.get::<_, Option<i32>>("esme_failover_order").is_some(),
        failover_after: seconds("esme_failover_after"),
    }
}

/// An empty text is as good as NULL.
fn tls_of(row: &Row) -> Result<Option<Client>, String> {
    if !row.get::<_, bool>("esme_tls") {
        return Ok(None);
    }
    let text = |column: &str| {
        let text: Option<String> = row.get(column);
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let file = |column: &str| text(column).map(PathBuf::from);
    let identity = match (file("esme_tls_cert_file"), file("esme_tls_key_file")) {
        (None, None) => None,
        (None, Some(_)) => {
            return Err(
                "esme_tls_key_file is set without esme_tls_cert_file; a client certificate needs both"
                    .to_owned(),
            );
        }
        // Both may be in one file.
        (Some(certificate), key) => Some(Identity {
            key: key.unwrap_or_else(|| certificate.clone()),
            certificate,
        }),
    };
    Ok(Some(Client {
        settings: tls::Settings {
            verify: if row.get("esme_tls_verify") {
                Verify::Full
            } else {
                Verify::Nothing
            },
            roots: file("esme_tls_ca_file").map_or(Roots::System, Roots::File),
            identity,
            names: Names::SMSC,
        },
        server_name: text("esme_tls_server_name"),
    }))
}

/// A smallint that a constraint keeps between 0 and 255.
fn octet(value: i16) -> u8 {
    u8::try_from(value).unwrap_or_default()
}

/// Seconds that a constraint keeps above 0 and finite; a day is as good as longer.
fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))
}
