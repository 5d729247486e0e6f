-- Rows of lane $1 with an open attempt that is none of $2: their daemon is gone, or lost the answer to its claim.
-- $4 is the epoch of the lease: who has lost it would find what its successor works at.
-- What waits has none (see waits_until).
-- $1 text, $2 bigint[], $3 bigint, $4 bigint
SELECT q.id, q.submission_started_at, q.submission_attempts, q.in_doubt_policy, q.submission_server_id
FROM smpp_tx_queue q
WHERE NOT q.submission_done AND NOT q.submission_failed
  AND q.waits_until IS NULL
  AND q.lane = $1
  AND q.submission_started_at IS NOT NULL
  AND NOT q.id = ANY ($2)
  AND EXISTS (SELECT 1 FROM smpp_status s WHERE s.lane = $1 AND s.epoch = $4)
LIMIT $3
