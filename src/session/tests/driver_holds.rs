//! What keeps queued submissions from the wire: a pause, and time that ran out.

use tokio::time::{sleep, timeout};

use super::super::driver::SubmitOutcome;
use super::stage::{PIPE, Stage, play};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_pause_hands_back_what_is_queued_and_takes_it_again_later() {
    let mut config = with_window(config(), 50);
    config.settings.rate = Some(2.0);
    let settings = config.settings;
    let (reason, news) = play(config, PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        stage.submit(0..20).await;
        stage.smsc.accept(2).await;
        let paused = Settings {
            paused: true,
            ..settings
        };
        stage.control.send_modify(|it| it.settings = paused);
        sleep(Duration::from_millis(1)).await;
        let outcomes = stage.news.by_token();
        assert_eq!(outcomes.len(), 20, "the answered ones, and all that waited");
        // What was claimed before the pause was known.
        stage.submit(20..30).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.by_token().len(), 30);
        let outcomes = stage.news.by_token();
        assert!(
            outcomes
                .iter()
                .all(|(token, it)| *token < 2 || *it == SubmitOutcome::Unwritten)
        );
        // A delivery is taken and answered all the same.
        stage.smsc.send(&deliver_sm(), OK, 7).await;
        sleep(Duration::from_millis(1)).await;
        stage.news.deliveries.borrow()[0].answer(OK);
        stage.smsc.expect(CommandId::DELIVER_SM_RESP).await;
        stage.control.send_modify(|it| it.settings = settings);
        sleep(Duration::from_millis(1)).await;
        stage.submit(30..34).await;
        let accepted = timeout(seconds(3), stage.smsc.accept(4));
        accepted.await.expect("submits go on after the pause");
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    assert_eq!(news.by_token().len(), 34);
}

#[tokio::test(start_paused = true)]
async fn a_pause_without_the_lease_is_left_in_peace() {
    let (reason, news) = play(config(), PIPE, async |mut stage: Stage| {
        stage.smsc.accept_bind().await;
        let paused = Settings {
            paused: true,
            ..SETTINGS
        };
        stage.control.send_modify(|it| it.settings = paused);
        stage.news.may_submit.set(false);
        stage.submit(0..3).await;
        assert!(stage.smsc.silent(seconds(5)).await);
        assert_eq!(stage.news.by_token().len(), 3);
        stage.unbind(seconds(30));
        stage.smsc.accept_unbind().await;
    })
    .await;
    assert_eq!(reason, CloseReason::Unbound);
    let outcomes = news.by_token();
    assert!(outcomes.values().all(|it| *it == SubmitOutcome::Unwritten));
}
