-- Schemas beside public that have the tables of esmed 0.1.1 where public has none, and what moves them there. db.sql of
-- 0.1.1 named no schema, so they are where the search_path was. A sequence that belongs to a column goes with its table.
SELECT quote_ident(n.nspname) AS schema,
  ARRAY(
    SELECT statement FROM (
      SELECT 1 AS place, relname AS name, format('ALTER TABLE %I.%I SET SCHEMA public', n.nspname, relname) AS statement
      FROM pg_class
      WHERE relnamespace = n.oid AND relkind IN ('r', 'p') AND relname IN ('smpp_servers', 'smpp_tx_queue', 'smpp_rx_queue')
      UNION ALL
      SELECT 2, s.relname, format('ALTER SEQUENCE %I.%I SET SCHEMA public', n.nspname, s.relname)
      FROM pg_class s
      WHERE s.relnamespace = n.oid AND s.relkind = 'S'
        AND s.relname IN ('smpp_servers_id_seq', 'smpp_tx_queue_id_seq', 'smpp_rx_queue_id_seq')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid
                        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
      UNION ALL
      SELECT 3, typname, format('ALTER TYPE %I.%I SET SCHEMA public', n.nspname, typname)
      FROM pg_type
      WHERE typnamespace = n.oid AND typtype = 'e' AND typname IN ('smpp_priority_flag', 'smpp_registered_delivery')
      UNION ALL
      SELECT 4, proname, format('ALTER FUNCTION %I.%I() SET SCHEMA public', n.nspname, proname)
      FROM pg_proc
      WHERE pronamespace = n.oid AND pronargs = 0 AND proname IN ('notify_table_change', 'smpp_servers_only_one_enabled')
    ) AS statements
    ORDER BY place, name
  ) AS moves
FROM pg_namespace n
WHERE n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
  AND (to_regclass('public.smpp_servers') IS NULL OR to_regclass('public.smpp_tx_queue') IS NULL)
  -- One of them alone may be another program's.
  AND (SELECT count(*) FROM pg_class
       WHERE relnamespace = n.oid AND relkind IN ('r', 'p') AND relname IN ('smpp_servers', 'smpp_tx_queue')) = 2
  -- A copy of this version's tables is none of 0.1.1.
  AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = 'esmed_schema')
ORDER BY n.nspname
