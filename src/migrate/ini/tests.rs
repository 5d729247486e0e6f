//! What is stated here about Python was seen with Python 2.7.18.

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
        toml.contains("# [logger_root] level = WARNING of Python's logging\nlevel = \"warn\"\n"),
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
fn what_is_missing_is_as_it_was() {
    let config = read("[database]\nname = sms\n").database;
    assert_eq!(config.host.list(), ["localhost"]);
    assert_eq!(config.port, 5432);
    assert_eq!(
        (config.name.as_str(), config.user.as_str()),
        ("sms", "esmed")
    );
    assert_eq!(config.pass.unwrap().reveal(), "pass");
    assert_eq!(config.sslmode, SslMode::Disable);
    assert_eq!(read("[database]\n").database.name, "esmed");

    let toml = convert("[database]\nhost = db1\n").unwrap();
    assert!(toml.contains("\nhost = \"db1\"\n"), "{toml}");
    assert!(
        toml.contains("\nsslmode = \"disable\" # not in the old file: esmed 0.1.1 took this\n"),
        "{toml}"
    );
}

#[test]
fn what_is_empty_is_as_libpq_took_it() {
    let config = read("[database]\nhost =\nport =\nname =\nuser = me\npass = \"\"\n");
    assert_eq!(config.database.host.list(), ["/var/run/postgresql"]);
    assert_eq!(config.database.port, 5432);
    assert_eq!(config.database.name, "me");
    assert_eq!(config.database.pass, None);
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(read("[database]\nname =\n").database.name, "esmed");
}

/// The password of a file with these lines in `[database]`.
fn password(lines: &str) -> Option<String> {
    let config = read(&format!("[database]\n{lines}\n"));
    config.database.pass.map(|it| it.reveal().to_owned())
}

#[test]
fn odd_passwords_arrive() {
    for (written, arrives) in [
        ("pass = a\"b'c\\d", "a\"b'c\\d"),
        ("pass = \"quoted\"", "\"quoted\""),
        ("pass = 'quoted'", "'quoted'"),
        ("pass = ''", "''"),
        ("pass = a=b:c", "a=b:c"),
        ("pass: :x", ":x"),
        ("pass : a = b", "a = b"),
        ("pass==x", "=x"),
        ("pass = grüße 😀 zwei", "grüße 😀 zwei"),
        ("pass = a\tb", "a\tb"),
        ("pass = [x]", "[x]"),
        ("pass = \u{7f}\u{1}", "\u{7f}\u{1}"),
        ("Pass=last\npass = wins", "wins"),
        ("PASS = x", "x"),
    ] {
        assert_eq!(password(written).as_deref(), Some(arrives), "{written:?}");
    }
}

#[test]
fn a_comment_begins_where_it_does_in_python() {
    for (written, arrives) in [
        ("pass = a#b;c", "a#b;c"),
        ("pass = a #b", "a #b"),
        ("pass = #hash", "#hash"),
        ("pass = secret ; a comment", "secret"),
        ("pass = secret\t; a comment", "secret"),
        ("pass = secret\u{b};x", "secret"),
        // The first of several is looked at alone,
        ("pass = a;b ;c", "a;b ;c"),
        ("pass = a ;b;c", "a"),
        // and at the beginning of the value the character at its end.
        ("pass = ;secret", ";secret"),
        ("pass = ; not a comment", "; not a comment"),
        ("pass =;secret", ";secret"),
        (
            "pass = x\n# pass = y\n;pass = y\nrem pass = y\nREM = y",
            "x",
        ),
        ("remark = y\npass = x", "x"),
    ] {
        assert_eq!(password(written).as_deref(), Some(arrives), "{written:?}");
    }
    for empty in [
        "pass = ;secret ",
        "pass = ;secret\r",
        "pass =",
        "pass = \"\"",
    ] {
        assert_eq!(password(empty), None, "{empty:?}");
    }
}

#[test]
fn white_space_is_that_of_python() {
    for (written, arrives) in [
        ("pass = x \t\u{b}\u{c}\r", "x"),
        ("pass = \u{a0}x\u{a0}", "\u{a0}x\u{a0}"),
        ("pass = x\u{85}", "x\u{85}"),
        ("pass = x\u{1f}", "x\u{1f}"),
        ("pass = x\u{a0};y", "x\u{a0};y"),
        ("p\u{c4}ss = y\npass \t = x", "x"),
        ("pass = one\n  two", "one\ntwo"),
        ("pass =\n  two", "\ntwo"),
        ("pass = \"\"\n\ttwo", "\ntwo"),
        (
            "pass = one\n  two ;no\n# three\nrem four\n\n  # five",
            "one\ntwo ;no\n# five",
        ),
    ] {
        assert_eq!(password(written).as_deref(), Some(arrives), "{written:?}");
    }
}

#[test]
fn a_percent_sign_is_what_it_is_in_python() {
    for (written, arrives) in [
        // Without %( it is a character, twice as well.
        ("pass = 100%%", "100%%"),
        ("pass = 100%!", "100%!"),
        ("pass = %", "%"),
        ("pass = %s(x)s", "%s(x)s"),
        ("user = me\npass = %(user)s-1", "me-1"),
        ("user = me\npass = %(USER)s", "me"),
        ("user = me\npass = %(user)s-100%%", "me-100%"),
        // What has become of it is looked at again.
        ("user = me\npass = %%(user)s", "me"),
        ("pass = %(c)s\nc = %%", "%%"),
        ("pass = %(b)s%%%%\nb = %(c)s%%\nc = x", "x%%"),
        ("pass = %(__name__)s", "database"),
        ("pass = %(word)s\n[DEFAULT]\nword = secret", "secret"),
        (
            "pass = %(word)s\nword = mine\n[DEFAULT]\nword = secret",
            "mine",
        ),
        ("[DEFAULT]\npass = secret", "secret"),
    ] {
        assert_eq!(password(written).as_deref(), Some(arrives), "{written:?}");
    }
}

#[test]
fn a_password_that_cannot_be_taken_over_is_refused_without_it() {
    let longer = format!("pass = %(b)s\nb = {}", "%(b)s".repeat(1000));
    for (written, words) in [
        (
            "user = hunter2\npass = %(user)s-100%!",
            "neither %(name)s nor %%",
        ),
        (
            "user = hunter2\npass = %(user)s%",
            "neither %(name)s nor %%",
        ),
        (
            "user = x\npass = hunter2%(user)10s",
            "neither %(name)s nor %%",
        ),
        ("user = x\npass = hunter2%(user", "neither %(name)s nor %%"),
        ("x(=1\npass = %(x()shunter2", "neither %(name)s nor %%"),
        (
            "port = 1\npass = %(hunter2)s",
            "an option that is not there",
        ),
        ("port = 1\npass = hunter2%(pass)s", "name each other"),
        (&longer, "grows beyond 64 KiB"),
    ] {
        let error = convert(&format!("[database]\n{written}\n")).unwrap_err();
        let error = error.to_string();
        let line = if written == longer { 2 } else { 3 };
        let begin = format!("line {line}: [database] pass ");
        assert!(error.starts_with(&begin), "{written}: {error}");
        assert!(error.contains(words), "{written}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
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
        ("[database\n", "line 1: there must be a section before it"),
        ("[database]\n[]\n", "line 2: it must be name = value"),
        (
            "[database]\n\n pass = x\n",
            "line 3: it must be name = value",
        ),
        ("[database]\n= x\n", "line 2: it must be name = value"),
        ("[loggers]\nkeys = root\n", "no section [database]"),
        (
            "[database]\nport = hunter2\n",
            "line 2: [database] port must be a whole number from 1 to 65535",
        ),
        ("[database]\nport = 0\n", "from 1 to 65535"),
        ("[database]\nuser =\n", "line 2: [database] user is empty"),
        (
            "[database]\n\nsslmode =\n",
            "line 3: [database] sslmode must be disable, allow",
        ),
        ("[database]\nsslmode = Require\n", "must be disable, allow"),
        ("[database]\nsslmode = verify-full\n", "sslrootcert"),
        (
            "[database]\nuser = %(pass)s\npass = %(user)s\n",
            "line 2: [database] user names options that name each other",
        ),
    ] {
        let error = convert(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
