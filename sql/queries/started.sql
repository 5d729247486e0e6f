-- Rows of lane $1 with an open attempt that is none of $2: their daemon is gone, or lost the answer to its claim.
-- $1 text, $2 bigint[], $3 bigint
SELECT q.id, q.submission_started_at, q.submission_attempts, q.in_doubt_policy, q.submission_server_id
FROM smpp_tx_queue q
WHERE NOT q.submission_done AND NOT q.submission_failed
  AND q.lane = $1
  AND q.submission_started_at IS NOT NULL
  AND NOT q.id = ANY ($2)
LIMIT $3
