-- Which of these attempts are still open: their rows are locked by somebody else, not deleted or reset.
SELECT q.id
FROM smpp_tx_queue q
JOIN unnest($1::bigint[], $2::timestamptz[]) AS r (id, started_at)
  ON q.id = r.id AND q.submission_started_at = r.started_at
WHERE NOT q.submission_done AND NOT q.submission_failed
