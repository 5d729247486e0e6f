-- Deletes, of the next $4 messages behind id $3, those of lane $1 that ended more than $2 days ago; with $5 FALSE it only looks.
-- Not those in doubt: somebody has to decide about them, or to read that nobody did. One that was never answered has no time
-- of its end: it counts from when it might leave. Tells the last id of the page, how many rows it has, how many of them were
-- inserted so long ago, and how many were deleted.
-- $1 text, $2 integer, $3 bigint, $4 bigint, $5 boolean
WITH page AS MATERIALIZED (
  SELECT id, insert_timestamp < now() - make_interval(days => $2::integer) AS old
  FROM smpp_tx_queue
  WHERE id > $3::bigint
  ORDER BY id
  LIMIT $4::bigint
), ended AS MATERIALIZED (
  SELECT q.place
  FROM page
  CROSS JOIN LATERAL (
    SELECT tx.ctid AS place
    FROM smpp_tx_queue tx
    WHERE tx.id = page.id
      AND $5::boolean AND page.old
      AND tx.lane = $1::text
      AND (tx.submission_done OR tx.submission_failed)
      AND tx.submission_started_at IS NULL
      AND NOT tx.in_doubt
      AND greatest(tx.insert_timestamp, tx.submission_timestamp, tx.message_state_timestamp, tx.released_at,
                   CASE WHEN tx.send_after <= now() THEN tx.send_after END)
          < now() - make_interval(days => $2::integer)
    FOR UPDATE SKIP LOCKED
  ) AS q
), gone AS (
  DELETE FROM smpp_tx_queue AS q USING ended WHERE q.ctid = ended.place RETURNING 1
)
SELECT max(id) AS last, count(*) AS looked, count(*) FILTER (WHERE old) AS old, (SELECT count(*) FROM gone) AS deleted
FROM page
