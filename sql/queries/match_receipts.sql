-- The message that each receipt is about: of several with its id the one that is not final, with the same
-- destination, the newest. Where only its text says that it is a receipt, none with another destination.
SELECT r.ordinal, hit.id, hit.smpp_message_state
FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::boolean[])
  AS r (ordinal, server_id, key, source, only_to_source)
CROSS JOIN LATERAL (
  SELECT q.id, q.smpp_message_state
  FROM smpp_tx_queue q
  WHERE esmed_canonical_id(q.smpp_message_id) = r.key
    AND q.smpp_message_id IS NOT NULL
    AND (q.submission_server_id = r.server_id OR q.submission_server_id IS NULL)
    AND (NOT r.only_to_source OR ltrim(q.smpp_destination_addr, '+0') = ltrim(r.source, '+0'))
  ORDER BY
    coalesce(q.smpp_message_state IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED'), FALSE),
    ltrim(q.smpp_destination_addr, '+0') = ltrim(r.source, '+0') DESC,
    q.id DESC
  LIMIT 1
) AS hit
