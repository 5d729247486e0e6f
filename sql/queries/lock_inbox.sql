-- Rows of the inbox that late parts belong to. "rx_ids" and "complete" are NULL where somebody else, a worker say, has the
-- row locked.
SELECT i.id, held.rx_ids, held.complete
FROM unnest($1::bigint[]) AS w (id)
JOIN smpp_inbox i ON i.id = w.id
LEFT JOIN LATERAL (
  SELECT q.rx_ids, q.complete FROM smpp_inbox q WHERE q.id = i.id FOR NO KEY UPDATE SKIP LOCKED
) AS held ON TRUE
