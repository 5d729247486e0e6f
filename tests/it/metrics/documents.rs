//! Rules, dashboard and document name what there is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const COUNTS: &str = include_str!("../../../src/metrics/counts.rs");
const DOCUMENT: &str = include_str!("../../../docs/monitoring.md");
const RULES: &str = include_str!("../../../cfg/prometheus-rules.yml");
const DASHBOARD: &str = include_str!("../../../cfg/grafana-dashboard.json");

/// Names that begin with `esmed_`, without the endings of histograms.
fn names(text: &str) -> BTreeSet<String> {
    text.match_indices("esmed_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .map(|name| {
            ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|ending| name.strip_suffix(ending))
                .unwrap_or(name)
                .to_owned()
        })
        .collect()
}

/// Every metric that the code makes.
pub(super) fn known() -> BTreeSet<String> {
    let names: BTreeSet<String> = COUNTS
        .lines()
        .filter_map(|line| line.trim().split('"').nth(1))
        .filter(|text| text.starts_with("esmed_") && !text.contains(' '))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 30, "{names:?}");
    names
}

#[test]
fn rules_and_dashboard_use_metrics_that_there_are() {
    for (file, text) in [("rules", RULES), ("dashboard", DASHBOARD)] {
        let used = names(text);
        assert!(used.len() > 10, "{file}: {used:?}");
        let unknown: Vec<_> = used.difference(&known()).cloned().collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    // Nothing is counted that the dashboard does not show.
    let unseen: Vec<_> = known().difference(&names(DASHBOARD)).cloned().collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
        }
    }
}

#[test]
fn the_document_lists_every_metric() {
    let listed: BTreeSet<String> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `esmed_")?.split('`').next())
        .map(|rest| format!("esmed_{rest}"))
        .map(|name| name.split('{').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, known());
    for rule in RULES
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(
            DOCUMENT.contains(&format!("| `{rule}` |")),
            "{rule} is not in docs/monitoring.md"
        );
    }
}

#[test]
fn promtool_accepts_the_rules_and_they_fire_when_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cfg");
    for arguments in [
        ["check", "rules", "prometheus-rules.yml"],
        ["test", "rules", "prometheus-rules-test.yml"],
    ] {
        let Ok(said) = Command::new("promtool")
            .args(arguments)
            .current_dir(&folder)
            .output()
        else {
            eprintln!(
                "passed over: there is no promtool here (Debian: apt-get install prometheus)"
            );
            return;
        };
        assert!(
            said.status.success(),
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
