//! The configuration file of esmed 0.1.1, as Python's ConfigParser reads it, and what becomes of it.
//!
//! No crate reads it like that: those that were looked at know no `%(name)s` and `%%`, take quotes or a backslash as more than
//! characters, or begin a comment at `;` and `#` in the middle of a password.

use std::collections::HashMap;
use std::fmt::Write as _;

/// One line that names the line of the file and says what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct IniError(String);

/// How deep values may name each other, as in Python.
const DEPTH: usize = 10;

/// Sections with their options; the names of options are lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ini {
    sections: HashMap<String, HashMap<String, String>>,
}

impl Ini {
    /// Reads `text`. Lines that begin with white space go on with the value before them; `#`, `;` or `rem` begin a comment
    /// at the start of a line only, and ` ;` anywhere.
    ///
    /// # Errors
    /// On a line that is none of these, or an option before the first section.
    pub fn parse(text: &str) -> Result<Self, IniError> {
        let mut ini = Self::default();
        let mut section: Option<String> = None;
        let mut option: Option<String> = None;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| Err(IniError(format!("line {}: {what}", number + 1)));
            let is_comment = line.starts_with(['#', ';'])
                || line.split_whitespace().next().is_some_and(|word| {
                    word.eq_ignore_ascii_case("rem") && line.starts_with(['r', 'R'])
                });
            if line.trim().is_empty() || is_comment {
                continue;
            }
            if line.starts_with([' ', '\t'])
                && let (Some(section), Some(option)) = (&section, &option)
            {
                if let Some(value) = ini
                    .sections
                    .get_mut(section)
                    .and_then(|it| it.get_mut(option))
                {
                    value.push('\n');
                    value.push_str(line.trim());
                }
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let Some((name, _)) = name.split_once(']') else {
                    return wrong("a section must be in brackets, [database]");
                };
                ini.sections.entry(name.to_owned()).or_default();
                section = Some(name.to_owned());
                option = None;
                continue;
            }
            let Some(section) = &section else {
                return wrong("there must be a section before it, such as [database]");
            };
            let Some((name, value)) = line.split_once(['=', ':']) else {
                return wrong("it must be name = value, name: value, [section] or a comment");
            };
            let name = name.trim().to_lowercase();
            let value = match value.find(" ;").or_else(|| value.find("\t;")) {
                Some(comment) => &value[..comment],
                None => value,
            };
            let value = value.trim();
            // As in Python: two quotes are an empty value, all other quotes are characters.
            let value = if value == "\"\"" { "" } else { value };
            if let Some(options) = ini.sections.get_mut(section) {
                options.insert(name.clone(), value.to_owned());
            }
            option = Some(name);
        }
        Ok(ini)
    }

    fn raw(&self, section: &str, option: &str) -> Option<&str> {
        let of = |section: &str| self.sections.get(section)?.get(option).map(String::as_str);
        of(section).or_else(|| of("DEFAULT"))
    }

    /// The value of an option, with `%(name)s` and `%%` resolved. A `%` before anything else stays.
    ///
    /// # Errors
    /// When it names an option that there is not, or goes round in a circle.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<String>, IniError> {
        self.raw(section, option)
            .map(|value| self.resolve(section, option, value, DEPTH))
            .transpose()
    }

    fn resolve(
        &self,
        section: &str,
        option: &str,
        value: &str,
        depth: usize,
    ) -> Result<String, IniError> {
        let wrong = |what: String| Err(IniError(format!("[{section}] {option} {what}")));
        if depth == 0 {
            return wrong("names options that name each other, more than 10 deep".to_owned());
        }
        let mut resolved = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('%') {
            resolved.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('%') {
                resolved.push('%');
                rest = behind;
            } else if let Some((name, behind)) =
                rest.strip_prefix('(').and_then(|it| it.split_once(")s"))
            {
                let name = name.to_lowercase();
                let Some(inner) = self.raw(section, &name) else {
                    return wrong(format!("refers to %({name})s, which there is not"));
                };
                resolved.push_str(&self.resolve(section, &name, inner, depth - 1)?);
                rest = behind;
            } else {
                resolved.push('%');
            }
        }
        resolved.push_str(rest);
        Ok(resolved)
    }
}

/// The TOML of this version that says what the file of 0.1.1 said. What has no place in it is told in comments.
///
/// # Errors
/// On the first thing that is wrong.
pub fn convert(text: &str) -> Result<String, IniError> {
    let ini = Ini::parse(text)?;
    if !ini.sections.contains_key("database") {
        return Err(IniError(
            "it has no section [database], so it is no configuration of esmed 0.1.1".to_owned(),
        ));
    }
    let mut out =
        String::from("# Converted from the configuration of esmed 0.1.1.\n\n[database]\n");
    let get = |option: &str| {
        ini.get("database", option)
            .map(|value| value.filter(|value| !value.is_empty()))
    };
    // An empty or missing host was the socket of libpq.
    let host = get("host")?.unwrap_or_else(|| "/var/run/postgresql".to_owned());
    line(&mut out, "host", &host);
    if let Some(port) = get("port")? {
        let port: u16 = port
            .trim()
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                IniError(format!(
                    "[database] port is {port:?}; it must be from 1 to 65535"
                ))
            })?;
        // Writing to a String can't fail.
        let _ = writeln!(out, "port = {port}");
    }
    for option in ["name", "user", "pass", "sslmode"] {
        if let Some(value) = get(option)? {
            line(&mut out, option, &value);
        }
    }
    let mut unknown: Vec<&String> = ini.sections["database"]
        .keys()
        .filter(|name| {
            !["host", "port", "name", "user", "pass", "sslmode"].contains(&name.as_str())
        })
        .collect();
    unknown.sort();
    for name in unknown {
        let _ = writeln!(
            out,
            "# {} is gone: esmed 0.1.1 did not know it either",
            one_line(name)
        );
    }
    out.push_str("\n[log]\n");
    let level = root_level(&ini)?;
    match &level {
        Some((section, python, level)) => {
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
        .sections
        .keys()
        .map(String::as_str)
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

/// A key with a string; TOML's rules of quoting are those of its crate.
fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {}", toml_string(value));
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
        let Some(level) = ini.get(section, "level")? else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, LogLevel, SslMode};

    const OLD: &str = "\
# esmed
[database]
host = db.example.com
port: 5433
NAME=sms
user = esmed
pass = secret
sslmode = prefer

[loggers]
keys = root

[logger_root]
level = WARNING
handlers = file

[handler_file]
class = handlers.TimedRotatingFileHandler
args = ('/var/log/esmed/esmed.log', 'midnight')

[formatter_plain]
format = %(asctime)s %(levelname)s %(message)s
";

    fn read(text: &str) -> Config {
        let toml = convert(text).unwrap();
        Config::parse("converted", &toml, []).unwrap_or_else(|error| panic!("{error}: {toml}"))
    }

    #[test]
    fn all_keys_are_taken_over() {
        let config = read(OLD);
        assert_eq!(config.database.host.list(), ["db.example.com"]);
        assert_eq!(config.database.port, 5433);
        assert_eq!(config.database.name, "sms");
        assert_eq!(config.database.user, "esmed");
        assert_eq!(config.database.pass.unwrap().reveal(), "secret");
        assert_eq!(config.database.sslmode, SslMode::Prefer);
        assert_eq!(config.log.level, LogLevel::Warn);
        let toml = convert(OLD).unwrap();
        assert!(
            toml.contains(
                "# [logger_root] level = WARNING of Python's logging\nlevel = \"warn\"\n"
            ),
            "{toml}"
        );
        let left_out = toml.lines().last();
        assert_eq!(
            left_out,
            Some("# Left out: [formatter_plain], [handler_file], [loggers]")
        );
    }

    #[test]
    fn a_section_whose_level_was_taken_is_not_told_as_left_out() {
        let database = "[database]\nhost = db1\n";
        for (loggers, told) in [
            ("[logger_root]\nlevel = INFO\n", None),
            (
                "[logger_root]\nhandlers = file\n",
                Some("# Left out: [logger_root]"),
            ),
            (
                "[logger_root]\nlevel = LOUD\n",
                Some("# Left out: [logger_root]"),
            ),
            (
                "[logger_root]\nlevel = INFO\n[logger_esmed]\nlevel = DEBUG\n",
                Some("# Left out: [logger_root]"),
            ),
        ] {
            let toml = convert(&format!("{database}{loggers}")).unwrap();
            let line = toml.lines().find(|line| line.contains("Left out"));
            assert_eq!(line, told, "{toml}");
        }
    }

    #[test]
    fn what_is_missing_or_empty_is_as_it_was() {
        let config = read("[database]\nhost =\nport =\npass = \"\"\n");
        assert_eq!(config.database.host.list(), ["/var/run/postgresql"]);
        assert_eq!(config.database.port, 5432);
        assert_eq!(config.database.pass, None);
        assert_eq!(config.log.level, LogLevel::Info);
    }

    #[test]
    fn odd_passwords_arrive() {
        for (written, password) in [
            ("pass = a\"b'c\\d", "a\"b'c\\d"),
            ("pass = \"quoted\"", "\"quoted\""),
            ("pass = 'quoted'", "'quoted'"),
            ("pass = a=b:c", "a=b:c"),
            ("pass: :x", ":x"),
            ("pass = a#b;c", "a#b;c"),
            ("pass = #hash", "#hash"),
            ("pass = secret ; a comment", "secret"),
            ("pass = 100%%", "100%"),
            ("pass = 100%!", "100%!"),
            ("pass = %%(user)s", "%(user)s"),
            ("user = me\npass = %(user)s-1", "me-1"),
            ("pass = grüße 😀 zwei", "grüße 😀 zwei"),
            ("pass = a\tb", "a\tb"),
            ("pass = [x]", "[x]"),
            ("pass = one\n  two", "one\ntwo"),
            ("pass = \u{7f}\u{1}", "\u{7f}\u{1}"),
            ("Pass=last\npass = wins", "wins"),
        ] {
            let config = read(&format!("[database]\n{written}\n"));
            assert_eq!(
                config.database.pass.unwrap().reveal(),
                password,
                "{written}"
            );
        }
    }

    #[test]
    fn defaults_count_for_all_sections() {
        let config = read("[DEFAULT]\nbase = /srv\n[database]\nhost = %(base)s/run\n");
        assert_eq!(config.database.host.list(), ["/srv/run"]);
    }

    #[test]
    fn what_is_no_such_file_is_refused_by_line() {
        for (text, words) in [
            ("host = x\n", "line 1: there must be a section before it"),
            (
                "[database]\n\nwhat is this\n",
                "line 3: it must be name = value",
            ),
            ("[database\n", "line 1: a section must be in brackets"),
            ("[loggers]\nkeys = root\n", "no section [database]"),
            ("[database]\nport = many\n", "[database] port is \"many\""),
            ("[database]\nport = 0\n", "from 1 to 65535"),
            (
                "[database]\npass = %(nobody)s\n",
                "[database] pass refers to %(nobody)s",
            ),
            (
                "[database]\nuser = %(pass)s\npass = %(user)s\n",
                "name each other",
            ),
        ] {
            let error = convert(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
