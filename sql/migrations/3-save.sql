-- What the change of columns would stumble over: views upon them (and views upon these), rules, triggers that name them
-- (UPDATE OF, WHEN), policies. They are told by name, kept here, and dropped; the last step makes them again. Then the
-- tables are locked. sql/db.sql has just made its tables as temporary ones: that is what the old ones are compared with.

-- The columns that get another type, or other values.
CREATE TEMPORARY TABLE esmed_changed ON COMMIT DROP AS
SELECT old.attrelid AS relation, old.attnum AS number, old.attname AS name,
       format_type(model.atttypid, model.atttypmod) AS type, NULL::text AS value
FROM pg_class c
JOIN pg_attribute old ON old.attrelid = c.oid AND old.attnum > 0 AND NOT old.attisdropped
JOIN pg_class m ON m.relname = c.relname AND m.relnamespace = pg_my_temp_schema()
JOIN pg_attribute model ON model.attrelid = m.oid AND model.attname = old.attname AND NOT model.attisdropped
WHERE c.oid IN ('public.smpp_servers'::regclass, 'public.smpp_tx_queue'::regclass, 'public.smpp_rx_queue'::regclass)
  AND ((old.atttypid, old.atttypmod) <> (model.atttypid, model.atttypmod)
       -- Written anew whatever type somebody has given them.
       OR (c.relname, old.attname) IN (('smpp_tx_queue', 'smpp_message_state'), ('smpp_tx_queue', 'submission_info'),
                                       ('smpp_rx_queue', 'pdu_parsed')));

-- Values that the new tables would refuse in servers that 0.1.1 put up with.
DO $migrate$
DECLARE
  rule record;
  bad record;
  keep bigint;
BEGIN
  FOR rule IN SELECT * FROM (VALUES
    ('port', 'port NOT BETWEEN 1 AND 65535', '2775'),
    ('esme_max_submission_attempts', 'esme_max_submission_attempts < 1', '1'),
    ('smpp_session_init_timer', 'smpp_session_init_timer < 1', '30'),
    ('smpp_enquire_link_timer', 'smpp_enquire_link_timer < 0', '10'),
    ('smpp_inactivity_timer', 'smpp_inactivity_timer < 0', '120'),
    ('smpp_response_timer', 'smpp_response_timer < 1', '60'),
    ('smpp_pdu_read_timer', 'smpp_pdu_read_timer < 1', '10')) AS r (name, is_bad, value)
  LOOP
    FOR bad IN EXECUTE format('SELECT id, %I AS value FROM public.smpp_servers WHERE %s ORDER BY id', rule.name, rule.is_bad) LOOP
      RAISE NOTICE 'server %: % was %, which cannot be; it is % now', bad.id, rule.name, bad.value, rule.value;
      IF NOT EXISTS (SELECT FROM pg_temp.esmed_changed WHERE relation = 'public.smpp_servers'::regclass AND name = rule.name) THEN
        INSERT INTO pg_temp.esmed_changed
        SELECT attrelid, attnum, attname, format_type(atttypid, atttypmod),
               format('CASE WHEN %s THEN %s ELSE %I END', rule.is_bad, rule.value, rule.name)
        FROM pg_attribute WHERE attrelid = 'public.smpp_servers'::regclass AND attname = rule.name;
      END IF;
    END LOOP;
  END LOOP;

  -- 0.1.1 asked for no receipt over a transmitter, whatever this said; this version does.
  FOR bad IN SELECT id FROM public.smpp_servers WHERE esme_registered_delivery AND NOT esme_bind_transceiver ORDER BY id LOOP
    RAISE NOTICE 'server %: esme_registered_delivery was TRUE, which did nothing without esme_bind_transceiver; it is FALSE now', bad.id;
  END LOOP;
  IF FOUND THEN
    INSERT INTO pg_temp.esmed_changed
    SELECT attrelid, attnum, attname, 'boolean', 'esme_registered_delivery AND esme_bind_transceiver'
    FROM pg_attribute WHERE attrelid = 'public.smpp_servers'::regclass AND attname = 'esme_registered_delivery';
  END IF;

  -- The one that 0.1.1 was bound with.
  SELECT id INTO keep FROM public.smpp_servers WHERE enabled ORDER BY btrim(host) = '', host, port, id LIMIT 1;
  IF (SELECT count(*) > 1 FROM public.smpp_servers WHERE enabled) THEN
    FOR bad IN SELECT id FROM public.smpp_servers WHERE enabled AND id <> keep ORDER BY id LOOP
      RAISE NOTICE 'server % was enabled beside server %, and is not any more', bad.id, keep;
    END LOOP;
    INSERT INTO pg_temp.esmed_changed
    SELECT attrelid, attnum, attname, 'boolean', format('enabled AND id = %s', keep)
    FROM pg_attribute WHERE attrelid = 'public.smpp_servers'::regclass AND attname = 'enabled';
  END IF;
END
$migrate$;

CREATE TEMPORARY TABLE esmed_saved (
  place serial,          -- in this order they are made again; dropped in the opposite one
  what text,             -- view, materialized view, trigger, rule, policy
  relation oid,          -- the view; or the table that it is of
  name text,             -- for people
  remove text,           -- statement
  uses_view boolean,     -- a rule or policy that has to go before a view
  make text[],           -- statements
  owner text,            -- of a view
  acl aclitem[],         -- of a view
  column_acls jsonb      -- of a view: {"column": ["aclitem", ...]}
) ON COMMIT DROP;

-- Triggers and rules, with whether they are enabled, and their comments.
CREATE FUNCTION pg_temp.esmed_make_trigger(wanted oid) RETURNS text[] LANGUAGE sql AS $$
SELECT array_remove(ARRAY[
  pg_get_triggerdef(t.oid),
  CASE WHEN t.tgenabled <> 'O' THEN format('ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass,
    CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname) END,
  format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, t.tgrelid::regclass, obj_description(t.oid, 'pg_trigger'))], NULL)
FROM pg_trigger t WHERE t.oid = wanted
$$;

CREATE FUNCTION pg_temp.esmed_make_rule(wanted oid) RETURNS text[] LANGUAGE sql AS $$
SELECT array_remove(ARRAY[
  pg_get_ruledef(r.oid),
  CASE WHEN r.ev_enabled <> 'O' THEN format('ALTER TABLE %s %s RULE %I', r.ev_class::regclass,
    CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, r.rulename) END,
  format('COMMENT ON RULE %I ON %s IS %L', r.rulename, r.ev_class::regclass, obj_description(r.oid, 'pg_rewrite'))], NULL)
FROM pg_rewrite r WHERE r.oid = wanted
$$;

CREATE FUNCTION pg_temp.esmed_make_view(wanted oid) RETURNS text[] LANGUAGE sql AS $$
SELECT array_remove(
  ARRAY[
    format('CREATE %sVIEW %s%s%s AS %s%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, c.oid::regclass,
      (SELECT ' WITH (' || string_agg(format('%I = %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(c.reloptions)),
      (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace),
      rtrim(pg_get_viewdef(c.oid), ';'),
      -- Its query and its indexes may call functions of its owner: they run when it is his, as him.
      CASE c.relkind WHEN 'm' THEN ' WITH NO DATA' END),
    format('COMMENT ON %sVIEW %s IS %L', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, c.oid::regclass,
      obj_description(c.oid, 'pg_class'))]
  || ARRAY(SELECT format('COMMENT ON COLUMN %s.%I IS %L', c.oid::regclass, attname, col_description(c.oid, attnum))
           FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND col_description(c.oid, attnum) IS NOT NULL)
  || ARRAY(SELECT format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, attname, pg_get_expr(adbin, adrelid))
           FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = c.oid)
  || ARRAY(SELECT statement FROM pg_index i CROSS JOIN LATERAL unnest(ARRAY[pg_get_indexdef(i.indexrelid),
             format('COMMENT ON INDEX %s IS %L', i.indexrelid::regclass, obj_description(i.indexrelid, 'pg_class')),
             CASE WHEN i.indisclustered THEN format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', c.oid::regclass,
               (SELECT relname FROM pg_class WHERE oid = i.indexrelid)) END]) AS statement
           WHERE i.indrelid = c.oid)
  || ARRAY(SELECT statement FROM pg_rewrite r CROSS JOIN LATERAL unnest(pg_temp.esmed_make_rule(r.oid)) AS statement
           WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
  || ARRAY(SELECT statement FROM pg_trigger t CROSS JOIN LATERAL unnest(pg_temp.esmed_make_trigger(t.oid)) AS statement
           WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
  || CASE WHEN c.relkind = 'm' AND c.relispopulated THEN format('REFRESH MATERIALIZED VIEW %s', c.oid::regclass) END, NULL)
FROM pg_class c WHERE c.oid = wanted
$$;

CREATE FUNCTION pg_temp.esmed_make_policy(wanted oid) RETURNS text[] LANGUAGE sql AS $$
SELECT array_remove(ARRAY[
  format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, p.polrelid::regclass,
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(p.polroles) AS role),
    ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
  format('COMMENT ON POLICY %I ON %s IS %L', p.polname, p.polrelid::regclass, obj_description(p.oid, 'pg_policy'))], NULL)
FROM pg_policy p WHERE p.oid = wanted
$$;

-- Who has locks on tables, for people.
CREATE FUNCTION pg_temp.esmed_holders(relations oid[]) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(format('pid %s (%s%s)', a.pid,
         coalesce('application ' || nullif(a.application_name, ''), 'an application without a name'),
         ', role ' || a.usename || coalesce(', ' || a.state || coalesce(' since ' || to_char(a.state_change, 'HH24:MI:SS'), ''), '')),
         ', ' ORDER BY a.pid)
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.pid IN (
  SELECT l.pid FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.relation = ANY (relations) AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
$$;
