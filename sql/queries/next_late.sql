-- The row of lane $1 that would be ended next for its time ran out, but for those in $2.
-- $1 text, $2 bigint[]
SELECT id
FROM smpp_tx_queue
WHERE NOT submission_done AND NOT submission_failed
  AND lane = $1
  AND expires_at <= now()
  AND submission_started_at IS NULL
  AND NOT id = ANY ($2)
ORDER BY expires_at
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED
