//! What users have built so that the migration has to take care, or to say what is to be done first.

use super::catalogue::catalogue;
use super::{connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::{World, esmed};

/// Rules and policies, with what they are upon.
const THEIRS: &str = "
SELECT format('rule %s %s: %s', ev_enabled, pg_get_ruledef(oid), obj_description(oid, 'pg_rewrite'))
FROM pg_rewrite WHERE rulename LIKE 'my\\_%'
UNION ALL
SELECT format('policy %s on %s: %s %s', polname, polrelid::regclass, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy
UNION ALL
SELECT format('view %s', pg_get_viewdef('sent'::regclass))
ORDER BY 1";

/// Rules and policies go before the views that they use, and come back.
#[tokio::test]
async fn rules_and_policies_upon_a_view_that_is_made_again_survive() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE VIEW sent AS SELECT id, customer_text FROM (SELECT id, smpp_short_message AS customer_text FROM smpp_tx_queue
           WHERE submission_done) AS s;
         CREATE VIEW numbers AS SELECT id, smpp_destination_addr, smpp_short_message FROM smpp_tx_queue;
         CREATE ROLE reader LOGIN;
         CREATE TABLE notes (tx bigint, text text);
         GRANT SELECT ON notes, sent TO reader;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY my_policy ON notes USING (tx IN (SELECT id FROM sent)) WITH CHECK (tx > 0);
         -- Upon a view and a column that changes, on a table of 0.1.1.
         CREATE POLICY my_second ON smpp_rx_queue USING (smpp_short_message IN (SELECT customer_text FROM sent));
         CREATE TABLE orders (number text, text text);
         CREATE RULE my_rule AS ON INSERT TO orders DO ALSO
           INSERT INTO numbers (smpp_destination_addr, smpp_short_message) VALUES (NEW.number, NEW.text);
         COMMENT ON RULE my_rule ON orders IS 'Orders are sent';
         CREATE RULE my_disabled AS ON DELETE TO orders DO ALSO DELETE FROM numbers WHERE smpp_short_message = OLD.text;
         ALTER TABLE orders DISABLE RULE my_disabled;
         INSERT INTO notes VALUES (1, 'not sent'), (4, 'sent')",
    )
    .await;
    let before = texts(&world.db, THEIRS).await;
    assert_eq!(before.len(), 5, "{before:?}");

    // Who works in such a table is told of, too.
    let holder = connect(&world, "esmed", "postgres").await;
    run(&holder, "BEGIN; SELECT count(*) FROM orders").await;
    let line = refused(&migrate(&world, &[]).await);
    assert!(
        line.contains("the table public.orders is in use by pid ")
            && line.contains("Nothing was changed"),
        "{line}"
    );
    run(&holder, "ROLLBACK").await;
    assert_eq!(texts(&world.db, THEIRS).await, before);

    let words = said(&migrate(&world, &[]).await);
    for name in [
        "view public.sent",
        "view public.numbers",
        "policy my_policy on public.notes",
        "policy my_second on public.smpp_rx_queue",
        "rule my_rule on public.orders",
        "rule my_disabled on public.orders",
    ] {
        for word in ["in the way, made again at the end: ", "made again: "] {
            let line = format!("{word}{name}");
            assert_eq!(
                words.lines().filter(|it| *it == line).count(),
                1,
                "{line}: {words}"
            );
        }
    }
    // But for casts, which the new types need no more.
    let plain = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .map(|line| {
                line.replace("::text", "")
                    .replace("::character varying", "")
                    .replace(['(', ')'], "")
            })
            .collect()
    };
    assert_eq!(plain(&texts(&world.db, THEIRS).await), plain(&before));

    // They still work.
    run(
        &world.db,
        "INSERT INTO orders VALUES ('447911123498', 'by rule')",
    )
    .await;
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_tx_queue WHERE smpp_short_message = 'by rule'")
            .await,
        1
    );
    let reader = connect(&world, "esmed", "reader").await;
    assert_eq!(texts(&reader, "SELECT text FROM notes").await, ["sent"]);
}

/// The values of some columns change whatever their type is.
#[tokio::test]
async fn views_upon_columns_that_somebody_has_made_text_survive() {
    let world = old_world().await;
    run(
        &world.db,
        "ALTER TABLE smpp_tx_queue ALTER smpp_message_state TYPE text, ALTER submission_info TYPE text;
         CREATE VIEW w AS SELECT smpp_message_state, submission_info FROM smpp_tx_queue",
    )
    .await;
    let words = said(&migrate(&world, &[]).await);
    assert!(words.contains("made again: view public.w"), "{words}");
    assert_eq!(
        texts(
            &world.db,
            "SELECT concat_ws(' ', smpp_message_state, submission_info) FROM w WHERE smpp_message_state = 'UNKNOWN' ORDER BY 1"
        )
        .await,
        [
            "UNKNOWN ESME_ROK",
            "UNKNOWN ESME_ROK; state in esmed 0.1.1: SCHEDULED"
        ]
    );
}

/// CASCADE, which PostgreSQL recommends, would delete it.
#[tokio::test]
async fn a_foreign_key_to_the_old_key_of_servers_is_named() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE TABLE contracts (host varchar, port integer, CONSTRAINT my_server FOREIGN KEY (host, port) REFERENCES smpp_servers (host, port));
         CREATE TABLE uses (server integer REFERENCES smpp_servers)",
    )
    .await;
    let before = catalogue(&world.db).await;
    let line = refused(&migrate(&world, &[]).await);
    assert!(
        line.contains("these need it: constraint my_server on table public.contracts; Nothing was changed. Drop them by name"),
        "{line}"
    );
    assert_eq!(catalogue(&world.db).await, before);
    run(&world.db, "ALTER TABLE contracts DROP CONSTRAINT my_server").await;
    said(&migrate(&world, &[]).await);
}

/// The statements that a refusal tells to run.
fn gifts(line: &str) -> String {
    let (_, rest) = line.split_once("Let a superuser run: ").expect(line);
    rest.split_once("; and then this again")
        .expect(line)
        .0
        .to_owned()
}

const OWNERS: &str = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace";

async fn owned_in_part(world: &World, statements: &str) -> String {
    run(
        &world.db,
        &format!(
            "CREATE ROLE sms_owner LOGIN; GRANT CREATE ON SCHEMA public TO sms_owner; {statements}"
        ),
    )
    .await;
    let before = catalogue(&world.db).await;
    let line = refused(&migrate(world, &[]).await);
    assert!(line.contains("Nothing was changed"), "{line}");
    assert_eq!(catalogue(&world.db).await, before);
    line
}

#[tokio::test]
async fn tables_of_one_role_and_functions_of_another_are_told_with_what_to_run() {
    let world = old_world().await;
    let line = owned_in_part(
        &world,
        "ALTER TABLE smpp_servers OWNER TO sms_owner; ALTER TABLE smpp_tx_queue OWNER TO sms_owner; ALTER TABLE smpp_rx_queue OWNER TO sms_owner",
    )
    .await;
    assert_eq!(
        gifts(&line),
        "ALTER FUNCTION public.notify_table_change() OWNER TO sms_owner; ALTER FUNCTION public.smpp_servers_only_one_enabled() OWNER TO sms_owner",
    );
    // Their owner would have to say what the types are for, too.
    let as_owner = url(&world, "esmed", "sms_owner");
    let all = gifts(&refused(&esmed(&["migrate", "--as", &as_owner]).await));
    for statement in [
        "ALTER FUNCTION public.notify_table_change() OWNER TO sms_owner",
        "ALTER TYPE public.smpp_priority_flag OWNER TO sms_owner",
        "ALTER TYPE public.smpp_registered_delivery OWNER TO sms_owner",
    ] {
        assert!(all.contains(statement), "{all}");
    }
    run(&world.db, &all).await;
    said(&esmed(&["migrate", "--as", &as_owner]).await);
    assert_eq!(texts(&world.db, OWNERS).await, ["sms_owner"]);
}

#[tokio::test]
async fn tables_of_several_roles_are_told_with_what_to_run() {
    let world = old_world().await;
    let line = owned_in_part(&world, "ALTER TABLE smpp_tx_queue OWNER TO sms_owner").await;
    assert!(
        line.contains("belongs to several roles: ")
            && line.contains("TABLE public.smpp_servers (postgres)"),
        "{line}"
    );
    run(&world.db, &gifts(&line)).await;
    said(&migrate(&world, &[]).await);
    assert_eq!(texts(&world.db, OWNERS).await, ["sms_owner"]);
}
