//! An INI file as the ConfigParser of Python 2.7 reads it, which is what esmed 0.1.1 used.
//!
//! No crate reads it like that: those that were looked at know no `%(name)s`, take quotes or a backslash as more than
//! characters, or begin a comment at any `;` and `#` in the middle of a password.

use std::collections::HashMap;

use super::IniError;

/// How often `%(name)s` is looked for in what became of a value, as in Python.
const ROUNDS: usize = 10;

/// Octets that a value may grow to. Python has no bound, and names that name themselves twice grow beyond any memory.
const LONGEST: usize = 64 * 1024;

/// The key under which Python keeps the name of a section in the section itself, so that `%(__name__)s` is that.
const NAME: &str = "__name__";

/// What an option says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

/// Sections with their options; the names of options are lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    sections: HashMap<String, HashMap<String, Value>>,
}

impl Ini {
    /// Reads `text`. Lines that begin with white space go on with the value before them; `#`, `;` or `rem` begin a comment
    /// at the start of a line only. Behind a value only its first `;` does, where white space is before it.
    ///
    /// # Errors
    /// On a line that is none of these, or an option before the first section. Python fails there, too.
    pub(super) fn parse(text: &str) -> Result<Self, IniError> {
        let mut ini = Self::default();
        let mut section: Option<String> = None;
        let mut option: Option<String> = None;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Not `lines`, for a carriage return is white space behind a `;`.
        for (line, number) in text.split('\n').zip(1..) {
            let wrong = |what: &str| Err(IniError(format!("line {number}: {what}")));
            if trim(line).is_empty() || is_comment(line) {
                continue;
            }
            if line.starts_with(is_space)
                && let (Some(section), Some(option)) = (&section, &option)
            {
                if let Some(value) = ini
                    .sections
                    .get_mut(section)
                    .and_then(|it| it.get_mut(option))
                {
                    value.text.push('\n');
                    value.text.push_str(trim(line));
                }
                continue;
            }
            if let Some(name) = header(line) {
                let options = ini.sections.entry(name.to_owned()).or_default();
                if name != "DEFAULT" {
                    options.entry(NAME.to_owned()).or_insert_with(|| Value {
                        text: name.to_owned(),
                        line: number,
                    });
                }
                section = Some(name.to_owned());
                option = None;
                continue;
            }
            let Some(section) = &section else {
                return wrong("there must be a section before it, such as [database]");
            };
            let Some((name, text)) = name_and_value(line) else {
                return wrong(
                    "it must be name = value, name: value, [section] or a comment, from the first character on",
                );
            };
            if let Some(options) = ini.sections.get_mut(section) {
                let text = text.to_owned();
                options.insert(name.clone(), Value { text, line: number });
            }
            option = Some(name);
        }
        Ok(ini)
    }

    pub(super) fn has_section(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The options that are in the section itself.
    pub(super) fn options(&self, section: &str) -> impl Iterator<Item = &str> {
        self.sections
            .get(section)
            .into_iter()
            .flat_map(HashMap::keys)
            .map(String::as_str)
            .filter(|name| *name != NAME)
    }

    fn raw(&self, section: &str, option: &str) -> Option<&Value> {
        let of = |section: &str| self.sections.get(section)?.get(option);
        of(section).or_else(|| of("DEFAULT"))
    }

    /// The value of an option, of the section or of `[DEFAULT]`, with `%(name)s` resolved.
    ///
    /// # Errors
    /// When it names an option that there is not, goes round in a circle, or uses other formats of Python. The value is not
    /// in the error, for it may be a password.
    pub(super) fn get(&self, section: &str, option: &str) -> Result<Option<Value>, IniError> {
        let Some(raw) = self.raw(section, option) else {
            return Ok(None);
        };
        let wrong = |what: &str| {
            IniError(format!(
                "line {}: [{section}] {option} {what}; convert the file without this line, and write the value into the new one",
                raw.line
            ))
        };
        let mut text = raw.text.clone();
        // A value without `%(` is as it is written: there `%%` are two characters.
        for _ in 0..ROUNDS {
            if !text.contains("%(") {
                break;
            }
            text = self.round(section, &text).map_err(wrong)?;
        }
        if text.contains("%(") {
            return Err(wrong(
                "names options that name each other, more than 10 deep",
            ));
        }
        Ok(Some(Value {
            text,
            line: raw.line,
        }))
    }

    /// Once through the value as Python's operator `%` goes, or what is wrong.
    fn round(&self, section: &str, text: &str) -> Result<String, &'static str> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            resolved.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('%') {
                resolved.push('%');
                rest = behind;
                continue;
            }
            // Python counts brackets within the name, and knows %(name)10s and more.
            let (name, behind) = rest
                .strip_prefix('(')
                .and_then(|it| it.split_once(')'))
                .and_then(|(name, behind)| Some((name, behind.strip_prefix('s')?)))
                .filter(|(name, _)| !name.contains('('))
                .ok_or("has %( in it and a % that begins neither %(name)s nor %%")?;
            let inner = self
                .raw(section, &name.to_ascii_lowercase())
                .ok_or("refers by %(name)s to an option that is not there")?;
            resolved.push_str(&inner.text);
            rest = behind;
            if resolved.len() > LONGEST {
                return Err("grows beyond 64 KiB by the options that it names");
            }
        }
        resolved.push_str(rest);
        Ok(resolved)
    }
}

/// White space of Python's octet strings. What Unicode adds belongs to the value.
fn is_space(ch: char) -> bool {
    matches!(ch, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn is_comment(line: &str) -> bool {
    let word = line.split(is_space).next().unwrap_or(line);
    line.starts_with(['#', ';']) || word.eq_ignore_ascii_case("rem")
}

/// The name in brackets; what is behind them does not count.
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}

fn name_and_value(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(['=', ':'])?;
    if name.is_empty() || name.starts_with(is_space) {
        return None;
    }
    let name = name.trim_end_matches(is_space).to_ascii_lowercase();
    let value = value.trim_start_matches(is_space);
    let value = match value.find(';') {
        // Before the first character Python takes the last one to be.
        Some(at)
            if value[..at]
                .chars()
                .last()
                .or(value.chars().last())
                .is_some_and(is_space) =>
        {
            &value[..at]
        }
        _ => value,
    };
    let value = trim(value);
    // Two quotes are an empty value, all other quotes are characters.
    Some((name, if value == "\"\"" { "" } else { value }))
}
