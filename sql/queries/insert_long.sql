-- One row a message that was put together from parts; rx_ids are arrays in text form. It is marked as repeated where its
-- parts have come before ($9), or its text has within ten minutes, as in insert_inbox.sql.
INSERT INTO smpp_inbox (received_at, source, destination, message, server_id, parts, complete, rx_ids, repeated)
SELECT m.received_at, m.source, m.destination, m.message, m.server_id, m.parts, m.complete, m.rx_ids::bigint[],
  m.again
    OR EXISTS (
      SELECT 1
      FROM smpp_inbox earlier
      WHERE earlier.source = m.source
        AND md5(coalesce(earlier.message, '')) = md5(m.message)
        AND earlier.received_at > now() - interval '10 minutes'
        AND earlier.destination IS NOT DISTINCT FROM m.destination
        AND earlier.message = m.message
        AND earlier.server_id IS NOT DISTINCT FROM m.server_id)
    OR m.message IS NOT NULL
      AND row_number() OVER (PARTITION BY m.source, m.destination, m.message, m.server_id ORDER BY m.ordinal) > 1
FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::boolean[], $8::text[],
            $9::boolean[])
  WITH ORDINALITY AS m (received_at, source, destination, message, server_id, parts, complete, rx_ids, again, ordinal)
ORDER BY m.ordinal
RETURNING id, rx_ids
