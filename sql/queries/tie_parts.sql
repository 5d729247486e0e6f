-- Parts get the row of the inbox that they belong to. They are locked by lock_sets.sql.
UPDATE smpp_rx_queue AS rx
SET inbox_id = p.inbox_id
FROM unnest($1::bigint[], $2::bigint[]) AS p (rx_id, inbox_id)
WHERE rx.id = p.rx_id
