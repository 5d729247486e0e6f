//! What `esmed doctor` says is to be done where it does not come to TLS.

use std::process::Command;

use rcgen::{SanType, date_time_ymd};
use serde_json::{Value, json};

use esmed::sim::TlsVersion;

use super::client::{columns, strict};
use super::doctor::{assert_check, doctor};
use super::postgres::Database;
use super::{Authority, files, point, secured, until, world, write};

/// The same report with the checks of the SMSC only: some have the names of others.
fn of_smsc(report: &Value) -> Value {
    let checks = report["checks"].as_array().unwrap().iter();
    let checks: Vec<&Value> = checks.filter(|check| check["area"] == "SMSC").collect();
    json!({ "checks": checks })
}

#[tokio::test]
async fn each_fault_of_tls_to_the_smsc_has_its_own_next_step() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let config = world.config("esmed", "");
    let sim = |name: &str, issued| secured(files(&world, name, &issued));
    let ended = sim("ended", authority.issue_with(&["127.0.0.1"], until(-5)));
    let early = sim(
        "early",
        authority.issue_with(&["127.0.0.1"], |params| {
            params.not_before = date_time_ymd(2100, 1, 1);
            params.not_after = date_time_ymd(2101, 1, 1);
        }),
    );
    let named = sim("named", authority.issue(&["smsc.example"]));
    let nameless = sim(
        "nameless",
        authority.issue_with(&["127.0.0.1"], |params| params.subject_alt_names.clear()),
    );
    // An address, as a DNS name, which it is not.
    let misplaced = |name, more: &[&str]| {
        let issued = authority.issue_with(&["smsc"], |params| {
            let address = SanType::DnsName("127.0.0.1".try_into().unwrap());
            params.subject_alt_names = vec![address];
            let more = more.iter().map(|name| (*name).try_into().unwrap());
            params.subject_alt_names.extend(more.map(SanType::DnsName));
        });
        sim(name, issued)
    };
    let only_misplaced = misplaced("misplaced", &[]);
    let also_misplaced = misplaced("also", &["*.example", "smsc.example"]);
    let other_address = sim("address", authority.issue(&["*.example", "192.0.2.7"]));
    let strict = strict(&world, &authority, TlsVersion::V13);
    let strict_12 = super::client::strict(&world, &authority, TlsVersion::V12);
    let plain = esmed::sim::Sim::start(esmed::sim::Config::default()).unwrap();
    let other = Authority::new("somebody else");
    let other_ca = write(&world, "other.pem", &other.pem());
    let right_ca = world.folder().join("ca.pem");
    let ca = format!("esme_tls_ca_file = '{}'", right_ca.display());
    let stranger = files(&world, "stranger", &other.issue(&["esmed"]));
    let stranger = columns(&stranger.certificate, &stranger.key);
    let other_ca = format!("esme_tls_ca_file = '{}'", other_ca.display());
    for (sim, more, check, words, next) in [
        (
            &ended,
            ca.as_str(),
            "TLS",
            "expired on",
            "provider has to renew",
        ),
        (
            &early,
            &ca,
            "TLS",
            "valid from 2100",
            "if the clock of this machine",
        ),
        (
            &named,
            &ca,
            "TLS",
            "is for smsc.example",
            "esme_tls_server_name = 'smsc.example' WHERE id = 1",
        ),
        (
            &only_misplaced,
            &ca,
            "TLS",
            "carries 127.0.0.1 as a DNS name, not as an IP address",
            "renew the certificate: an address has to be in its subjectAltName as an IP address",
        ),
        (
            &also_misplaced,
            &ca,
            "TLS",
            "or esme_tls_server_name has to be another name that it carries",
            "esme_tls_server_name = 'smsc.example' WHERE id = 1",
        ),
        (
            &other_address,
            &ca,
            "TLS",
            "is for *.example, 192.0.2.7, not for 127.0.0.1",
            "esme_tls_server_name = '192.0.2.7' WHERE id = 1",
        ),
        (
            &world.sim,
            &other_ca,
            "TLS",
            "issued by CN=our authority",
            "put the provider's authority into",
        ),
        (
            &world.sim,
            "esme_tls_ca_file = '/nowhere/ca.pem'",
            "TLS",
            "/nowhere/ca.pem",
            "put the file there",
        ),
        (
            &world.sim,
            "esme_tls_ca_file = '/etc/hostname'",
            "TLS",
            "holds no certificate",
            "replace the file",
        ),
        (
            &plain,
            &ca,
            "TLS",
            "answered without TLS",
            "esme_tls = FALSE WHERE id = 1",
        ),
        (
            &strict_12,
            &ca,
            "TLS",
            "wants a certificate of ours",
            "set esme_tls_cert_file and esme_tls_key_file",
        ),
        (
            &strict,
            &ca,
            "bind",
            "wants a certificate of ours",
            "set esme_tls_cert_file and esme_tls_key_file",
        ),
        (
            &strict,
            &stranger,
            "bind",
            "does not trust the issuer",
            "has to know the authority of our certificate",
        ),
        (
            &nameless,
            &ca,
            "TLS",
            "carries no subjectAltName",
            "renew the certificate with a subjectAltName",
        ),
    ] {
        point(&world, sim, more).await;
        let report = of_smsc(&doctor(&config).await);
        assert_check(&report, check, "failed", words, next);
    }
    // The other way round.
    point(&world, &world.sim, "esme_tls = FALSE").await;
    let report = of_smsc(&doctor(&config).await);
    let next = "esme_tls = TRUE WHERE id = 1";
    assert_check(&report, "bind", "failed", "what comes back is TLS", next);
}

/// As openssl of Debian 12 makes it without -extfile.
#[tokio::test]
async fn a_certificate_of_ours_of_version_1_is_named_and_not_its_key() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let path = |name: &str| world.folder().join(name).display().to_string();
    let (key, certificate) = (path("old.key"), path("old.pem"));
    let (ca, ca_key) = (path("issuer.pem"), path("issuer.key"));
    let openssl = |line: &str| {
        let run = Command::new("openssl").args(line.split(' ')).output();
        run.is_ok_and(|output| output.status.success())
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let request = path("old.csr");
    let made = openssl(&format!(
        "req -x509 {new} -subj /CN=issuer -keyout {ca_key} -out {ca}"
    )) && openssl(&format!(
        "req -new {new} -subj /CN=esmed -keyout {key} -out {request}"
    )) && openssl(&format!(
        "x509 -req -in {request} -CA {ca} -CAkey {ca_key} -CAcreateserial -out {certificate}"
    )) && Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in", &certificate])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("Version: 1 "));
    if !made {
        eprintln!("passed over: no openssl that makes certificates of version 1");
        return;
    }
    point(
        &world,
        &world.sim,
        &columns(certificate.as_ref(), key.as_ref()),
    )
    .await;
    let report = of_smsc(&doctor(&world.config("esmed", "")).await);
    let words = format!("esme_tls_cert_file: the certificate in {certificate} is X.509 version 1");
    assert_check(&report, "TLS", "failed", &words, "replace the file");
}

#[tokio::test]
async fn each_fault_of_tls_to_the_database_has_its_own_next_step() {
    let database = Database::new().await;
    let authority = Authority::new("our authority");
    let ca = write(&database.world, "ca.pem", &authority.pem());
    let ca = format!("sslrootcert = {ca:?}");
    let any = "host all all 127.0.0.0/8 trust";
    let check = async |mode: &str, more: &str, words: &str, next: &str| {
        let report = doctor(&database.config(mode, more)).await;
        assert_check(&report, "TLS", "failed", words, next);
    };
    database.set_up(any, None, None).await;
    check(
        "verify-full",
        &ca,
        "does not support TLS",
        "ssl = on in postgresql.conf",
    )
    .await;
    let issued = authority.issue(&["db.example"]);
    database.set_up(any, Some(&issued), None).await;
    check("verify-full", &ca, "is for db.example", "verify-ca").await;
    let issued = authority.issue_with(&["db"], |params| {
        let address = database.address.as_str().try_into().unwrap();
        params.subject_alt_names = vec![SanType::DnsName(address)];
    });
    database.set_up(any, Some(&issued), None).await;
    check(
        "verify-full",
        &ca,
        "as a DNS name, not as an IP address",
        "an address as an IP address",
    )
    .await;
    let nowhere = "sslrootcert = \"/nowhere/ca.pem\"";
    check(
        "verify-ca",
        nowhere,
        "/nowhere/ca.pem",
        "put the file there",
    )
    .await;
    let issued = authority.issue_with(&[&database.address], until(-5));
    database.set_up(any, Some(&issued), None).await;
    check(
        "verify-full",
        &ca,
        "expired on",
        "renew the certificate of the server",
    )
    .await;
    // Certificates of ours.
    let issued = authority.issue(&[&database.address]);
    let hba = "hostssl all all 127.0.0.0/8 trust clientcert=verify-full";
    database.set_up(hba, Some(&issued), Some(&authority)).await;
    let report = doctor(&database.config("verify-full", &ca)).await;
    assert_check(
        &report,
        "login",
        "failed",
        "client certificate",
        "set sslcert and sslkey",
    );
    let stranger = files(
        &database.world,
        "stranger",
        &Authority::new("another").issue(&["esmed"]),
    );
    let more = format!(
        "sslcert = {:?}\nsslkey = {:?}",
        stranger.certificate, stranger.key
    );
    check("require", &more, "does not trust the issuer", "ssl_ca_file").await;
}
