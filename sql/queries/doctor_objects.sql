-- Tables of this version that are not there.
SELECT ARRAY(
  SELECT name
  FROM unnest(ARRAY['esmed_schema', 'smpp_servers', 'smpp_prefixes', 'smpp_status_classes', 'smpp_error_codes',
    'smpp_tx_queue', 'smpp_tx_parts', 'smpp_rx_queue', 'smpp_inbox', 'smpp_events', 'smpp_status']) AS name
  WHERE to_regclass('public.' || name) IS NULL) AS missing
