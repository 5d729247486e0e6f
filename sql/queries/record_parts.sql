-- Writes the outcomes of attempts at parts. A part that somebody else has locked, deleted or reset is left alone: it does
-- not come back.
WITH held AS MATERIALIZED (
  SELECT r.*, p.place
  FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[],
              $8::text[], $9::integer[], $10::double precision[], $11::boolean[], $12::boolean[])
    AS r (tx_id, part, started_at, answered, done, failed, message_id, info, uncounted, retry_after, in_doubt, possible_duplicate)
  CROSS JOIN LATERAL (
    SELECT it.ctid AS place
    FROM smpp_tx_parts it
    WHERE it.tx_id = r.tx_id AND it.part = r.part AND it.submission_started_at = r.started_at
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS p
)
UPDATE smpp_tx_parts AS p
SET submission_done = r.done,
    submission_failed = r.failed,
    smpp_message_id = r.message_id,
    submission_timestamp = CASE WHEN r.answered THEN now() ELSE p.submission_timestamp END,
    submission_info = r.info,
    submission_attempts = p.submission_attempts - r.uncounted,
    next_attempt_at = now() + r.retry_after * interval '1 second',
    in_doubt = r.in_doubt,
    possible_duplicate = p.possible_duplicate OR r.possible_duplicate,
    submission_started_at = NULL
FROM held r
WHERE p.ctid = r.place
RETURNING p.tx_id, p.part
