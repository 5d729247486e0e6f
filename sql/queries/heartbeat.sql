-- Renews the lease of lane $1, epoch $2, for $3 seconds, and says how things are. $11: the state is another one than the last
-- that was told, although it may look the same; $12: for how many seconds it has been so. No row: the lease is another's.
UPDATE smpp_status
SET lease_expires_at = clock_timestamp() + $3 * interval '1 second',
    heartbeat = now(),
    since = CASE WHEN $11 OR session_state IS DISTINCT FROM $4 OR server_id IS DISTINCT FROM $5
                 THEN now() - $12 * interval '1 second' ELSE since END,
    session_state = $4,
    server_id = $5,
    window_in_use = $6,
    window_size = $7,
    rate = $8,
    queue_depth = coalesce($9, queue_depth),
    last_error = coalesce($10, last_error),
    last_error_at = CASE WHEN $10 IS NULL THEN last_error_at ELSE now() END
WHERE lane = $1 AND epoch = $2
RETURNING epoch
