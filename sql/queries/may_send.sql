-- Whether the role of this connection may queue messages.
SELECT current_user::text AS role, current_database()::text AS database,
  coalesce(has_table_privilege(to_regclass('public.smpp_tx_queue'), 'INSERT'), FALSE)
  AND coalesce(has_table_privilege(to_regclass('public.smpp_tx_queue'), 'SELECT'), FALSE)
  AND coalesce(has_sequence_privilege(to_regclass('public.smpp_tx_queue_id_seq'), 'USAGE'), FALSE) AS may
