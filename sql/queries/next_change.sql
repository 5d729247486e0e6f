-- Seconds until the next row of lane $1 has waited for its time, and until the next one runs out of time; NULL: none. Not
-- those in $2 and $3.
-- $1 text, $2 bigint[], $3 bigint[]
SELECT
  extract(epoch FROM (
    SELECT min(q.waits_until)
    FROM unnest(ARRAY['LEVEL_3', 'LEVEL_2', 'LEVEL_1', 'LEVEL_0']::smpp_priority_flag[]) AS level (flag)
    CROSS JOIN LATERAL (
      SELECT tx.waits_until
      FROM smpp_tx_queue tx
      WHERE NOT tx.submission_done AND NOT tx.submission_failed AND tx.waits_until IS NOT NULL
        AND tx.lane = $1 AND tx.smpp_priority_flag = level.flag
        AND NOT tx.id = ANY ($2)
      ORDER BY tx.waits_until
      LIMIT 1
    ) AS q
  ) - now())::float8 AS due_in,
  extract(epoch FROM (
    SELECT expires_at
    FROM smpp_tx_queue
    WHERE NOT submission_done AND NOT submission_failed AND expires_at IS NOT NULL
      AND lane = $1
      AND submission_started_at IS NULL
      AND NOT id = ANY ($3)
    ORDER BY expires_at
    LIMIT 1
  ) - now())::float8 AS expires_in
