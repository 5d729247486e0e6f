-- An event of the daemon that serves lane $1 under epoch $8: once another one does, it says nothing of how things are, however
-- late it is stored. $8 NULL: of one that may stand by.
INSERT INTO smpp_events (lane, server_id, component, type, status, message, details)
VALUES ($1, $2, $3, $4,
  CASE WHEN $8::bigint IS NULL OR EXISTS (SELECT FROM smpp_status WHERE lane = $1 AND epoch = $8) THEN $5::text END,
  $6, $7)
