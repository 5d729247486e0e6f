//! An SMSC that sends what is no SMPP, or nearly is.

use crate::support::{Daemon, World};

/// A PDU whose command_length is right.
fn pdu(command_id: u32, sequence_number: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    let mut octets = Vec::new();
    for field in [length, command_id, 0, sequence_number] {
        octets.extend(field.to_be_bytes());
    }
    octets.extend(body);
    octets
}

const DELIVER_SM: u32 = 5;

/// The fields of a deliver_sm up to sm_length: from 27820000001 to 5000.
const DELIVER_START: &[u8] = b"\0\x01\x0127820000001\0\0\x015000\0\0\0\0\0\0\0\0\0\0";

async fn bound() -> (World, Daemon) {
    let world = World::new().await;
    world
        .enable_sim(
            ", smpp_pdu_read_timer, esme_max_submission_attempts",
            ", 1, 50",
        )
        .await;
    let daemon = world.daemon();
    world
        .until_ledger("a bind", |records| records.counts().bound_sessions == 1)
        .await;
    (world, daemon)
}

#[tokio::test]
async fn octets_that_cannot_be_framed_end_only_their_session() {
    let (world, mut daemon) = bound().await;
    let mut cut = pdu(DELIVER_SM, 9, DELIVER_START);
    cut.truncate(30);
    let streams: [&[u8]; 6] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\x03\0\0\0\x05",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x7f\xff\xff\xff\0\0\0\x05\0\0\0\0\0\0\0\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &cut,
    ];
    for (round, octets) in (1..).zip(streams) {
        assert_eq!(world.sim.send_raw(octets.to_vec()), 1);
        world
            .until_ledger("the end of the session", |records| {
                records.counts().open_sessions == 0
            })
            .await;
        assert!(daemon.is_running());
        world.connect_anew().await;
        world.queue(round * 10..round * 10 + 10).await;
        let audit = world.all_sent(round * 10).await;
        assert_eq!(audit.flagged, 0, "{octets:?}");
        world
            .until_ledger("a bind", |records| records.counts().bound_sessions == 1)
            .await;
    }
    // All but the one that stopped in the middle are kept.
    let kept: i64 = world
        .one("SELECT count(*) FROM smpp_rx_queue WHERE kind = 'other'")
        .await;
    assert_eq!(kept, 5);
    let kept: bool = world
        .one("SELECT EXISTS (SELECT FROM smpp_rx_queue WHERE pdu_raw LIKE '485454502f312e31%' AND pdu_parsed ? 'error')")
        .await;
    assert!(kept);
}

#[tokio::test]
async fn odd_pdus_are_kept_and_delay_nothing() {
    let (world, mut daemon) = bound().await;
    let with_text = |length: u8, text: &[u8]| {
        let mut body = DELIVER_START.to_vec();
        body.push(length);
        body.extend(text);
        body
    };
    let mut big = with_text(0, b"");
    big.extend([0x04, 0x24]);
    big.extend(60_000_u16.to_be_bytes());
    big.extend(vec![b'x'; 60_000]);
    let mut lying_tlv = with_text(2, b"hi");
    lying_tlv.extend([0x04, 0x24, 0xff, 0xff, b'x']);
    let mut nul = with_text(3, b"a\0b");
    // data_coding: ASCII, where a NUL is one.
    nul[DELIVER_START.len() - 2] = 1;
    let pdus = [
        // Unknown commands, a request and a response.
        pdu(0x0001_0203, 101, b"what"),
        pdu(0x8001_0203, 102, b"what"),
        // sm_length says more, and less, than there is.
        pdu(DELIVER_SM, 103, &with_text(200, b"short")),
        pdu(DELIVER_SM, 104, &with_text(1, b"longer")),
        // No body, half a body, no end of a string.
        pdu(DELIVER_SM, 105, b""),
        pdu(DELIVER_SM, 106, &DELIVER_START[..9]),
        pdu(DELIVER_SM, 107, &[b'7'; 300]),
        pdu(DELIVER_SM, 108, &lying_tlv),
        pdu(DELIVER_SM, 109, &big),
        // A text with a NUL, which PostgreSQL does not take.
        pdu(DELIVER_SM, 110, &nul),
        // Responses to nothing.
        pdu(0x8000_0004, 0x00ff_ffff, b"id\0"),
        pdu(0x8000_0009, 1, b""),
        pdu(0x8000_0000, 0x00ff_fffe, b""),
        // A request that only an SMSC answers.
        pdu(0x0000_0004, 111, b"\0"),
    ];
    let unasked = world.sim.ledger().counts().violations;
    for pdu in pdus {
        assert_eq!(world.sim.send_raw(pdu), 1);
    }
    world.queue(0..20).await;
    let audit = world.all_sent(20).await;
    assert_eq!(audit.flagged, 0);
    assert!(daemon.is_running());
    assert_eq!(world.sim.ledger().counts().connections, 1);
    // Every deliver_sm has its row, and is answered: the simulator did not ask, and says so.
    world
        .until(
            "SELECT count(*) = 8 FROM smpp_rx_queue
             WHERE (('x' || substr(pdu_raw, 9, 8))::bit(32)::integer) = 5",
        )
        .await;
    let ledger = world.sim.ledger();
    world
        .until_ledger("the answers", |records| {
            records.counts().violations == unasked + 8
        })
        .await;
    // The unknown request, and the submit_sm.
    assert_eq!(ledger.counts().generic_nacks, 2);
    let long: i32 = world
        .one("SELECT length(smpp_short_message) FROM smpp_rx_queue WHERE length(pdu_raw) > 120000")
        .await;
    assert_eq!(long, 60_000);
    let text: String = world
        .one("SELECT smpp_short_message FROM smpp_rx_queue WHERE pdu_parsed ->> 'sequence_number' = '110'")
        .await;
    assert_eq!(text, "a\u{2400}b");
}
