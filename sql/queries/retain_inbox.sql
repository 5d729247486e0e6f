-- Deletes, of the next $4 messages from phones behind id $3, those of lane $1 that are processed and older than $2 days; with
-- $5 FALSE it only looks. Incomplete ones stay for two days: a late part may still complete them. Those without a server, or of
-- one that was deleted, are of the lane 'default'. Tells the same as retain_tx.sql.
-- $1 text, $2 integer, $3 bigint, $4 bigint, $5 boolean
WITH page AS MATERIALIZED (
  SELECT id, received_at < now() - make_interval(days => $2::integer) AS old
  FROM smpp_inbox
  WHERE id > $3::bigint
  ORDER BY id
  LIMIT $4::bigint
), ended AS MATERIALIZED (
  SELECT m.place
  FROM page
  CROSS JOIN LATERAL (
    SELECT i.ctid AS place
    FROM smpp_inbox i
    WHERE i.id = page.id
      AND $5::boolean AND page.old
      AND coalesce((SELECT s.lane FROM smpp_servers s WHERE s.id = i.server_id), 'default') = $1::text
      AND i.processed
      AND (i.complete OR i.received_at < now() - interval '2 days')
    FOR UPDATE OF i SKIP LOCKED
  ) AS m
), gone AS (
  DELETE FROM smpp_inbox AS i USING ended WHERE i.ctid = ended.place RETURNING 1
)
SELECT max(id) AS last, count(*) AS looked, count(*) FILTER (WHERE old) AS old, (SELECT count(*) FROM gone) AS deleted
FROM page
