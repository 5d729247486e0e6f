-- Whether the role of this connection may queue messages, and whether it is that of daemons.
SELECT current_user::text AS role, quote_ident(current_user) AS quoted,
  coalesce(has_table_privilege(to_regclass('public.smpp_tx_queue'), 'UPDATE'), FALSE) AS is_daemon,
  current_database()::text AS database,
  coalesce(has_table_privilege(to_regclass('public.smpp_tx_queue'), 'INSERT'), FALSE)
  AND coalesce(has_table_privilege(to_regclass('public.smpp_tx_queue'), 'SELECT'), FALSE)
  AND coalesce(has_sequence_privilege(to_regclass('public.smpp_tx_queue_id_seq'), 'USAGE'), FALSE) AS may
