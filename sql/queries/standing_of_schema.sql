-- What a database has of esmed.
SELECT
  current_setting('server_encoding') AS encoding,
  to_regclass('public.esmed_schema') IS NOT NULL AS has_schema,
  -- Anything else of that name may be anybody's: to read a view calls its functions.
  EXISTS (SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.oid = to_regclass('public.esmed_schema') AND c.relkind = 'r' AND NOT c.relrowsecurity
            AND a.attname = 'version' AND a.atttypid = 'integer'::regtype) AS has_version,
  to_regclass('public.smpp_servers') IS NOT NULL OR to_regclass('public.smpp_tx_queue') IS NOT NULL
    OR to_regclass('public.smpp_rx_queue') IS NOT NULL AS has_old_tables
