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
    for (section, key, _) in KEYS {
        assert!(
            sample.contains(&format!("{key} = ")),
            "[{section}] {key} is missing"
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
        error.contains("line 1") && error.contains("expected"),
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
