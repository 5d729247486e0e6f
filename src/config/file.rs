//! The text of a file becomes a [`Config`], or a line that names the key that is wrong.

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::environment::{KEYS, Key};
use super::{Config, without_value};

/// What is wrong with a text, and at which of its octets. Never with a value, which may be a password at the wrong place.
type Wrong = (usize, String);

/// Reads a file.
pub(super) fn read(text: &str) -> Result<(Config, toml::Table), Wrong> {
    let syntax = |error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, of_syntax(text, at, error.message()))
    };
    let spanned = DeTable::parse(text).map_err(syntax)?;
    let table: toml::Table = toml::from_str(text).map_err(syntax)?;
    let first = sections(spanned.get_ref(), &table)
        .into_iter()
        .min_by_key(|(at, _)| *at);
    if let Some(wrong) = first {
        return Err(wrong);
    }
    let config = toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, without_value(error.message()))
    })?;
    Ok((config, table))
}

fn sections(spanned: &DeTable<'_>, table: &toml::Table) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (name, value) in spanned {
        let at = name.span().start;
        let name: &str = name.get_ref();
        let keys: Vec<&Key> = KEYS.iter().filter(|key| key.section == name).collect();
        let value = value.get_ref();
        match (keys.is_empty(), value) {
            (true, _) => wrong.push((at, no_section(name, value))),
            (false, DeValue::Table(section)) => {
                for (key, value) in section {
                    let at = key.span().start;
                    let key: &str = key.get_ref();
                    let read = table.get(name).and_then(|section| section.get(key));
                    let Some(known) = keys.iter().find(|known| known.name == key) else {
                        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                        let names = names.join(", ");
                        wrong.push((at, format!("[{name}] has no key {key}; it has {names}")));
                        continue;
                    };
                    let why = read.and_then(|read| of_value(known, read.clone()));
                    wrong.extend(why.map(|why| (at.min(value.span().start), why)));
                }
            }
            (false, value) => wrong.push((
                at,
                format!(
                    "{name} is {}; it must be a section: a line [{name}], and its keys below",
                    kind_of(value.type_str())
                ),
            )),
        }
    }
    wrong
}

fn no_section(name: &str, value: &DeValue<'_>) -> String {
    let mut sections: Vec<String> = KEYS
        .iter()
        .map(|key| format!("[{}]", key.section))
        .collect();
    sections.dedup();
    let sections = sections.join(", ");
    if value.is_table() {
        format!("there is no section [{name}]; there are {sections}")
    } else {
        format!("the key {name} is in no section; it must stand below one of {sections}")
    }
}

/// Why a key can't have this value; `None`: it can.
pub(super) fn of_value(key: &Key, value: Value) -> Option<String> {
    let is_of_kind = match &value {
        Value::String(_) => !key.is_number(),
        Value::Integer(_) => key.is_number(),
        _ => false,
    };
    let kind = kind_of(value.type_str());
    let section = toml::Table::from_iter([(key.name.to_owned(), value)]);
    let alone = toml::Table::from_iter([(key.section.to_owned(), Value::Table(section))]);
    let error = alone.try_into::<Config>().err()?;
    // Some say more, in words of our own.
    Some(if error.message().starts_with('[') {
        error.message().to_owned()
    } else if is_of_kind {
        format!("{key} must be {}", key.right)
    } else {
        format!("{key} is {kind}; it must be {}", key.right)
    })
}

fn kind_of(type_str: &str) -> &'static str {
    match type_str {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number with a fraction",
        "boolean" => "a boolean",
        "datetime" => "a date or time",
        "array" => "a list",
        _ => "a table",
    }
}

/// What the parser says, with the key that it speaks of.
fn of_syntax(text: &str, at: usize, message: &str) -> String {
    let before = text.get(..at).unwrap_or_default();
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text
        .get(begin..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .trim();
    let is_header = line.starts_with('[');
    let section = before[..begin]
        .lines()
        .rev()
        .find_map(|line| KEYS.iter().find(|key| is_header_of(line, key.section)));
    let name = line.split(['=', ' ']).next().unwrap_or_default();
    let key = KEYS
        .iter()
        .find(|key| key.name == name && section.is_some_and(|known| known.section == key.section));
    let header = KEYS.iter().find(|key| is_header_of(line, key.section));
    let message = without_value(message);
    if message == "duplicate key" {
        return match (key, header) {
            (Some(key), _) => format!("{key} is there a second time; it must be there once"),
            (None, Some(known)) => format!(
                "the section [{0}] is there a second time; its keys must stand below the first [{0}]",
                known.section
            ),
            (None, None) if is_header => {
                "this section is there a second time; it must be there once".to_owned()
            }
            (None, None) => "this key is there a second time; it must be there once".to_owned(),
        };
    }
    match key {
        // A number that no integer of TOML can hold.
        Some(key) if message.starts_with("invalid ") && message.contains("TOML value") => {
            format!("{key} must be {}", key.right)
        }
        Some(key) => format!("{key}: {message}; it must be {}", key.right),
        None => message,
    }
}

fn is_header_of(line: &str, section: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let name = line.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    name.is_some_and(|name| name.trim() == section)
}
