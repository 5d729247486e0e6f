-- Ends up to $2 rows of lane $1 whose time ran out before they were sent (again): waiting, held, or sent in part. Not
-- those in $3.
-- $1 text, $2 bigint, $3 bigint[]
WITH late AS MATERIALIZED (
  SELECT id, ctid AS place
  FROM smpp_tx_queue
  WHERE NOT submission_done AND NOT submission_failed
    AND lane = $1
    AND expires_at <= now()
    AND submission_started_at IS NULL
    AND NOT id = ANY ($3)
  ORDER BY expires_at
  LIMIT $2
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE smpp_tx_queue AS q
SET submission_failed = TRUE,
    smpp_message_state = 'EXPIRED',
    message_state_timestamp = now(),
    next_attempt_at = NULL,
    -- Where an answer was lost before, the SMSC may have it all the same.
    in_doubt = q.in_doubt OR q.possible_duplicate,
    submission_info = CASE
      WHEN parts.accepted > 0 THEN format('expired when %s of %s parts were accepted', parts.accepted, q.message_parts)
      WHEN q.submission_attempts > 0 THEN 'expired before it was sent again'
      ELSE 'expired before it was sent' END
FROM late
CROSS JOIN LATERAL (
  SELECT count(*) AS accepted FROM smpp_tx_parts p WHERE p.tx_id = late.id AND p.submission_done
) AS parts
WHERE q.ctid = late.place
RETURNING q.id
