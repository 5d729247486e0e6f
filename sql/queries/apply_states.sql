-- Writes states from receipts; a final one is never replaced.
UPDATE smpp_tx_queue AS q
SET smpp_message_state = r.state,
    message_state_timestamp = now(),
    smpp_error_code = coalesce(r.error_code, q.smpp_error_code),
    smpp_network_error_code = coalesce(r.network_error_code, q.smpp_network_error_code)
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS r (id, state, error_code, network_error_code)
WHERE q.id = r.id
  AND coalesce(q.smpp_message_state, '') NOT IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED')
RETURNING q.id
