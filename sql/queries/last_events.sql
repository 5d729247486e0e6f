SELECT at, type, status, message
FROM smpp_events
WHERE lane = $1
ORDER BY id DESC
LIMIT $2
