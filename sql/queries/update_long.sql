-- A message gets parts that came late, and is to be processed again. Its row is locked by lock_inbox.sql. One that is complete
-- stays as it is.
UPDATE smpp_inbox AS i
SET message = m.message,
    complete = m.complete,
    rx_ids = m.rx_ids::bigint[],
    processed = FALSE
FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[]) AS m (id, message, complete, rx_ids)
WHERE i.id = m.id AND NOT i.complete
