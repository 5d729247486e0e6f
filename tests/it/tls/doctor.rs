//! What `esmed doctor` says of TLS, to the SMSC and to PostgreSQL.

use std::path::Path;

use serde_json::Value;

use super::postgres::Database;
use super::{Authority, until, world, write};
use crate::support::esmed;

pub(super) async fn doctor(config: &Path) -> Value {
    let output = esmed(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let code = if report["failed"] == 0 { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{report:#}");
    report
}

pub(super) fn assert_check(report: &Value, name: &str, verdict: &str, words: &str, next: &str) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == name);
    let check = check.unwrap_or_else(|| panic!("no check {name}: {report:#}"));
    assert_eq!(check["verdict"], verdict, "{check:#}");
    let has = |key: &str, words: &str| check[key].as_str().unwrap_or_default().contains(words);
    assert!(has("finding", words), "{words}: {check:#}");
    assert!(has("next_step", next), "{next}: {check:#}");
}

#[tokio::test]
async fn the_certificate_of_the_smsc_and_a_wrong_authority_are_told() {
    let authority = Authority::new("our authority");
    let mut world = world(&authority, |_| {}).await;
    let config = world.config("esmed", "");
    let report = doctor(&config).await;
    assert_check(&report, "TLS", "ok", "none, and none is needed", "");
    assert_check(
        &report,
        "certificate",
        "ok",
        "issued by CN=our authority",
        "",
    );
    assert_check(&report, "certificate", "ok", "for 127.0.0.1", "");
    assert_check(&report, "bind", "ok", "accepted", "");

    let other = write(&world, "other.pem", &Authority::new("somebody else").pem());
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_tls_ca_file = '{}'",
            other.display()
        ))
        .await;
    let report = doctor(&config).await;
    // The first check of this name is that of the database.
    let smsc: Vec<&Value> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["area"] == "SMSC" && check["check"] == "TLS")
        .collect();
    assert_eq!(smsc.len(), 1, "{report:#}");
    assert_eq!(smsc[0]["verdict"], "failed");
    let finding = smsc[0]["finding"].as_str().unwrap();
    assert!(
        finding.contains("was issued by CN=our authority"),
        "{finding}"
    );
    assert!(finding.contains("esme_tls_ca_file"), "{finding}");

    world
        .sql("UPDATE smpp_servers SET esme_tls_verify = FALSE")
        .await;
    let report = doctor(&config).await;
    let warned = report["checks"].as_array().unwrap().iter().any(|check| {
        check["area"] == "SMSC" && check["check"] == "TLS" && check["verdict"] == "warning"
    });
    assert!(warned, "{report:#}");

    // One that ends soon.
    let soon = authority.issue_with(&["127.0.0.1"], until(5));
    world.sim = super::secured(super::files(&world, "soon", &soon));
    super::point(&world, &world.sim, "esme_tls_verify = TRUE").await;
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_tls_ca_file = '{}'",
            world.folder().join("ca.pem").display()
        ))
        .await;
    let report = doctor(&config).await;
    assert_check(&report, "certificate", "warning", "expires on", "renewed");
}

#[tokio::test]
async fn a_wrong_authority_and_a_wrong_password_of_the_database_are_told() {
    let database = Database::new().await;
    let authority = Authority::new("database authority");
    let issued = authority.issue(&[&database.address]);
    database
        .set_up("host all all all scram-sha-256", Some(&issued), None)
        .await;
    database
        .world
        .sql("ALTER ROLE esmed PASSWORD 'right-one'")
        .await;
    let right = write(&database.world, "right.pem", &authority.pem());
    let wrong = write(
        &database.world,
        "wrong.pem",
        &Authority::new("another").pem(),
    );
    let root = |path: &Path| format!("sslrootcert = {path:?}\npass = \"right-one\"");

    let report = doctor(&database.config("verify-full", &root(&right))).await;
    assert_check(
        &report,
        "TLS",
        "ok",
        "the server's certificate is checked",
        "",
    );
    assert_check(&report, "connection", "ok", "answers", "");
    let report = doctor(&database.config("verify-full", &root(&wrong))).await;
    assert_check(
        &report,
        "TLS",
        "failed",
        "issued by CN=database authority",
        "sslrootcert has to hold the authority",
    );
    // Within this machine nobody has to.
    let report = doctor(&database.config("require", "pass = \"right-one\"")).await;
    assert_check(&report, "TLS", "ok", "within this machine", "");
    let report = doctor(&database.config("require", "pass = \"wrong-one\"")).await;
    assert_check(
        &report,
        "login",
        "failed",
        "the password of esmed is wrong",
        "pass_file",
    );
    assert!(!report.to_string().contains("wrong-one"));
}
