-- Writes the outcomes of attempts. A row that somebody else has locked, deleted or reset is left alone: its id does
-- not come back.
WITH result AS (
  SELECT *
  FROM unnest($1::bigint[], $2::timestamptz[], $3::boolean[], $4::boolean[], $5::boolean[], $6::text[], $7::text[],
              $8::integer[], $9::double precision[], $10::boolean[], $11::boolean[])
    AS r (id, started_at, answered, done, failed, message_id, info, uncounted, retry_after, in_doubt, possible_duplicate)
), held AS MATERIALIZED (
  SELECT q.id,
    -- A request from before this attempt was about an earlier one.
    NOT r.done AND coalesce(q.cancel_requested_at >= q.submission_started_at, FALSE) AS cancelled
  FROM smpp_tx_queue q JOIN result r ON q.id = r.id AND q.submission_started_at = r.started_at
  WHERE NOT q.submission_done AND NOT q.submission_failed
  ORDER BY q.id
  FOR NO KEY UPDATE OF q SKIP LOCKED
)
UPDATE smpp_tx_queue AS q
SET submission_done = r.done,
    submission_failed = r.failed OR held.cancelled,
    smpp_message_id = CASE WHEN r.done THEN r.message_id ELSE q.smpp_message_id END,
    smpp_message_state = CASE WHEN held.cancelled THEN 'DELETED' ELSE q.smpp_message_state END,
    message_state_timestamp = CASE WHEN held.cancelled THEN now() ELSE q.message_state_timestamp END,
    message_parts = CASE WHEN r.done THEN 1 ELSE q.message_parts END,
    submission_timestamp = CASE WHEN r.answered THEN now() ELSE q.submission_timestamp END,
    submission_info = CASE WHEN held.cancelled THEN 'cancelled' ELSE r.info END,
    -- A row in doubt with no attempts is one that was reset by hand (see claim.sql).
    submission_attempts = greatest(q.submission_attempts - r.uncounted, CASE WHEN r.in_doubt THEN 1 ELSE 0 END),
    next_attempt_at = CASE WHEN NOT held.cancelled THEN now() + r.retry_after * interval '1 second' END,
    -- One that is cancelled instead of sent again after a lost answer stays in doubt.
    in_doubt = r.in_doubt OR (held.cancelled AND r.possible_duplicate),
    possible_duplicate = q.possible_duplicate OR (r.possible_duplicate AND NOT held.cancelled),
    submission_started_at = NULL
FROM result r, held
WHERE q.id = r.id AND held.id = q.id
RETURNING q.id, held.cancelled
