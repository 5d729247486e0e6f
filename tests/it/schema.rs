//! What `sql/db.sql` promises by itself.

use crate::support::World;

#[tokio::test]
async fn everything_explains_itself() {
    let world = World::new().await;
    let silent: Vec<String> = world
        .rows(
            "SELECT c.relname || coalesce('.' || a.attname, '')
             FROM pg_class c
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
               AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)
             UNION ALL
             SELECT p.proname::text FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(silent.is_empty(), "without a comment: {silent:?}");
}

#[tokio::test]
async fn nonsense_is_refused_by_name() {
    let world = World::new().await;
    let server = |column: &str, value: &str| {
        format!(
            "INSERT INTO smpp_servers (host, esme_system_id, esme_password, {column}) VALUES ('h', 's', 'p', {value})"
        )
    };
    let message = |column: &str, value: &str| {
        format!(
            "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, {column}) VALUES ('44', 'x', {value})"
        )
    };
    for (statement, named) in [
        (server("esme_window_size", "0"), "esme_window_size"),
        (server("port", "70000"), "port_between_1_and_65535"),
        (server("esme_throughput", "'NaN'"), "esme_throughput"),
        (server("esme_in_doubt", "'perhaps'"), "esme_in_doubt"),
        (server("esme_bind_mode", "'tx'"), "esme_bind_mode"),
        (server("smpp_response_timer", "0"), "smpp_response_timer"),
        (
            message("smpp_priority_flag", "'LEVEL_9'"),
            "smpp_priority_flag",
        ),
        (
            message("smpp_message_state", "'GONE'"),
            "smpp_message_state",
        ),
        (message("send_after", "'infinity'"), "send_after"),
        (message("smpp_data_coding", "256"), "smpp_data_coding"),
        (
            message("smpp_optional_parameters", "'[]'"),
            "smpp_optional_parameters",
        ),
    ] {
        let error = world
            .db
            .batch_execute(&statement)
            .await
            .expect_err(&statement);
        let error = error.as_db_error().expect("an answer").to_string();
        assert!(error.contains(named), "{statement}: {error}");
    }
}

#[tokio::test]
async fn one_server_is_enabled_whoever_enables_at_once() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO smpp_servers (host, esme_system_id, esme_password)
             SELECT 'h' || n, 's', 'p' FROM generate_series(1, 8) AS n",
        )
        .await;
    let mut clients = Vec::new();
    for server in 1..=8 {
        let client = world.connection("postgres").await;
        clients.push(tokio::spawn(async move {
            for turn in 0..25 {
                let statement = match turn % 4 {
                    0 => format!("UPDATE smpp_servers SET enabled = TRUE WHERE id = {server}"),
                    1 => format!("UPDATE smpp_servers SET enabled = (id = {server})"),
                    2 => "UPDATE smpp_servers SET enabled = TRUE".to_owned(),
                    _ => format!(
                        "INSERT INTO smpp_servers (enabled, host, esme_system_id, esme_password)
                         VALUES (TRUE, 'h{server}-{turn}', 's', 'p')"
                    ),
                };
                client
                    .batch_execute(&statement)
                    .await
                    .expect("no error, no deadlock");
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_servers WHERE enabled")
            .await,
        1
    );
    // The last to commit wins, and each lane has its own.
    world
        .sql("UPDATE smpp_servers SET enabled = TRUE WHERE id = 3")
        .await;
    world
        .sql("INSERT INTO smpp_servers (enabled, lane, host, esme_system_id, esme_password) VALUES (TRUE, 'bulk', 'b', 's', 'p')")
        .await;
    let enabled: Vec<i64> = world
        .rows(
            "SELECT id FROM smpp_servers WHERE enabled AND lane = 'default'",
            &[],
        )
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(enabled, [3]);
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_servers WHERE enabled")
            .await,
        2
    );
}

#[tokio::test]
async fn roles_may_what_the_readme_says_and_no_more() {
    let world = World::new().await;
    for (role, table, privileges) in [
        ("esmed", "smpp_servers", "SELECT"),
        ("esmed", "smpp_prefixes", "SELECT"),
        ("esmed", "smpp_tx_queue", "SELECT, UPDATE, DELETE"),
        ("esmed", "smpp_rx_queue", "SELECT, INSERT, UPDATE, DELETE"),
        ("esmed", "smpp_status", "SELECT, INSERT, UPDATE"),
        ("esmed_app", "smpp_servers", ""),
        ("esmed_app", "smpp_tx_queue", "SELECT, INSERT"),
        ("esmed_app", "smpp_tx_parts", "SELECT"),
        ("esmed_app", "smpp_rx_queue", "SELECT"),
        ("esmed_app", "smpp_tx_report", "SELECT"),
        ("esmed_monitor", "smpp_status", "SELECT"),
        ("esmed_monitor", "smpp_events", "SELECT"),
        ("esmed_monitor", "smpp_queue_stats", "SELECT"),
        ("esmed_monitor", "smpp_tx_queue", ""),
        ("esmed_monitor", "smpp_inbox", ""),
    ] {
        let granted: String = world
            .one(&format!(
                "SELECT coalesce(string_agg(p, ', ' ORDER BY n), '')
                 FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) WITH ORDINALITY AS u (p, n)
                 WHERE has_table_privilege('{role}', 'public.{table}', p)"
            ))
            .await;
        assert_eq!(granted, privileges, "{role} on {table}");
    }
    let columns: bool = world
        .one(
            "SELECT has_column_privilege('esmed_app', 'smpp_inbox', 'processed', 'UPDATE')
               AND NOT has_column_privilege('esmed_app', 'smpp_inbox', 'message', 'UPDATE')",
        )
        .await;
    assert!(columns);
    let functions: bool = world
        .one(
            "SELECT has_function_privilege('esmed_app', 'esmed_cancel(bigint)', 'EXECUTE')
               AND has_function_privilege('esmed_app', 'esmed_preview(text, bigint)', 'EXECUTE')
               AND NOT has_function_privilege('esmed_monitor', 'esmed_preview(text, bigint)', 'EXECUTE')
               AND has_function_privilege('esmed_app', 'esmed_rematch()', 'EXECUTE')
               AND has_function_privilege('esmed_app', 'esmed_id_formats(bigint)', 'EXECUTE')
               AND NOT has_function_privilege('esmed_app', 'esmed_apply_receipt(bigint, smallint, text, text, text)', 'EXECUTE')
               AND NOT has_function_privilege('esmed', 'esmed_rematch()', 'EXECUTE')
               AND NOT has_function_privilege('esmed_monitor', 'esmed_cancel(bigint)', 'EXECUTE')",
        )
        .await;
    assert!(functions);
}
