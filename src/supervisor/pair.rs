//! A pair of sessions with one account: a transmitter and a receiver.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::board::Role;
use super::line::Side;
use crate::session::driver::Control;

/// Keeps both sessions until told to unbind: each with its own attempts, the receiver until the transmitter has ended.
pub(super) async fn run(line: &Side, control: watch::Receiver<Control>) {
    let transmitter = line.with(Role::Transmitter);
    let receiver = line.with(Role::Receiver);
    receiver.show("closed");
    let (tell_receiver, receivers) = watch::channel(control.borrow().clone());
    let transmitter_ended = CancellationToken::new();
    tokio::join!(
        async {
            transmitter.sessions(control.clone()).await;
            transmitter_ended.cancel();
        },
        async {
            receiver.sessions(receivers).await;
        },
        pass_on(control.clone(), tell_receiver, &transmitter_ended),
    );
}

/// Tells the receiver what the line is told; but to unbind only when the transmitter has ended, or the time that the drain may
/// take is over, so that the receipts of the last messages still arrive.
async fn pass_on(
    mut control: watch::Receiver<Control>,
    receiver: watch::Sender<Control>,
    transmitter_ended: &CancellationToken,
) {
    let mut until = None;
    loop {
        let told = control.borrow_and_update().clone();
        if told.abandon {
            receiver.send_replace(told);
            return;
        }
        match told.unbind {
            None => {
                receiver.send_replace(told);
            }
            Some(patience) => {
                until.get_or_insert_with(|| Instant::now() + patience);
            }
        }
        tokio::select! {
            changed = control.changed() => if changed.is_ok() {
                continue;
            },
            () = transmitter_ended.cancelled() => {}
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
        }
        // The supervisor can be gone without a word, which ends the line as well.
        let left = until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        });
        receiver.send_modify(|control| control.unbind = Some(left));
        break;
    }
    // What remains to be told is that everything ends at once.
    let abandoned = async {
        if control.wait_for(|control| control.abandon).await.is_ok() {
            receiver.send_modify(|control| control.abandon = true);
        }
    };
    tokio::select! {
        () = abandoned => {}
        () = receiver.closed() => {}
    }
}
