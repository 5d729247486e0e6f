//! Certificates of our own.

use std::path::Path;
use std::process::Command;

use rcgen::KeyPair;

use esmed::sim::{Sim, Tls, TlsVersion};

use super::{Authority, files, last_event, params, point, secured, told, until, world, write};
use crate::support::World;

/// A simulator that wants a certificate by `authority`.
pub(super) fn strict(world: &World, authority: &Authority, version: TlsVersion) -> Sim {
    let name = format!("strict{version:?}");
    let tls = files(world, &name, &authority.issue(&["127.0.0.1"]));
    secured(Tls {
        client_ca: Some(write(world, "clients.pem", &authority.pem())),
        version: Some(version),
        ..tls
    })
}

pub(super) fn columns(certificate: &Path, key: &Path) -> String {
    format!(
        "esme_tls_cert_file = '{}', esme_tls_key_file = '{}'",
        certificate.display(),
        key.display()
    )
}

#[tokio::test]
async fn a_certificate_of_ours_is_shown_where_the_smsc_asks_for_one() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    let right = files(&world, "right", &authority.issue(&["esmed"]));
    let other = Authority::new("somebody else");
    let wrong = files(&world, "wrong", &other.issue(&["esmed"]));
    let mut bound = 1;
    for version in [TlsVersion::V12, TlsVersion::V13] {
        let sim = strict(&world, &authority, version);
        for (columns, words) in [
            (
                "esme_tls_cert_file = NULL, esme_tls_key_file = NULL".to_owned(),
                "certificate of ours",
            ),
            (
                columns(&wrong.certificate, &wrong.key),
                "does not trust the issuer of our certificate",
            ),
        ] {
            let before = last_event(&world).await;
            point(&world, &sim, &columns).await;
            // With TLS 1.3 the server looks at it only when we think that all is well.
            let kind = match version {
                TlsVersion::V12 => "connection_failed",
                TlsVersion::V13 => "bind_failed",
            };
            told(&world, kind, before, words).await;
            assert_eq!(sim.ledger().counts().binds, 0);
        }
        point(&world, &sim, &columns(&right.certificate, &right.key)).await;
        bound += 1;
        world.until_events("bound", bound).await;
    }
    assert!(daemon.is_running());
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn keys_may_have_any_usual_form() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let path = |name: &str| world.folder().join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let run = Command::new("openssl").args(arguments).output();
        run.is_ok_and(|output| output.status.success())
    };
    let (rsa, ec) = (path("rsa.pem"), path("ec.pem"));
    let made = openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        &rsa,
    ]) && openssl(&[
        "rsa",
        "-traditional",
        "-in",
        &rsa,
        "-out",
        &path("pkcs1.pem"),
    ]) && openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-384",
        "-out",
        &ec,
    ]) && openssl(&["ec", "-in", &ec, "-out", &path("sec1.pem")]);
    if !made {
        eprintln!("openssl is not installed: PKCS#1 and SEC1 were not tried");
        return;
    }
    let certificate = |key: &str, name: &str| {
        let key = KeyPair::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
        let certificate = params(&["esmed"], |_| {}).signed_by(&key, &authority.issuer);
        write(&world, name, &certificate.unwrap().pem())
    };
    let of_rsa = certificate(&rsa, "of_rsa.pem");
    let of_ec = certificate(&ec, "of_ec.pem");
    let key = std::fs::read_to_string(path("sec1.pem")).unwrap();
    let text = std::fs::read_to_string(&of_ec).unwrap();
    let both = write(&world, "both.pem", &format!("{key}{text}"));
    let sim = strict(&world, &authority, TlsVersion::V13);
    point(&world, &sim, &columns(&of_rsa, Path::new(&rsa))).await;
    let _daemon = world.daemon();
    world.until_events("bound", 1).await;
    for (number, columns) in [
        columns(&of_rsa, Path::new(&path("pkcs1.pem"))),
        columns(&of_ec, Path::new(&ec)),
        columns(&of_ec, Path::new(&path("sec1.pem"))),
        format!(
            "esme_tls_cert_file = '{}', esme_tls_key_file = NULL",
            both.display()
        ),
    ]
    .iter()
    .enumerate()
    {
        point(&world, &sim, columns).await;
        let count = i64::try_from(number).unwrap() + 2;
        world.until_events("bound", count).await;
    }
    // One that asks for a passphrase, and one that belongs to another certificate.
    assert!(openssl(&[
        "pkey",
        "-in",
        &ec,
        "-aes256",
        "-passout",
        "pass:secret",
        "-out",
        &path("locked.pem")
    ]));
    point(
        &world,
        &sim,
        &columns(&of_ec, Path::new(&path("locked.pem"))),
    )
    .await;
    told(
        &world,
        "connection_failed",
        0,
        "is protected by a passphrase",
    )
    .await;
    point(&world, &sim, &columns(&of_ec, Path::new(&rsa))).await;
    told(
        &world,
        "connection_failed",
        0,
        "does not belong to the certificate",
    )
    .await;
}

#[tokio::test]
async fn certificates_that_end_soon_are_told_once_a_stage() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let own = files(&world, "own", &authority.issue_with(&["esmed"], until(4)));
    let tls = files(
        &world,
        "ending",
        &authority.issue_with(&["127.0.0.1"], until(11)),
    );
    let sim = secured(tls);
    point(&world, &sim, &columns(&own.certificate, &own.key)).await;
    let daemon = world.daemon();
    world.until_events("bound", 1).await;
    world.until_events("certificate_expires", 2).await;
    let peer = told(&world, "certificate_expires", 0, "CN=127.0.0.1, expires on").await;
    assert!(peer.contains("in 11 days"), "{peer}");
    let own = told(&world, "certificate_expires", 0, "CN=esmed, expires on").await;
    assert!(
        own.contains("esme_tls_cert_file") && own.contains("in 4 days"),
        "{own}"
    );
    let days: i32 = world
        .one("SELECT min((details->>'days_left')::integer) FROM smpp_events WHERE type = 'certificate_expires'")
        .await;
    assert_eq!(days, 4);
    assert!(daemon.log().contains("WARN our certificate"), "a warning");
    // It is no outage.
    let status: Option<String> = world
        .one("SELECT max(status) FROM smpp_events WHERE type = 'certificate_expires'")
        .await;
    assert_eq!(status, None);
    assert_eq!(sim.drop_connections(), 1);
    world.until_events("bound", 2).await;
    assert_eq!(
        world.events("certificate_expires").await,
        2,
        "not at each bind"
    );
}
