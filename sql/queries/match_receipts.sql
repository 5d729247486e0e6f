-- The message, or the part of one, that each receipt is about: of several with its id the one that is not final, with the
-- same destination, the newest. Where only its text says that it is a receipt, none with another destination.
-- Some SMSCs give all parts of a message one id: $6 says how many receipts of a batch have it, and so many parts come back.
SELECT r.ordinal, hit.id, hit.part, hit.state,
  CASE WHEN isfinite(hit.answered_at) THEN extract(epoch FROM clock_timestamp() - hit.answered_at)::float8 END AS answered_ago
FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::integer[])
  AS r (ordinal, server_id, key, source, only_to_source, wanted)
CROSS JOIN LATERAL (
  SELECT it.*
  FROM (
    SELECT q.id, NULL::smallint AS part, q.smpp_message_state AS state, q.smpp_destination_addr AS destination,
      q.submission_timestamp AS answered_at
    FROM smpp_tx_queue q
    WHERE esmed_canonical_id(q.smpp_message_id) = r.key
      AND q.smpp_message_id IS NOT NULL
      -- A long message has the id of its first part.
      AND coalesce(q.message_parts, 1) = 1
      AND (q.submission_server_id = r.server_id OR q.submission_server_id IS NULL)
    UNION ALL
    SELECT q.id, p.part, p.smpp_message_state, q.smpp_destination_addr, p.submission_timestamp
    FROM smpp_tx_parts p
    JOIN smpp_tx_queue q ON q.id = p.tx_id
    WHERE esmed_canonical_id(p.smpp_message_id) = r.key
      AND p.smpp_message_id IS NOT NULL
      AND (p.server_id = r.server_id OR p.server_id IS NULL)
  ) AS it
  WHERE NOT r.only_to_source OR esmed_is_same_number(it.destination, r.source, (SELECT s.esme_country_code FROM smpp_servers s WHERE s.id = r.server_id))
  ORDER BY
    coalesce(it.state IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED'), FALSE),
    coalesce(esmed_is_same_number(it.destination, r.source, (SELECT s.esme_country_code FROM smpp_servers s WHERE s.id = r.server_id)), FALSE) DESC,
    it.id DESC,
    it.part
  LIMIT r.wanted
) AS hit
