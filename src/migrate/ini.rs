//! The configuration file of esmed 0.1.1, and what becomes of it.

mod python;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use python::{Ini, Value};

/// One line that names the line of the file and says what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct IniError(String);

/// The keys of `[database]`, and what esmed 0.1.1 took where the file had none.
const KEYS: [(&str, &str); 6] = [
    ("host", "localhost"),
    ("port", "5432"),
    ("name", "esmed"),
    ("user", "esmed"),
    ("pass", "pass"),
    ("sslmode", "disable"),
];

/// The TOML of this version that says what the file of 0.1.1 said. What has no place in it is told in comments.
///
/// # Errors
/// On the first thing that is wrong.
pub fn convert(text: &str) -> Result<String, IniError> {
    let ini = Ini::parse(text)?;
    if !ini.has_section("database") {
        return Err(IniError(
            "it has no section [database], so it is no configuration of esmed 0.1.1".to_owned(),
        ));
    }
    let mut out = String::from("# Converted from the configuration of esmed 0.1.1.\n\n");
    database(&mut out, &ini)?;
    out.push_str("\n[log]\n");
    let level = root_level(&ini)?;
    match &level {
        Some((section, python, level)) => {
            // Writing to a String can't fail, nor below.
            let _ = writeln!(
                out,
                "# [{section}] level = {} of Python's logging\nlevel = \"{level}\"",
                one_line(python)
            );
        }
        None => out.push_str("# level = \"info\"\n"),
    }
    out.push_str(
        "# The log goes to standard error, for journald: handlers, files and formats of Python's logging are gone.\n",
    );
    let mut gone: Vec<&str> = ini
        .sections()
        .filter(|name| !["database", "DEFAULT"].contains(name))
        .filter(|name| level.as_ref().is_none_or(|(section, ..)| section != name))
        .collect();
    gone.sort_unstable();
    if !gone.is_empty() {
        let gone: Vec<String> = gone
            .iter()
            .map(|name| format!("[{}]", one_line(name)))
            .collect();
        let _ = writeln!(out, "# Left out: {}", gone.join(", "));
    }
    Ok(out)
}

/// `[database]`, with all keys: the defaults of this version are others.
fn database(out: &mut String, ini: &Ini) -> Result<(), IniError> {
    out.push_str("[database]\n");
    for (key, default) in KEYS {
        let (shown, why) = match ini.get("database", key)? {
            None => (
                said(key, default, 0)?,
                " # not in the old file: esmed 0.1.1 took this",
            ),
            Some(Value { text, line }) if text.is_empty() => match key {
                "pass" => continue,
                // As libpq, which was given it.
                "host" => (toml_string("/var/run/postgresql"), " # it was empty"),
                "port" => (default.to_owned(), " # it was empty"),
                "name" => {
                    let user = ini.get("database", "user")?;
                    let user = user.as_ref().map_or("esmed", |it| &it.text);
                    (
                        toml_string(user),
                        " # it was empty: the database with the name of the user",
                    )
                }
                _ => (said(key, &text, line)?, ""),
            },
            Some(Value { text, line }) => (said(key, &text, line)?, ""),
        };
        let _ = writeln!(out, "{key} = {shown}{why}");
    }
    let mut unknown: Vec<&str> = ini
        .options("database")
        .filter(|name| KEYS.iter().all(|(key, _)| key != name))
        .collect();
    unknown.sort_unstable();
    for name in unknown {
        let _ = writeln!(
            out,
            "# {} is gone: esmed 0.1.1 did not know it either",
            one_line(name)
        );
    }
    Ok(())
}

/// The value in TOML. The errors are without it, for it may be a password at the wrong place.
fn said(key: &str, text: &str, line: usize) -> Result<String, IniError> {
    let wrong = |right: &str| Err(IniError(format!("line {line}: [database] {key} {right}")));
    match (key, text) {
        ("port", _) => match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port.to_string()),
            _ => wrong("must be a whole number from 1 to 65535"),
        },
        ("user", "") => wrong("is empty; it must be the role to connect as"),
        ("sslmode", "verify-ca" | "verify-full") => wrong(
            "verifies by .postgresql/root.crt of who ran esmed 0.1.1; convert the file with require, and set sslmode and sslrootcert in the new one",
        ),
        ("sslmode", text) if !["disable", "allow", "prefer", "require"].contains(&text) => {
            wrong("must be disable, allow, prefer or require")
        }
        _ => Ok(toml_string(text)),
    }
}

/// A basic string of TOML: quotes, backslashes and control characters are escaped.
fn toml_string(value: &str) -> String {
    let mut quoted = String::from("\"");
    for ch in value.chars() {
        match ch {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ch if ch.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(ch));
            }
            ch => quoted.push(ch),
        }
    }
    quoted.push('"');
    quoted
}

/// For a comment.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|ch| if ch.is_control() { ' ' } else { ch })
        .collect()
}

/// The level of the root logger, or of the one that was esmed's: section, what it said, level.
fn root_level(ini: &Ini) -> Result<Option<(&'static str, String, &'static str)>, IniError> {
    for section in ["logger_esmed", "logger_root"] {
        let Some(Value { text: level, .. }) = ini.get(section, "level")? else {
            continue;
        };
        let known = match level.trim().to_uppercase().as_str() {
            "NOTSET" | "DEBUG" => "debug",
            "INFO" => "info",
            "WARN" | "WARNING" => "warn",
            "ERROR" | "CRITICAL" | "FATAL" => "error",
            _ => continue,
        };
        return Ok(Some((section, level, known)));
    }
    Ok(None)
}
