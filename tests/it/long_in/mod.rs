//! Long messages from phones: parts become one row of the inbox.

use esmed::pdu::{Tag, Tlvs};
use esmed::sim::PhoneMessage;

use crate::support::{Daemon, World};

mod late;
mod locks;
mod many;
mod parts;
mod repeats;
mod texts;

const UDH: u8 = 0x40;

async fn bound_world() -> (World, Daemon) {
    let world = World::new().await;
    let daemon = world.daemon();
    world.enable_sim("", "").await;
    world.until_bound().await;
    (world, daemon)
}

fn phone(octets: &[u8], esm_class: u8, data_coding: u8) -> PhoneMessage {
    PhoneMessage {
        source: "447911000001".to_owned(),
        destination: "12345".to_owned(),
        octets: octets.to_vec().into(),
        data_coding,
        esm_class,
        ..PhoneMessage::default()
    }
}

/// A part under an 8 bit reference (GSM 03.40, 9.2.3.24.1).
fn udh8(reference: u8, total: u8, part: u8, octets: &[u8]) -> PhoneMessage {
    phone(
        &[&[5, 0, 3, reference, total, part], octets].concat(),
        UDH,
        0,
    )
}

/// A part under a 16 bit reference (GSM 03.40, 9.2.3.24.8).
fn udh16(reference: [u8; 2], total: u8, part: u8, octets: &[u8]) -> PhoneMessage {
    let header = [6, 8, 4, reference[0], reference[1], total, part];
    phone(&[&header, octets].concat(), UDH, 0)
}

/// A part under the TLVs of SMPP 3.4, 5.3.2.22 to 24.
fn sar(reference: [u8; 2], total: u8, part: u8, octets: &[u8]) -> PhoneMessage {
    let mut tlvs = Tlvs::default();
    tlvs.push(Tag(0x020C), reference.to_vec());
    tlvs.push(Tag(0x020E), vec![total]);
    tlvs.push(Tag(0x020F), vec![part]);
    PhoneMessage {
        tlvs,
        ..phone(octets, 0, 0)
    }
}

fn from(source: &str, message: PhoneMessage) -> PhoneMessage {
    PhoneMessage {
        source: source.to_owned(),
        ..message
    }
}

fn under(data_coding: u8, message: PhoneMessage) -> PhoneMessage {
    PhoneMessage {
        data_coding,
        ..message
    }
}

impl World {
    /// Sends messages and waits until each is answered with ESME_ROK.
    async fn phones(&self, messages: impl IntoIterator<Item = PhoneMessage>) {
        let mut awaited = self.sim.ledger().counts().acknowledged;
        for message in messages {
            self.sim.deliver(message);
            awaited += 1;
        }
        self.until_ledger("its messages acknowledged", |records| {
            records.counts().acknowledged >= awaited
        })
        .await;
    }

    /// Waits until the inbox holds exactly these texts, in the order of their ids.
    async fn until_inbox(&self, texts: &[&str]) {
        self.until(&format!(
            "SELECT count(*) = {} FROM smpp_inbox",
            texts.len()
        ))
        .await;
        assert_eq!(self.inbox("coalesce(message, 'NULL')").await, texts);
    }

    /// An expression of the inbox, as text, in the order of the ids.
    async fn inbox(&self, expression: &str) -> Vec<String> {
        self.rows(
            &format!("SELECT ({expression})::text FROM smpp_inbox ORDER BY id"),
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect()
    }

    /// Makes every part that is stored older.
    async fn age(&self, interval: &str) {
        self.sql(&format!(
            "UPDATE smpp_rx_queue SET insert_timestamp = insert_timestamp - interval '{interval}'"
        ))
        .await;
    }
}
