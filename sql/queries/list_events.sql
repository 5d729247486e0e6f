-- The last $2 events of lane $1, newest first; of the types $3 and not older than $4 seconds, where these are given.
SELECT id, at, extract(epoch FROM now() - at)::float8 AS seconds, lane, server_id, component, type, status, message, details
FROM smpp_events
WHERE lane = $1 AND ($3::text[] IS NULL OR type = ANY ($3)) AND ($4::float8 IS NULL OR at >= now() - $4 * interval '1 second')
ORDER BY id DESC
LIMIT $2
