//! `esmed events`

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use super::{err, interrupt, out, run, start, view};
use crate::support::World;

async fn tell(world: &World, kind: &str, message: &str) {
    world
        .sql(&format!(
            "INSERT INTO smpp_events (type, status, message) VALUES ('{kind}', 'ok', '{message}')"
        ))
        .await;
}

#[tokio::test]
async fn the_last_ones_are_listed_by_time_type_and_number() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_events (type, message, at, lane) VALUES
               ('bound', 'long ago', now() - interval '2 days', 'default'),
               ('bound', 'elsewhere', now(), 'other')",
        )
        .await;
    for at in 1..=30 {
        tell(
            &world,
            if at % 2 == 0 { "even" } else { "odd" },
            &format!("event {at}"),
        )
        .await;
    }
    let text = out(&run(&world, &["events"]).await);
    assert_eq!(text.lines().count(), 20);
    assert!(text.lines().last().unwrap().contains("event 30"), "{text}");
    let text = out(&run(&world, &["events", "--since", "1h"]).await);
    assert_eq!(text.lines().count(), 30);
    assert!(!text.contains("elsewhere"), "{text}");
    let text = out(&run(&world, &["events", "--since", "3d", "--type", "bound"]).await);
    assert_eq!(text.lines().count(), 1);
    for types in [
        &["--type", "bound,even"][..],
        &["--type", "bound", "--type", "even"],
    ] {
        let text = out(&run(&world, &[&["events", "--since", "3d"], types].concat()).await);
        assert_eq!(text.lines().count(), 16, "{text}");
    }
    // An empty answer says that it is one.
    for (arguments, words) in [
        (
            &["--type", "bund"][..],
            "esmed: no events of type bund in lane default\n",
        ),
        (
            &["--type", "bund,unbund", "--json"],
            "esmed: no events of type bund or unbund in lane default\n",
        ),
        (
            &["--type", "bound", "--since", "1h"],
            "esmed: no events of type bound in lane default in that time\n",
        ),
    ] {
        let shown = run(&world, &[&["events"], arguments].concat()).await;
        assert_eq!(shown.status.code(), Some(0));
        assert_eq!(
            (out(&shown), err(&shown)),
            (String::new(), words.to_owned())
        );
    }
    assert!(err(&run(&world, &["events", "--limit", "0"]).await).is_empty());
    let shown = run(&world, &["events", "--json", "--limit", "1"]).await;
    let json = view(&shown);
    assert_eq!(json["message"], "event 30");
    assert_eq!(json["type"], "even");
    assert_eq!(json["status"], "ok");
    assert!(json["at"].as_str().unwrap().ends_with('Z'), "{json}");
    for wrong in [
        &["--since", "yesterday"],
        &["--since", "-1h"],
        &["--limit", "x"],
    ] {
        let shown = run(&world, &[&["events"], &wrong[..]].concat()).await;
        assert_eq!(shown.status.code(), Some(2), "{wrong:?}");
        assert!(!err(&shown).is_empty());
    }
}

#[tokio::test]
async fn following_goes_on_when_the_database_comes_back() {
    let mut world = World::new().await;
    tell(&world, "first", "before").await;
    let mut child = start(
        &world,
        &["events", "--follow", "--json", "--type", "wanted"],
    );
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.next().unwrap().unwrap();
    assert!(
        line.ends_with("no events of type wanted in lane default yet"),
        "{line}"
    );
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    // It may not listen yet; each is told once all the same.
    tell(&world, "wanted", "one").await;
    tell(&world, "other", "not asked for").await;
    tell(&world, "wanted", "two").await;
    assert_eq!(next()["message"], "one");
    assert_eq!(next()["message"], "two");
    // A number that was given early and is committed late.
    let late = world.connection("postgres").await;
    late.batch_execute("BEGIN; INSERT INTO smpp_events (type, message) VALUES ('wanted', 'late')")
        .await
        .unwrap();
    tell(&world, "wanted", "three").await;
    assert_eq!(next()["message"], "three");
    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(next()["message"], "late");

    world.cluster.stop_fast().await;
    let line = said.next().unwrap().unwrap();
    assert!(line.contains("waiting for it"), "{line}");
    world.cluster.start_again().await;
    world.reconnect().await;
    tell(&world, "wanted", "four").await;
    assert_eq!(next()["message"], "four");
    let line = said.next().unwrap().unwrap();
    assert!(line.contains("is back"), "{line}");
    interrupt(child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
