//! Every metric by name. What is counted once a submit is a plain atomic number; the rest may look a label up.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry,
};

/// From a loopback to an SMSC that hardly answers.
const RESPONSE_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// From a message that leaves at once to one behind a long queue.
const WAIT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];
/// From a phone at hand to one that was switched off for days.
const RECEIPT_BUCKETS: &[f64] = &[
    0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 259_200.0,
];
/// From one short statement to one that runs into its time limit.
const BATCH_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// What is asked for to be shown; the names are those of `docs/monitoring.md`.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) registry: Registry,
    // Sending.
    pub(super) submits: IntCounter,
    pub(super) responses: IntCounterVec,
    pub(super) accepted: IntCounter,
    pub(super) unanswered: IntCounter,
    pub(super) response_seconds: Histogram,
    pub(super) wait_seconds: Histogram,
    pub(super) window_in_use: IntGauge,
    pub(super) window_size: IntGauge,
    pub(super) rate: Gauge,
    pub(super) messages_failed: IntCounter,
    // Receiving.
    pub(super) deliveries: IntCounterVec,
    pub(super) deliveries_refused: IntCounter,
    pub(super) receipts: IntCounterVec,
    pub(super) receipt_seconds: Histogram,
    // The session.
    pub(super) session_state: IntGaugeVec,
    pub(super) bound: IntGauge,
    pub(super) server_info: IntGaugeVec,
    pub(super) binds: IntCounterVec,
    pub(super) sessions_lost: IntCounterVec,
    pub(super) throttled: IntGauge,
    pub(super) throttled_seconds: Counter,
    // The queue; without a value while it is not known.
    pub(super) queue: IntGaugeVec,
    pub(super) queue_oldest_seconds: GaugeVec,
    pub(super) in_doubt: IntGaugeVec,
    pub(super) inbox_unprocessed: IntGaugeVec,
    // The database.
    pub(super) database_up: IntGauge,
    pub(super) batch_seconds: HistogramVec,
    pub(super) batch_rows: IntCounterVec,
    pub(super) database_errors: IntCounterVec,
    // The daemon.
    pub(super) lease_held: IntGauge,
    pub(super) leases_taken: IntCounter,
    pub(super) events: IntCounterVec,
    pub(super) log_lines: IntCounterVec,
    pub(super) start_time: Gauge,
}

/// Registers metrics; that their names are right and different, every test of this module shows.
struct Maker(Registry);

impl Maker {
    fn known<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        #[expect(
            clippy::expect_used,
            reason = "names and labels are constants, and every start makes all of them"
        )]
        let metric = made.expect("a name and labels that Prometheus takes");
        #[expect(clippy::expect_used, reason = "as above: no name stands twice")]
        self.0
            .register(Box::new(metric.clone()))
            .expect("a name that is not there yet");
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.known(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.known(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.known(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.known(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.known(Histogram::with_opts(options))
    }
}

impl Counts {
    /// All of them at 0, with the lane as a label of each.
    pub(super) fn new(lane: &str) -> Self {
        let labels = HashMap::from([("lane".to_owned(), lane.to_owned())]);
        let registry = Registry::new_custom(None, Some(labels)).unwrap_or_default();
        let make = Maker(registry);
        let responses = make.counters(
            "esmed_responses_total",
            "Answers to submit_sm by command_status: its name in SMPP, or its number in hexadecimal.",
            &["status"],
        );
        let accepted = responses.with_label_values(&["ESME_ROK"]);
        let build = make.gauges(
            "esmed_build_info",
            "Always 1; the label says which version runs.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let batch = HistogramOpts::new(
            "esmed_database_batch_seconds",
            "How long the database took for a batch, answered or not: claim (messages to be sent) or record (outcomes and deliveries).",
        );
        Self {
            submits: make.counter(
                "esmed_submits_total",
                "submit_sm PDUs that were sent, each part of a long message counted.",
            ),
            responses,
            accepted,
            unanswered: make.counter(
                "esmed_unanswered_total",
                "submit_sm PDUs that never got an answer: the SMSC may have them or not.",
            ),
            response_seconds: make.histogram(
                "esmed_response_seconds",
                "From sending a submit_sm to its answer.",
                RESPONSE_BUCKETS,
            ),
            wait_seconds: make.histogram(
                "esmed_queue_wait_seconds",
                "From the INSERT of a message (or its send_after, where that is later) to the start of its first attempt.",
                WAIT_BUCKETS,
            ),
            window_in_use: make.gauge(
                "esmed_window_in_use",
                "submit_sm PDUs that wait for their answer now.",
            ),
            window_size: make.gauge(
                "esmed_window_size",
                "Most of them that may wait at once (esme_window_size); 0 without a server.",
            ),
            rate: make.known(Gauge::new(
                "esmed_submit_rate",
                "Answered submit_sm PDUs a second, over the last 5 seconds.",
            )),
            messages_failed: make.counter(
                "esmed_messages_failed_total",
                "Messages that ended as failed: refused, out of attempts, in doubt under the policy fail, or not fit to be sent.",
            ),
            deliveries: make.counters(
                "esmed_deliveries_total",
                "PDUs of the SMSC that were stored in smpp_rx_queue, by kind: message, receipt, intermediate or other.",
                &["kind"],
            ),
            deliveries_refused: make.counter(
                "esmed_deliveries_refused_total",
                "PDUs of the SMSC that could not be stored now and were answered with ESME_RX_T_APPN; the SMSC sends them again.",
            ),
            receipts: make.counters(
                "esmed_receipts_total",
                "Receipts that were stored, by the state that they tell; none: they tell no state that is known.",
                &["state"],
            ),
            receipt_seconds: make.histogram(
                "esmed_receipt_seconds",
                "From the answer to a message to each receipt for it that was matched.",
                RECEIPT_BUCKETS,
            ),
            session_state: make.gauges(
                "esmed_session_state",
                "1 for the state that the SMPP session is in, 0 for all others.",
                &["state"],
            ),
            bound: make.gauge(
                "esmed_bound",
                "1 while the session is bound to the SMSC, throttled or not.",
            ),
            server_info: make.gauges(
                "esmed_server_info",
                "Always 1; the labels say which row of smpp_servers is in use. Missing without one.",
                &["server_id", "server_name"],
            ),
            binds: make.counters(
                "esmed_binds_total",
                "Attempts to connect and bind, by result: ok, refused, timeout (no answer) or unreachable (no connection).",
                &["result", "server_id"],
            ),
            sessions_lost: make.counters(
                "esmed_sessions_lost_total",
                "Bound sessions that ended otherwise than by our own unbind.",
                &["server_id"],
            ),
            throttled: make.gauge(
                "esmed_throttled",
                "1 while the SMSC throttles, or esme_throughput holds messages back.",
            ),
            throttled_seconds: make.known(Counter::new(
                "esmed_throttled_seconds_total",
                "Time for which esmed_throttled was 1.",
            )),
            queue: make.gauges(
                "esmed_queue_messages",
                "Messages still to be sent, by state: waiting (for their turn), started, scheduled (send_after), retrying (next_attempt_at) or held (in doubt). Counted up to 1000000 every few seconds; missing while it is not known.",
                &["state"],
            ),
            queue_oldest_seconds: make.known(GaugeVec::new(
                Opts::new(
                    "esmed_queue_oldest_seconds",
                    "For how long the oldest waiting message could have left already; 0 where none waits, missing while it is not known.",
                ),
                &[],
            )),
            in_doubt: make.gauges(
                "esmed_in_doubt_messages",
                "Messages of the view smpp_in_doubt, counted up to 100000: the SMSC may have them or not. Those that nobody has decided about are held, see esmed_queue_messages. Missing while it is not known.",
                &[],
            ),
            inbox_unprocessed: make.gauges(
                "esmed_inbox_unprocessed_messages",
                "Rows of smpp_inbox that no worker has processed, of all lanes, counted up to 100000. Missing while it is not known.",
                &[],
            ),
            database_up: make.gauge(
                "esmed_database_up",
                "1 while PostgreSQL stores the heartbeat, which it is asked for each second.",
            ),
            batch_seconds: make.known(HistogramVec::new(
                batch.buckets(BATCH_BUCKETS.to_vec()),
                &["batch"],
            )),
            batch_rows: make.counters(
                "esmed_database_batch_rows_total",
                "Rows of these batches.",
                &["batch"],
            ),
            database_errors: make.counters(
                "esmed_database_errors_total",
                "Statements that failed, by reason: away (no database), busy (a lock), refused (a row) or broken (a right or table is missing).",
                &["reason"],
            ),
            lease_held: make.gauge(
                "esmed_lease_held",
                "1 while this daemon serves the lane, 0 while it stands by.",
            ),
            leases_taken: make.counter(
                "esmed_leases_taken_total",
                "How often this daemon began to serve the lane.",
            ),
            events: make.counters(
                "esmed_events_total",
                "Events by type, as in smpp_events.",
                &["type"],
            ),
            log_lines: make.counters(
                "esmed_log_lines_total",
                "Lines of the log at the levels warn and error.",
                &["level"],
            ),
            start_time: make.known(Gauge::new(
                "esmed_start_time_seconds",
                "When the daemon was started, in seconds since 1970.",
            )),
            registry: make.0,
        }
    }
}
