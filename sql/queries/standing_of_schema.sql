-- What a database has of esmed.
SELECT
  current_setting('server_encoding') AS encoding,
  to_regclass('public.esmed_schema') IS NOT NULL AS has_schema,
  to_regclass('public.smpp_servers') IS NOT NULL OR to_regclass('public.smpp_tx_queue') IS NOT NULL
    OR to_regclass('public.smpp_rx_queue') IS NOT NULL AS has_old_tables
