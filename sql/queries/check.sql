-- Whether this is a database that the daemon can work with.
SELECT
  current_setting('server_encoding') AS encoding,
  to_regclass('public.esmed_schema') IS NOT NULL AS has_schema,
  to_regclass('public.smpp_tx_queue') IS NOT NULL AS has_old_tables,
  ARRAY(
    SELECT format('%s on %s', need.privilege, need.relation)
    FROM (VALUES
      ('esmed_schema', 'SELECT'),
      ('smpp_servers', 'SELECT'), ('smpp_prefixes', 'SELECT'), ('smpp_status_classes', 'SELECT'),
      ('smpp_tx_queue', 'SELECT'), ('smpp_tx_queue', 'UPDATE'),
      ('smpp_tx_parts', 'SELECT'), ('smpp_tx_parts', 'INSERT'), ('smpp_tx_parts', 'UPDATE'), ('smpp_tx_parts', 'DELETE'),
      ('smpp_rx_queue', 'SELECT'), ('smpp_rx_queue', 'INSERT'), ('smpp_rx_queue', 'UPDATE'),
      ('smpp_inbox', 'SELECT'), ('smpp_inbox', 'INSERT'), ('smpp_inbox', 'UPDATE'),
      ('smpp_events', 'INSERT'),
      ('smpp_status', 'SELECT'), ('smpp_status', 'INSERT'), ('smpp_status', 'UPDATE')
    ) AS need (relation, privilege)
    WHERE to_regclass('public.' || need.relation) IS NOT NULL
      AND NOT has_table_privilege('public.' || need.relation, need.privilege)
  ) AS missing_rights
