-- The rights that the daemon needs and this role lacks, each with the statement that gives it; for [retention] DELETE, and UPDATE
-- on smpp_events, which it locks.
SELECT format('%s on %s', privilege, name) AS missing,
  format('GRANT %s ON %s%s TO %I', privilege,
    CASE kind WHEN 'r' THEN '' WHEN 'S' THEN 'SEQUENCE ' ELSE 'FUNCTION ' END, name, current_user) AS remedy
FROM (VALUES
  ('r', 'esmed_schema', 'SELECT'),
  ('r', 'smpp_servers', 'SELECT'), ('r', 'smpp_prefixes', 'SELECT'), ('r', 'smpp_status_classes', 'SELECT'),
  ('r', 'smpp_tx_queue', 'SELECT'), ('r', 'smpp_tx_queue', 'UPDATE'), ('r', 'smpp_tx_queue', 'DELETE'),
  ('r', 'smpp_tx_parts', 'SELECT'), ('r', 'smpp_tx_parts', 'INSERT'), ('r', 'smpp_tx_parts', 'UPDATE'), ('r', 'smpp_tx_parts', 'DELETE'),
  ('r', 'smpp_rx_queue', 'SELECT'), ('r', 'smpp_rx_queue', 'INSERT'), ('r', 'smpp_rx_queue', 'UPDATE'), ('r', 'smpp_rx_queue', 'DELETE'),
  ('r', 'smpp_inbox', 'SELECT'), ('r', 'smpp_inbox', 'INSERT'), ('r', 'smpp_inbox', 'UPDATE'), ('r', 'smpp_inbox', 'DELETE'),
  ('r', 'smpp_events', 'SELECT'), ('r', 'smpp_events', 'INSERT'), ('r', 'smpp_events', 'UPDATE'), ('r', 'smpp_events', 'DELETE'),
  ('r', 'smpp_status', 'SELECT'), ('r', 'smpp_status', 'INSERT'), ('r', 'smpp_status', 'UPDATE'),
  ('S', 'smpp_rx_queue_id_seq', 'USAGE'), ('S', 'smpp_inbox_id_seq', 'USAGE'), ('S', 'smpp_events_id_seq', 'USAGE'),
  ('f', 'esmed_state_of_parts(bigint)', 'EXECUTE'), ('f', 'esmed_receipt_by_text(jsonb)', 'EXECUTE'),
  ('f', 'esmed_is_same_number(text, text, text)', 'EXECUTE')
) AS need (kind, name, privilege)
WHERE NOT CASE kind
  WHEN 'r' THEN coalesce(has_table_privilege(to_regclass('public.' || name), privilege), TRUE)
  WHEN 'S' THEN coalesce(has_sequence_privilege(to_regclass('public.' || name), privilege), TRUE)
  ELSE coalesce(has_function_privilege(to_regprocedure('public.' || name), privilege), TRUE)
END
