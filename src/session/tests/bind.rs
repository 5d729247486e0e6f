//! From the connection to the bind response.

use super::*;

fn bind_resp() -> Pdu {
    Pdu::BindTransceiverResp(Some(BindResp {
        system_id: "the SMSC".into(),
        ..BindResp::default()
    }))
}

#[test]
fn the_octets_of_a_bind() {
    // By 3.2 and 4.1.1: header, then the fields in their order.
    #[rustfmt::skip]
    let by_specification: &[u8] = &[
        0x00, 0x00, 0x00, 0x2F, // command_length 47
        0x00, 0x00, 0x00, 0x02, // bind_transmitter
        0x00, 0x00, 0x00, 0x00, // command_status
        0x00, 0x00, 0x00, 0x01, // sequence_number 1
        0x53, 0x4D, 0x50, 0x50, 0x33, 0x54, 0x45, 0x53, 0x54, 0x00, // SMPP3TEST
        0x73, 0x65, 0x63, 0x72, 0x65, 0x74, 0x30, 0x38, 0x00, // secret08
        0x53, 0x55, 0x42, 0x4D, 0x49, 0x54, 0x31, 0x00, // SUBMIT1
        0x34, // interface_version
        0x01, 0x01, // addr_ton, addr_npi
        0x00, // address_range
    ];
    for (mode, command_id) in [
        (BindMode::Receiver, 1),
        (BindMode::Transmitter, 2),
        (BindMode::Transceiver, 9),
    ] {
        let mut expected = by_specification.to_vec();
        expected[7] = command_id;
        let pair = Pair::open(Config { mode, ..config() });
        assert_eq!(pair.session.transmit(), expected);
    }
}

#[test]
fn a_bind_that_cannot_be_written_is_an_error() {
    let mut config = config();
    config.bind.password = "a\0b".into();
    assert!(Session::<u32>::new(config, Instant::now()).is_err());
}

#[test]
fn overlong_credentials_are_sent_as_they_are() {
    let mut config = config();
    config.bind.password = "nineoctet".into();
    config.bind.system_id = "sixteen_octets_!".into();
    let octets = Pair::open(config).session.transmit().to_vec();
    assert!(octets.windows(10).any(|octets| octets == b"nineoctet\0"));
}

#[test]
fn an_accepted_bind_tells_who_the_smsc_is() {
    let mut pair = Pair::open(config());
    assert_eq!(pair.capacity(), Capacity::Blocked);
    let (header, _) = pair.sent_one();
    pair.receive(&bind_resp(), OK, header.sequence_number);
    let system_id = "the SMSC".to_owned();
    assert_eq!(pair.events(), [Event::Bound { system_id }]);
    assert_eq!(pair.capacity(), Capacity::Now);
    pair.pass(seconds(9));
    assert_eq!(pair.sent(), []);
    assert_eq!(pair.closed(), None);
}

#[test]
fn submits_are_blocked_before_bound_and_on_a_receiver() {
    assert_eq!(Pair::open(config()).capacity(), Capacity::Blocked);
    for (mode, capacity) in [
        (BindMode::Transmitter, Capacity::Now),
        (BindMode::Receiver, Capacity::Blocked),
        (BindMode::Transceiver, Capacity::Now),
    ] {
        assert_eq!(
            Pair::bound(Config { mode, ..config() }).capacity(),
            capacity
        );
    }
}

#[test]
fn a_bind_response_without_a_body_will_do() {
    let mut pair = Pair::open(config());
    pair.receive(&Pdu::BindTransceiverResp(None), OK, 1);
    let system_id = String::new();
    assert_eq!(pair.events(), [Event::Bound { system_id }]);
}

#[test]
fn a_refused_bind_ends_the_session() {
    let status = CommandStatus::ESME_RINVPASWD;
    let mut pair = Pair::open(config());
    pair.receive(&Pdu::BindTransceiverResp(None), status, 1);
    assert_eq!(pair.closed(), Some(&CloseReason::BindRefused(status)));
    assert_eq!(pair.session.poll_timeout(), None);
}

#[test]
fn a_nacked_bind_ends_the_session_whatever_its_status_says() {
    for status in [CommandStatus::ESME_RINVCMDID, OK] {
        let mut pair = Pair::open(config());
        pair.receive(&Pdu::GenericNack, status, 1);
        assert_eq!(pair.closed(), Some(&CloseReason::BindRefused(status)));
    }
}

#[test]
fn a_bind_without_an_answer_times_out() {
    let mut pair = Pair::open(config());
    pair.pass(seconds(30) - Duration::from_millis(1));
    assert_eq!(pair.closed(), None);
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.closed(), Some(&CloseReason::BindTimeout));
}

#[test]
fn chatter_does_not_put_off_the_end_of_a_bind() {
    let mut pair = Pair::open(config());
    for sequence_number in 1..=30 {
        pair.pass(seconds(1));
        pair.receive(&Pdu::EnquireLink, OK, sequence_number);
    }
    assert_eq!(pair.closed(), Some(&CloseReason::BindTimeout));
}

#[test]
fn a_bind_response_to_another_request_is_stray() {
    let mut pair = Pair::open(config());
    pair.receive(&bind_resp(), OK, 2);
    let stray = [Event::StrayResponse(CommandId::BIND_TRANSCEIVER_RESP)];
    assert_eq!(pair.events(), stray);
    assert_eq!(pair.capacity(), Capacity::Blocked);
    let mut pair = Pair::bound(config());
    pair.receive(&bind_resp(), CommandStatus::ESME_RALYBND, 1);
    assert_eq!(pair.events(), stray);
    assert_eq!(pair.closed(), None);
}
