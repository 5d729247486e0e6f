-- What people call server $1, and whether messages leave by it.
SELECT name, host, port, esme_submit_paused AS submit_paused,
  coalesce(esme_bind_mode, CASE WHEN esme_bind_transceiver THEN 'transceiver' ELSE 'transmitter' END) AS bind_mode
FROM smpp_servers WHERE id = $1
