//! deliver_sm: sent within the window, sent again after temporary errors.

use std::time::SystemTime;

use tokio::time::Instant;

use super::deliver;
use super::ledger::Records;
use super::mail::{Content, Delivery};
use super::records::{DeliveryKind, DeliveryRecord};
use super::session::{Outstanding, Phase, Session};
use super::shared::unix_now;
use crate::pdu::{CommandId, CommandStatus, Header, StatusClass};

impl Session {
    /// Hands in what this turn has posted, and sends what waits for this session.
    pub(super) fn exchange_mail(&mut self, records: &mut Records, now: Instant) {
        self.mail_due = None;
        let Some(bound) = &self.bound else {
            return;
        };
        let window = self.behaviour.deliver_window;
        let room = window.saturating_sub(self.outstanding.len());
        let sends = bound.receives
            && !self.behaviour.mute.all
            && !self.unbind_sent
            && self.phase == Phase::Running;
        let posted = !self.posted.is_empty();
        if !posted && !sends {
            return;
        }
        let mut dropped = Vec::new();
        let mut taken = Vec::new();
        {
            let mut mail = self.shared.mail();
            for (due, delivery) in self.posted.drain(..) {
                if let Some(delivery) = mail.push(&bound.system_id, due, delivery) {
                    dropped.push(delivery);
                }
            }
            if sends {
                taken = mail.take(&bound.system_id, room, now);
                if self.outstanding.len() + taken.len() < window {
                    self.mail_due = mail.next_due(&bound.system_id);
                }
            }
        }
        if posted && (!sends || taken.len() == room) {
            self.shared.bell.send_replace(());
        }
        for delivery in taken {
            self.deliver(delivery, records, now);
        }
        for delivery in dropped {
            records.counts.dropped += 1;
            if let Some((session, answer)) = delivery.then {
                self.give_after_receipt(session, answer, records, now);
            }
        }
    }

    fn deliver(&mut self, mut delivery: Delivery, records: &mut Records, now: Instant) {
        let sequence_number = self.next_sequence();
        deliver::encode(
            &delivery.content,
            &self.behaviour,
            sequence_number,
            unix_now(),
            &mut self.out,
        );
        match &delivery.content {
            Content::Receipt(_) => records.counts.receipts += 1,
            Content::Message(_) => records.counts.messages += 1,
        }
        let entry = if records.is_full_mode() {
            let record = self.delivery_record(sequence_number, &delivery);
            records.add_delivery(record)
        } else {
            None
        };
        if let Some((session, answer)) = delivery.then.take() {
            self.give_after_receipt(session, answer, records, now);
        }
        self.outstanding
            .insert(sequence_number, Outstanding { delivery, entry });
    }

    fn delivery_record(&self, sequence_number: u32, delivery: &Delivery) -> DeliveryRecord {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let mut record = DeliveryRecord {
            session: self.number,
            sequence_number,
            kind: DeliveryKind::Message,
            message_id: None,
            state: None,
            source: String::new(),
            destination: String::new(),
            octets: deliver::octets(&delivery.content),
            attempt: delivery.failures + 1,
            status: None,
            at: SystemTime::now(),
        };
        match &delivery.content {
            Content::Receipt(receipt) => {
                record.kind = if receipt.intermediate {
                    DeliveryKind::Intermediate
                } else {
                    DeliveryKind::Receipt
                };
                record.message_id = Some(self.behaviour.ids.receipt(receipt.number));
                record.state = Some(receipt.state);
                record.source = text(&receipt.destination.digits);
                record.destination = text(&receipt.source.digits);
            }
            Content::Message(message) => {
                record.source.clone_from(&message.source);
                record.destination.clone_from(&message.destination);
            }
        }
        record
    }

    /// A deliver_sm_resp, or a generic_nack in its place.
    pub(super) fn delivery_answered(
        &mut self,
        header: Header,
        records: &mut Records,
        now: Instant,
    ) {
        let nack = header.command_id == CommandId::GENERIC_NACK;
        records.counts.generic_nacks += u64::from(nack);
        let Some(outstanding) = self.outstanding.remove(&header.sequence_number) else {
            if !nack {
                let text = format_args!(
                    "{} {} answers nothing",
                    header.command_id, header.sequence_number
                );
                records.violation(self.number, text);
            }
            return;
        };
        let status = header.command_status;
        if let Some(record) = outstanding
            .entry
            .and_then(|entry| records.delivery_mut(entry))
        {
            record.status = Some(status);
        }
        if status == CommandStatus::ESME_ROK {
            records.counts.acknowledged += 1;
            return;
        }
        records.counts.delivery_errors += 1;
        let mut delivery = outstanding.delivery;
        delivery.failures += 1;
        let temporary = matches!(
            status.class(),
            StatusClass::Temporary | StatusClass::Throttled
        );
        if temporary && delivery.failures < self.behaviour.redelivery_attempts {
            let due = now + self.behaviour.redelivery_delay;
            self.posted.push((Some(due), delivery));
        } else {
            records.counts.given_up += 1;
        }
    }
}
