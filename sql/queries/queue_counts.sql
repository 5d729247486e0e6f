-- What lane $1 has still to do, by status as in smpp_tx_status. No kind is counted further than $2 rows, so that a long
-- queue costs little; open attempts come first in the order in which rows leave, so they are among those counted.
WITH leaving AS (
  SELECT count(*) AS rows, count(*) FILTER (WHERE started) AS started
  FROM (SELECT submission_started_at IS NOT NULL AS started
        FROM smpp_tx_queue
        WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL AND lane = $1
        ORDER BY smpp_priority_flag DESC, id
        LIMIT $2) AS pending
), waiting AS (
  SELECT count(*) AS rows,
    count(*) FILTER (WHERE send_after > now()) AS scheduled,
    count(*) FILTER (WHERE next_attempt_at > now() AND (send_after > now()) IS NOT TRUE) AS retrying
  FROM (SELECT q.send_after, q.next_attempt_at
        FROM unnest(enum_range(NULL::smpp_priority_flag)) AS p (priority)
        CROSS JOIN LATERAL (
          SELECT send_after, next_attempt_at
          FROM smpp_tx_queue
          WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL AND lane = $1
            AND smpp_priority_flag = p.priority AND waits_until < '9999-12-31 00:00:00+00'
          LIMIT $2) AS q
        LIMIT $2) AS waits
), held AS (
  SELECT count(*) AS rows
  FROM unnest(enum_range(NULL::smpp_priority_flag)) AS p (priority)
  CROSS JOIN LATERAL (
    SELECT 1
    FROM smpp_tx_queue
    WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL AND lane = $1
      AND smpp_priority_flag = p.priority AND waits_until = '9999-12-31 00:00:00+00'
    LIMIT $2) AS q
), doubt AS (
  SELECT count(*) FILTER (WHERE lane = $1) AS rows, count(*) AS all_lanes
  FROM (SELECT lane FROM smpp_tx_queue WHERE in_doubt ORDER BY id LIMIT $2) AS d
), oldest AS (
  -- The first row of each priority. With "=" the planner would drop the priority from the order, and walk along all ids.
  SELECT q.id, q.insert_timestamp
  FROM unnest(enum_range(NULL::smpp_priority_flag)) AS p (priority)
  CROSS JOIN LATERAL (
    SELECT id, insert_timestamp
    FROM smpp_tx_queue
    WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL AND lane = $1
      AND smpp_priority_flag <= p.priority AND submission_started_at IS NULL
    ORDER BY smpp_priority_flag DESC, id
    LIMIT 1) AS q
  ORDER BY q.insert_timestamp, q.id
  LIMIT 1
)
SELECT
  leaving.rows - leaving.started + waiting.rows - waiting.scheduled - waiting.retrying AS waiting,
  waiting.scheduled, waiting.retrying, leaving.started, held.rows AS held, doubt.rows AS in_doubt,
  (leaving.rows >= $2 OR waiting.rows >= $2 OR held.rows >= $2 OR doubt.all_lanes >= $2) AS capped,
  oldest.id AS oldest_id, oldest.insert_timestamp AS oldest_at,
  CASE WHEN isfinite(oldest.insert_timestamp) THEN extract(epoch FROM now() - oldest.insert_timestamp)::float8 END AS oldest_seconds
FROM leaving, waiting, held, doubt LEFT JOIN oldest ON TRUE
