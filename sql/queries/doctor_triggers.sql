-- Triggers on the tables of esmed that are not its own.
SELECT format('%s on %s', t.tgname, c.relname) AS name
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_proc f ON f.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND c.relname IN ('smpp_tx_queue', 'smpp_tx_parts', 'smpp_rx_queue', 'smpp_inbox', 'smpp_events', 'smpp_status')
  AND f.proname NOT IN ('notify_table_change', 'smpp_servers_only_one_enabled', 'smpp_events_notify')
ORDER BY 1
LIMIT 20
