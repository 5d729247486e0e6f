-- Lanes other than $1 (at most 50) that have messages to send or an enabled server, and whether a daemon serves them. From
-- lane to lane in the index, so that a long queue costs little.
WITH RECURSIVE leaving (lane) AS (
  (SELECT lane
   FROM smpp_tx_queue
   WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL
   ORDER BY lane
   LIMIT 1)
  UNION ALL
  SELECT (SELECT q.lane
          FROM smpp_tx_queue q
          WHERE NOT q.submission_done AND NOT q.submission_failed AND q.waits_until IS NULL AND q.lane > leaving.lane
          ORDER BY q.lane
          LIMIT 1)
  FROM leaving
  WHERE leaving.lane IS NOT NULL
), waiting (lane) AS (
  (SELECT lane
   FROM smpp_tx_queue
   WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL
   ORDER BY lane
   LIMIT 1)
  UNION ALL
  SELECT (SELECT q.lane
          FROM smpp_tx_queue q
          WHERE NOT q.submission_done AND NOT q.submission_failed AND q.waits_until IS NOT NULL AND q.lane > waiting.lane
          ORDER BY q.lane
          LIMIT 1)
  FROM waiting
  WHERE waiting.lane IS NOT NULL
)
SELECT lane, bool_or(has_messages) AS has_messages, bool_or(has_server) AS has_server,
  EXISTS (SELECT FROM smpp_status s WHERE s.lane = found.lane AND s.lease_expires_at > clock_timestamp()) AS is_served
FROM (
  (SELECT lane, TRUE AS has_messages, FALSE AS has_server FROM leaving LIMIT 100)
  UNION ALL
  (SELECT lane, TRUE, FALSE FROM waiting LIMIT 100)
  UNION ALL
  (SELECT lane, FALSE, TRUE FROM smpp_servers WHERE enabled LIMIT 100)
) AS found
WHERE lane <> $1
GROUP BY lane
ORDER BY lane
LIMIT 50
