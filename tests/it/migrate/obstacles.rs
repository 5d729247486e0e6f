//! What users have built so that the migration has to take care, or to say what is to be done first.

use super::{connect, migrate, old_world, refused, run, said, texts};

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
