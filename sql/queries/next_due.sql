-- The row of lane $1 that would be let go next but for those in $2.
-- $1 text, $2 bigint[]
SELECT q.id
FROM unnest(ARRAY['LEVEL_3', 'LEVEL_2', 'LEVEL_1', 'LEVEL_0']::smpp_priority_flag[]) AS level (flag)
CROSS JOIN LATERAL (
  SELECT tx.id
  FROM smpp_tx_queue tx
  WHERE NOT tx.submission_done AND NOT tx.submission_failed
    AND tx.lane = $1 AND tx.smpp_priority_flag = level.flag
    AND tx.waits_until <= now()
    AND NOT tx.id = ANY ($2)
  ORDER BY tx.waits_until, tx.id
  LIMIT 1
  FOR NO KEY UPDATE SKIP LOCKED
) AS q
LIMIT 1
