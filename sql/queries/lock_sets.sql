-- The parts of sets, in the order in which they came, with the server's alphabet. A row that somebody else has locked is
-- passed over, which shows in "rows", the number of rows that the set has. It has at most 255; of rows that others wrote no
-- more are taken at a time.
SELECT rx.concat_set, rx.id, least(greatest(rx.insert_timestamp, 'epoch'), now()) AS stored_at,
  rx.pdu_raw, rx.concat_part, rx.concat_total, rx.concat_repeats, rx.inbox_id,
  rx.smpp_server_id, rx.smpp_source_addr, rx.smpp_destination_addr, rx.concat_kind, rx.concat_ref,
  rx.insert_timestamp < now() - make_interval(secs => $2) AS overdue,
  rx.insert_timestamp < now() - make_interval(secs => $3) AS settled,
  every.rows, server.esme_default_alphabet
FROM unnest($1::bigint[]) AS s (id)
CROSS JOIN LATERAL (
  SELECT count(*) AS rows
  FROM (
    SELECT 1
    FROM smpp_rx_queue q
    WHERE q.concat_set = s.id AND q.concat_part IS NOT NULL AND q.concat_total IS NOT NULL
    LIMIT 256
  ) AS part
) AS every
CROSS JOIN LATERAL (
  SELECT q.*
  FROM smpp_rx_queue q
  WHERE q.concat_set = s.id AND q.concat_part IS NOT NULL AND q.concat_total IS NOT NULL
  LIMIT 256
  FOR NO KEY UPDATE SKIP LOCKED
) AS rx
LEFT JOIN smpp_servers server ON server.id = rx.smpp_server_id
ORDER BY rx.concat_set, rx.id
