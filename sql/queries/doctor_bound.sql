-- The daemon whose session is with server $1, or with another row of the same account; a bind of our own might end that session.
-- One that is unusable, closed or waits for its next attempt has none.
SELECT s.lane, s.server_id, s.session_state,
  extract(epoch FROM now() - s.since)::float8 AS since_seconds,
  s.last_error,
  extract(epoch FROM now() - s.last_error_at)::float8 AS last_error_seconds
FROM smpp_status s
WHERE s.lease_expires_at > clock_timestamp()
  AND s.session_state NOT IN ('closed', 'waiting', 'unusable')
  AND (s.server_id = $1
    OR EXISTS (SELECT FROM smpp_servers asked
               JOIN smpp_servers theirs USING (host, port, esme_system_id)
               WHERE asked.id = $1 AND theirs.id = s.server_id))
ORDER BY s.server_id = $1 DESC, s.lane
LIMIT 1
