-- The sets of parts that began within the last day, the newest of each key, and which parts they have. A repeated part
-- counts once: the one that came first.
SELECT k.ordinal::integer AS ordinal, first.id, p.inbox_id, p.numbers, p.rx_ids
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::smallint[])
  WITH ORDINALITY AS k (server_id, source, destination, kind, reference, total, ordinal)
CROSS JOIN LATERAL (
  SELECT rx.id, rx.insert_timestamp
  FROM smpp_rx_queue rx
  WHERE rx.concat_set = rx.id
    AND rx.smpp_source_addr = k.source
    AND rx.concat_ref = k.reference
    AND rx.insert_timestamp > now() - interval '1 day'
    AND rx.smpp_destination_addr = k.destination
    AND rx.smpp_server_id = k.server_id
    AND rx.concat_kind = k.kind
    AND rx.concat_total = k.total
  ORDER BY rx.insert_timestamp DESC, rx.id DESC
  LIMIT $7
) AS first
CROSS JOIN LATERAL (
  SELECT max(each.inbox_id) AS inbox_id, array_agg(each.concat_part) AS numbers, array_agg(each.rx_id) AS rx_ids
  FROM (
    SELECT rx.concat_part, min(rx.id) AS rx_id, max(rx.inbox_id) AS inbox_id
    FROM smpp_rx_queue rx
    WHERE rx.concat_set = first.id AND rx.concat_part IS NOT NULL
    GROUP BY rx.concat_part
  ) AS each
) AS p
WHERE p.numbers IS NOT NULL
ORDER BY k.ordinal, first.insert_timestamp, first.id
