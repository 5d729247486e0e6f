-- Guards: whether this is a database of esmed 0.1.1 that can be brought up. Nothing has been touched yet.

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = notice;
SET LOCAL check_function_bodies = on;
SET LOCAL TimeZone = 'UTC';
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
-- Who waits for an ACCESS EXCLUSIVE lock keeps everybody behind it waiting too: not for long. A second longer than
-- an autovacuum takes to give way.
SET LOCAL lock_timeout = '3s';

DO $migrate$
DECLARE
  tables regclass[];
  owners text[];
  found text;
  gifts text;
  version integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(1702063461, 0) THEN
    RAISE EXCEPTION 'the database "%" is being set up or migrated by somebody else right now', current_database();
  END IF;

  IF to_regclass('public.esmed_schema') IS NOT NULL THEN
    -- Anything else of that name may be anybody's: to read a view calls its functions.
    IF EXISTS (SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.oid = 'public.esmed_schema'::regclass AND c.relkind = 'r' AND NOT c.relrowsecurity
                 AND a.attname = 'version' AND a.atttypid = 'integer'::regtype) THEN
      EXECUTE 'SELECT max(version) FROM public.esmed_schema' INTO version;
    END IF;
    IF version = {version} THEN
      RAISE EXCEPTION 'the database "%" has schema version % already: there is nothing to do', current_database(), version;
    END IF;
    RAISE EXCEPTION 'the database "%" has schema version %, and this brings up the tables of esmed 0.1.1 only',
        current_database(), coalesce(version::text, 'none')
      USING HINT = 'Install the esmed that belongs to it.';
  END IF;

  IF to_regclass('public.smpp_servers') IS NULL OR to_regclass('public.smpp_tx_queue') IS NULL
     OR to_regclass('public.smpp_rx_queue') IS NULL THEN
    RAISE EXCEPTION 'the schema public of "%" has no tables of esmed 0.1.1 (smpp_servers, smpp_tx_queue, smpp_rx_queue)',
        current_database()
      USING HINT = 'An empty database is set up by esmed migrate too, or by sql/db.sql.';
  END IF;
  tables := ARRAY['public.smpp_servers', 'public.smpp_tx_queue', 'public.smpp_rx_queue']::regclass[];
  SELECT string_agg(relname, ', ') INTO found FROM pg_class WHERE oid = ANY (tables) AND relkind <> 'r';
  IF found IS NOT NULL THEN
    RAISE EXCEPTION '% is no ordinary table, as esmed 0.1.1 had it', found USING HINT = 'Nothing was changed.';
  END IF;

  IF current_setting('server_version_num')::integer < 130000 THEN
    RAISE EXCEPTION 'esmed needs PostgreSQL 13 or later, this is %', current_setting('server_version')
      USING HINT = 'Upgrade PostgreSQL first (pg_upgrade keeps the tables of esmed 0.1.1), then migrate.';
  END IF;

  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'esmed needs a UTF8 database, and the encoding of "%" is %',
        current_database(), current_setting('server_encoding')
      USING HINT = 'Nothing was changed. Copy it into another one: CREATE DATABASE sms2 ENCODING ''UTF8'' TEMPLATE template0; '
                   'then pg_dump into it (-E says in which encoding the old one really is), and migrate that.';
  END IF;

  -- Whoever has the queue is to have the rest. The two functions are replaced as that role, and types get comments.
  SELECT array_agg(DISTINCT pg_get_userbyid(relowner)::text) INTO owners FROM pg_class WHERE oid = ANY (tables);
  SELECT string_agg(DISTINCT format('%s (%s)', it.name, pg_get_userbyid(it.owner)), ', '),
         string_agg(DISTINCT format('ALTER %s OWNER TO %I', it.name, pg_get_userbyid(queue.relowner)), '; ')
  INTO found, gifts
  FROM pg_class queue
  CROSS JOIN LATERAL (
    SELECT format('TABLE %s', c.oid::regclass) AS name, c.relowner AS owner
    FROM pg_class c WHERE c.oid = ANY (tables) AND c.relowner <> queue.relowner
    UNION ALL
    SELECT format('FUNCTION %s', p.oid::regprocedure), p.proowner FROM pg_proc p
    WHERE p.oid IN (to_regprocedure('public.notify_table_change()'), to_regprocedure('public.smpp_servers_only_one_enabled()'))
      AND NOT pg_has_role(queue.relowner, p.proowner, 'USAGE')
    UNION ALL
    SELECT format('TYPE %s', t.oid::regtype), t.typowner FROM pg_type t
    WHERE t.oid IN (to_regtype('public.smpp_priority_flag'), to_regtype('public.smpp_registered_delivery'))
      AND NOT pg_has_role(queue.relowner, t.typowner, 'USAGE') AND NOT pg_has_role(t.typowner, 'USAGE')) AS it
  WHERE queue.oid = 'public.smpp_tx_queue'::regclass;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'what esmed 0.1.1 made belongs to several roles: % does not belong to that of smpp_tx_queue (%)', found,
        (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.smpp_tx_queue'::regclass)
      USING HINT = format('Nothing was changed. Let a superuser run: %s; and then this again.', gifts);
  END IF;
  IF NOT pg_has_role(owners[1], 'MEMBER') THEN
    RAISE EXCEPTION 'the role "%" may not change the tables of esmed in "%", which belong to "%"',
        current_user, current_database(), owners[1]
      -- The program tells how it came here; psql does not.
      USING HINT = 'Nothing was changed. Run it as that role or as a superuser, such as: '
        || coalesce(nullif(current_setting('esmed.command', TRUE), ''),
                    format('sudo -u postgres esmed migrate --as ''postgresql:///%s?host=/var/run/postgresql''', current_database()));
  END IF;
  IF NOT has_schema_privilege(owners[1], 'public', 'CREATE') THEN
    RAISE EXCEPTION 'the role "%", to which the tables of esmed belong, may not create others in the schema public of "%"',
        owners[1], current_database()
      USING HINT = format('Nothing was changed. Let an administrator run: GRANT CREATE ON SCHEMA public TO %I;', owners[1]);
  END IF;
  PERFORM set_config('esmed.owner', owners[1], TRUE);

  -- Other roles' sessions may be those of applications. The daemon of 0.1.1 gives itself no name, ours does.
  SELECT string_agg(pid::text, ', ' ORDER BY pid) INTO found FROM pg_stat_activity
  WHERE usename = 'esmed' AND application_name = '' AND datname = current_database() AND pid <> pg_backend_pid();
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'somebody is connected as the role esmed without a name (pid %): it may be the daemon of esmed 0.1.1, '
                    'which would send messages a second time', found
      USING HINT = 'Nothing was changed. Stop it first. If it is something else, end it, or let it set an application_name.';
  END IF;

  -- Columns: those of 0.1.1 have to be there. What is meant by others of the same name as ours nobody knows.
  SELECT string_agg(format('%s.%s', old.relation, old.name), ', ') INTO found
  FROM (SELECT relation, unnest(names) AS name FROM (VALUES
         ('smpp_servers', ARRAY['id', 'enabled', 'name', 'host', 'port', 'esme_system_id', 'esme_password',
           'esme_source_addr', 'esme_bind_transceiver', 'esme_registered_delivery', 'esme_max_submission_attempts',
           'smpp_session_init_timer', 'smpp_enquire_link_timer', 'smpp_inactivity_timer', 'smpp_response_timer',
           'smpp_pdu_read_timer']),
         ('smpp_tx_queue', ARRAY['id', 'insert_timestamp', 'smpp_destination_addr', 'smpp_priority_flag',
           'smpp_registered_delivery', 'smpp_short_message', 'smpp_message_id', 'smpp_message_state',
           'message_state_timestamp', 'submission_timestamp', 'submission_attempts', 'submission_done',
           'submission_failed', 'submission_info']),
         ('smpp_rx_queue', ARRAY['id', 'insert_timestamp', 'pdu_raw', 'pdu_parsed', 'smpp_source_addr',
           'smpp_short_message'])) AS v (relation, names)) AS old
  WHERE NOT EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = ('public.' || old.relation)::regclass AND a.attname = old.name AND NOT a.attisdropped);
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'these columns of esmed 0.1.1 are missing: %', found USING HINT = 'Nothing was changed. Add them.';
  END IF;

  -- What refers to a key of two columns can't refer to one of three.
  SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), '; ') INTO found
  FROM pg_constraint k
  JOIN pg_depend d ON (d.refclassid, d.refobjid) IN (('pg_constraint'::regclass, k.oid), ('pg_class'::regclass, k.conindid))
  WHERE k.conrelid = tables[1] AND k.conname = 'smpp_servers_idx01' AND d.deptype = 'n';
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'the key smpp_servers_idx01 of smpp_servers (host, port) becomes (host, port, esme_system_id), and these need it: %', found
      USING HINT = 'Nothing was changed. Drop them by name, not by CASCADE, migrate, and let them refer to smpp_servers (id).';
  END IF;

  SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) INTO found
  FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
  WHERE c.relname = 'smpp_tx_queue' AND c.relkind IN ('r', 'p') AND n.nspname <> 'public' AND n.nspname NOT LIKE 'pg\_%';
  IF found IS NOT NULL THEN
    RAISE NOTICE 'there is a smpp_tx_queue in other schemas too (%), which stays as it is: esmed sends what is in public', found;
  END IF;

  -- A table that was never analyzed has no number of rows (-1, and 0 before PostgreSQL 14).
  RAISE NOTICE 'the tables are locked while they are written anew: %', (
    SELECT string_agg(format('%s %s', c.relname, pg_size_pretty(pg_total_relation_size(c.oid)))
                      || CASE WHEN c.reltuples > 0 THEN format(' (about %s rows)', c.reltuples::bigint) ELSE '' END,
                      ', ' ORDER BY place)
    FROM unnest(tables[2:3]) WITH ORDINALITY AS t (oid, place) JOIN pg_class c USING (oid));
END
$migrate$;
