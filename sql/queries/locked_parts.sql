-- Locks the parts of the messages $1; says of which ones somebody else has locked some.
-- $1 bigint[]
SELECT m.id
FROM unnest($1::bigint[]) AS m (id)
CROSS JOIN LATERAL (
  SELECT count(*) AS count FROM smpp_tx_parts p WHERE p.tx_id = m.id
) AS every
CROSS JOIN LATERAL (
  SELECT count(*) AS count
  FROM (SELECT FROM smpp_tx_parts p WHERE p.tx_id = m.id FOR UPDATE SKIP LOCKED) AS had
) AS held
WHERE held.count < every.count
