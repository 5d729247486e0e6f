-- Receipts that came before the response to their message, or part of one, was recorded.
SELECT rx.id AS rx_id, k.tx_id, k.part, rx.pdu_parsed -> 'receipt' AS receipt
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::text[], $5::timestamptz[])
  AS k (tx_id, part, server_id, key, started_at)
JOIN smpp_rx_queue rx
  ON esmed_canonical_id(rx.receipt_message_id) = k.key
  AND rx.tx_queue_id IS NULL
  AND rx.kind IN ('receipt', 'intermediate')
  AND rx.smpp_server_id = k.server_id
  -- An older one is about an older message that had the same id.
  AND rx.insert_timestamp >= k.started_at
ORDER BY rx.id
