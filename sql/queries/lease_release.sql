UPDATE smpp_status
SET holder = NULL, lease_expires_at = NULL, heartbeat = now(), session_state = 'closed', since = now(),
    window_in_use = 0, rate = 0
WHERE lane = $1 AND epoch = $2
