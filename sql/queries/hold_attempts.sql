-- Locks the messages $1 whose attempts $2 are open. One that somebody else has locked, deleted or reset does not come back.
-- $1 bigint[], $2 timestamptz[]
SELECT held.id
FROM unnest($1::bigint[], $2::timestamptz[]) AS m (id, started_at)
CROSS JOIN LATERAL (
  SELECT tx.id
  FROM smpp_tx_queue tx
  WHERE tx.id = m.id AND tx.submission_started_at = m.started_at
  FOR NO KEY UPDATE SKIP LOCKED
) AS held
