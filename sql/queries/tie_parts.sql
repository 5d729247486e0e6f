-- Parts get the row of the inbox and the set that they belong to. They are locked by lock_sets.sql.
UPDATE smpp_rx_queue AS rx
SET inbox_id = p.inbox_id, concat_set = p.concat_set
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS p (rx_id, inbox_id, concat_set)
WHERE rx.id = p.rx_id
