-- How many rows of lane $1 are still to be sent, counted up to $2.
SELECT count(*) AS depth
FROM (
  SELECT 1
  FROM smpp_tx_queue
  WHERE NOT submission_done AND NOT submission_failed AND lane = $1
  LIMIT $2
) AS pending
