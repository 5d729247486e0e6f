-- One row a message of one PDU. It is marked as repeated where the same text came from the same phone to the same number
-- by the same server within the last ten minutes, or before it in the same batch: the SMSC sends again what it was not
-- told we have. Without a text nothing is known of what it says.
INSERT INTO smpp_inbox (source, destination, message, server_id, rx_ids, repeated)
SELECT m.source, m.destination, m.message, m.server_id, ARRAY[m.rx_id],
  EXISTS (
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
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
  WITH ORDINALITY AS m (source, destination, message, server_id, rx_id, ordinal)
ORDER BY m.ordinal
RETURNING id
