-- Which tables of which version there are.
SELECT to_regclass('public.esmed_schema') IS NOT NULL AS has_schema,
  to_regclass('public.smpp_tx_queue') IS NOT NULL AS has_old_tables
