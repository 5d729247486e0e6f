-- Starts another attempt at the parts of the messages $1 that the SMSC has not accepted. $2 are their attempts, $3 says
-- whether they are counted anew. Messages and parts are locked by hold_attempts.sql and locked_parts.sql.
-- $1 bigint[], $2 timestamptz[], $3 boolean[]
UPDATE smpp_tx_parts AS p
SET submission_started_at = m.started_at,
    submission_attempts = CASE WHEN m.anew THEN 1 ELSE p.submission_attempts + 1 END,
    submission_failed = FALSE,
    submission_info = NULL,
    next_attempt_at = NULL,
    -- An attempt that is still open belongs to a daemon that was cut off.
    possible_duplicate = p.possible_duplicate OR p.in_doubt OR p.submission_started_at IS NOT NULL,
    in_doubt = FALSE
FROM unnest($1::bigint[], $2::timestamptz[], $3::boolean[]) AS m (id, started_at, anew)
WHERE p.tx_id = m.id AND NOT p.submission_done
RETURNING p.tx_id, p.part, p.submission_attempts
