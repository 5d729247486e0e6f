DO $migrate$
DECLARE
  it record;
  found text;
  wanted oid[];
BEGIN
  -- What can't be kept and made again by others than its owner.
  SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), '; ') INTO found
  FROM pg_temp.esmed_changed c
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relation AND d.refobjsubid = c.number
  LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
  WHERE d.classid::regclass::text IN ('pg_proc', 'pg_publication_rel')
     OR (d.classid = 'pg_attrdef'::regclass AND NOT (ad.adrelid = c.relation AND ad.adnum = c.number));
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'these use columns that change, and cannot be made again from here: %', found
      USING HINT = 'Nothing was changed. Drop them, migrate, and create them again.';
  END IF;

  -- Views, each behind those that it is made of.
  FOR it IN
    WITH RECURSIVE upon (view, depth) AS (
      SELECT r.ev_class, 1
      FROM pg_temp.esmed_changed c
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relation AND d.refobjsubid = c.number
                      AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
      UNION
      SELECT r.ev_class, u.depth + 1
      FROM upon u
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = u.view AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> u.view
    )
    SELECT c.oid, c.relkind, c.relowner, c.relacl, CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS what
    FROM upon JOIN pg_class c ON c.oid = upon.view
    GROUP BY c.oid ORDER BY max(upon.depth), c.oid::regclass::text
  LOOP
    INSERT INTO pg_temp.esmed_saved (what, relation, name, remove, make, owner, acl, column_acls)
    SELECT it.what, it.oid, it.oid::regclass::text, format('DROP %s %s', upper(it.what), it.oid::regclass),
           pg_temp.esmed_make_view(it.oid), pg_get_userbyid(it.relowner), it.relacl,
           (SELECT jsonb_object_agg(attname, to_jsonb(attacl::text[])) FROM pg_attribute
            WHERE attrelid = it.oid AND attnum > 0 AND attacl IS NOT NULL);
  END LOOP;

  -- Rules, policies and triggers of tables. The triggers of 0.1.1 itself are replaced, not kept.
  INSERT INTO pg_temp.esmed_saved (what, relation, name, remove, uses_view, make)
  SELECT DISTINCT ON (u.what, u.oid) u.what, u.relation, format('%I on %s', u.name, u.relation::regclass),
         format('DROP %s %I ON %s', upper(u.what), u.name, u.relation::regclass), c.number = 0,
         CASE u.what WHEN 'rule' THEN pg_temp.esmed_make_rule(u.oid)
                     WHEN 'policy' THEN pg_temp.esmed_make_policy(u.oid)
                     ELSE pg_temp.esmed_make_trigger(u.oid) END
  FROM (SELECT relation, number FROM pg_temp.esmed_changed
        UNION ALL SELECT relation, 0 FROM pg_temp.esmed_saved) AS c (relation, number)
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relation
                  AND (c.number = 0 OR d.refobjsubid = c.number)
  JOIN LATERAL (
    SELECT 'rule' AS what, r.oid, r.ev_class AS relation, r.rulename AS name FROM pg_rewrite r
    WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', p.oid, p.polrelid, p.polname FROM pg_policy p
    WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    UNION ALL
    SELECT 'trigger', t.oid, t.tgrelid, t.tgname FROM pg_trigger t
    WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND NOT t.tgisinternal
      AND (t.tgrelid::regclass::text, t.tgname) NOT IN (
        ('public.smpp_servers', 'smpp_servers_notify_change'), ('public.smpp_tx_queue', 'smpp_tx_queue_notify_change'))
      AND t.tgfoid IS DISTINCT FROM to_regprocedure('public.smpp_servers_only_one_enabled()')::oid
  ) AS u ON TRUE
  WHERE u.relation NOT IN (SELECT relation FROM pg_temp.esmed_saved)
  ORDER BY u.what, u.oid, c.number = 0 DESC;

  -- Views first: who reads one locks it before the tables. The other way round would be a deadlock. Before them what
  -- leads to them from tables: who works there locks such a table before the view.
  FOR it IN SELECT * FROM pg_temp.esmed_saved WHERE owner IS NOT NULL OR uses_view ORDER BY owner IS NULL DESC, place DESC LOOP
    RAISE NOTICE 'in the way, made again at the end: % %', it.what, it.name;
    BEGIN
      EXECUTE it.remove;
    EXCEPTION
      WHEN lock_not_available OR deadlock_detected THEN
        RAISE EXCEPTION 'the % % is in use by %', CASE WHEN it.owner IS NULL THEN 'table' ELSE 'view' END,
            it.relation::regclass, coalesce(pg_temp.esmed_holders(ARRAY[it.relation]), 'somebody')
          USING HINT = 'Nothing was changed. Wait for it or end it (SELECT pg_terminate_backend(pid)), and run this again.';
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'the % % is in the way, and cannot be dropped and made again: %', it.what, it.name, SQLERRM
          USING DETAIL = found, HINT = 'Nothing was changed. Drop it, or let its owner or a superuser migrate.';
    END;
  END LOOP;

  -- All tables at once, always in this order, also those of others that refer to them or that they refer to.
  wanted := ARRAY['public.smpp_servers', 'public.smpp_tx_queue', 'public.smpp_rx_queue']::regclass[]::oid[];
  wanted := wanted || ARRAY(
    SELECT DISTINCT other FROM pg_constraint
    CROSS JOIN LATERAL unnest(ARRAY[conrelid, confrelid]) AS other
    WHERE contype = 'f' AND (conrelid = ANY (wanted) OR confrelid = ANY (wanted)) AND other <> ALL (wanted)
    UNION SELECT DISTINCT relation FROM pg_temp.esmed_saved WHERE owner IS NULL AND relation <> ALL (wanted)
    ORDER BY 1);
  BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE',
                   (SELECT string_agg('ONLY ' || relation::regclass, ', ' ORDER BY place)
                    FROM unnest(wanted) WITH ORDINALITY AS w (relation, place)));
  EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
      RAISE EXCEPTION 'the tables of esmed are in use by %', coalesce(pg_temp.esmed_holders(wanted), 'somebody')
        USING HINT = 'Nothing was changed. Wait for it or end it (SELECT pg_terminate_backend(pid)), and run this again.';
  END;
  PERFORM set_config('esmed.locked_at', clock_timestamp()::text, TRUE);
  RAISE NOTICE 'locked: %', (SELECT string_agg(relation::regclass::text, ', ' ORDER BY place)
                             FROM unnest(wanted) WITH ORDINALITY AS w (relation, place));

  FOR it IN SELECT * FROM pg_temp.esmed_saved WHERE owner IS NULL AND NOT uses_view ORDER BY place DESC LOOP
    RAISE NOTICE 'in the way, made again at the end: % %', it.what, it.name;
    EXECUTE it.remove;
  END LOOP;

  -- The triggers of 0.1.1.
  FOR it IN
    SELECT tgname, tgrelid FROM pg_trigger
    WHERE NOT tgisinternal AND (
      (tgrelid = 'public.smpp_servers'::regclass AND tgfoid = to_regprocedure('public.smpp_servers_only_one_enabled()'))
      OR (tgrelid::regclass::text, tgname) IN (
        ('public.smpp_servers', 'smpp_servers_notify_change'), ('public.smpp_tx_queue', 'smpp_tx_queue_notify_change')))
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', it.tgname, it.tgrelid::regclass);
  END LOOP;
END
$migrate$;
