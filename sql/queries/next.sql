-- The row of lane $1 that would be claimed next but for those in $2.
-- $1 text, $2 bigint[]
SELECT id
FROM smpp_tx_queue
WHERE NOT submission_done AND NOT submission_failed
  AND waits_until IS NULL
  AND lane = $1
  AND submission_started_at IS NULL
  AND (NOT in_doubt OR submission_attempts = 0)
  AND (next_attempt_at IS NULL OR next_attempt_at <= now())
  AND (send_after IS NULL OR send_after <= now())
  AND (expires_at IS NULL OR expires_at > now())
  AND NOT id = ANY ($2)
ORDER BY smpp_priority_flag DESC, id
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED
