//! An account at an SMSC: a row of `smpp_servers`.

use std::time::Duration;

use crate::classes::Classes;
use crate::config::Password;
use crate::pdu::{Bind, DEFAULT_MAX_LENGTH};
use crate::receipt::IdFormat;
use crate::session::{self, BindMode, Settings, Timers};
use crate::submission::time::Interval;
use crate::text::Style;
use crate::tls::Client;

/// What becomes of a submit whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// Sent again, flagged as a possible duplicate.
    Resend,
    /// Ended as failed.
    Fail,
    /// Left until somebody decides.
    Hold,
}

impl InDoubt {
    /// By its name in the tables; `None` for any other name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "resend" => Some(Self::Resend),
            "fail" => Some(Self::Fail),
            "hold" => Some(Self::Hold),
            _ => None,
        }
    }
}

/// What the session depends on: a change of any of it rebinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `smpp_servers.id`
    pub id: i64,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name of the bind.
    pub system_id: String,
    /// Password of the bind.
    pub password: Password,
    /// Which bind.
    pub mode: BindMode,
    /// Beside it, a second session with a bind_receiver.
    pub with_receiver: bool,
    /// system_type of the bind.
    pub system_type: String,
    /// interface_version of the bind.
    pub interface_version: u8,
    /// addr_ton of the bind.
    pub addr_ton: u8,
    /// addr_npi of the bind.
    pub addr_npi: u8,
    /// address_range of the bind.
    pub address_range: String,
    /// The five timers.
    pub timers: Timers,
    /// TLS; `None`: without.
    pub tls: Option<Client>,
    /// Why this account can't be used by this version; `None` where it can.
    pub unusable: Option<String>,
}

impl Account {
    /// Whether both are the same account, so that the SMSC may refuse a second bind.
    #[must_use]
    pub fn is_same_account(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port && self.system_id == other.system_id
    }
}

/// A row of `smpp_servers`: the account, and what can change without a rebind.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// What the session depends on.
    pub account: Account,
    /// For people.
    pub name: Option<String>,
    /// Window, rate, throttle delay, and whether it is paused.
    pub settings: Settings,
    /// What its answers to submits mean.
    pub classes: Classes,
    /// Sender of messages that name none.
    pub source_addr: String,
    /// TON of the sender; `None`: detected.
    pub source_addr_ton: Option<u8>,
    /// NPI of the sender; `None`: detected.
    pub source_addr_npi: Option<u8>,
    /// TON of the destination.
    pub dest_addr_ton: u8,
    /// NPI of the destination.
    pub dest_addr_npi: u8,
    /// Country calling code that brings destinations into international form; `None`: they are sent as they are.
    pub country_code: Option<String>,
    /// service_type of messages that name none.
    pub service_type: String,
    /// validity_period of messages that name none; `None`: the default of the SMSC.
    pub validity_period: Option<Interval>,
    /// Ask for a receipt for each message.
    pub registered_delivery: bool,
    /// A message fails after so many attempts.
    pub max_submission_attempts: i32,
    /// Seconds before the next attempt, doubling.
    pub retry_delay: Duration,
    /// How texts are sent, and the meaning of data_coding 0.
    pub style: Style,
    /// One receipt stands for all parts of a long message (`esme_part_receipts`).
    pub one_receipt: bool,
    /// The provider sends receipts with esm_class 0.
    pub receipts_without_esm_class: bool,
    /// How ids in receipts relate to ids in responses.
    pub id_format: IdFormat,
    /// What becomes of a submit whose answer was lost.
    pub in_doubt: InDoubt,
    /// It may stand in for the enabled server of its lane.
    pub stands_in: bool,
    /// Not bound for so long, it is stood in for.
    pub failover_after: Duration,
}

impl Server {
    /// Stands for a server whose row is gone: the defaults of the table.
    #[must_use]
    pub fn unknown() -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        Self {
            account: Account {
                id: 0,
                host: String::new(),
                port: 2775,
                system_id: String::new(),
                password: Password::default(),
                mode: BindMode::Transmitter,
                with_receiver: false,
                system_type: String::new(),
                interface_version: 0x34,
                addr_ton: 0,
                addr_npi: 0,
                address_range: String::new(),
                timers: Timers {
                    session_init: 30 * SECOND,
                    enquire_link: Some(10 * SECOND),
                    inactivity: Some(120 * SECOND),
                    response: 60 * SECOND,
                    pdu_read: 10 * SECOND,
                },
                tls: None,
                unusable: None,
            },
            name: None,
            settings: Settings {
                window: 10,
                rate: None,
                throttle_delay: SECOND,
                paused: false,
            },
            classes: Classes::default(),
            source_addr: String::new(),
            source_addr_ton: None,
            source_addr_npi: None,
            dest_addr_ton: 1,
            dest_addr_npi: 1,
            country_code: None,
            service_type: String::new(),
            validity_period: None,
            registered_delivery: false,
            max_submission_attempts: 3,
            retry_delay: 5 * SECOND,
            style: Style {
                max_parts: 10,
                ..Style::default()
            },
            one_receipt: false,
            receipts_without_esm_class: false,
            id_format: IdFormat::Same,
            in_doubt: InDoubt::Resend,
            stands_in: false,
            failover_after: 60 * SECOND,
        }
    }

    /// `name (host:port)`, or the latter alone.
    #[must_use]
    pub fn label(&self) -> String {
        let Account { host, port, .. } = &self.account;
        match &self.name {
            Some(name) => format!("{name} ({host}:{port})"),
            None => format!("{host}:{port}"),
        }
    }

    /// What is not as it should be, but does not keep the server from being used.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Account {
            system_id,
            password,
            ..
        } = &self.account;
        for (column, octets, allowed) in [
            ("esme_system_id", system_id.len(), 15),
            ("esme_password", password.reveal().len(), 8),
        ] {
            if octets > allowed {
                warnings.push(format!(
                    "{column} has {octets} octets, SMPP 3.4 allows {allowed}; sent all the same"
                ));
            }
        }
        warnings.extend(self.classes.warnings());
        warnings
    }

    /// What a session with this server is made of.
    #[must_use]
    pub fn session_config(&self) -> session::Config {
        let account = &self.account;
        session::Config {
            mode: account.mode,
            bind: Bind {
                system_id: account.system_id.as_str().into(),
                password: account.password.reveal().into(),
                system_type: account.system_type.as_str().into(),
                interface_version: account.interface_version,
                addr_ton: account.addr_ton,
                addr_npi: account.addr_npi,
                address_range: account.address_range.as_str().into(),
            },
            timers: account.timers,
            settings: self.settings,
            classes: self.classes.clone(),
            max_pdu_length: DEFAULT_MAX_LENGTH,
        }
    }
}
