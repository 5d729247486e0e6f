-- Takes the lease of lane $1 for $2 where it is free, run out, or held by $4, whose process is gone.
-- $3 seconds it is good for, $5 version of the daemon. The first epoch is a time, so that one who held the lease before
-- the row was deleted has another one.
INSERT INTO smpp_status AS s (lane, holder, epoch, lease_expires_at, heartbeat, started_at, version, session_state, since)
VALUES ($1, $2, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  clock_timestamp() + $3 * interval '1 second', now(), now(), $5, 'closed', now())
ON CONFLICT (lane) DO UPDATE
SET holder = excluded.holder,
    epoch = s.epoch + 1,
    lease_expires_at = excluded.lease_expires_at,
    heartbeat = now(),
    started_at = now(),
    version = excluded.version,
    session_state = 'closed',
    since = now(),
    window_in_use = 0
WHERE s.holder IS NULL
   OR s.lease_expires_at IS NULL
   OR s.lease_expires_at <= clock_timestamp()
   OR s.holder = $4
RETURNING s.epoch
