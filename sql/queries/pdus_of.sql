-- The octets of received PDUs.
SELECT rx.id, rx.pdu_raw
FROM unnest($1::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT q.id, q.pdu_raw FROM smpp_rx_queue q WHERE q.id = wanted.id AND q.pdu_raw IS NOT NULL
) AS rx
