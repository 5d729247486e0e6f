//! The migration while applications work, and while somebody holds a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::catalogue::catalogue;
use super::{connect, migrate, old_world, refused, run, said};

#[tokio::test]
async fn who_holds_a_lock_is_told_and_nobody_waits_behind_it() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE VIEW texts AS SELECT smpp_short_message FROM smpp_tx_queue",
    )
    .await;
    let before = catalogue(&world.db).await;
    let holder = connect(&world, "esmed", "postgres").await;
    run(&holder, "SET application_name = 'nightly report'").await;
    let pid: i32 = holder
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    for statement in [
        "SELECT count(*) FROM smpp_tx_queue",
        "SELECT id FROM smpp_servers FOR UPDATE",
        "SELECT count(*) FROM texts",
    ] {
        run(&holder, &format!("BEGIN; {statement}")).await;
        let line = refused(&migrate(&world, &[]).await);
        assert!(
            line.contains(&format!("in use by pid {pid} (application nightly report, role postgres, idle in transaction since ")),
            "{statement}: {line}"
        );
        assert!(line.contains("Nothing was changed"), "{line}");
        run(&holder, "ROLLBACK").await;
        assert_eq!(catalogue(&world.db).await, before);
    }
    // Once it has gone, all is well.
    said(&migrate(&world, &[]).await);
}

#[tokio::test]
async fn applications_insert_and_read_meanwhile_and_nothing_of_theirs_is_lost() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE ROLE app LOGIN; GRANT SELECT, INSERT ON smpp_tx_queue TO app; GRANT USAGE ON SEQUENCE smpp_tx_queue_id_seq TO app;
         CREATE VIEW waiting AS SELECT id, smpp_short_message FROM smpp_tx_queue WHERE NOT submission_done AND NOT submission_failed;
         GRANT SELECT ON waiting TO app;
         INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, submission_done, smpp_message_id)
           SELECT '447911' || n, 'old ' || n, TRUE, 'm' || n FROM generate_series(1, 20000) AS n",
    )
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut applications = Vec::new();
    for number in 0..4 {
        let client = connect(&world, "esmed", "app").await;
        let stop = Arc::clone(&stop);
        applications.push(tokio::spawn(async move {
            let mut count = 0i64;
            while !stop.load(Ordering::Relaxed) {
                // As applications of 0.1.1 do it; every other one holds its transaction open for a moment.
                run(
                    &client,
                    &format!(
                        "BEGIN; INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message)
                           VALUES ('44791112{number}', 'load {number} {count}');
                         SELECT pg_sleep(0.002 * ({number} % 2)); COMMIT"
                    ),
                )
                .await;
                count += 1;
                client.query_one("SELECT count(id) FROM waiting", &[]).await.expect("the view is there");
            }
            count
        }));
    }
    world
        .until("SELECT count(*) > 100 FROM smpp_tx_queue WHERE smpp_short_message LIKE 'load %'")
        .await;
    // A reader may get between the view and the tables: then it is refused, and run again, as its hint says.
    let mut words = None;
    for _ in 0..5 {
        let output = migrate(&world, &[]).await;
        if output.status.success() {
            words = Some(said(&output));
            break;
        }
        refused(&output);
    }
    assert!(
        words
            .expect("one of five")
            .contains("migrated from esmed 0.1.1")
    );
    let so_far: i64 = world
        .one("SELECT count(*) FROM smpp_tx_queue WHERE smpp_short_message LIKE 'load %'")
        .await;
    world
        .until(&format!(
            "SELECT count(*) > {so_far} + 100 FROM smpp_tx_queue WHERE smpp_short_message LIKE 'load %'"
        ))
        .await;
    stop.store(true, Ordering::Relaxed);
    let mut inserted = 0;
    for application in applications {
        inserted += application.await.expect("no INSERT and no SELECT failed");
    }
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_tx_queue WHERE smpp_short_message LIKE 'load %'")
            .await,
        inserted
    );
    assert_eq!(
        world.one::<i64>("SELECT count(*) FROM smpp_tx_queue").await,
        inserted + 20_016
    );
}
