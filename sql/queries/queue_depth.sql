-- How many rows of lane $1 are still to be sent, by what they wait for, counted up to $2 each of those that may leave and
-- those that have to wait, which are in two indexes. The age of the oldest is since when it could have left.
-- $1 text, $2 bigint
SELECT leaving.started, leaving.waiting, leaving.oldest_seconds, later.held, later.retrying, later.scheduled,
  (SELECT count(*) FROM (SELECT 1 FROM smpp_tx_queue WHERE in_doubt AND lane = $1 LIMIT 100000) AS counted) AS in_doubt,
  (SELECT count(*) FROM (SELECT 1 FROM smpp_inbox WHERE NOT processed LIMIT 100000) AS counted) AS inbox_unprocessed
FROM (
  SELECT count(*) FILTER (WHERE is_started) AS started,
    count(*) FILTER (WHERE NOT is_started) AS waiting,
    extract(epoch FROM clock_timestamp() - min(since) FILTER (WHERE NOT is_started AND isfinite(since)))::float8 AS oldest_seconds
  FROM (
    SELECT submission_started_at IS NOT NULL AS is_started,
      greatest(insert_timestamp, send_after, next_attempt_at) AS since
    FROM smpp_tx_queue
    WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL AND lane = $1
    LIMIT $2
  ) AS pending
) AS leaving
CROSS JOIN (
  SELECT count(*) FILTER (WHERE is_held) AS held,
    count(*) FILTER (WHERE NOT is_held AND is_retrying) AS retrying,
    count(*) FILTER (WHERE NOT is_held AND NOT is_retrying) AS scheduled
  FROM (
    SELECT in_doubt AND submission_attempts > 0 AS is_held,
      coalesce(next_attempt_at > coalesce(send_after, timestamptz '-infinity'), FALSE) AS is_retrying
    FROM smpp_tx_queue
    WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL AND lane = $1
    LIMIT $2
  ) AS pending
) AS later
