//! submit_sm and data_sm: the verdict on each, its answer, and what it leaves to be delivered.

use std::cmp::Reverse;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::Answer;
use super::ledger::Records;
use super::long::Key;
use super::mail::{Content, Delivery, Receipt};
use super::outcome::{Outcome, State};
use super::records::{Fate, SubmitRecord};
use super::segment::Segment;
use super::session::{Phase, Session};
use super::shared::{Command, unix_now};
use super::submission::Submission;
use crate::pdu::{CommandStatus, Frame, HEADER_LENGTH, Header, Pdu, Tlvs};

/// What is to be done about a submit.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Accept(Outcome),
    Refuse(CommandStatus),
    Ignore,
    Reset,
}

impl Session {
    pub(super) fn submit(&mut self, frame: &Frame, records: &mut Records, now: Instant) {
        let header = frame.header;
        let Some(submission) = Submission::read(header.command_id, &frame.octets[HEADER_LENGTH..])
        else {
            records.violation(self.number, "a submit that ends before its last field");
            let response = header.command_id.response();
            self.put_header(
                response,
                CommandStatus::ESME_RINVMSGLEN,
                header.sequence_number,
            );
            return;
        };
        self.submits += 1;
        self.unanswered += 1;
        self.peak = self.peak.max(self.unanswered);
        records.counts.submits += 1;
        let verdict = self.judge(&submission, records, now);
        let mut answer = Answer {
            command_id: header.command_id.response(),
            status: CommandStatus::ESME_ROK,
            sequence_number: header.sequence_number,
            number: 0,
            entry: None,
        };
        if let Verdict::Accept(_) = verdict {
            answer.number = self.shared.next_number();
        }
        if records.is_full_mode() {
            let mut record = record(self.number, frame, &submission, now);
            if let Verdict::Accept(outcome) = verdict {
                let (answered, receipt) = self.times(outcome, now);
                record.fate = Fate {
                    number: answer.number,
                    state: outcome.final_state(),
                    final_at: receipt.max(answered),
                };
            }
            answer.entry = records.add_submit(record);
        }
        match verdict {
            Verdict::Accept(outcome) => self.accept(outcome, &submission, answer, records, now),
            Verdict::Refuse(status) => {
                let answer = Answer { status, ..answer };
                self.give_answer(answer, now + self.behaviour.response_delay, records, now);
            }
            Verdict::Ignore => {}
            Verdict::Reset => self.phase = Phase::Resetting,
        }
    }

    fn judge(
        &mut self,
        submission: &Submission<'_>,
        records: &mut Records,
        now: Instant,
    ) -> Verdict {
        let behaviour = &self.behaviour;
        if behaviour.mute.all || behaviour.mute.submits {
            return Verdict::Ignore;
        }
        if !self.bound.as_ref().is_some_and(|bound| bound.transmits) {
            records.violation(
                self.number,
                "a submit in a session that is not bound to transmit",
            );
            return Verdict::Refuse(CommandStatus::ESME_RINVBNDSTS);
        }
        if behaviour
            .drop_after
            .is_some_and(|limit| self.submits >= limit)
        {
            return Verdict::Reset;
        }
        if let Some(limit) = behaviour.max_window
            && self.unanswered > limit
        {
            let text = format_args!(
                "{} unanswered submits, {limit} are allowed",
                self.unanswered
            );
            records.violation(self.number, text);
            return Verdict::Refuse(CommandStatus::ESME_RTHROTTLED);
        }
        if let Some(limit) = behaviour.throttle
            && !self.passes_throttle(limit, now)
        {
            return Verdict::Refuse(CommandStatus::ESME_RTHROTTLED);
        }
        if let Some(status) = self.behaviour.submit_status
            && status != CommandStatus::ESME_ROK
        {
            return Verdict::Refuse(status);
        }
        let (segment, _) = Segment::read(submission);
        match Outcome::of(submission.destination.digits, segment) {
            Outcome::Unanswered => Verdict::Ignore,
            Outcome::Refused { status, times } => match times {
                Some(times) if !self.shared.refuses(submission, times) => {
                    Verdict::Accept(Outcome::Final(State::Delivered))
                }
                _ => Verdict::Refuse(status),
            },
            outcome => Verdict::Accept(outcome),
        }
    }

    /// Whether fewer than `limit` submits passed within the last second.
    fn passes_throttle(&mut self, limit: u32, now: Instant) -> bool {
        const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
        while self.passed.front().is_some_and(|&at| now - at >= SECOND) {
            self.passed.pop_front();
        }
        let passes = self.passed.len() < limit as usize;
        if passes {
            self.passed.push_back(now);
        }
        passes
    }

    /// When an accepted submit is answered, and when its final receipt is sent.
    fn times(&self, outcome: Outcome, now: Instant) -> (Instant, Instant) {
        let behaviour = &self.behaviour;
        let answered = match outcome {
            Outcome::Slow => now + behaviour.slow_response_delay,
            _ => now + behaviour.response_delay,
        };
        let receipt = match outcome {
            Outcome::ReceiptFirst => now,
            Outcome::EnrouteFirst => answered + 2 * behaviour.receipt_delay,
            _ => answered + behaviour.receipt_delay,
        };
        (answered, receipt)
    }

    fn accept(
        &mut self,
        outcome: Outcome,
        submission: &Submission<'_>,
        answer: Answer,
        records: &mut Records,
        now: Instant,
    ) {
        let (answered, receipt_at) = self.times(outcome, now);
        let enroute = outcome == Outcome::EnrouteFirst;
        let state = outcome.final_state();
        let wanted = outcome != Outcome::NoReceipt && submission.wants_receipt(state.is_failure());
        let post = |state, intermediate, at: Instant| {
            let due = (at > now).then_some(at);
            let receipt = Receipt {
                number: answer.number,
                state,
                intermediate,
                source: submission.source.into(),
                destination: submission.destination.into(),
                submitted: unix_now(),
                text: submission.receipt_text(),
            };
            (due, Delivery::new(Content::Receipt(receipt)))
        };
        if matches!(outcome, Outcome::LastFirst | Outcome::OneReceipt) {
            let (due, receipt) = post(state, false, receipt_at);
            self.give_answer(answer, answered, records, now);
            self.post_when_all_are_accepted(outcome, submission, due, wanted.then_some(receipt));
            return;
        }
        let first = outcome == Outcome::ReceiptFirst || self.behaviour.receipt_before_response;
        if wanted && first && self.can_receive() {
            let (_, mut delivery) = post(state, false, now);
            delivery.then = Some((self.number, answer));
            self.posted.push((None, delivery));
            return;
        }
        self.give_answer(answer, answered, records, now);
        if enroute && (submission.wants_intermediate() || submission.wants_receipt(false)) {
            let at = answered + self.behaviour.receipt_delay;
            self.posted
                .push(post(State::Enroute, submission.wants_intermediate(), at));
        }
        if wanted {
            self.posted.push(post(state, false, receipt_at));
        }
    }

    /// The receipts of a long message's parts, once the last of them is accepted. All are due
    /// with that one, or an earlier one would overtake it.
    fn post_when_all_are_accepted(
        &mut self,
        outcome: Outcome,
        submission: &Submission<'_>,
        due: Option<Instant>,
        receipt: Option<Delivery>,
    ) {
        let ((Some(segment), _), Some(bound)) = (Segment::read(submission), &self.bound) else {
            return;
        };
        let (source, destination) = (submission.source.digits, submission.destination.digits);
        let key = Key::new(&bound.system_id, source, destination, segment);
        let mut held = self.shared.long().hold(key, segment, receipt);
        if outcome == Outcome::LastFirst {
            held.sort_by_key(|&(part, _)| Reverse(part));
        }
        let mut receipts: Vec<_> = held
            .into_iter()
            .filter_map(|(_, receipt)| receipt)
            .collect();
        if outcome == Outcome::OneReceipt {
            receipts.drain(..receipts.len().saturating_sub(1));
        }
        self.posted
            .extend(receipts.into_iter().map(|receipt| (due, receipt)));
    }

    fn can_receive(&self) -> bool {
        self.bound
            .as_ref()
            .is_some_and(|bound| bound.receives || self.shared.has_receiver(&bound.system_id))
    }

    /// Gives an answer when it is due, which may be now.
    pub(super) fn give_answer(
        &mut self,
        answer: Answer,
        due: Instant,
        records: &mut Records,
        now: Instant,
    ) {
        if due > now {
            self.order += 1;
            self.delayed.insert((due, self.order), answer);
            return;
        }
        if self.behaviour.mute.all || self.behaviour.mute.submits {
            return;
        }
        answer.encode(self.behaviour.ids, &mut self.out);
        self.answers_in_out += 1;
        match answer.status {
            CommandStatus::ESME_ROK => records.counts.accepted += 1,
            CommandStatus::ESME_RTHROTTLED | CommandStatus::ESME_RMSGQFUL => {
                records.counts.throttled += 1;
            }
            _ => records.counts.refused += 1,
        }
        if let Some(record) = answer.entry.and_then(|entry| records.submit_mut(entry)) {
            record.status = Some(answer.status);
            if answer.status == CommandStatus::ESME_ROK {
                record.message_id = Some(self.behaviour.ids.response(answer.number));
            }
        }
    }

    pub(super) fn give_due_answers(&mut self, records: &mut Records, now: Instant) {
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            let answer = first.remove();
            self.give_answer(answer, now, records, now);
        }
    }

    /// Gives an answer that waited for its receipt, in whichever session the submit came.
    pub(super) fn give_after_receipt(
        &mut self,
        session: u64,
        answer: Answer,
        records: &mut Records,
        now: Instant,
    ) {
        if session == self.number {
            self.give_answer(answer, now + self.behaviour.response_delay, records, now);
        } else {
            // A session that is gone needs no answer.
            self.shared.tell(session, Command::Answer(answer));
        }
    }
}

fn record(session: u64, frame: &Frame, submission: &Submission<'_>, now: Instant) -> SubmitRecord {
    // A copy, so that the ledger does not keep the whole chunk that the PDU came in.
    let pdu = Bytes::copy_from_slice(&frame.octets);
    let octets = Submission::read(frame.header.command_id, &pdu[HEADER_LENGTH..])
        .map(|copied| pdu.slice_ref(copied.octets()))
        .unwrap_or_default();
    let (segment, header) = Segment::read(submission);
    let tlvs = if submission.optional.is_empty() {
        Tlvs::default()
    } else {
        tlvs(frame.header, &pdu)
    };
    SubmitRecord {
        session,
        command_id: frame.header.command_id,
        sequence_number: frame.header.sequence_number,
        source: String::from_utf8_lossy(submission.source.digits).into_owned(),
        destination: String::from_utf8_lossy(submission.destination.digits).into_owned(),
        text: octets.slice(header..),
        octets,
        payload: submission.is_payload(),
        segment,
        data_coding: submission.data_coding,
        esm_class: submission.esm_class,
        registered_delivery: submission.registered_delivery,
        tlvs,
        pdu,
        status: None,
        message_id: None,
        at: SystemTime::now(),
        fate: Fate {
            number: 0,
            state: State::Enroute,
            final_at: now,
        },
    }
}

fn tlvs(header: Header, pdu: &Bytes) -> Tlvs {
    let frame = Frame {
        header,
        octets: pdu.clone(),
    };
    match frame.decode().map(|decoded| decoded.pdu) {
        Ok(Pdu::SubmitSm(body)) => body.tlvs,
        Ok(Pdu::DataSm(body)) => body.tlvs,
        _ => Tlvs::default(),
    }
}
