//! Which certificates of an SMSC are taken, and what is said of the others.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

use esmed::sim::Sim;

use super::{Authority, Issued, files, last_event, params, point, secured, told, until, world};
use crate::support::World;

/// A simulator with this certificate.
fn sim(world: &World, name: &str, issued: &Issued) -> Sim {
    secured(files(world, name, issued))
}

fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let key = KeyPair::generate().unwrap();
    Issued {
        certificate: params(names, change).self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_in_plain_words() {
    let authority = Authority::new("our authority");
    let other = Authority::new("somebody else");
    let world = world(&authority, |_| {}).await;
    let mut daemon = world.daemon();
    world.until_bound().await;
    let not_yet = |params: &mut CertificateParams| params.not_before = date_time_ymd(2100, 1, 1);
    let lasting = |params: &mut CertificateParams| params.not_after = date_time_ymd(2101, 1, 1);
    let of_client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let cases = [
        (
            other.issue(&["127.0.0.1"]),
            "issued by CN=somebody else, who is not among those in esme_tls_ca_file",
        ),
        (
            authority.issue_with(&["127.0.0.1"], |params| {
                params.not_after = date_time_ymd(2021, 2, 3);
                params.not_before = date_time_ymd(2020, 2, 3);
            }),
            "expired on 2021-02-03 00:00 UTC",
        ),
        (
            authority.issue_with(&["127.0.0.1"], |params| {
                not_yet(params);
                lasting(params);
            }),
            "valid from 2100-01-01 00:00 UTC on",
        ),
        (
            authority.issue(&["smsc.example", "127.0.0.2"]),
            "is for smsc.example, 127.0.0.2, not for 127.0.0.1; esme_tls_server_name",
        ),
        (
            authority.issue_with(&["127.0.0.1"], |params| params.subject_alt_names.clear()),
            "carries no subjectAltName; it has to carry one with 127.0.0.1",
        ),
        (
            authority.issue_with(&["127.0.0.1"], of_client),
            "is not for servers",
        ),
        (
            self_signed(&["127.0.0.1"], |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
            "presents the certificate of an authority as its own; esme_tls_ca_file",
        ),
        (
            self_signed(&["127.0.0.1"], |_| {}),
            "issued by CN=127.0.0.1, who is not among those in esme_tls_ca_file",
        ),
    ];
    for (number, (issued, words)) in cases.iter().enumerate() {
        let sim = sim(&world, &format!("case{number}"), issued);
        let before = last_event(&world).await;
        point(&world, &sim, "esme_tls_server_name = NULL").await;
        let message = told(&world, "connection_failed", before, words).await;
        assert!(!message.contains('\n'), "{message}");
        let counts = sim.ledger().counts();
        assert_eq!(counts.binds, 0, "{words}: nothing may be sent");
    }
    // What was presented stands beside it, for programs.
    let subject: Option<String> = world
        .one("SELECT details #>> '{certificate,subject}' FROM smpp_events WHERE type = 'connection_failed' LIMIT 1")
        .await;
    assert_eq!(subject.as_deref(), Some("CN=127.0.0.1"));
    assert!(daemon.is_running());
    let before = last_event(&world).await;
    point(&world, &world.sim, "esme_tls = TRUE").await;
    told(&world, "bound", before, "").await;
}

#[tokio::test]
async fn the_name_is_that_of_the_row_or_else_the_host() {
    let authority = Authority::new("our authority");
    let world = world(&authority, |_| {}).await;
    let named = sim(&world, "named", &authority.issue(&["smsc.example"]));
    point(&world, &named, "esme_tls_server_name = 'smsc.example'").await;
    let _daemon = world.daemon();
    world.until_events("bound", 1).await;
    point(&world, &named, "esme_tls_server_name = 'other.example'").await;
    told(&world, "connection_failed", 0, "not for other.example").await;
    point(&world, &named, "esme_tls_server_name = 'no name'").await;
    told(
        &world,
        "connection_failed",
        0,
        "neither a host name nor an IP address",
    )
    .await;
    // The host as a name.
    let local = sim(&world, "local", &authority.issue(&["localhost"]));
    point(
        &world,
        &local,
        "host = 'localhost', esme_tls_server_name = ''",
    )
    .await;
    world.until_events("bound", 2).await;
}

#[tokio::test]
async fn a_certificate_that_is_itself_in_the_file_is_trusted_for_its_name_and_time() {
    let world = world(&Authority::new("nobody"), |_| {}).await;
    let ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let right = self_signed(&["127.0.0.1"], ca);
    let misnamed = self_signed(&["other.example"], |_| {});
    let expired = self_signed(&["127.0.0.1"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let all = [&right, &misnamed, &expired].map(|it| it.certificate.as_str());
    super::write(&world, "ca.pem", &all.concat());
    let right = sim(&world, "right", &right);
    point(&world, &right, "esme_tls = TRUE").await;
    let _daemon = world.daemon();
    world.until_events("bound", 1).await;
    let misnamed = sim(&world, "misnamed", &misnamed);
    point(&world, &misnamed, "esme_tls = TRUE").await;
    told(
        &world,
        "connection_failed",
        0,
        "is for other.example, not for 127.0.0.1",
    )
    .await;
    let expired = sim(&world, "expired", &expired);
    point(&world, &expired, "esme_tls = TRUE").await;
    told(&world, "connection_failed", 0, "expired on 2021-01-01").await;
}

#[tokio::test]
async fn without_verification_anybody_is_taken_and_each_bind_says_so() {
    let world = world(&Authority::new("our authority"), |_| {}).await;
    let stranger = Authority::new("somebody else");
    let sim = sim(
        &world,
        "stranger",
        &stranger.issue_with(&["x.example"], until(-1)),
    );
    point(
        &world,
        &sim,
        "esme_tls_verify = FALSE, esme_tls_ca_file = '/nowhere'",
    )
    .await;
    let daemon = world.daemon();
    world.until_events("bound", 1).await;
    assert_eq!(world.events("tls_unverified").await, 1);
    let status: String = world
        .one("SELECT status FROM smpp_events WHERE type = 'tls_unverified'")
        .await;
    assert_eq!(status, "degraded");
    assert!(
        daemon.log().contains("WARN esme_tls_verify is FALSE"),
        "loud"
    );
    told(&world, "certificate_expires", 0, "CN=x.example, expired on").await;
    assert_eq!(sim.drop_connections(), 1);
    world.until_events("bound", 2).await;
    assert_eq!(world.events("tls_unverified").await, 2);
    // A proof of the key is asked for all the same, and messages go.
    let id = world.send("447911123400", "to whomever").await;
    world.until_state(id, "DELIVERED").await;
}

#[tokio::test]
async fn the_authorities_of_the_system_are_used_where_no_file_is_named() {
    let world = world(&Authority::new("our authority"), |_| {}).await;
    point(&world, &world.sim, "esme_tls_ca_file = NULL").await;
    let _daemon = world.daemon();
    // Whether or not this machine has any: this one is not among them.
    let message = told(&world, "connection_failed", 0, "TLS: ").await;
    assert!(
        message.contains("of this machine") || message.contains("this machine has no"),
        "{message}"
    );
}
