-- Writes states from receipts to parts; a final one is never replaced.
UPDATE smpp_tx_parts AS p
SET smpp_message_state = r.state,
    message_state_timestamp = now(),
    smpp_error_code = coalesce(r.error_code, p.smpp_error_code),
    smpp_network_error_code = coalesce(r.network_error_code, p.smpp_network_error_code)
FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[])
  AS r (tx_id, part, state, error_code, network_error_code)
WHERE p.tx_id = r.tx_id AND p.part = r.part
  AND coalesce(p.smpp_message_state, '') NOT IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED')
