-- Deletes, of the next $4 events behind id $3, those of lane $1 that are older than $2 days; with $5 FALSE it only looks. Tells
-- the same as retain_tx.sql.
-- $1 text, $2 integer, $3 bigint, $4 bigint, $5 boolean
WITH page AS MATERIALIZED (
  SELECT id, at < now() - make_interval(days => $2::integer) AS old
  FROM smpp_events
  WHERE id > $3::bigint
  ORDER BY id
  LIMIT $4::bigint
), ended AS MATERIALIZED (
  SELECT e.place
  FROM page
  CROSS JOIN LATERAL (
    SELECT event.ctid AS place
    FROM smpp_events event
    WHERE event.id = page.id AND $5::boolean AND page.old AND event.lane = $1::text
    FOR UPDATE SKIP LOCKED
  ) AS e
), gone AS (
  DELETE FROM smpp_events AS event USING ended WHERE event.ctid = ended.place RETURNING 1
)
SELECT max(id) AS last, count(*) AS looked, count(*) FILTER (WHERE old) AS old, (SELECT count(*) FROM gone) AS deleted
FROM page
