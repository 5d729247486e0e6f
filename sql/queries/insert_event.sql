INSERT INTO smpp_events (lane, server_id, component, type, status, message, details)
VALUES ($1, $2, $3, $4, $5, $6, $7)
