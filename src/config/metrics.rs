//! `[metrics]`: where counts and the status page are served.

use std::net::SocketAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[metrics]`: where counts and the status page are served over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Address and port to listen on; `None`: nowhere.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
}

/// `"127.0.0.1:9719"` or `"[::1]:9719"`; the empty string switches it off, for the environment can't take a key away.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(Some(address)),
        _ => Err(D::Error::custom(format!(
            "[metrics] listen is {text:?}; it must be an IP address and a port from 1 to 65535, as in \"127.0.0.1:9719\" or \"[::1]:9719\""
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::net::SocketAddr;

    fn listen(value: &str) -> Result<Option<SocketAddr>, String> {
        let text = format!("[metrics]\nlisten = {value:?}\n");
        Config::parse("esmed.toml", &text, [])
            .map(|config| config.metrics.listen)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn listen_is_an_address_and_a_port() {
        assert_eq!(
            Config::parse("esmed.toml", "", []).unwrap().metrics.listen,
            None
        );
        assert_eq!(listen(""), Ok(None));
        for right in ["127.0.0.1:9719", "[::1]:9719", "0.0.0.0:1", "[::]:65535"] {
            assert_eq!(listen(right), Ok(Some(right.parse().unwrap())));
        }
        for wrong in [
            "9719",
            ":9719",
            "localhost:9719",
            "127.0.0.1",
            "127.0.0.1:0",
            "::1:9719:",
        ] {
            let error = listen(wrong).unwrap_err();
            assert!(error.starts_with("esmed.toml line 2: "), "{error}");
            assert!(
                error.contains(wrong) && error.contains("\"127.0.0.1:9719\""),
                "{error}"
            );
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_environment_moves_it_and_switches_it_off() {
        let text = "[metrics]\nlisten = \"127.0.0.1:9719\"\n";
        let with = |value: &str| {
            let variable = ("ESMED_METRICS_LISTEN".to_owned(), value.to_owned());
            Config::parse("esmed.toml", text, [variable])
                .unwrap()
                .metrics
                .listen
        };
        assert_eq!(with("[::1]:1234"), Some("[::1]:1234".parse().unwrap()));
        assert_eq!(with(""), None);
    }
}
