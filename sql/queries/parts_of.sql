-- The parts of the messages $1, in order.
-- $1 bigint[]
SELECT p.tx_id, p.part, p.total, p.concat_ref, p.data_coding, p.esm_class, p.octets, p.smpp_source_addr,
  p.smpp_source_addr_ton, p.smpp_source_addr_npi, p.server_id, p.submission_attempts, p.submission_done,
  p.in_doubt OR p.possible_duplicate OR p.submission_started_at IS NOT NULL AS doubtful, p.submission_started_at,
  p.submission_timestamp
FROM unnest($1::bigint[]) AS m (id)
JOIN smpp_tx_parts p ON p.tx_id = m.id
ORDER BY p.tx_id, p.part
