//! One line of the log.

use std::fmt::{self, Write as _};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::{Form, Shared};

/// Writes lines in the form that is set now.
pub(super) struct Lines(pub(super) Shared);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let time = || Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        writeln!(writer, "{}", line(self.0.get(), level, time, &fields))
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        let value = value.into();
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}

/// As sd-daemon(3) numbers it.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        _ => 35,
    }
}

fn line(form: Form, level: Level, time: impl Fn() -> String, fields: &Fields) -> String {
    match form {
        Form::Json => {
            let mut object = Map::new();
            object.insert("timestamp".to_owned(), time().into());
            object.insert("level".to_owned(), level.as_str().to_lowercase().into());
            object.insert("message".to_owned(), fields.message.as_str().into());
            for (name, value) in &fields.others {
                object.entry(*name).or_insert_with(|| value.clone());
            }
            let mut line = String::new();
            for c in Value::Object(object).to_string().chars() {
                // JSON lets DEL and what follows it pass.
                if c.is_control() {
                    let _ = write!(line, "\\u{:04x}", u32::from(c));
                } else {
                    line.push(c);
                }
            }
            line
        }
        Form::Journal => format!("<{}>{}", priority(level), text(fields)),
        Form::Text { colours: false } => format!("{} {level:>5} {}", time(), text(fields)),
        Form::Text { colours: true } => format!(
            "\x1b[2m{}\x1b[0m \x1b[{}m{level:>5}\x1b[0m {}",
            time(),
            colour(level),
            text(fields)
        ),
    }
}

/// The message, and each field as `name=value`; without control characters, or a name from outside could begin a line of its
/// own, or paint the terminal.
fn text(fields: &Fields) -> String {
    let mut line = String::with_capacity(fields.message.len() + 64);
    push_plain(&mut line, &fields.message);
    for (name, value) in &fields.others {
        let _ = write!(line, " {name}=");
        match value {
            Value::String(word) if is_word(word) => line.push_str(word),
            // In quotes, with everything else escaped.
            value => push_plain(&mut line, &value.to_string()),
        }
    }
    line
}

fn is_word(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && c != '"')
}

fn push_plain(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(form: Form, level: Level, message: &str, others: &[(&'static str, Value)]) -> String {
        let fields = Fields {
            message: message.to_owned(),
            others: others.to_vec(),
        };
        line(
            form,
            level,
            || "2027-01-02T03:04:05.000006Z".to_owned(),
            &fields,
        )
    }

    #[test]
    fn journald_gets_a_priority_and_no_time() {
        let journal = |level| of(Form::Journal, level, "bound", &[("server_id", 7.into())]);
        assert_eq!(journal(Level::ERROR), "<3>bound server_id=7");
        assert_eq!(journal(Level::WARN), "<4>bound server_id=7");
        assert_eq!(journal(Level::INFO), "<6>bound server_id=7");
        assert_eq!(journal(Level::DEBUG), "<7>bound server_id=7");
        assert_eq!(journal(Level::TRACE), "<7>bound server_id=7");
    }

    #[test]
    fn text_has_the_time_and_colours_only_when_asked_for() {
        let fields = [
            ("type", "bound".into()),
            ("by", "a b".into()),
            ("none", "".into()),
        ];
        let text = |colours| of(Form::Text { colours }, Level::WARN, "it is", &fields);
        assert_eq!(
            text(false),
            r#"2027-01-02T03:04:05.000006Z  WARN it is type=bound by="a b" none="""#
        );
        assert!(text(true).contains("\x1b[33m WARN\x1b[0m it is"));
    }

    #[test]
    fn nothing_from_outside_begins_a_line_or_paints() {
        for form in [Form::Text { colours: false }, Form::Journal, Form::Json] {
            let line = of(
                form,
                Level::INFO,
                "called a\n<0>b\x1b[31m\u{9b}",
                &[("error", "x\r\ny \"z\"".into())],
            );
            assert!(!line.chars().any(char::is_control), "{line}");
        }
    }

    #[test]
    fn json_is_flat_and_its_own_keys_stay() {
        let line = of(
            Form::Json,
            Level::INFO,
            "it is",
            &[
                ("type", "bound".into()),
                ("level", "forged".into()),
                ("server_id", 7.into()),
            ],
        );
        assert_eq!(
            line,
            r#"{"timestamp":"2027-01-02T03:04:05.000006Z","level":"info","message":"it is","type":"bound","server_id":7}"#
        );
    }
}
