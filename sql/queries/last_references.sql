-- The reference of the last long message to each of the numbers $1.
-- $1 text[]
SELECT d.number, last.concat_ref
FROM unnest($1::text[]) AS d (number)
CROSS JOIN LATERAL (
  SELECT p.concat_ref
  FROM smpp_tx_parts p
  WHERE p.smpp_destination_addr = d.number AND p.part = 1 AND p.concat_ref IS NOT NULL
  ORDER BY p.fixed_at DESC
  LIMIT 1
) AS last
