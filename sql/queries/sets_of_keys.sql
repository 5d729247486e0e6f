-- The sets of parts that began within a day and the reassembly timeout ($8 seconds), the newest $7 of each key, whether they
-- are older than that timeout, and which parts they have. A set has at most 255; the limit is for rows that others wrote.
SELECT k.ordinal::integer AS ordinal, first.id, first.insert_timestamp < now() - make_interval(secs => $8) AS overdue,
  p.inbox_id, p.numbers, p.rx_ids, p.firsts
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::smallint[])
  WITH ORDINALITY AS k (server_id, source, destination, kind, reference, total, ordinal)
CROSS JOIN LATERAL (
  SELECT rx.id, rx.insert_timestamp
  FROM smpp_rx_queue rx
  WHERE rx.concat_set = rx.id
    AND rx.smpp_source_addr = k.source
    AND rx.concat_ref = k.reference
    AND rx.concat_kind = k.kind
    AND rx.concat_total = k.total
    AND rx.smpp_destination_addr = k.destination
    AND rx.insert_timestamp > now() - interval '1 day' - make_interval(secs => $8)
    AND rx.smpp_server_id = k.server_id
  ORDER BY rx.insert_timestamp DESC, rx.id DESC
  LIMIT $7
) AS first
CROSS JOIN LATERAL (
  SELECT max(part.inbox_id) AS inbox_id, array_agg(part.concat_part) AS numbers, array_agg(part.id) AS rx_ids,
    array_agg(coalesce(part.concat_repeats, part.id)) AS firsts
  FROM (
    SELECT rx.id, rx.inbox_id, rx.concat_part, rx.concat_repeats
    FROM smpp_rx_queue rx
    WHERE rx.concat_set = first.id AND rx.concat_part IS NOT NULL
    LIMIT 256
  ) AS part
) AS p
WHERE p.numbers IS NOT NULL
ORDER BY k.ordinal, first.insert_timestamp, first.id
