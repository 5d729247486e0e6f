//! A database that hangs: connections stay, and nothing answers.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::{application, interrupt, start};
use crate::support::{PATIENCE, World};

/// The lines of a pipe, which may be silent.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn until(lines: &Receiver<String>, words: &str) {
    let mut before = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(words) => return,
            Ok(line) => before.push(line),
            Err(error) => panic!("{words}: {error} after {before:#?}"),
        }
    }
}

#[tokio::test]
async fn who_watches_follows_or_waits_is_told_that_nothing_answers() {
    let world = World::new().await;
    application(&world).await;
    let mut watching = start(&world, &["status", "--watch", "0.1"]);
    let mut following = start(&world, &["events", "--follow", "--json"]);
    let mut waiting = start(
        &world,
        &[
            "send",
            "--as",
            "postgresql://app@",
            "--wait",
            "447911123400",
            "x",
        ],
    );
    let watched = lines(watching.stdout.take().unwrap());
    let followed = lines(following.stdout.take().unwrap());
    let of_following = lines(following.stderr.take().unwrap());
    let of_waiting = lines(waiting.stderr.take().unwrap());
    world
        .sql("INSERT INTO smpp_events (type, message) VALUES ('test', 'before')")
        .await;
    until(&watched, "esmed status at");
    until(&followed, "before");
    until(&of_waiting, " s  waiting");

    world.cluster.signal("STOP");
    let away = "the database is away: no answer within 10 s";
    until(&watched, away);
    until(&of_following, &format!("{away}; waiting for it"));
    until(&of_waiting, &format!("{away}; waiting for it"));

    world.cluster.signal("CONT");
    until(&of_following, "the database is back");
    until(&of_waiting, "the database is back");
    until(&watched, "1 still to be sent");
    world
        .sql("INSERT INTO smpp_events (type, message) VALUES ('test', 'afterwards')")
        .await;
    until(&followed, "afterwards");
    world.sql("SELECT esmed_cancel(1)").await;
    assert_eq!(waiting.wait().unwrap().code(), Some(1));
    for mut child in [watching, following] {
        interrupt(child.id());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
