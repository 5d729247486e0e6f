//! Under TLS: what has left is told from what can't have, and nothing stays within.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::super::driver::{Submission, SubmitOutcome};
use super::stage::{Stage, play_on};
use super::*;
use crate::tls::{Names, Roots, Secured, Settings, Verify};

/// What a pipe takes of what is written to it.
#[derive(Debug)]
struct Gate {
    /// So many octets, and then none.
    left: usize,
    /// What comes then: an error, or a wait.
    fails: bool,
    waiting: Option<Waker>,
}

impl Gate {
    fn open(gate: &Mutex<Self>, left: usize) {
        let mut gate = gate.lock().unwrap();
        gate.left = left;
        if let Some(waiting) = gate.waiting.take() {
            waiting.wake();
        }
    }
}

struct Gated {
    pipe: DuplexStream,
    gate: Arc<Mutex<Gate>>,
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let mut gate = this.gate.lock().unwrap();
        if gate.left == 0 {
            if gate.fails {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            gate.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let some = octets.len().min(gate.left);
        let written = Pin::new(&mut this.pipe).poll_write(context, &octets[..some]);
        if let Poll::Ready(Ok(written)) = written {
            gate.left -= written;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

fn server() -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["smsc.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A session under TLS with an SMSC that sees the plain octets, and the gate that its octets pass.
async fn secured(fails: bool) -> (Secured<Gated>, DuplexStream, Arc<Mutex<Gate>>) {
    const LARGE: usize = 1 << 20;
    let (ours, theirs) = duplex(LARGE);
    let gate = Arc::new(Mutex::new(Gate {
        left: usize::MAX,
        fails,
        waiting: None,
    }));
    let ours = Gated {
        pipe: ours,
        gate: Arc::clone(&gate),
    };
    let settings = Settings {
        verify: Verify::Nothing,
        roots: Roots::System,
        identity: None,
        names: Names::SMSC,
    };
    let prepared = settings.prepare().unwrap();
    let (client, server) = tokio::join!(
        prepared.handshake("smsc.example", "port 2775", ours),
        server().accept(theirs)
    );
    let (mut read, mut write) = tokio::io::split(server.unwrap());
    let (smsc, bridge) = duplex(LARGE);
    let (mut from_smsc, mut to_smsc) = tokio::io::split(bridge);
    tokio::spawn(async move {
        let mut buffer = vec![0; LARGE];
        while let Ok(read @ 1..) = read.read(&mut buffer).await {
            to_smsc.write_all(&buffer[..read]).await.unwrap();
        }
        to_smsc.shutdown().await
    });
    tokio::spawn(async move { tokio::io::copy(&mut from_smsc, &mut write).await });
    (Secured::new(client.unwrap().0), smsc, gate)
}

/// A write may hand some records to the socket and fail with the next: what it was given counts as written, all of it.
#[tokio::test(start_paused = true)]
async fn what_arrived_before_a_write_failed_is_never_told_as_unwritten() {
    const SUBMITS: u32 = 500;
    let mut arrived_in_failed_writes = 0;
    for octets in [1, 5_000, 17_000, 20_000, 34_000, 40_000] {
        let (ours, smsc, gate) = secured(true).await;
        let config = with_window(config(), 900);
        let (reason, news) = play_on(ours, smsc, config, async |mut stage: Stage| {
            // All wait already, so that one write has several records.
            for token in 0..SUBMITS {
                let mut submit_sm = submit_sm();
                submit_sm.short_message = ShortMessage(vec![b'x'; 140].into());
                let expires = None;
                let submission = Submission {
                    submit_sm,
                    token,
                    expires,
                };
                stage.submissions.send(submission).await.unwrap();
            }
            let bind = stage.smsc.expect(CommandId::BIND_TRANSCEIVER).await;
            Gate::open(&gate, octets);
            let response = Pdu::BindTransceiverResp(None);
            stage.smsc.send(&response, OK, bind.sequence_number).await;
            let mut arrived = 0;
            while let Some(frame) = stage.smsc.next().await {
                arrived += u32::from(frame.header.command_id == CommandId::SUBMIT_SM);
            }
            arrived_in_failed_writes += arrived;
            let outcomes = stage.news.by_token();
            for token in 0..arrived {
                assert_eq!(
                    outcomes[&token],
                    SubmitOutcome::Unanswered,
                    "{token} of {arrived}"
                );
            }
        })
        .await;
        assert!(matches!(reason, CloseReason::Disconnected(_)), "{reason:?}");
        assert_eq!(news.by_token().len(), SUBMITS as usize);
    }
    assert!(arrived_in_failed_writes > 300, "{arrived_in_failed_writes}");
}

#[tokio::test(start_paused = true)]
async fn what_tls_held_back_leaves_when_the_socket_takes_it() {
    let (ours, smsc, gate) = secured(false).await;
    let (reason, news) = play_on(ours, smsc, config(), async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        sleep(Duration::from_millis(1)).await;
        Gate::open(&gate, 10);
        stage.submit(0..3).await;
        assert!(stage.smsc.silent(Duration::from_millis(500)).await);
        // Nobody writes any more: a flush has to wait for room.
        Gate::open(&gate, usize::MAX);
        stage.smsc.accept(3).await;
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    let outcomes = news.by_token();
    assert!(
        outcomes
            .values()
            .all(|it| matches!(it, SubmitOutcome::Answered { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn what_tls_held_back_does_not_leave_without_the_lease() {
    let (ours, smsc, gate) = secured(false).await;
    let (reason, news) = play_on(ours, smsc, config(), async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        sleep(Duration::from_millis(1)).await;
        Gate::open(&gate, 10);
        stage.submit(0..3).await;
        sleep(Duration::from_millis(500)).await;
        stage.news.may_submit.set(false);
        Gate::open(&gate, usize::MAX);
        assert!(stage.smsc.next().await.is_none(), "no submit arrives");
    })
    .await;
    assert_eq!(reason, CloseReason::LeaseLost);
    // TLS had them: the safe side.
    let outcomes = news.by_token();
    assert!(outcomes.values().all(|it| *it == SubmitOutcome::Unanswered));
}

#[tokio::test(start_paused = true)]
async fn an_end_without_close_notify_is_a_closed_connection() {
    let (ours, smsc, _gate) = secured(false).await;
    let (reason, _) = play_on(ours, smsc, config(), async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
    })
    .await;
    let closed = CloseReason::Disconnected("closed by the SMSC".to_owned());
    assert_eq!(reason, closed);
}
