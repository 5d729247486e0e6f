-- Code of others that would run as the superuser who migrates: CHECK constraints and casts from users' types while the tables are written
-- anew, and what is constant in the expressions of indexes and statistics whenever a query upon the tables is planned.
-- (Indexes are built as the owner of the table.) Looked at before the first query, and again when the tables are locked.

DO $migrate$
DECLARE
  tables oid[] := ARRAY['public.smpp_servers', 'public.smpp_tx_queue', 'public.smpp_rx_queue']::regclass[]::oid[];
  found text;
BEGIN
  SELECT string_agg(DISTINCT format('%s by %s of %s', pg_describe_object(its.classid, its.objid, its.objsubid),
                                    pg_describe_object(its.refclassid, its.refobjid, 0), pg_get_userbyid(f.owner)), '; ') INTO found
  FROM (
    SELECT d.classid, d.objid, 0 AS objsubid, d.refclassid, d.refobjid
    FROM (SELECT 'pg_constraint'::regclass AS catalogue, oid FROM pg_constraint WHERE contype = 'c' AND conrelid = ANY (tables)
          UNION ALL SELECT 'pg_class', indexrelid FROM pg_index WHERE indrelid = ANY (tables)
          UNION ALL SELECT 'pg_statistic_ext', oid FROM pg_statistic_ext WHERE stxrelid = ANY (tables)) AS has
    JOIN pg_depend d ON d.classid = has.catalogue AND d.objid = has.oid
    UNION ALL
    SELECT 'pg_class'::regclass, a.attrelid, a.attnum, 'pg_proc'::regclass, c.castfunc
    FROM pg_attribute a JOIN pg_cast c ON c.castsource = a.atttypid AND c.castfunc <> 0
    WHERE a.attrelid = ANY (tables) AND a.attnum > 0 AND NOT a.attisdropped
  ) AS its
  JOIN LATERAL (
    SELECT proowner AS owner FROM pg_proc WHERE its.refclassid = 'pg_proc'::regclass AND oid = its.refobjid
    UNION ALL SELECT oprowner FROM pg_operator WHERE its.refclassid = 'pg_operator'::regclass AND oid = its.refobjid
    UNION ALL SELECT typowner FROM pg_type WHERE its.refclassid = 'pg_type'::regclass AND oid = its.refobjid AND typtype = 'd') AS f ON TRUE
  WHERE current_setting('is_superuser') = 'on'
    AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = f.owner AND (r.rolsuper OR r.rolname = current_user));
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'what others have made would run as the role "%": %', current_user, found
      USING HINT = 'Nothing was changed. Migrate as the role to which it belongs; or read it, and where it is harmless give it to a superuser '
                   '(ALTER FUNCTION ... OWNER TO ...;), or drop what uses it, migrate, and create it anew.';
  END IF;
END
$migrate$;
