-- A row that somebody else has locked is left as it is: the message has its state all the same.
WITH held AS MATERIALIZED (
  SELECT q.place, r.tx_id
  FROM unnest($1::bigint[], $2::bigint[]) AS r (rx_id, tx_id)
  CROSS JOIN LATERAL (
    SELECT rx.ctid AS place FROM smpp_rx_queue rx WHERE rx.id = r.rx_id FOR NO KEY UPDATE SKIP LOCKED
  ) AS q
)
UPDATE smpp_rx_queue AS rx
SET tx_queue_id = held.tx_id
FROM held
WHERE rx.ctid = held.place
