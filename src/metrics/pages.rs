//! What is answered to which path.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use prometheus::TextEncoder;
use prometheus::core::Collector as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::state::{Role, SAMPLE_EVERY, State, seconds};
use super::{Metrics, Stuck, log};

const PAGE: &str = include_str!("status.html");

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// What all paths show.
pub(super) struct Site {
    pub(super) metrics: Arc<Metrics>,
    stuck: Stuck,
    policy: String,
}

impl Site {
    pub(super) fn new(metrics: Arc<Metrics>, stuck: Stuck) -> Self {
        Self {
            metrics,
            stuck,
            policy: policy(),
        }
    }
}

/// The page's own script and style are known by their hashes; nothing else runs, and nothing is loaded from elsewhere.
fn policy() -> String {
    let hash = |tag: &str| {
        let text = PAGE
            .split_once(&format!("<{tag}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")))
            .map_or("", |(text, _)| text);
        format!("'sha256-{}'", BASE64.encode(Sha256::digest(text)))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
}

/// Answers a request; its body, where it has one, is never read.
pub(super) fn respond<B: Body>(
    site: &Site,
    request: &Request<B>,
    server: &'static str,
) -> Response<Full<Bytes>> {
    let (status, kind, body) = if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let body = "only GET and HEAD are answered here\n".to_owned();
        (StatusCode::METHOD_NOT_ALLOWED, TEXT, body)
    } else {
        match request.uri().path() {
            "/metrics" => site.metrics.scrape(),
            "/health" => match (site.stuck)() {
                None => (StatusCode::OK, TEXT, "ok\n".to_owned()),
                Some(what) => {
                    let body = format!("stuck: {what}\n");
                    (StatusCode::SERVICE_UNAVAILABLE, TEXT, body)
                }
            },
            "/ready" => match readiness(&site.metrics.snapshot()) {
                Ok(()) => (StatusCode::OK, TEXT, "ready\n".to_owned()),
                Err(why) => {
                    let body = format!("{why}\n");
                    (StatusCode::SERVICE_UNAVAILABLE, TEXT, body)
                }
            },
            "/status.json" => (StatusCode::OK, JSON, site.metrics.status().to_string()),
            "/" => (StatusCode::OK, HTML, page(&site.metrics.status())),
            _ => {
                let body = "not found; there are /, /status.json, /metrics, /health and /ready\n"
                    .to_owned();
                (StatusCode::NOT_FOUND, TEXT, body)
            }
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::SERVER, HeaderValue::from_static(server));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if let Ok(policy) = HeaderValue::from_str(&site.policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Whether messages can leave: bound, and the database answers; else why not, in a line.
fn readiness(state: &State) -> Result<(), String> {
    match &state.role {
        Role::Starting => return Err("starting: the database was not reached yet".to_owned()),
        Role::Waiting(why) => return Err(format!("waiting: {why}")),
        Role::StandingBy(holder) if state.database_up == Some(false) => {
            return Err(format!(
                "standing by, and the database is away; {holder} served the lane"
            ));
        }
        Role::StandingBy(holder) => {
            return Err(format!("standing by: {holder} serves the lane"));
        }
        Role::Stopping => return Err("stopping".to_owned()),
        Role::Serving => {}
    }
    if state.database_up == Some(false) {
        return Err("the database is away".to_owned());
    }
    if state.server.is_none() {
        return Err("no server is enabled".to_owned());
    }
    if !state.is_bound() {
        return Err(format!("not bound: {}", state.session));
    }
    Ok(())
}

/// The page with its first state in it, and the most important of it for who has no script.
fn page(status: &Value) -> String {
    // Within a script element only "<" could end it.
    let first = status.to_string().replace('<', "\\u003c");
    let lane = escaped(status["lane"].as_str().unwrap_or_default());
    let plain = escaped(&plain(status));
    let mut page = String::with_capacity(PAGE.len() + first.len() + plain.len());
    // In one pass: what is put in is not looked at again.
    let mut rest = PAGE;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        page.push_str(before);
        page.push_str(match name {
            "state" => &first,
            "lane" => &lane,
            "plain" => &plain,
            _ => "",
        });
        rest = behind;
    }
    page.push_str(rest);
    page
}

/// In a sentence or two.
fn plain(status: &Value) -> String {
    let mut text = format!(
        "Lane {}: {}.",
        status["lane"].as_str().unwrap_or_default(),
        status["reason"]
            .as_str()
            .unwrap_or("bound, and the database answers")
    );
    if let Some(server) = status["server"]["label"].as_str() {
        let _ = write!(text, " Server {server}.");
    }
    let _ = write!(
        text,
        " {} answers a second, window {} of {}.",
        status["rate"], status["window"]["in_use"], status["window"]["size"]
    );
    match &status["queue"] {
        Value::Null => text.push_str(" The queue is not known."),
        queue => {
            let _ = write!(
                text,
                " Queue {}, oldest waiting for {:.0} s.",
                queue["depth"],
                queue["oldest_seconds"].as_f64().unwrap_or_default()
            );
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Metrics {
    fn snapshot(&self) -> State {
        self.state().clone()
    }

    /// The text that Prometheus reads.
    fn scrape(&self) -> (StatusCode, &'static str, String) {
        for (level, lines) in log::lines() {
            let counter = self.counts.log_lines.with_label_values(&[level]);
            counter.inc_by(lines.saturating_sub(counter.get()));
        }
        if self.snapshot().known_queue().is_none() {
            self.queue(None);
        }
        match TextEncoder::new().encode_to_string(&self.counts.registry.gather()) {
            Ok(text) => (StatusCode::OK, PROMETHEUS, text),
            Err(error) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                TEXT,
                format!("the metrics could not be written: {error}\n"),
            ),
        }
    }

    /// Answers by status.
    pub(super) fn answers(&self) -> BTreeMap<String, u64> {
        by_label(&self.counts.responses)
    }

    /// What the page shows.
    fn status(&self) -> Value {
        let state = self.snapshot();
        let ready = readiness(&state);
        let (role, holder) = match &state.role {
            Role::Starting => ("starting", None),
            Role::Waiting(_) => ("waiting", None),
            Role::StandingBy(holder) => ("standing by", Some(holder.as_str())),
            Role::Serving => ("serving", None),
            Role::Stopping => ("stopping", None),
        };
        let server = state.server.as_ref().map(|server| {
            let place = if server.host.contains(':') {
                format!("[{}]:{}", server.host, server.port)
            } else {
                format!("{}:{}", server.host, server.port)
            };
            json!({
                "id": server.id,
                "label": match &server.name {
                    Some(name) => format!("{name} ({place})"),
                    None => place,
                },
            })
        });
        let queue = state.known_queue().map(|count| {
            let mut queue = json!(count);
            queue["depth"] = count.depth().into();
            queue
        });
        let counts = &self.counts;
        json!({
            "lane": self.lane,
            "version": env!("CARGO_PKG_VERSION"),
            "now": seconds(SystemTime::now()),
            "started": seconds(self.started),
            "role": role,
            "holder": holder,
            "ready": ready.is_ok(),
            "reason": ready.err(),
            "session": { "state": state.session, "since": seconds(state.since), "bound": state.is_bound() },
            "server": server,
            "database_up": state.database_up,
            "rate": (state.rate() * 10.0).round() / 10.0,
            "window": { "in_use": counts.window_in_use.get(), "size": state.window_size },
            "queue": queue,
            "submits": counts.submits.get(),
            "unanswered": counts.unanswered.get(),
            "failed": counts.messages_failed.get(),
            "responses": self.answers(),
            "receipts": by_label(&counts.receipts),
            "deliveries": by_label(&counts.deliveries),
            "throttled_seconds": counts.throttled_seconds.get(),
            "sample_seconds": SAMPLE_EVERY,
            "history": state.history,
            "events": state.events.iter().rev().collect::<Vec<_>>(),
        })
    }
}

/// The values of a counter with one label that are not 0.
fn by_label(counters: &prometheus::IntCounterVec) -> BTreeMap<String, u64> {
    let families = counters.collect();
    families
        .iter()
        .flat_map(prometheus::proto::MetricFamily::get_metric)
        .filter_map(|metric| {
            let label = metric.get_label().first()?.value().to_owned();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it was counted up from 0 as an integer"
            )]
            let count = metric.get_counter().get_value() as u64;
            (count > 0).then_some((label, count))
        })
        .collect()
}
