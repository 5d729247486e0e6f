//! What users have built upon the old tables survives, or stops the migration by name.

use super::catalogue::catalogue;
use super::{OLD_ROWS, OLD_SCHEMA, connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::esmed;

const USERS: &str = include_str!("users.sql");

/// The schema `reports` of the users, and what they have in `public`.
const THEIRS: &str = "
SELECT format('%s %s owner %s options %s: %s', relkind, oid::regclass, relowner::regrole, reloptions, obj_description(oid, 'pg_class'))
FROM pg_class WHERE relnamespace = 'reports'::regnamespace
UNION ALL
SELECT format('right on %s: %s', c.oid::regclass, a) FROM pg_class c
CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
WHERE c.relnamespace = 'reports'::regnamespace AND c.relkind IN ('v', 'm')
UNION ALL
SELECT format('column %s.%s acl %s default %s: %s', c.oid::regclass, a.attname, a.attacl, pg_get_expr(d.adbin, d.adrelid),
              col_description(c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'reports'::regnamespace AND c.relkind IN ('v', 'm')
UNION ALL
SELECT format('populated %s %s', oid::regclass, relispopulated) FROM pg_class WHERE relkind = 'm'
UNION ALL
SELECT format('trigger %s %s %s: %s', tgname, tgenabled, regexp_replace(pg_get_triggerdef(oid), '[()]|::[a-z]+', '', 'g'),
              obj_description(oid, 'pg_trigger'))
FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^smpp_'
UNION ALL
SELECT format('rule %s %s', rulename, regexp_replace(pg_get_ruledef(oid), '[()]|::[a-z]+', '', 'g'))
FROM pg_rewrite WHERE rulename IN ('my_rule', 'no_deletes')
UNION ALL
SELECT format('policy %s %s %s %s %s: %s', polname, polcmd, polpermissive, (SELECT array_agg(r::regrole ORDER BY r) FROM unnest(polroles) AS r),
              regexp_replace(pg_get_expr(polqual, polrelid), '[()]|::[a-z]+', '', 'g'), obj_description(oid, 'pg_policy'))
FROM pg_policy
UNION ALL
SELECT format('index %s', regexp_replace(pg_get_indexdef(indexrelid), '[()]|::[a-z]+', '', 'g'))
FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname ~ '^(my|totals)_'
UNION ALL
SELECT format('constraint %s %s', conname, regexp_replace(pg_get_constraintdef(oid), '[()]|::[a-z]+', '', 'g'))
FROM pg_constraint WHERE conname ~ '^(my|invoices)_'
UNION ALL
SELECT format('right on columns %s %s', attname, attacl) FROM pg_attribute
WHERE attrelid = 'public.smpp_tx_queue'::regclass AND attacl IS NOT NULL
UNION ALL SELECT format('total %s %s', customer, n) FROM reports.totals
UNION ALL SELECT format('by customer %s %s %s', customer, n, state) FROM reports.\"by customer\"
UNION ALL SELECT format('invoice %s %s', tx_id, amount) FROM invoices
UNION ALL SELECT format('customer %s of %s', customer, id) FROM smpp_tx_queue
UNION ALL SELECT format('latest %s', id) FROM latest()
UNION ALL SELECT format('sent %s', s) FROM reports.sent AS s
ORDER BY 1";

#[tokio::test]
async fn views_triggers_and_all_else_of_users_survive() {
    let world = old_world().await;
    run(&world.db, USERS).await;
    let before = texts(&world.db, THEIRS).await;
    run(&world.db, "TRUNCATE changes").await;

    let words = said(&migrate(&world, &[]).await);
    for name in [
        "materialized view reports.totals",
        "materialized view reports.later",
        "view reports.\"by customer\"",
        "view reports.sent",
        "trigger my_states on public.smpp_tx_queue",
        "trigger my_disabled on public.smpp_tx_queue",
        "rule my_rule on public.smpp_rx_queue",
        "policy my_policy on public.smpp_rx_queue",
    ] {
        for word in ["in the way, made again at the end: ", "made again: "] {
            assert!(
                words.lines().any(|line| line == format!("{word}{name}")),
                "{word}{name}: {words}"
            );
        }
    }
    // What is not in the way is left alone.
    assert!(
        !words.contains("reports.ages") && !words.contains("my_notify"),
        "{words}"
    );

    let after = texts(&world.db, THEIRS).await;
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(
        lost.is_empty() && new.is_empty(),
        "{lost:#?} became {new:#?}"
    );
    // The migration itself is no change that their triggers tell of.
    assert_eq!(world.one::<i64>("SELECT count(*) FROM changes").await, 0);

    // They still work.
    let mut heard = world.listen("notify_table_change").await;
    run(
        &world.db,
        "UPDATE smpp_tx_queue SET smpp_message_state = 'DELIVERED' WHERE id = 4;
         UPDATE smpp_tx_queue SET submission_info = 'x' WHERE id = 5;
         INSERT INTO invoices VALUES (1, 1) ON CONFLICT DO NOTHING",
    )
    .await;
    assert_eq!(
        texts(
            &world.db,
            "SELECT id || ' ' || what FROM changes ORDER BY 1"
        )
        .await,
        ["4 my_every_change", "4 my_states", "5 my_every_change"]
    );
    run(
        &world.db,
        "DELETE FROM smpp_tx_queue WHERE id = 1; INSERT INTO invoices VALUES (2, 1) ON CONFLICT (tx_id) DO UPDATE SET amount = 2",
    )
    .await;
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM invoices WHERE tx_id = 1")
            .await,
        0,
        "ON DELETE CASCADE"
    );
    run(
        &world.db,
        "UPDATE smpp_tx_queue SET submission_done = TRUE WHERE id = 2",
    )
    .await;
    assert_eq!(heard.next().await, "smpp_tx_queue");
    run(&world.db, "INSERT INTO invoices VALUES (3, 1) ON CONFLICT DO NOTHING; DELETE FROM invoices WHERE tx_id = 3; INSERT INTO invoices VALUES (3, 1)").await;
    assert_eq!(heard.next().await, "invoices");
}

/// What can't be made again, and the words that name it.
const STOPPERS: &[(&str, &str)] = &[
    (
        "CREATE FUNCTION cost(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE VIEW costs AS SELECT cost(id) FROM smpp_tx_queue",
        "the view public.costs cannot be made again: function public.cost(bigint) does not exist",
    ),
    (
        "ALTER TABLE smpp_tx_queue ADD COLUMN length integer GENERATED ALWAYS AS (length(smpp_short_message)) STORED",
        "column length of table public.smpp_tx_queue",
    ),
    (
        "CREATE FUNCTION pending() RETURNS bigint BEGIN ATOMIC SELECT count(id) FROM smpp_tx_queue; END",
        "function public.pending()",
    ),
    (
        "CREATE FUNCTION cost(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE INDEX my_costs ON smpp_tx_queue (cost(id))",
        "smpp_tx_queue cannot be changed: function public.cost(bigint) does not exist; On columns that change there are: index public.my_costs",
    ),
    (
        "CREATE FUNCTION cost(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1'; ALTER TABLE smpp_tx_queue ADD CONSTRAINT my_cost CHECK (cost(id) = 1)",
        "constraint my_cost on table public.smpp_tx_queue",
    ),
    (
        "CREATE VIEW mine AS SELECT id FROM smpp_tx_queue; CREATE FUNCTION f() RETURNS SETOF mine LANGUAGE sql AS 'SELECT * FROM mine'",
        "the view public.mine is in the way, and cannot be dropped and made again: cannot drop view public.mine",
    ),
    (
        "ALTER TABLE smpp_tx_queue ADD COLUMN client_ref text",
        "columns to smpp_tx_queue whose names this version needs: client_ref",
    ),
    (
        "CREATE TABLE smpp_inbox (id integer)",
        "relation \"smpp_inbox\" already exists",
    ),
    (
        "ALTER TABLE smpp_tx_queue ADD COLUMN status text",
        "column \"status\" specified more than once",
    ),
    (
        "CREATE TABLE archive (message smpp_tx_queue)",
        "archive.message",
    ),
    (
        "ALTER TABLE smpp_rx_queue DROP COLUMN pdu_raw",
        "these columns of esmed 0.1.1 are missing: smpp_rx_queue.pdu_raw",
    ),
];

#[tokio::test]
async fn what_cannot_be_made_again_stops_it_by_name_and_nothing_is_changed() {
    let world = old_world().await;
    let postgres = connect(&world, "postgres", "postgres").await;
    for (number, (statement, words)) in STOPPERS.iter().enumerate() {
        let name = format!("stopper{number}");
        run(
            &postgres,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await;
        let db = connect(&world, &name, "postgres").await;
        run(&db, OLD_SCHEMA).await;
        run(&db, &OLD_ROWS.replace("{port}", "2776")).await;
        run(&db, statement).await;
        let before = (catalogue(&db).await, texts(&db, ROWS).await);
        let line = refused(&esmed(&["migrate", "--as", &url(&world, &name, "postgres")]).await);
        assert!(line.contains(words), "{statement}: {line}");
        assert_eq!(
            (catalogue(&db).await, texts(&db, ROWS).await),
            before,
            "{statement}"
        );
    }
}

/// Also where each row is: nothing has been written anew.
const ROWS: &str = "
SELECT ctid || ' ' || q FROM smpp_tx_queue q
UNION ALL SELECT ctid || ' ' || s FROM smpp_servers s
UNION ALL SELECT ctid || ' ' || r FROM smpp_rx_queue r ORDER BY 1";
