//! The status page in Debian's Chromium.
//!
//! With a folder in SCREENSHOTS, pictures of each state are left there, to be looked at.

use std::path::Path;

use super::browser::Browser;
use super::{Pages, watched};
use crate::support::World;

/// No wider than its window, in every size and colour; leaves pictures.
fn check_looks(browser: &mut Browser, state: &str) {
    for width in [360, 768, 1280] {
        for dark in [false, true] {
            browser.look_like(width, dark);
            // The plots are drawn anew for the width.
            browser.ask(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
            );
            let wide = browser.ask("document.documentElement.scrollWidth");
            assert_eq!(wide, width, "{state}: the page is wider than {width}");
            let small = browser.ask(
                "[...document.querySelectorAll('body *')].filter((it) => it.children.length === 0 && it.textContent.trim()
                   && parseFloat(getComputedStyle(it).fontSize) < 11).length",
            );
            assert_eq!(small, 0, "{state}: something can't be read");
            if let Some(folder) = std::env::var_os("SCREENSHOTS") {
                let scheme = if dark { "dark" } else { "light" };
                let file = Path::new(&folder).join(format!("{state}-{width}-{scheme}.png"));
                browser.shoot(&file);
            }
        }
    }
}

/// The headline, once it is this.
fn until_headline(browser: &mut Browser, headline: &str) {
    browser.until(&format!(
        "document.querySelector('#headline').textContent === {headline:?}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_how_things_are() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let mut world = World::new().await;
    let (mut daemon, pages) = watched(&world, "esmed");
    pages.until("/", "answered", |it| it.status == 200).await;
    browser.look_like(1280, false);
    browser.open(&pages.url("/"));
    until_headline(&mut browser, "No server is enabled");
    check_looks(&mut browser, "no-server");

    let name = "<script>document.title='gotcha'</script>";
    world
        .enable_sim(
            ", name, esme_registered_delivery, esme_window_size, esme_throughput",
            &format!(", '{}', TRUE, 7, 20", name.replace('\'', "''")),
        )
        .await;
    world
        .sql(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, send_after)
             SELECT '4479' || lpad(n::text, 6, '0') || (ARRAY['00', '00', '01', '02', '07'])[1 + n % 5], 'secret text',
               CASE WHEN n > 400 THEN now() + interval '1 day' END
             FROM generate_series(1, 1234) AS n",
        )
        .await;
    let label = format!("{name} (127.0.0.1:{})", world.sim.addr().port());
    // It is bound, and held back by its rate.
    browser
        .until("/^(Throttled, b|B)ound to /.test(document.querySelector('#headline').textContent)");
    browser.until("document.querySelector('#queue-note').textContent.includes('834 scheduled')");
    browser.until("document.querySelectorAll('#receipts li').length >= 3");
    // As text, and nothing of it was run.
    let headline = browser.text("#headline");
    assert!(headline.ends_with(&label), "{headline}");
    let events = browser.text("#events");
    assert!(events.contains(&format!("bound to {label}")), "{events}");
    assert!(
        !browser
            .ask("document.title")
            .to_string()
            .contains("gotcha\"")
    );
    assert_eq!(browser.ask("document.querySelectorAll('script').length"), 2);
    assert_eq!(browser.text("#window").split(" of ").nth(1), Some("7"));
    let body = browser.text("body");
    assert!(
        body.contains("DELIVERED") && body.contains("ESME_RINVDSTADR"),
        "{body}"
    );
    for secret in ["secret text", "4479", "smppclient1", "password"] {
        assert!(!body.contains(secret), "{secret} in {body}");
    }
    assert!(!pages.get("/status.json").await.body.contains("4479"));
    // Two samples and more: a curve.
    browser.until("document.querySelectorAll('svg .curve').length === 3");
    let described = browser.ask("document.querySelector('svg').getAttribute('aria-label')");
    assert!(described.to_string().contains("over the last hour: now "));
    check_looks(&mut browser, "traffic");

    let (mut second, standby) = watched(&world, "second");
    until_standing_by(standby).await;
    browser.open(&standby.url("/"));
    until_headline(&mut browser, "Standing by");
    assert_eq!(browser.text("#queue"), "–");
    check_looks(&mut browser, "standby");
    assert_eq!(second.stop().await, Some(0));

    browser.open(&pages.url("/"));
    world.cluster.stop().await;
    until_headline(&mut browser, "The database is away");
    browser.until("document.querySelector('#queue').textContent === '–'");
    check_looks(&mut browser, "database-away");
    world.cluster.start_again().await;
    world.reconnect().await;
    browser.until("document.querySelector('#headline').textContent.includes('ound to')");

    world.sql("DELETE FROM smpp_tx_queue").await;
    assert_eq!(daemon.stop().await, Some(0));
    until_headline(&mut browser, "The daemon does not answer");
    assert!(browser.text("#away").starts_with("Last seen at "));
    check_looks(&mut browser, "gone");
    let errors = browser.ask("document.querySelectorAll('#events li').length > 0");
    assert_eq!(errors, true);
}

async fn until_standing_by(pages: Pages) {
    pages
        .until("/ready", "stood by", |it| {
            it.body.starts_with("standing by")
        })
        .await;
}

#[tokio::test]
async fn without_script_the_numbers_are_there() {
    let world = World::new().await;
    world.enable_sim(", name", ", '<b>x</b> & y'").await;
    let (_daemon, pages) = watched(&world, "esmed");
    let page = pages
        .until("/", "was bound", |it| {
            it.body.contains("bound, and the database answers")
        })
        .await
        .body;
    let (_, plain) = page.split_once("<noscript>").unwrap();
    let (plain, _) = plain.split_once("</noscript>").unwrap();
    assert!(
        plain.contains("Server &lt;b&gt;x&lt;/b&gt; &amp; y (127.0.0.1:"),
        "{plain}"
    );
    assert!(plain.contains("window 0 of "), "{plain}");
    // The state within the page can't end its element.
    let (_, state) = page.split_once("id=\"first\">").unwrap();
    let (state, _) = state.split_once("</script>").unwrap();
    assert!(!state.contains('<'), "{state}");
    let state: serde_json::Value = serde_json::from_str(state).unwrap();
    assert_eq!(state["ready"], true);
}
