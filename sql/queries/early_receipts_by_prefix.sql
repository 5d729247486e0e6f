-- The same as early_receipts.sql, for servers whose receipts have more behind the id of the response. The operators are
-- those of the index, which compares octets; no character follows the last of Unicode.
SELECT early.id AS rx_id, k.tx_id, k.part, early.receipt
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::text[], $5::timestamptz[])
  AS k (tx_id, part, server_id, prefix, started_at)
CROSS JOIN LATERAL (
  SELECT rx.id, rx.pdu_parsed -> 'receipt' AS receipt
  FROM smpp_rx_queue rx
  WHERE esmed_canonical_id(rx.receipt_message_id) ~>=~ k.prefix
    AND esmed_canonical_id(rx.receipt_message_id) ~<~ (k.prefix || E'\U0010FFFF')
    AND rx.tx_queue_id IS NULL
    AND rx.kind IN ('receipt', 'intermediate')
    AND rx.smpp_server_id = k.server_id
    AND rx.insert_timestamp >= k.started_at
    AND (NOT esmed_receipt_by_text(rx.pdu_parsed) OR EXISTS (
      SELECT FROM smpp_tx_queue q
      WHERE q.id = k.tx_id AND esmed_is_same_number(q.smpp_destination_addr, rx.smpp_source_addr, (SELECT s.esme_country_code FROM smpp_servers s WHERE s.id = k.server_id))))
  OFFSET 0
) AS early
ORDER BY early.id
