//! A migrated database has the schema of a fresh one, and all that was in it.

use tokio_postgres::Client;

use super::{connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::esmed;

/// All that PostgreSQL knows of the schema public, one line a thing.
const CATALOGUE: &str = "
WITH relations AS (
  SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p')
)
SELECT format('relation %s %s owner %s options %s rls %s: %s', relkind, relname, relowner::regrole, reloptions, relrowsecurity,
              obj_description(oid, 'pg_class'))
FROM relations
UNION ALL
SELECT format('right on %s: %s', c.relname, a)
FROM relations c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))) AS a
UNION ALL
SELECT format('column %s.%s number %s: %s storage %s not null %s default %s generated %s identity %s acl %s: %s', c.relname, a.attname,
              row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attstorage,
              a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attacl, col_description(c.oid, a.attnum))
FROM relations c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
UNION ALL
SELECT format('constraint on %s: %s %s validated %s', r.conrelid::regclass, r.conname, pg_get_constraintdef(r.oid), r.convalidated)
FROM pg_constraint r WHERE r.connamespace = 'public'::regnamespace
UNION ALL
SELECT format('index %s valid %s: %s', pg_get_indexdef(i.indexrelid), i.indisvalid, obj_description(i.indexrelid, 'pg_class'))
FROM pg_index i JOIN relations c ON c.oid = i.indrelid
UNION ALL
SELECT format('trigger %s %s: %s', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN relations c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('function %s owner %s: %s', pg_get_functiondef(p.oid), p.proowner::regrole, obj_description(p.oid, 'pg_proc'))
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('right on %s: %s', p.oid::regprocedure, a)
FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE p.pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('view %s: %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
UNION ALL
SELECT format('sequence %s %s %s to %s by %s cycle %s of %s', s.seqrelid::regclass, s.seqtypid::regtype, s.seqmin, s.seqmax,
              s.seqincrement, s.seqcycle, (SELECT d.refobjid::regclass || '.' || d.refobjsubid FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'a'))
FROM pg_sequence s JOIN relations c ON c.oid = s.seqrelid
UNION ALL
SELECT format('type %s %s: %s', t.typname, ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder),
              obj_description(t.oid, 'pg_type'))
FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
UNION ALL
SELECT format('rule %s', pg_get_ruledef(r.oid)) FROM pg_rewrite r JOIN relations c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT format('policy %s on %s %s %s', polname, polrelid::regclass, pg_get_expr(polqual, polrelid), obj_description(oid, 'pg_policy'))
FROM pg_policy
UNION ALL
SELECT format('temporary %s', relname) FROM pg_class WHERE relnamespace = pg_my_temp_schema()
ORDER BY 1";

/// All of it.
pub(super) async fn catalogue(client: &Client) -> Vec<String> {
    texts(client, CATALOGUE).await
}

/// The rows of the three tables, with their places in the table's order, as far as 0.1.1 knew them.
const MESSAGES: &str = "
SELECT format('%s %s %s %s %s %L %s %s %s %s %s %s', id, insert_timestamp, smpp_destination_addr, smpp_priority_flag,
  smpp_registered_delivery, smpp_short_message, smpp_message_id, message_state_timestamp, submission_timestamp,
  submission_attempts, submission_done, submission_failed)
FROM smpp_tx_queue ORDER BY id";
const SERVERS: &str = "
SELECT format('%s %s %L %s %s %s %s %s %s %s %s %s %s %s %s %s', id, enabled, name, host, port, esme_system_id, esme_password,
  esme_source_addr, esme_bind_transceiver, esme_registered_delivery, esme_max_submission_attempts, smpp_session_init_timer,
  smpp_enquire_link_timer, smpp_inactivity_timer, smpp_response_timer, smpp_pdu_read_timer)
FROM smpp_servers ORDER BY id";
const RECEIVED: &str = "SELECT format('%s %s %s %L %L', id, insert_timestamp, pdu_raw, smpp_source_addr, smpp_short_message) FROM smpp_rx_queue ORDER BY id";

#[tokio::test]
async fn a_migrated_database_is_like_a_fresh_one_and_keeps_all_rows() {
    let world = old_world().await;
    let mut before = Vec::new();
    for query in [MESSAGES, SERVERS, RECEIVED] {
        before.push(texts(&world.db, query).await);
    }
    let states = "SELECT coalesce(smpp_message_state, '-') || ' ' || coalesce(submission_info, '-') FROM smpp_tx_queue ORDER BY id";
    let old_states = texts(&world.db, states).await;
    let old_pdus = texts(
        &world.db,
        "SELECT coalesce(pdu_parsed, 'NULL') FROM smpp_rx_queue ORDER BY id",
    )
    .await;

    let words = said(&migrate(&world, &[]).await);
    assert!(
        words.contains("migrated from esmed 0.1.1 to schema version 2: 16 messages (3 still to be sent), 4 received; the tables were locked for "),
        "{words}"
    );
    let fresh = connect(&world, "fresh", "postgres").await;
    let (expected, found) = (catalogue(&fresh).await, catalogue(&world.db).await);
    assert!(expected.len() > 300, "{}", expected.len());
    let lacks: Vec<_> = expected
        .iter()
        .filter(|line| !found.contains(line))
        .collect();
    let has_besides: Vec<_> = found
        .iter()
        .filter(|line| !expected.contains(line))
        .collect();
    assert!(
        lacks.is_empty() && has_besides.is_empty(),
        "lacks {lacks:#?}, has besides {has_besides:#?}"
    );

    for (query, before) in [MESSAGES, SERVERS, RECEIVED].into_iter().zip(before) {
        assert_eq!(texts(&world.db, query).await, before);
    }
    let new_states = texts(&world.db, states).await;
    for (old, new) in old_states.iter().zip(&new_states) {
        let expected = match old.as_str() {
            "SCHEDULED ESME_ROK" => "UNKNOWN ESME_ROK; state in esmed 0.1.1: SCHEDULED",
            "MessageState.DELIVERED -" => "DELIVERED -",
            " -" => "- -",
            same => same,
        };
        assert_eq!(new, expected);
    }
    let new_pdus = texts(
        &world.db,
        "SELECT coalesce(pdu_parsed #>> '{}', 'NULL') FROM smpp_rx_queue
         WHERE pdu_parsed IS NULL OR jsonb_typeof(pdu_parsed) = 'string' ORDER BY id",
    )
    .await;
    assert_eq!(new_pdus, old_pdus);
    // Nothing of it is taken for a message from a phone, or for a receipt that looks for its message.
    assert_eq!(
        texts(&world.db, "SELECT DISTINCT kind FROM smpp_rx_queue").await,
        ["other"]
    );
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_unmatched_receipts")
            .await,
        0
    );
    assert_eq!(world.one::<i64>("SELECT count(*) FROM smpp_inbox").await, 0);

    assert_eq!(
        texts(
            &world.db,
            "SELECT id::text FROM smpp_tx_queue WHERE possible_duplicate ORDER BY id"
        )
        .await,
        ["1", "2", "3"]
    );
    assert_eq!(
        texts(
            &world.db,
            "SELECT DISTINCT status FROM smpp_tx_status ORDER BY 1"
        )
        .await,
        ["failed", "sent", "waiting"]
    );
    assert_eq!(
        texts(
            &world.db,
            "SELECT format('%s %s %s/%s %s/%s %s/%s', esme_default_alphabet, esme_long_message, esme_source_addr_ton, esme_source_addr_npi,
               esme_addr_ton, esme_addr_npi, esme_dest_addr_ton, esme_dest_addr_npi) FROM smpp_servers"
        )
        .await,
        ["ASCII none 5/0 5/0 1/1", "ASCII none 5/0 5/0 1/1"]
    );
    // Ids go on, and further than 0.1.1 could count.
    run(
        &world.db,
        "SELECT setval('smpp_tx_queue_id_seq', 3000000000)",
    )
    .await;
    assert_eq!(world.send("447911123499", "x").await, 3_000_000_001);
}

#[tokio::test]
async fn rows_are_told_where_they_were_counted_and_nothing_is_told_of_what_is_its_own() {
    let world = old_world().await;
    run(&world.db, "ANALYZE smpp_tx_queue").await;
    // The catalogue in the order of creation: tables before those that refer to them.
    for way in ["indexscan", "indexonlyscan", "bitmapscan"] {
        let off = format!("ALTER DATABASE esmed SET enable_{way} = off");
        run(&world.db, &off).await;
    }
    let words = said(&migrate(&world, &[]).await);
    let line = words
        .lines()
        .find(|line| {
            line.starts_with("the tables are locked while they are written anew: smpp_tx_queue ")
        })
        .unwrap_or_else(|| panic!("{words}"));
    let (messages, received) = line.split_once(", smpp_rx_queue ").unwrap();
    assert!(messages.ends_with("kB (about 16 rows)"), "{line}");
    assert!(received.ends_with("kB"), "{line}");
    assert!(!words.contains("cascade"), "{words}");
}

#[tokio::test]
async fn running_it_twice_is_harmless() {
    let world = old_world().await;
    said(&migrate(&world, &[]).await);
    let before = (catalogue(&world.db).await, texts(&world.db, MESSAGES).await);
    assert_eq!(
        said(&migrate(&world, &[]).await),
        "nothing to do: the database has schema version 2 already\n"
    );
    let printed = migrate(&world, &["--print"]).await;
    assert!(
        printed.status.success() && printed.stdout.is_empty(),
        "{printed:?}"
    );
    assert_eq!(
        (catalogue(&world.db).await, texts(&world.db, MESSAGES).await),
        before
    );
    // What was printed once may be run twice, too.
    let script = esmed::migrate::script::from_0_1_1();
    let error = world.db.batch_execute(&script).await.unwrap_err();
    assert!(
        error
            .as_db_error()
            .unwrap()
            .message()
            .ends_with("there is nothing to do"),
        "{error:?}"
    );
    run(&world.db, "ROLLBACK").await;
    assert_eq!(
        (catalogue(&world.db).await, texts(&world.db, MESSAGES).await),
        before
    );
}

#[tokio::test]
async fn what_it_prints_psql_runs_and_printing_changes_nothing() {
    let world = old_world().await;
    let before = catalogue(&world.db).await;
    let script = said(&migrate(&world, &["--print"]).await);
    assert_eq!(catalogue(&world.db).await, before);
    let file = world.folder().join("migration.sql");
    std::fs::write(&file, &script).unwrap();
    let psql = std::process::Command::new("psql")
        .args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            "esmed",
            "-h",
        ])
        .arg(world.cluster.host())
        .arg("-f")
        .arg(&file)
        .output()
        .unwrap();
    assert!(psql.status.success(), "{psql:?}");
    let fresh = connect(&world, "fresh", "postgres").await;
    assert_eq!(catalogue(&world.db).await, catalogue(&fresh).await);
}

#[tokio::test]
async fn an_empty_database_is_set_up() {
    let world = old_world().await;
    run(&world.db, "CREATE DATABASE empty TEMPLATE template0").await;
    let url = url(&world, "empty", "postgres");
    let words = said(&esmed(&["migrate", "--as", &url]).await);
    assert_eq!(
        words,
        "the database was empty, and has schema version 2 now\n"
    );
    let empty = connect(&world, "empty", "postgres").await;
    let fresh = connect(&world, "fresh", "postgres").await;
    assert_eq!(catalogue(&empty).await, catalogue(&fresh).await);
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_migrates() {
    let world = old_world().await;
    run(
        &world.db,
        "DROP OWNED BY esmed_app, esmed_monitor; CREATE ROLE sms_owner LOGIN",
    )
    .await;
    run(
        &world.db,
        "CREATE DATABASE sms TEMPLATE template0 OWNER sms_owner",
    )
    .await;
    let fresh = connect(&world, "fresh", "postgres").await;
    run(
        &fresh,
        "DROP OWNED BY esmed_app, esmed_monitor; DROP ROLE esmed_app, esmed_monitor",
    )
    .await;
    let owner = connect(&world, "sms", "sms_owner").await;
    run(&owner, super::OLD_SCHEMA).await;
    run(&owner, &super::OLD_ROWS.replace("{port}", "2776")).await;
    let before = catalogue(&owner).await;

    let as_owner = url(&world, "sms", "sms_owner");
    let line = refused(&esmed(&["migrate", "--as", &as_owner]).await);
    assert!(
        line.contains(
            "the role \"esmed_app\" does not exist, and \"sms_owner\" may not create roles"
        ) && line.contains("CREATE ROLE esmed_app NOLOGIN"),
        "{line}"
    );
    assert_eq!(catalogue(&owner).await, before);

    run(
        &world.db,
        "CREATE ROLE esmed_app NOLOGIN; CREATE ROLE esmed_monitor NOLOGIN",
    )
    .await;
    said(&esmed(&["migrate", "--as", &as_owner]).await);
    let owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(texts(&owner, owners).await, ["sms_owner"]);
}

/// The superuser migrates what belongs to somebody else: it all belongs to that one afterwards.
#[tokio::test]
async fn a_superuser_migrates_for_the_owner() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE ROLE sms_owner LOGIN; ALTER DATABASE esmed OWNER TO sms_owner;
         DO $$ DECLARE t text; BEGIN
           FOREACH t IN ARRAY ARRAY['smpp_servers', 'smpp_tx_queue', 'smpp_rx_queue'] LOOP
             EXECUTE format('ALTER TABLE %I OWNER TO sms_owner', t);
           END LOOP;
         END $$;
         ALTER FUNCTION notify_table_change() OWNER TO sms_owner;
         ALTER FUNCTION smpp_servers_only_one_enabled() OWNER TO sms_owner;
         ALTER TYPE smpp_priority_flag OWNER TO sms_owner; ALTER TYPE smpp_registered_delivery OWNER TO sms_owner",
    )
    .await;
    said(&migrate(&world, &[]).await);
    let owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                  UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
    assert_eq!(texts(&world.db, owners).await, ["sms_owner"]);
}
