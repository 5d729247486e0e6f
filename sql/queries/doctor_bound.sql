-- The daemon that has, opens or ends a session with server $1, in whichever lane: a bind of our own might end that session.
-- In the states that are left out there is none.
SELECT s.lane, s.session_state,
  extract(epoch FROM now() - s.since)::float8 AS since_seconds,
  s.last_error,
  extract(epoch FROM now() - s.last_error_at)::float8 AS last_error_seconds
FROM smpp_status s
WHERE s.lease_expires_at > clock_timestamp()
  AND s.session_state NOT IN ('closed', 'waiting', 'unusable')
  AND s.server_id = $1
ORDER BY s.lane
LIMIT 1
