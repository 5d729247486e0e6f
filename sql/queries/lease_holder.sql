SELECT holder, lease_expires_at > clock_timestamp() AS valid
FROM smpp_status
WHERE lane = $1
