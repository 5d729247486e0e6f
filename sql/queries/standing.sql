-- How the parts of the messages $1 stand, as far as the attempts $2 at them are open.
-- $1 bigint[], $2 timestamptz[]
SELECT q.id, q.submission_attempts, p.part, p.total,
  -- One of another attempt belongs to a daemon that was cut off.
  coalesce(p.submission_started_at = m.started_at, FALSE) AS open,
  p.submission_done, p.submission_failed, p.smpp_message_id, p.submission_info, p.submission_attempts AS attempts,
  extract(epoch FROM p.next_attempt_at - now())::float8 AS retry_in,
  p.in_doubt, p.possible_duplicate,
  coalesce(p.submission_timestamp >= m.started_at, FALSE) AS answered
FROM unnest($1::bigint[], $2::timestamptz[]) AS m (id, started_at)
JOIN smpp_tx_queue q ON q.id = m.id AND q.submission_started_at = m.started_at
  AND NOT q.submission_done AND NOT q.submission_failed
JOIN smpp_tx_parts p ON p.tx_id = m.id
ORDER BY q.id, p.part
