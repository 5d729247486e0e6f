-- Ends rows of lane $1 whose time ran out before they were sent. The lane is no condition for an
-- index, so that the one on expires_at is read and not all that is pending.
WITH late AS MATERIALIZED (
  SELECT id
  FROM smpp_tx_queue
  WHERE expires_at IS NOT NULL AND expires_at <= now()
    AND NOT submission_done AND NOT submission_failed
    AND lane || '' = $1
    AND submission_started_at IS NULL
  ORDER BY expires_at
  LIMIT 500
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE smpp_tx_queue AS q
SET submission_failed = TRUE,
    smpp_message_state = 'EXPIRED',
    message_state_timestamp = now(),
    submission_info = 'expired before it was sent'
FROM late
WHERE q.id = late.id
RETURNING q.id
