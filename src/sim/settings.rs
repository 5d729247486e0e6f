//! The settings by name, for the control port.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::behaviour::{Behaviour, Mute};
use crate::pdu::CommandStatus;

/// Changes the setting of this name.
pub(super) fn set(behaviour: &mut Behaviour, name: &str, value: &str) -> Result<(), String> {
    match name {
        "response-delay-ms" => behaviour.response_delay = milliseconds(value)?,
        "slow-response-ms" => behaviour.slow_response_delay = milliseconds(value)?,
        "receipt-delay-ms" => behaviour.receipt_delay = milliseconds(value)?,
        "redelivery-delay-ms" => behaviour.redelivery_delay = milliseconds(value)?,
        "redelivery-attempts" => behaviour.redelivery_attempts = number(value)?,
        "deliver-window" => behaviour.deliver_window = number(value)?,
        "receipts" => behaviour.receipts = ValueEnum::from_str(value, true)?,
        "ids" => behaviour.ids = ValueEnum::from_str(value, true)?,
        "receipt-first" => behaviour.receipt_before_response = on(value)?,
        "refuse" => behaviour.refuse_connections = on(value)?,
        "drop-after" => behaviour.drop_after = optional(value, number)?,
        "throttle" => behaviour.throttle = optional(value, number)?,
        "max-window" => behaviour.max_window = optional(value, number)?,
        "bind-status" => behaviour.bind_status = optional(value, status)?,
        "submit-status" => behaviour.submit_status = optional(value, status)?,
        "credentials" => {
            behaviour.credentials = optional(value, |value| {
                let (system_id, password) = value
                    .split_once(' ')
                    .ok_or("credentials SYSTEM_ID PASSWORD, or credentials off")?;
                Ok((system_id.into(), password.into()))
            })?;
        }
        "mute" => match value {
            "off" => behaviour.mute = Mute::default(),
            "on" => behaviour.mute.all = true,
            "submits" => behaviour.mute.submits = true,
            "enquire-links" => behaviour.mute.enquire_links = true,
            "binds" => behaviour.mute.binds = true,
            "unbinds" => behaviour.mute.unbinds = true,
            _ => return Err("mute on, off, submits, enquire-links, binds or unbinds".into()),
        },
        _ => return Err(format!("unknown setting {name:?}; `set` lists them")),
    }
    Ok(())
}

/// All settings as they stand.
pub(super) fn show(behaviour: &Behaviour) -> Value {
    let ms = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    let name = |status: Option<CommandStatus>| status.map(|status| format!("{status:?}"));
    let mute = &behaviour.mute;
    json!({
        "response-delay-ms": ms(behaviour.response_delay),
        "slow-response-ms": ms(behaviour.slow_response_delay),
        "receipt-delay-ms": ms(behaviour.receipt_delay),
        "redelivery-delay-ms": ms(behaviour.redelivery_delay),
        "redelivery-attempts": behaviour.redelivery_attempts,
        "deliver-window": behaviour.deliver_window,
        "receipts": behaviour.receipts.to_possible_value().map(|value| value.get_name().to_owned()),
        "ids": behaviour.ids.to_possible_value().map(|value| value.get_name().to_owned()),
        "receipt-first": behaviour.receipt_before_response,
        "refuse": behaviour.refuse_connections,
        "drop-after": behaviour.drop_after,
        "throttle": behaviour.throttle,
        "max-window": behaviour.max_window,
        "bind-status": name(behaviour.bind_status),
        "submit-status": name(behaviour.submit_status),
        "credentials": behaviour.credentials.as_ref().map(|(system_id, _)| system_id),
        "mute": {
            "all": mute.all,
            "submits": mute.submits,
            "enquire-links": mute.enquire_links,
            "binds": mute.binds,
            "unbinds": mute.unbinds,
        },
    })
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{value:?} is not a number in range"))
}

fn milliseconds(value: &str) -> Result<Duration, String> {
    // A day is more than any test waits, and keeps clock arithmetic in range.
    const LONGEST: u64 = 86_400_000;
    match number(value)? {
        ms @ 0..=LONGEST => Ok(Duration::from_millis(ms)),
        _ => Err("a delay is a day at most".into()),
    }
}

fn on(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".into()),
    }
}

fn optional<T>(
    value: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match value {
        "off" => Ok(None),
        value => parse(value).map(Some),
    }
}

/// `ESME_RSYSERR`, `0x08` or `8`.
fn status(value: &str) -> Result<CommandStatus, String> {
    let named = CommandStatus::ALL
        .iter()
        .find(|status| status.name() == Some(value));
    let code = || match value.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => value.parse().ok(),
    };
    named
        .copied()
        .or_else(|| code().map(CommandStatus))
        .ok_or_else(|| format!("{value:?} is not a command_status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_shown_can_be_set() {
        let mut behaviour = Behaviour::default();
        for (name, value) in [
            ("response-delay-ms", "5"),
            ("slow-response-ms", "5"),
            ("receipt-delay-ms", "5"),
            ("redelivery-delay-ms", "5"),
            ("redelivery-attempts", "5"),
            ("deliver-window", "5"),
            ("receipts", "text"),
            ("ids", "mixed-case"),
            ("receipt-first", "on"),
            ("refuse", "on"),
            ("drop-after", "5"),
            ("throttle", "5"),
            ("max-window", "5"),
            ("bind-status", "ESME_RBINDFAIL"),
            ("submit-status", "0x500"),
            ("credentials", "me secret"),
            ("mute", "binds"),
        ] {
            let before = show(&behaviour)[name].clone();
            set(&mut behaviour, name, value).unwrap();
            assert_ne!(show(&behaviour)[name], before, "{name}");
        }
        set(&mut behaviour, "throttle", "off").unwrap();
        assert_eq!(behaviour.throttle, None);
        assert_eq!(behaviour.submit_status, Some(CommandStatus(0x500)));
        assert!(!show(&behaviour).to_string().contains("secret"));
        for (name, value) in [
            ("throttle", "x"),
            ("nothing", "1"),
            ("receipts", ""),
            ("mute", ""),
        ] {
            set(&mut behaviour, name, value).unwrap_err();
        }
        assert_eq!(show(&behaviour).as_object().unwrap().len(), 17);
    }
}
