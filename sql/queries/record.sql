-- Writes the outcomes of attempts. A row that somebody else has locked, deleted or reset is left alone: its id does
-- not come back.
WITH held AS MATERIALIZED (
  SELECT r.*, q.ctid AS place,
    -- A request from before this attempt was about an earlier one.
    NOT r.done AND coalesce(q.cancel_requested_at >= r.started_at, FALSE) AS cancelled
  FROM unnest($1::bigint[], $2::timestamptz[], $3::boolean[], $4::boolean[], $5::boolean[], $6::text[], $7::text[],
              $8::integer[], $9::double precision[], $10::boolean[], $11::boolean[], $12::smallint[])
    AS r (id, started_at, answered, done, failed, message_id, info, uncounted, retry_after, in_doubt, possible_duplicate, parts)
  CROSS JOIN LATERAL (
    SELECT tx.ctid, tx.cancel_requested_at
    FROM smpp_tx_queue tx
    WHERE tx.id = r.id AND tx.submission_started_at = r.started_at
      AND NOT tx.submission_done AND NOT tx.submission_failed
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS q
)
UPDATE smpp_tx_queue AS q
SET submission_done = r.done,
    submission_failed = r.failed OR r.cancelled,
    smpp_message_id = CASE WHEN r.done THEN r.message_id ELSE q.smpp_message_id END,
    smpp_message_state = CASE WHEN r.cancelled THEN 'DELETED' ELSE q.smpp_message_state END,
    message_state_timestamp = CASE WHEN r.cancelled THEN now() ELSE q.message_state_timestamp END,
    message_parts = coalesce(r.parts, q.message_parts),
    submission_timestamp = CASE WHEN r.answered THEN now() ELSE q.submission_timestamp END,
    submission_info = CASE WHEN r.cancelled THEN 'cancelled' ELSE r.info END,
    -- A row in doubt with no attempts is one that was reset by hand (see claim.sql).
    submission_attempts = greatest(q.submission_attempts - r.uncounted, CASE WHEN r.in_doubt THEN 1 ELSE 0 END),
    next_attempt_at = CASE WHEN NOT r.cancelled THEN now() + r.retry_after * interval '1 second' END,
    -- One that ends although the answer to this attempt, or to one before, was lost stays in doubt.
    in_doubt = r.in_doubt OR ((r.cancelled OR r.failed) AND (r.possible_duplicate OR q.possible_duplicate)),
    possible_duplicate = q.possible_duplicate OR (r.possible_duplicate AND NOT r.cancelled),
    submission_started_at = NULL
FROM held r
WHERE q.ctid = r.place
RETURNING q.id, r.cancelled
