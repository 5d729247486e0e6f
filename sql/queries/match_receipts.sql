-- The message that each receipt is about: of several with its id the one that is not final, with the same
-- destination, the newest.
SELECT r.ordinal, hit.id, hit.smpp_message_state
FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[]) AS r (ordinal, server_id, key, source)
CROSS JOIN LATERAL (
  SELECT q.id, q.smpp_message_state
  FROM smpp_tx_queue q
  WHERE esmed_canonical_id(q.smpp_message_id) = r.key
    AND q.smpp_message_id IS NOT NULL
    AND (q.submission_server_id = r.server_id OR q.submission_server_id IS NULL)
  ORDER BY
    coalesce(q.smpp_message_state IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED'), FALSE),
    ltrim(q.smpp_destination_addr, '+0') = ltrim(r.source, '+0') DESC,
    q.id DESC
  LIMIT 1
) AS hit
