UPDATE smpp_rx_queue AS rx
SET tx_queue_id = r.tx_id
FROM unnest($1::bigint[], $2::bigint[]) AS r (rx_id, tx_id)
WHERE rx.id = r.rx_id
