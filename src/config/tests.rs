//! What files and variables become.

use super::*;
use crate::tls::{Roots, Verify};

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse("esmed.toml", text, environment).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse("", &[]), Ok(Config::default()));
}

#[test]
fn the_sample_is_the_defaults() {
    let sample = include_str!("../../cfg/esmed.toml");
    assert_eq!(parse(sample, &[]), Ok(Config::default()));
    // And what it shows behind a comment sign is right too, but for the two passwords together.
    let uncommented: String = sample
        .lines()
        .filter(|line| !line.contains("pass_file"))
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.contains(" = ") && !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = parse(&uncommented, &[]).unwrap();
    assert!(config.database.pass.is_some());
    for key in KEYS {
        assert!(
            sample.contains(&format!("{} = ", key.name)),
            "{key} is missing"
        );
    }
}

#[test]
fn errors_name_line_and_key() {
    let error = parse("[database]\nhost = \"db\"\nprot = 5432\n", &[]).unwrap_err();
    assert!(error.starts_with("esmed.toml line 3: "), "{error}");
    assert!(error.contains("prot") && error.contains("port"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    let error = parse("[database]\nport = 70000\n", &[]).unwrap_err();
    assert!(error.starts_with("esmed.toml line 2: "), "{error}");
    let error = parse("[deamon]\n", &[]).unwrap_err();
    assert!(
        error.contains("deamon") && error.contains("daemon"),
        "{error}"
    );
    let error = parse("[daemon]\npoll_interval = 0\n", &[]).unwrap_err();
    assert!(error.contains("poll_interval"), "{error}");
    for seconds in ["0", "86401"] {
        let error = parse(&format!("[daemon]\nreassembly_timeout = {seconds}\n"), &[]).unwrap_err();
        assert!(error.contains("reassembly_timeout"), "{error}");
    }
}

#[test]
fn what_tls_needs_is_said() {
    let database = |keys: &str| parse(&format!("[database]\n{keys}\n"), &[]);
    for (keys, key) in [
        ("sslmode = \"verify\"", "verify-full"),
        ("sslmode = \"verify-ca\"", "sslrootcert"),
        ("sslmode = \"verify-full\"", "sslrootcert"),
        ("sslrootcert = \"system\"", "verify-full"),
        (
            "sslmode = \"verify-ca\"\nsslrootcert = \"system\"",
            "verify-full",
        ),
        ("sslcert = \"a.pem\"", "sslkey"),
        ("sslkey = \"a.pem\"", "sslcert"),
    ] {
        let error = database(keys).unwrap_err();
        assert!(error.contains(key) && !error.contains('\n'), "{error}");
    }
    let checked = |keys: &str| database(keys).unwrap().database.tls();
    let file = "sslrootcert = \"ca.pem\"";
    let ca = Roots::File("ca.pem".into());
    for (keys, verify, roots) in [
        ("", Verify::Nothing, Roots::System),
        ("sslmode = \"require\"", Verify::Nothing, Roots::System),
        (
            &format!("sslmode = \"require\"\n{file}"),
            Verify::Chain,
            ca.clone(),
        ),
        (
            &format!("sslmode = \"verify-ca\"\n{file}"),
            Verify::Chain,
            ca.clone(),
        ),
        (
            &format!("sslmode = \"verify-full\"\n{file}"),
            Verify::Full,
            ca,
        ),
        (
            "sslmode = \"verify-full\"\nsslrootcert = \"system\"",
            Verify::Full,
            Roots::System,
        ),
    ] {
        let settings = checked(keys);
        assert_eq!((settings.verify, settings.roots), (verify, roots), "{keys}");
    }
}

#[test]
fn the_environment_overrides() {
    let config = parse(
        "[database]\nhost = \"db\"\n",
        &[
            ("ESMED_DATABASE_HOST", "one, two"),
            ("ESMED_DATABASE_PASS", "12345"),
            ("ESMED_DATABASE_PORT", "6543"),
            ("ESMED_DAEMON_LANE", "bulk"),
        ],
    )
    .unwrap();
    assert_eq!(config.database.host.list(), ["one", "two"]);
    assert_eq!(config.database.port, 6543);
    assert_eq!(config.database.pass.unwrap().reveal(), "12345");
    assert_eq!(config.daemon.lane, "bulk");
    let error = parse("", &[("ESMED_DATABASE_PROT", "1")]).unwrap_err();
    assert!(error.contains("ESMED_DATABASE_PROT") && error.contains("ESMED_DATABASE_PORT"));
    let error = parse("", &[("ESMED_DATABASE_PORT", "many")]).unwrap_err();
    assert!(error.contains("ESMED_DATABASE_PORT"), "{error}");
}

#[test]
fn a_password_of_another_type_is_not_shown() {
    for value in [
        "123456",
        "12.5",
        "true",
        "[123456]",
        "{ a = 123456 }",
        "1979-05-27",
    ] {
        let error = parse(&format!("[database]\npass = {value}\n"), &[]).unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("in quotes"),
            "{error}"
        );
        assert!(
            !error.contains(value) && !error.contains("123456"),
            "{error}"
        );
    }
}

#[test]
fn a_section_of_another_type_is_not_shown() {
    let error = parse("database = \"postgres://user:secret@host\"\n", &[]).unwrap_err();
    assert!(
        error.contains("line 1") && error.contains("it must be a section"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn times_are_bounded() {
    for key in ["poll_interval", "drain_timeout"] {
        let error = parse(&format!("[daemon]\n{key} = 9200000000000000000\n"), &[]).unwrap_err();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn a_password_is_never_printed() {
    let config = parse("[database]\npass = \"secret\"\n", &[]).unwrap();
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn each_key_is_told_when_it_changes() {
    // One of these two by itself is refused.
    let text = "[database]\nsslcert = \"cert.pem\"\nsslkey = \"key.pem\"\n";
    let before = parse(text, &[]).unwrap();
    for key in KEYS {
        let variable = format!("ESMED_{}_{}", key.section, key.name).to_uppercase();
        let value = match key.name {
            "level" => "trace",
            "format" => "json",
            "sslmode" => "disable",
            "listen" => "127.0.0.1:17",
            _ => "17",
        };
        let read = parse(text, &[(&variable, value)]).unwrap();
        let Reloaded {
            config,
            at_once,
            need_restart,
        } = before.reloaded(&read);
        match key.holds {
            Holds::AtOnce => {
                assert_eq!((at_once, need_restart), (vec![key.to_string()], vec![]));
                assert_eq!(config, read);
            }
            Holds::Restart => {
                assert_eq!((at_once, need_restart), (vec![], vec![key.to_string()]));
                assert_eq!(config, before);
            }
        }
    }
}

#[test]
fn what_needs_a_restart_keeps_nothing_else_from_changing() {
    let before = parse(
        "[database]\nhost = \"one\"\n[daemon]\npoll_interval = 5\n",
        &[],
    )
    .unwrap();
    let read = parse(
        "[database]\nhost = \"two\"\n[daemon]\npoll_interval = 7\n",
        &[],
    )
    .unwrap();
    let now = before.reloaded(&read).config;
    assert_eq!(now.database.host.list(), ["one"]);
    assert_eq!(now.daemon.poll_interval, 7);
    // The next time the host is still another one.
    assert_eq!(now.reloaded(&read).need_restart, ["[database] host"]);
    assert_eq!(now.reloaded(&read).at_once, Vec::<String>::new());
}

#[test]
fn days_are_bounded() {
    for days in ["0", "-1", "36501", "99999999999"] {
        let error = parse(&format!("[retention]\nevents = {days}\n"), &[]).unwrap_err();
        assert!(
            error.contains("line 2") || error.contains("[retention] events"),
            "{error}"
        );
    }
    let config = parse(
        "[retention]\ninbox = 30\n",
        &[("ESMED_RETENTION_INBOX", "7")],
    )
    .unwrap();
    assert_eq!(config.retention.inbox, Some(7));
    assert_eq!(config.retention.tx_queue, None);
}

#[test]
fn errors_say_what_it_is_and_what_would_be_right() {
    for (text, line, words) in [
        (
            "[database]\nport = \"many\"\n",
            2,
            "[database] port is a text; it must be a whole number from 1 to 65535",
        ),
        (
            "[database]\nport = 70000\n",
            2,
            "[database] port must be a whole number from 1 to 65535",
        ),
        (
            "[database]\nhost = 5\n",
            2,
            "[database] host is a whole number; it must be a host or the folder of a socket in quotes, or several: [\"db1\", \"db2\"]",
        ),
        (
            "[daemon]\npoll_interval = -1\n",
            2,
            "[daemon] poll_interval must be a whole number of seconds from 1 to 86400",
        ),
        (
            "[daemon]\npoll_interval = 99999999999999999999\n",
            2,
            "[daemon] poll_interval must be a whole number of seconds from 1 to 86400",
        ),
        (
            "[daemon]\npoll_interval = 0.5\n",
            2,
            "[daemon] poll_interval is a number with a fraction; it must be a whole number of seconds from 1 to 86400",
        ),
        (
            "[database]\nsslmode = \"verify\"\n",
            2,
            "[database] sslmode must be \"disable\", \"allow\", \"prefer\", \"require\", \"verify-ca\" or \"verify-full\"",
        ),
        (
            "[log]\nlevel = \"Info\"\n",
            2,
            "[log] level must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        ),
        (
            "[log]\nformat = true\n",
            2,
            "[log] format is a boolean; it must be \"text\" or \"json\"",
        ),
        (
            "[metrics]\nlisten = 9719\n",
            2,
            "[metrics] listen is a whole number; it must be an IP address and a port in quotes, as in \"127.0.0.1:9719\"",
        ),
        (
            "[retention]\nevents = \"30 days\"\n",
            2,
            "[retention] events is a text; it must be a whole number of days from 1 to 36500",
        ),
        (
            "[database]\nhost = \"a\"\n\n[daemon]\n\n[database]\nport = 5433\n",
            6,
            "the section [database] is there a second time; its keys must stand below the first [database]",
        ),
        (
            "[database]\nhost = \"a\"\nport = 5433\nhost = \"b\"\n",
            4,
            "[database] host is there a second time; it must be there once",
        ),
        (
            "[log]\n[database]\nprot = 1\nport = \"x\"\n",
            3,
            "[database] has no key prot; it has host, port, name, user, pass, pass_file, sslmode, sslrootcert, sslcert, sslkey",
        ),
        (
            "[deamon]\n",
            1,
            "there is no section [deamon]; there are [database], [daemon], [log], [metrics], [retention]",
        ),
        (
            "host = \"db\"\n",
            1,
            "the key host is in no section; it must stand below one of [database], [daemon], [log], [metrics], [retention]",
        ),
        (
            "[[database]]\nhost = \"db\"\n",
            1,
            "database is a list; it must be a section: a line [database], and its keys below",
        ),
    ] {
        assert_eq!(
            parse(text, &[]).unwrap_err(),
            format!("esmed.toml line {line}: {words}")
        );
    }
    // What no TOML is has the words of its parser too.
    let error = parse("[database]\nhost = db1\n", &[]).unwrap_err();
    assert!(
        error.starts_with("esmed.toml line 2: [database] host: ")
            && error.contains("it must be a host"),
        "{error}"
    );
    for (variable, value, words) in [
        (
            "ESMED_DATABASE_PORT",
            "many",
            "must be a whole number from 1 to 65535",
        ),
        ("ESMED_LOG_LEVEL", "loud", "[log] level must be \"error\""),
        (
            "ESMED_RETENTION_INBOX",
            "-3",
            "[retention] inbox must be a whole number of days",
        ),
    ] {
        let error = parse("", &[(variable, value)]).unwrap_err();
        assert!(
            error.starts_with(&format!("{variable}: {words}")),
            "{error}"
        );
    }
}

#[test]
fn a_file_with_the_password_that_is_missing_is_told_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("esmed.toml");
    let missing = folder.path().join("database.pass");
    std::fs::write(&path, format!("[database]\npass_file = {missing:?}\n")).unwrap();
    let error = anyhow::Error::from(Config::load(&path).unwrap_err());
    assert_eq!(
        format!("{error:#}"),
        format!(
            "[database] pass_file: can't read {}: No such file or directory (os error 2)",
            missing.display()
        )
    );
}

#[test]
fn no_error_shows_a_value() {
    for text in [
        "[database]\npass = hunter2\n",
        "[database]\npass = \"hunter2\n",
        "[database]\npass = 'hunter2\n",
        "[database]\npass = \"hunter2\" x\n",
        "[database]\npass = \"\\hunter2\"\n",
        "[database]\npass = \"x\"\npass = \"hunter2\"\n",
        "[database]\nsslmode = \"hunter2\"\n",
        "[log]\nlevel = \"hunter2\"\n",
        "[database]\nport = \"hunter2\"\n",
        "pass hunter2\n",
        "database.pass.x = \"hunter2\"\n",
        "database = \"hunter2\"\n",
    ] {
        let error = parse(text, &[]).unwrap_err();
        assert!(!error.contains("hunter2"), "{text}: {error}");
        assert!(error.starts_with("esmed.toml line "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    for variable in [
        "ESMED_DATABASE_PORT",
        "ESMED_DATABASE_SSLMODE",
        "ESMED_LOG_LEVEL",
        "ESMED_RETENTION_INBOX",
    ] {
        let error = parse("", &[(variable, "hunter2")]).unwrap_err();
        assert!(
            error.contains(variable) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_host_that_is_no_host_is_not_shown() {
    for host in [
        "\"postgresql://u:hunter2@h/d\"",
        "\"postgresql://u:a,hunter2@h/d\"",
        "\"u:hunter2@h\"",
        "\"h password=hunter2\"",
        "\"h:5433\"",
        "[\"db1\", \"postgresql://u:hunter2@h/d\"]",
    ] {
        for (text, variables) in [
            (format!("[database]\nhost = {host}\n"), vec![]),
            (
                String::new(),
                vec![("ESMED_DATABASE_HOST", host.trim_matches('"'))],
            ),
        ] {
            let error = parse(&text, &variables).unwrap_err();
            assert!(error.contains("[database] host must be"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
    for host in [
        "db1.example.com",
        "db_1",
        "::1",
        "fe80::1%eth0",
        "192.0.2.1",
        "/srv/my pg@1",
        "a, b",
    ] {
        parse(&format!("[database]\nhost = {host:?}\n"), &[]).unwrap();
    }
}
