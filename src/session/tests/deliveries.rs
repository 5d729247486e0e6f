//! deliver_sm and data_sm.

use super::*;
use crate::pdu::DataSm;

fn delivered(pair: &mut Pair) -> Frame {
    let mut events = pair.events();
    assert_eq!(events.len(), 1);
    match events.remove(0) {
        Event::Delivery(frame) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deliver_sm_is_answered_only_when_told_to() {
    let mut pair = Pair::bound(config());
    pair.receive(&deliver_sm(), OK, 77);
    let frame = delivered(&mut pair);
    assert_eq!(frame.octets, encoded(&deliver_sm(), OK, 77));
    pair.pass(seconds(9));
    assert_eq!(pair.sent(), []);
    pair.session
        .answer_delivery(CommandId::DELIVER_SM, 77, OK, pair.now);
    // By 4.6.2: an empty message_id.
    let octets = [0, 0, 0, 17, 0x80, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 77, 0];
    assert_eq!(pair.session.transmit(), octets);
}

#[test]
fn a_data_sm_has_its_own_response() {
    let mut pair = Pair::bound(config());
    pair.receive(&Pdu::DataSm(DataSm::default()), OK, 78);
    delivered(&mut pair);
    let status = CommandStatus::ESME_RX_T_APPN;
    pair.session
        .answer_delivery(CommandId::DATA_SM, 78, status, pair.now);
    let (header, _) = {
        pair.write(usize::MAX);
        let frame = FrameDecoder::default().next_frame(&mut pair.arrived);
        let frame = frame.unwrap().unwrap();
        (frame.header, frame)
    };
    assert_eq!(header.command_id, CommandId::DATA_SM_RESP);
    assert_eq!(header.command_status, status);
    assert_eq!(header.sequence_number, 78);
}

#[test]
fn a_delivery_that_cannot_be_decoded_is_kept_whole() {
    let mut pair = Pair::bound(config());
    let mut octets = encoded(&Pdu::EnquireLink, OK, 5);
    octets[7] = 5;
    octets[3] = 18;
    octets.extend_from_slice(&[0xFF, 0xFF]);
    pair.receive_octets(&octets);
    assert_eq!(delivered(&mut pair).octets, octets);
}

#[test]
fn a_delivery_before_bound_is_refused() {
    let mut pair = Pair::open(config());
    pair.sent();
    pair.receive(&deliver_sm(), OK, 77);
    assert_eq!(pair.events(), []);
    pair.write(usize::MAX);
    let frame = FrameDecoder::default().next_frame(&mut pair.arrived);
    let header = frame.unwrap().unwrap().header;
    assert_eq!(header.command_id, CommandId::DELIVER_SM_RESP);
    assert_eq!(header.command_status, CommandStatus::ESME_RINVBNDSTS);
    assert_eq!(header.sequence_number, 77);
    assert_eq!(pair.closed(), None);
}

#[test]
fn deliveries_go_on_while_we_unbind() {
    let mut pair = Pair::bound(config());
    pair.submit(1);
    pair.start_unbind(seconds(30));
    pair.receive(&deliver_sm(), OK, 77);
    delivered(&mut pair);
    pair.session
        .answer_delivery(CommandId::DELIVER_SM, 77, OK, pair.now);
    let (header, _) = pair.sent_one();
    assert_eq!(header.command_id, CommandId::DELIVER_SM_RESP);
}

#[test]
fn unbind_follows_the_answers_to_what_was_delivered() {
    let mut pair = Pair::bound(config());
    pair.receive(&deliver_sm(), OK, 77);
    delivered(&mut pair);
    pair.start_unbind(seconds(30));
    assert_eq!(pair.sent(), []);
    // What comes now is refused for the time being, and not told to anybody.
    pair.receive(&deliver_sm(), OK, 78);
    assert_eq!(pair.events(), []);
    pair.write(usize::MAX);
    let frame = FrameDecoder::default().next_frame(&mut pair.arrived);
    let header = frame.unwrap().unwrap().header;
    assert_eq!(header.command_status, CommandStatus::ESME_RX_T_APPN);
    assert_eq!(header.sequence_number, 78);
    pair.session
        .answer_delivery(CommandId::DELIVER_SM, 77, OK, pair.now);
    let sent: Vec<_> = pair
        .sent()
        .iter()
        .map(|(header, _)| header.command_id)
        .collect();
    assert_eq!(sent, [CommandId::DELIVER_SM_RESP, CommandId::UNBIND]);
}

#[test]
fn unbind_does_not_wait_for_ever_for_what_was_delivered() {
    let mut pair = Pair::bound(config());
    pair.receive(&deliver_sm(), OK, 77);
    delivered(&mut pair);
    pair.start_unbind(seconds(3));
    pair.pass(seconds(3));
    let (header, _) = pair.sent_one();
    assert_eq!(header.command_id, CommandId::UNBIND);
}

#[test]
fn a_closed_session_answers_nothing() {
    let mut pair = Pair::bound(config());
    pair.receive(&deliver_sm(), OK, 77);
    pair.session.close(CloseReason::PeerUnbound);
    pair.session
        .answer_delivery(CommandId::DELIVER_SM, 77, OK, pair.now);
    assert_eq!(pair.sent(), []);
}
