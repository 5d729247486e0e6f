//! Short cuts for tests that look at single messages, events and notifications.

use std::future::poll_fn;
use std::process::{Command, Output};

use bytes::BytesMut;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, NoTls};

use esmed::pdu::{AlertNotification, CommandStatus, Pdu};
use esmed::sim::{Behaviour, Config, Ledger, PhoneMessage, Records, Sim};

use super::world::PATIENCE;
use super::{Daemon, World};

/// A further simulator.
pub(crate) fn simulator(change: impl FnOnce(&mut Behaviour)) -> Sim {
    let mut behaviour = Behaviour::default();
    change(&mut behaviour);
    Sim::start(Config {
        behaviour,
        ..Config::default()
    })
    .expect("a free port")
}

/// Answers to submits that ask for a receipt wait until [`let_answers_go`].
pub(crate) fn hold_answers(behaviour: &mut Behaviour) {
    // The answer waits for its receipt, and no receipt may leave.
    behaviour.receipt_before_response = true;
    behaviour.deliver_window = 0;
}

/// Ends [`hold_answers`].
pub(crate) fn let_answers_go(sim: &Sim) {
    sim.behave(|behaviour| behaviour.deliver_window = 100);
}

/// The connections on which daemons of lane `default` listen; one that was silent for a while was asked whether it lives.
pub(crate) const LISTENERS: &str = "FROM pg_stat_activity WHERE application_name = 'esmed default'
    AND query IN ('LISTEN notify_table_change', 'SELECT 1') AND backend_type = 'client backend'";

/// Waits until the ledger says so.
pub(crate) async fn until_seen(
    ledger: &Ledger,
    what: &str,
    condition: impl FnMut(&Records) -> bool,
) {
    assert!(
        ledger.wait_until(condition, PATIENCE).await,
        "the SMSC never saw {what}: {:?}",
        ledger.counts()
    );
}

/// Has the SMSC send an alert_notification, which wants no answer.
pub(crate) fn alert(sim: &Sim, phone: &str) {
    let alert = AlertNotification {
        source_addr: phone.into(),
        ..AlertNotification::default()
    };
    let mut octets = BytesMut::new();
    Pdu::AlertNotification(alert)
        .encode(CommandStatus::ESME_ROK, 4711, &mut octets)
        .unwrap();
    assert_eq!(sim.send_raw(octets), 1);
}

/// The text of a receipt as in appendix B of SMPP 3.4.
pub(crate) fn receipt(phone: &str, id: &str, stat: &str, err: &str) -> PhoneMessage {
    let text = format!(
        "id:{id} sub:001 dlvrd:001 submit date:2401010000 done date:2401010001 stat:{stat} err:{err} text:x"
    );
    PhoneMessage {
        source: phone.to_owned(),
        destination: "esmed".to_owned(),
        octets: text.into_bytes().into(),
        esm_class: 4,
        ..PhoneMessage::default()
    }
}

impl World {
    /// Starts a daemon with these lines in its section `[daemon]`.
    pub(crate) fn daemon_with(&self, name: &str, lines: &str) -> Daemon {
        Daemon::start(&self.config(name, lines), name)
    }

    /// Inserts a message; returns its id.
    pub(crate) async fn send(&self, destination: &str, text: &str) -> i64 {
        self.send_with(destination, text, "", "").await
    }

    /// The same with more columns: `", smpp_source_addr"`, `", '123'"`.
    pub(crate) async fn send_with(
        &self,
        destination: &str,
        text: &str,
        columns: &str,
        values: &str,
    ) -> i64 {
        let statement = format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message{columns})
             VALUES ($1, $2{values}) RETURNING id"
        );
        self.rows(&statement, &[&destination, &text]).await[0].get(0)
    }

    /// Waits until a message has this status.
    pub(crate) async fn until_status(&self, id: i64, status: &str) {
        self.until(&format!(
            "SELECT status = '{status}' FROM smpp_tx_status WHERE id = {id}"
        ))
        .await;
    }

    /// The status of a message.
    pub(crate) async fn status(&self, id: i64) -> String {
        self.one(&format!(
            "SELECT status FROM smpp_tx_status WHERE id = {id}"
        ))
        .await
    }

    /// Waits until a message has this state.
    pub(crate) async fn until_state(&self, id: i64, state: &str) {
        self.until(&format!(
            "SELECT smpp_message_state = '{state}' FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await;
    }

    /// A column of a message, as text.
    pub(crate) async fn tx(&self, id: i64, column: &str) -> Option<String> {
        self.one(&format!(
            "SELECT {column}::text FROM smpp_tx_queue WHERE id = {id}"
        ))
        .await
    }

    /// Waits until there are so many events of a type.
    pub(crate) async fn until_events(&self, kind: &str, count: i64) {
        self.until(&format!(
            "SELECT count(*) >= {count} FROM smpp_events WHERE type = '{kind}'"
        ))
        .await;
    }

    /// How many events of a type there are.
    pub(crate) async fn events(&self, kind: &str) -> i64 {
        self.one(&format!(
            "SELECT count(*) FROM smpp_events WHERE type = '{kind}'"
        ))
        .await
    }

    /// Waits for a heartbeat of the lane `default` that began after this was called.
    pub(crate) async fn next_heartbeat(&self) {
        let now: String = self.one("SELECT clock_timestamp()::text").await;
        // One may be under way: it comes within the second.
        self.until(&format!(
            "SELECT heartbeat > '{now}'::timestamptz + interval '1 second' FROM smpp_status WHERE lane = 'default'"
        ))
        .await;
    }

    /// Waits until the daemon listens.
    pub(crate) async fn until_listening(&self) {
        self.until(&format!("SELECT count(*) = 1 {LISTENERS}"))
            .await;
    }

    /// Listens on a channel.
    pub(crate) async fn listen(&self, channel: &str) -> Listener {
        let (client, mut connection) = tokio_postgres::Config::new()
            .host(self.cluster.host())
            .dbname("esmed")
            .user("postgres")
            .connect(NoTls)
            .await
            .expect("PostgreSQL");
        let (heard, payloads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(notification) = message
                    && heard.send(notification.payload().to_owned()).is_err()
                {
                    return;
                }
            }
        });
        client
            .batch_execute(&format!("LISTEN {channel}"))
            .await
            .expect("LISTEN");
        Listener {
            payloads,
            _client: client,
        }
    }
}

/// Runs the program to its end.
pub(crate) async fn esmed(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esmed"));
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("esmed")
}

/// Hears the notifications of one channel.
pub(crate) struct Listener {
    payloads: mpsc::UnboundedReceiver<String>,
    _client: tokio_postgres::Client,
}

impl Listener {
    /// The next payload.
    pub(crate) async fn next(&mut self) -> String {
        timeout(PATIENCE, self.payloads.recv())
            .await
            .expect("a notification")
            .expect("a connection")
    }

    /// Waits until a payload `{"ids":[…]}` names this row.
    pub(crate) async fn until_id(&mut self, id: i64) {
        loop {
            let payload: Value = serde_json::from_str(&self.next().await).expect("JSON");
            let ids = payload["ids"].as_array().expect("ids");
            assert_eq!(payload.as_object().expect("an object").len(), 1);
            if ids.iter().any(|it| it.as_i64() == Some(id)) {
                return;
            }
        }
    }
}
