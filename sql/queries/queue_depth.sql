-- How many rows of lane $1 are still to be sent, counted up to $2. What may leave and what has to wait are in two indexes.
SELECT least(count(*), $2) AS depth
FROM (
  (SELECT 1
   FROM smpp_tx_queue
   WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL AND lane = $1
   LIMIT $2)
  UNION ALL
  (SELECT 1
   FROM smpp_tx_queue
   WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL AND lane = $1
   LIMIT $2)
) AS pending
