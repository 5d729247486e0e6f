-- How lane $1 is doing; its server is read apart, for not everybody may.
SELECT s.session_state, s.server_id,
  extract(epoch FROM now() - s.since)::float8 AS since_seconds,
  s.window_in_use, s.window_size, s.rate, s.queue_depth, s.last_error,
  extract(epoch FROM now() - s.last_error_at)::float8 AS last_error_seconds,
  s.version,
  extract(epoch FROM now() - s.heartbeat)::float8 AS heartbeat_seconds,
  s.holder,
  coalesce(s.lease_expires_at > clock_timestamp(), FALSE) AS alive
FROM smpp_status s
WHERE s.lane = $1
