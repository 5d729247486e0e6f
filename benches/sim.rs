//! Submits a second that the simulator answers on loopback, on one core.
//!
//! The client is as bare as can be: prebuilt PDUs over a blocking socket, answers counted by their
//! command_length. `cargo bench --bench sim` prints the median of three runs for each window.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use esmed::pdu::{Bind, CommandId, CommandStatus, MessageIdResp, Pdu, ShortMessage, SubmitSm};
use esmed::sim::{Config, LedgerMode, Sim};

const RUNS: usize = 3;

/// What one measurement does.
#[derive(Clone, Copy)]
struct Case {
    window: usize,
    submits: usize,
    ledger: LedgerMode,
    receipts: bool,
}

fn main() -> io::Result<()> {
    let counts = LedgerMode::Counts;
    for (window, submits, ledger, receipts) in [
        (10, 300_000, counts, false),
        (100, 1_000_000, counts, false),
        (500, 1_000_000, counts, false),
        (500, 1_000_000, LedgerMode::Full, false),
        (500, 500_000, counts, true),
    ] {
        let case = Case {
            window,
            submits,
            ledger,
            receipts,
        };
        let mut rates = (0..RUNS)
            .map(|_| run(case))
            .collect::<io::Result<Vec<_>>>()?;
        rates.sort_by(f64::total_cmp);
        println!(
            "window {window:>3}, ledger {ledger:?}{}: {:>9.0} submits a second (median of {RUNS})",
            if receipts { ", with receipts" } else { "" },
            rates[RUNS / 2],
        );
    }
    Ok(())
}

fn run(case: Case) -> io::Result<f64> {
    let (ready, addr) = std::sync::mpsc::channel::<SocketAddr>();
    let (done, mut wait) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || -> io::Result<()> {
        // One thread: what is measured is one core of the simulator.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let sim = Sim::start(Config {
                ledger: case.ledger,
                ..Config::default()
            })?;
            let _ = ready.send(sim.addr());
            let _ = (&mut wait).await;
            assert!(sim.ledger().peak_window() as usize <= case.window);
            Ok(())
        })
    });
    let addr = addr.recv().map_err(io::Error::other)?;
    let elapsed = client(addr, case)?;
    let _ = done.send(());
    match server.join() {
        Ok(result) => result?,
        Err(_) => return Err(io::Error::other("the simulator panicked")),
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let submits = case.submits as f64;
    Ok(submits / elapsed.as_secs_f64())
}

/// Submits, never with more than a window unanswered, until all are answered.
fn client(addr: SocketAddr, case: Case) -> io::Result<Duration> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let mut input = Input {
        buffer: vec![0; 256 * 1024],
        filled: 0,
    };
    stream.write_all(&encode(&Pdu::BindTransceiver(Bind {
        system_id: "bench".into(),
        ..Bind::default()
    })))?;
    while input.read(&mut stream, |_, _| {})? == 0 {}

    let submit = encode(&submit(case.receipts));
    let ack = encode(&Pdu::DeliverSmResp(Some(MessageIdResp::default())));
    let burst = submit.repeat(case.window);
    let begin = Instant::now();
    let (mut sent, mut answered, mut receipts) = (0, 0, 0);
    let expected = if case.receipts { case.submits } else { 0 };
    let mut acks = Vec::new();
    while answered < case.submits || receipts < expected {
        let room = (case.window - (sent - answered)).min(case.submits - sent);
        acks.extend_from_slice(&burst[..room * submit.len()]);
        stream.write_all(&acks)?;
        acks.clear();
        sent += room;
        input.read(&mut stream, |command_id, sequence| {
            if command_id == CommandId::SUBMIT_SM_RESP.0.to_be_bytes() {
                answered += 1;
            } else {
                receipts += 1;
                acks.extend_from_slice(&ack[..12]);
                acks.extend_from_slice(sequence);
                acks.extend_from_slice(&ack[16..]);
            }
        })?;
    }
    Ok(begin.elapsed())
}

fn submit(receipts: bool) -> Pdu {
    Pdu::SubmitSm(SubmitSm {
        source_addr: "12345".into(),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: "27820000000".into(),
        registered_delivery: u8::from(receipts),
        short_message: ShortMessage(vec![b'x'; 60].into()),
        ..SubmitSm::default()
    })
}

fn encode(pdu: &Pdu) -> Vec<u8> {
    let mut out = BytesMut::new();
    // Every field of these fits.
    let _ = pdu.encode(CommandStatus::ESME_ROK, 1, &mut out);
    out.to_vec()
}

struct Input {
    buffer: Vec<u8>,
    filled: usize,
}

impl Input {
    /// Reads once; calls with command_id and sequence_number of each PDU, and says how many.
    fn read(
        &mut self,
        stream: &mut TcpStream,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> io::Result<usize> {
        let read = stream.read(&mut self.buffer[self.filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        let (mut at, mut pdus) = (0, 0);
        while let Some(header) = self.buffer[at..self.filled].first_chunk::<16>() {
            let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
            if at + length > self.filled {
                break;
            }
            each(&header[4..8], &header[12..]);
            at += length;
            pdus += 1;
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(pdus)
    }
}
