//! TLS to the SMSC and to PostgreSQL, with certificates that are made here.

mod client;
mod doctor;
mod doctor_steps;
mod faults;
mod files;
mod postgres;
mod smsc;
mod trust;

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{TimeDelta, Utc};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

use esmed::sim::{Behaviour, Config, Sim, Tls};

use crate::support::World;

/// Somebody who issues certificates.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// For these host names and addresses, the first of which is the CN too.
    fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let params = params(names, change);
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

fn params(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let list: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(list).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, names[0]);
    change(&mut params);
    params
}

/// Until so many days and a half from now; negative: before now.
fn until(days: i64) -> impl FnOnce(&mut CertificateParams) {
    let end = SystemTime::from(Utc::now() + TimeDelta::days(days) + TimeDelta::hours(12));
    move |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = end.into();
    }
}

fn write(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.folder().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Files of this name for a server.
fn files(world: &World, name: &str, issued: &Issued) -> Tls {
    Tls {
        certificate: write(world, &format!("{name}.pem"), &issued.certificate),
        key: write(world, &format!("{name}.key"), &issued.key),
        client_ca: None,
        version: None,
    }
}

/// A simulator that speaks TLS.
fn secured(tls: Tls) -> Sim {
    secured_with(tls, |_| {})
}

fn secured_with(tls: Tls, change: impl FnOnce(&mut Behaviour)) -> Sim {
    let mut behaviour = Behaviour::default();
    change(&mut behaviour);
    Sim::start(Config {
        behaviour,
        tls: Some(tls),
        ..Config::default()
    })
    .unwrap()
}

/// Points the one server to this simulator, with more columns: `"esme_tls_verify = FALSE"`.
async fn point(world: &World, sim: &Sim, more: &str) {
    let port = sim.addr().port();
    world
        .sql(&format!("UPDATE smpp_servers SET port = {port}, {more}"))
        .await;
}

/// A world whose only server trusts this authority; what it speaks to is world.sim, with TLS.
async fn world(authority: &Authority, change: impl FnOnce(&mut Behaviour)) -> World {
    let mut world = World::new().await;
    let ca = write(&world, "ca.pem", &authority.pem());
    let tls = files(&world, "smsc", &authority.issue(&["127.0.0.1"]));
    world.sim = secured_with(tls, change);
    world
        .enable_sim(
            ", esme_registered_delivery, esme_tls, esme_tls_ca_file",
            &format!(", TRUE, TRUE, '{}'", ca.display()),
        )
        .await;
    world
}

/// Waits for an event of this type whose message has these words, and counts no earlier one.
async fn told(world: &World, kind: &str, after: i64, words: &str) -> String {
    let condition =
        format!("type = '{kind}' AND id > {after} AND position('{words}' in message) > 0");
    world
        .until(&format!(
            "SELECT EXISTS (SELECT FROM smpp_events WHERE {condition})"
        ))
        .await;
    world
        .one(&format!(
            "SELECT message FROM smpp_events WHERE {condition} ORDER BY id LIMIT 1"
        ))
        .await
}

/// The last event so far.
async fn last_event(world: &World) -> i64 {
    world
        .one("SELECT coalesce(max(id), 0) FROM smpp_events")
        .await
}
