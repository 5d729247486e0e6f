-- Fixes the parts of messages and starts their first attempt: $1 to $3 are the messages, their attempts and numbers of phones,
-- $4 to $10 the parts. A message that somebody else has locked, deleted or reset gets none.
-- $1 bigint[], $2 timestamptz[], $3 text[], $4 bigint[], $5 smallint[], $6 smallint[], $7 integer[], $8 smallint[], $9 smallint[], $10 bytea[]
WITH held AS MATERIALIZED (
  SELECT m.id, m.started_at, m.destination
  FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS m (id, started_at, destination)
  CROSS JOIN LATERAL (
    SELECT FROM smpp_tx_queue tx
    WHERE tx.id = m.id AND tx.submission_started_at = m.started_at
    FOR KEY SHARE SKIP LOCKED
  ) AS q
)
INSERT INTO smpp_tx_parts
  (tx_id, part, total, concat_ref, data_coding, esm_class, octets, smpp_destination_addr, submission_started_at,
   submission_attempts)
SELECT p.tx_id, p.part, p.total, p.concat_ref, p.data_coding, p.esm_class, p.octets, held.destination, held.started_at, 1
FROM unnest($4::bigint[], $5::smallint[], $6::smallint[], $7::integer[], $8::smallint[], $9::smallint[], $10::bytea[])
  AS p (tx_id, part, total, concat_ref, data_coding, esm_class, octets)
JOIN held ON held.id = p.tx_id
RETURNING tx_id, part, submission_attempts
