-- Events of lane $1 with a number above $2, the first $3 of them.
SELECT id, at, extract(epoch FROM now() - at)::float8 AS seconds, lane, server_id, component, type, status, message, details
FROM smpp_events
WHERE lane = $1 AND id > $2
ORDER BY id
LIMIT $3
