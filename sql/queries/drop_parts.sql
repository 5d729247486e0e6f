-- Forgets the parts of the messages $1, which are split anew. $2 says of each whether the SMSC may have some of them:
-- then the phone may get a part of the message twice. Messages and parts are locked by hold_attempts.sql and locked_parts.sql.
-- $1 bigint[], $2 boolean[]
WITH dropped AS (
  DELETE FROM smpp_tx_parts WHERE tx_id = ANY ($1)
)
UPDATE smpp_tx_queue AS q
SET message_parts = NULL,
    possible_duplicate = q.possible_duplicate OR m.sent
FROM unnest($1::bigint[], $2::boolean[]) AS m (id, sent)
WHERE q.id = m.id
