-- How the tables are looked after.
SELECT c.relname::text AS name, s.n_live_tup AS live, s.n_dead_tup AS dead,
  coalesce('autovacuum_enabled=false' = ANY (c.reloptions) OR 'autovacuum_enabled=off' = ANY (c.reloptions), FALSE) AS is_off
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relname IN ('smpp_tx_queue', 'smpp_tx_parts', 'smpp_rx_queue', 'smpp_inbox', 'smpp_events', 'smpp_status')
ORDER BY 1
