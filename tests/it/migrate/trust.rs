//! Who may create things in the database gets no code run as the superuser who migrates it.

use tokio_postgres::Client;

use super::{OLD_ROWS, OLD_SCHEMA, connect, migrate, old_world, refused, run, said, texts, url};
use crate::support::{World, esmed};

/// What a role of the users' may have: a schema of its own, one column to read, and public to create in, as everybody
/// had before PostgreSQL 15. `m.f` tries to become a superuser.
const MALLORY: &str = "
CREATE ROLE mallory LOGIN;
CREATE SCHEMA m AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA public TO mallory";
const TRIES: &str = "
CREATE FUNCTION m.f(anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    ALTER ROLE mallory SUPERUSER;
  END IF;
  -- SET ROLE is no wall: the session is still the superuser's.
  BEGIN
    RESET ROLE;
    ALTER ROLE mallory SUPERUSER;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  RETURN $1;
END
$$;
CREATE FUNCTION m.i(anyelement) RETURNS anyelement IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN m.f($1); END $$";

async fn has_won(client: &Client) -> bool {
    texts(
        client,
        "SELECT rolsuper::text FROM pg_roles WHERE rolname = 'mallory'",
    )
    .await
        == ["true"]
}

/// A world of 0.1.1 with mallory, and her connection.
async fn with_mallory() -> (World, Client) {
    let world = old_world().await;
    run(&world.db, MALLORY).await;
    let mallory = connect(&world, "esmed", "mallory").await;
    run(&mallory, TRIES).await;
    (world, mallory)
}

#[tokio::test]
async fn materialized_views_are_filled_as_their_owner() {
    let (world, mallory) = with_mallory().await;
    run(&world.db, "GRANT SELECT (id) ON smpp_tx_queue TO mallory").await;
    run(
        &mallory,
        "CREATE MATERIALIZED VIEW m.v AS SELECT m.f(id) AS id FROM public.smpp_tx_queue;
         CREATE UNIQUE INDEX v_id ON m.v (m.i(id)) WHERE m.i(1) = 1;
         CREATE MATERIALIZED VIEW m.upon AS SELECT m.f(id) AS id FROM m.v;
         CREATE MATERIALIZED VIEW m.later AS SELECT m.f(id) AS id FROM m.v WITH NO DATA",
    )
    .await;
    said(&migrate(&world, &[]).await);
    assert!(!has_won(&world.db).await);
    // Asked by her: who plans a query evaluates what is constant in the indexes.
    for view in ["m.v", "m.upon"] {
        let count = format!("SELECT count(*)::text FROM {view}");
        assert_eq!(texts(&mallory, &count).await, ["16"], "{view}");
    }
    assert_eq!(
        texts(
            &world.db,
            "SELECT relname || ' ' || relowner::regrole FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY 1"
        )
        .await,
        ["upon mallory", "v mallory"]
    );
}

/// Functions and operators of the schema public that suit the types better than those of PostgreSQL.
const BETTER: &[(&str, &str)] = &[
    (
        "CREATE FUNCTION public.regexp_replace(varchar, text, text) RETURNS text LANGUAGE sql AS 'SELECT m.f($1)'",
        "public.regexp_replace(character varying,text,text)",
    ),
    (
        "CREATE FUNCTION public.format(text, name, text) RETURNS text LANGUAGE sql AS 'SELECT m.f($1)'",
        "public.format(text,name,text)",
    ),
    (
        "CREATE AGGREGATE public.jsonb_agg(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb)",
        "public.jsonb_agg(jsonb)",
    ),
    (
        "CREATE FUNCTION m.same(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT m.f(TRUE)';
         CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = m.same)",
        "public.=(character varying,character varying)",
    ),
];

#[tokio::test]
async fn functions_that_hide_those_of_postgresql_stop_it_by_name() {
    let (world, mallory) = with_mallory().await;
    run(&world.db, "CREATE DATABASE empty TEMPLATE template0").await;
    let empty = connect(&world, "empty", "postgres").await;
    run(&empty, &MALLORY.replace("CREATE ROLE mallory LOGIN;", "")).await;
    let in_empty = connect(&world, "empty", "mallory").await;
    run(&in_empty, TRIES).await;
    for (client, database) in [(&mallory, "esmed"), (&in_empty, "empty")] {
        for (statement, name) in BETTER {
            run(client, statement).await;
            let line =
                refused(&esmed(&["migrate", "--as", &url(&world, database, "postgres")]).await);
            assert!(
                line.contains(&format!("and would be taken for them: {name} of mallory;"))
                    && line.contains("Nothing was changed"),
                "{statement}: {line}"
            );
            assert!(!has_won(&world.db).await, "{statement}");
            run(
                client,
                "DO $$ DECLARE it record; BEGIN
                   FOR it IN SELECT oid, prokind FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner = 'mallory'::regrole LOOP
                     EXECUTE format('DROP %s %s', CASE it.prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, it.oid::regprocedure);
                   END LOOP;
                   FOR it IN SELECT oid FROM pg_operator WHERE oprowner = 'mallory'::regrole LOOP
                     EXECUTE format('DROP OPERATOR %s', it.oid::regoperator);
                   END LOOP;
                   DROP FUNCTION IF EXISTS m.same(varchar, varchar);
                 END $$",
            )
            .await;
        }
        // Others are nobody's business.
        run(
            client,
            "CREATE FUNCTION public.mine(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        )
        .await;
        said(&esmed(&["migrate", "--as", &url(&world, database, "postgres")]).await);
    }
}

/// The superuser's own, and those of extensions, are trusted; what old values become they don't touch all the same.
#[tokio::test]
async fn old_values_are_changed_by_functions_of_postgresql_alone() {
    let world = old_world().await;
    run(
        &world.db,
        "CREATE FUNCTION public.regexp_replace(varchar, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'wrong' $$;
         CREATE FUNCTION public.concat_ws(text, varchar, text) RETURNS text LANGUAGE sql AS $$ SELECT 'wrong' $$;
         CREATE FUNCTION public.to_jsonb(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[\"wrong\"]'::jsonb $$",
    )
    .await;
    said(&migrate(&world, &[]).await);
    assert_eq!(
        texts(
            &world.db,
            "SELECT smpp_message_state || ' ' || submission_info FROM smpp_tx_queue WHERE id IN (6, 13) ORDER BY id"
        )
        .await,
        ["DELIVERED ESME_ROK", "UNKNOWN ESME_ROK; state in esmed 0.1.1: SCHEDULED"]
    );
    assert_eq!(
        world
            .one::<i64>("SELECT count(*) FROM smpp_rx_queue WHERE pdu_parsed::text LIKE '%wrong%'")
            .await,
        0
    );
}

/// A view of that name would be read before anything else is looked at.
#[tokio::test]
async fn what_is_no_table_of_esmed_is_not_read() {
    let (world, mallory) = with_mallory().await;
    let as_superuser = url(&world, "esmed", "postgres");
    run(
        &mallory,
        "CREATE VIEW public.esmed_schema AS SELECT m.f(2) AS version",
    )
    .await;
    let line = refused(&esmed(&["migrate", "--as", &as_superuser]).await);
    assert!(
        line.contains("the database has schema version none"),
        "{line}"
    );
    let script = esmed::migrate::script::from_0_1_1();
    let error = world.db.batch_execute(&script).await.unwrap_err();
    let message = error.as_db_error().expect("of the script").message();
    assert!(message.contains("has schema version none"), "{message}");
    run(&world.db, "ROLLBACK").await;
    assert!(!has_won(&world.db).await);
    run(
        &world.db,
        "DROP VIEW public.esmed_schema; DROP TABLE smpp_tx_queue",
    )
    .await;
    run(
        &mallory,
        "CREATE VIEW public.smpp_tx_queue AS SELECT m.f(1) AS id, FALSE AS submission_done, FALSE AS submission_failed",
    )
    .await;
    let line = refused(&esmed(&["migrate", "--as", &as_superuser]).await);
    assert!(
        line.contains("smpp_tx_queue is no ordinary table"),
        "{line}"
    );
    assert!(!has_won(&world.db).await);
    // Whose database it is may say where names are looked for.
    run(
        &world.db,
        "DROP VIEW public.smpp_tx_queue; DROP TABLE smpp_servers, smpp_rx_queue",
    )
    .await;
    run(&world.db, "DROP FUNCTION notify_table_change, smpp_servers_only_one_enabled; DROP TYPE smpp_priority_flag, smpp_registered_delivery").await;
    run(&world.db, OLD_SCHEMA).await;
    run(&world.db, &OLD_ROWS.replace("{port}", "2776")).await;
    run(
        &mallory,
        "CREATE FUNCTION m.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT pg_catalog.to_regclass(m.f($1))'",
    )
    .await;
    run(
        &world.db,
        "ALTER DATABASE esmed SET search_path = m, pg_catalog, public",
    )
    .await;
    said(&migrate(&world, &[]).await);
    assert!(!has_won(&world.db).await);
}

/// The superuser migrates the tables of somebody else, whose constraints are evaluated then.
#[tokio::test]
async fn constraints_of_the_owner_do_not_run_as_the_superuser() {
    let (world, mallory) = with_mallory().await;
    run(
        &world.db,
        "DO $$ DECLARE t text; BEGIN
           FOREACH t IN ARRAY ARRAY['smpp_servers', 'smpp_tx_queue', 'smpp_rx_queue'] LOOP
             EXECUTE format('ALTER TABLE %I OWNER TO mallory', t);
           END LOOP;
         END $$;
         ALTER FUNCTION notify_table_change() OWNER TO mallory;
         ALTER FUNCTION smpp_servers_only_one_enabled() OWNER TO mallory;
         ALTER TYPE smpp_priority_flag OWNER TO mallory; ALTER TYPE smpp_registered_delivery OWNER TO mallory",
    )
    .await;
    run(
        &mallory,
        "ALTER TABLE smpp_tx_queue ADD CONSTRAINT my_check CHECK (m.f(id) = id);
         ALTER TABLE smpp_tx_queue ADD CONSTRAINT my_urgent CHECK (smpp_priority_flag <= 'LEVEL_3' AND length(smpp_short_message) < 255);
         CREATE INDEX my_index ON smpp_tx_queue (id) WHERE m.i(1) = 1;
         CREATE INDEX my_own ON smpp_tx_queue (lower(smpp_short_message)) WHERE abs(1) = 1",
    )
    .await;
    let line = refused(&migrate(&world, &[]).await);
    for words in [
        "what others have made would run as the role \"postgres\": constraint my_check on table public.smpp_tx_queue by function m.f(anyelement) of mallory; ",
        "index public.my_index by function m.i(anyelement) of mallory; Nothing was changed.",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(!has_won(&world.db).await);
    // Nothing of theirs runs without these.
    run(
        &mallory,
        "ALTER TABLE smpp_tx_queue DROP CONSTRAINT my_check; DROP INDEX my_index",
    )
    .await;
    said(&migrate(&world, &[]).await);
    assert!(!has_won(&world.db).await);
}
