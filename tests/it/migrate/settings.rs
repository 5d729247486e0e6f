//! What becomes of the servers' settings, and what users have set on the tables and stays.

use super::{connect, migrate, old_world, run, said, texts};

#[tokio::test]
async fn no_receipts_are_asked_for_where_0_1_1_asked_for_none() {
    let world = old_world().await;
    run(
        &world.db,
        "INSERT INTO smpp_servers (host, port, esme_system_id, esme_password, esme_bind_transceiver, esme_registered_delivery) VALUES
           ('a', 1, 's', 'p', FALSE, TRUE), ('b', 1, 's', 'p', FALSE, FALSE), ('c', 1, 's', 'p', TRUE, FALSE), ('d', 1, 's', 'p', TRUE, TRUE);
         CREATE VIEW asking AS SELECT id FROM smpp_servers WHERE esme_registered_delivery",
    )
    .await;
    let words = said(&migrate(&world, &[]).await);
    let told: Vec<_> = words
        .lines()
        .filter(|line| line.contains("esme_registered_delivery"))
        .collect();
    assert_eq!(
        told,
        [
            "server 3: esme_registered_delivery was TRUE, which did nothing without esme_bind_transceiver; it is FALSE now"
        ]
    );
    assert_eq!(
        texts(&world.db, "SELECT id::text FROM asking ORDER BY id").await,
        ["2", "6"]
    );
}

/// 0.1.1 took the first by host and port of those that have a host.
#[tokio::test]
async fn of_several_enabled_servers_the_one_that_0_1_1_used_stays() {
    for (others, stays) in [
        ("('  ', 1), ('z.example', 1), ('a.example', 1)", "5"),
        ("('a.example', 20), ('a.example', 3)", "4"),
        ("('  ', 1), ('', 2)", "4"),
    ] {
        let world = old_world().await;
        run(
            &world.db,
            &format!(
                "ALTER TABLE smpp_servers DISABLE TRIGGER USER;
                 UPDATE smpp_servers SET enabled = FALSE;
                 INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password)
                 SELECT TRUE, host, port, 's', 'p' FROM (VALUES {others}) AS v (host, port);
                 ALTER TABLE smpp_servers ENABLE TRIGGER USER"
            ),
        )
        .await;
        let words = said(&migrate(&world, &[]).await);
        assert_eq!(
            texts(&world.db, "SELECT id::text FROM smpp_servers WHERE enabled").await,
            [stays],
            "{others}"
        );
        assert!(
            words.contains(&format!(
                "server 3 was enabled beside server {stays}, and is not any more"
            )),
            "{words}"
        );
    }
}

#[tokio::test]
async fn timers_below_nothing_become_the_default_and_nothing_stays_never() {
    let world = old_world().await;
    run(
        &world.db,
        "INSERT INTO smpp_servers (host, port, esme_system_id, esme_password, smpp_enquire_link_timer, smpp_inactivity_timer)
         VALUES ('a', 1, 's', 'p', -5, -1), ('b', 1, 's', 'p', 0, 0)",
    )
    .await;
    let words = said(&migrate(&world, &[]).await);
    for line in [
        "server 3: smpp_enquire_link_timer was -5, which cannot be; it is 10 now",
        "server 3: smpp_inactivity_timer was -1, which cannot be; it is 120 now",
    ] {
        assert!(words.lines().any(|it| it == line), "{line}: {words}");
    }
    assert_eq!(
        texts(
            &world.db,
            "SELECT smpp_enquire_link_timer || ' ' || smpp_inactivity_timer FROM smpp_servers WHERE id > 2 ORDER BY id"
        )
        .await,
        ["10 120", "0 0"]
    );
}

#[tokio::test]
async fn what_users_have_set_on_tables_and_columns_stays() {
    let world = old_world().await;
    run(
        &world.db,
        "ALTER TABLE smpp_tx_queue SET (fillfactor = 90, autovacuum_vacuum_cost_delay = 1);
         ALTER TABLE smpp_rx_queue ALTER pdu_raw SET STORAGE EXTERNAL, ALTER pdu_parsed SET STORAGE MAIN,
                                   ALTER smpp_short_message SET STATISTICS 500;
         ALTER TABLE smpp_tx_queue ALTER smpp_destination_addr TYPE varchar(21) COLLATE \"C\";
         COMMENT ON TABLE smpp_tx_queue IS 'Ours to send';
         COMMENT ON COLUMN smpp_tx_queue.submission_info IS 'It''s read by the hotline';
         COMMENT ON TYPE smpp_priority_flag IS 'How urgent';
         COMMENT ON FUNCTION notify_table_change() IS 'Rings'",
    )
    .await;
    // A user's setting that only a later PostgreSQL has.
    let has_compression: bool = world
        .one("SELECT current_setting('server_version_num')::integer >= 140000")
        .await;
    if has_compression {
        run(
            &world.db,
            "ALTER TABLE smpp_rx_queue ALTER smpp_short_message SET COMPRESSION pglz",
        )
        .await;
    }
    let set = "
        SELECT option_name || ' ' || option_value FROM pg_class CROSS JOIN LATERAL pg_options_to_table(reloptions)
        WHERE oid = 'smpp_tx_queue'::regclass AND option_name IN ('fillfactor', 'autovacuum_vacuum_cost_delay')
        UNION ALL
        SELECT format('%s.%s %s %s %s', attrelid::regclass, attname, attstorage, attstattarget, to_jsonb(a) ->> 'attcompression')
        FROM pg_attribute a
        WHERE attrelid = 'smpp_rx_queue'::regclass AND attname IN ('pdu_raw', 'pdu_parsed', 'smpp_short_message', 'smpp_source_addr')
        UNION ALL
        SELECT attcollation::regcollation::text FROM pg_attribute
        WHERE attrelid = 'smpp_tx_queue'::regclass AND attname = 'smpp_destination_addr'
        UNION ALL SELECT obj_description('smpp_tx_queue'::regclass, 'pg_class')
        UNION ALL SELECT col_description(attrelid, attnum) FROM pg_attribute
                  WHERE attrelid = 'smpp_tx_queue'::regclass AND attname = 'submission_info'
        UNION ALL SELECT obj_description('smpp_priority_flag'::regtype, 'pg_type')
        UNION ALL SELECT obj_description('notify_table_change()'::regprocedure, 'pg_proc')";
    let before = texts(&world.db, set).await;
    said(&migrate(&world, &[]).await);
    assert_eq!(texts(&world.db, set).await, before);
    // What they have not set is as in a new database.
    let fresh = connect(&world, "fresh", "postgres").await;
    let rest = "
        SELECT option_name || ' ' || option_value FROM pg_class CROSS JOIN LATERAL pg_options_to_table(reloptions)
        WHERE oid = 'smpp_tx_queue'::regclass AND option_name NOT IN ('fillfactor', 'autovacuum_vacuum_cost_delay')
        UNION ALL SELECT obj_description('smpp_rx_queue'::regclass, 'pg_class')
        UNION ALL SELECT obj_description('smpp_registered_delivery'::regtype, 'pg_type')
        ORDER BY 1";
    assert_eq!(texts(&world.db, rest).await, texts(&fresh, rest).await);
}
