-- Lets up to $2 rows of lane $1 go that have waited for their time, the urgent ones first; not those in $3. They leave in
-- their turn then.
-- $1 text, $2 bigint, $3 bigint[]
WITH due AS MATERIALIZED (
  SELECT q.place
  FROM unnest(ARRAY['LEVEL_3', 'LEVEL_2', 'LEVEL_1', 'LEVEL_0']::smpp_priority_flag[]) AS level (flag)
  CROSS JOIN LATERAL (
    SELECT tx.ctid AS place
    FROM smpp_tx_queue tx
    WHERE NOT tx.submission_done AND NOT tx.submission_failed
      AND tx.lane = $1 AND tx.smpp_priority_flag = level.flag
      AND tx.waits_until <= now()
      AND NOT tx.id = ANY ($3)
    ORDER BY tx.waits_until, tx.id
    LIMIT $2
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS q
  LIMIT $2
)
UPDATE smpp_tx_queue AS q
SET released_at = now()
FROM due
WHERE q.ctid = due.place
RETURNING q.id
