-- Fixes the parts of messages and starts their first attempt: $1 to $7 are the messages, their attempts, numbers of phones,
-- senders and server, $8 to $14 the parts. The messages are locked by hold_attempts.sql.
-- $1 bigint[], $2 timestamptz[], $3 text[], $4 text[], $5 smallint[], $6 smallint[], $7 bigint, $8 bigint[], $9 smallint[], $10 smallint[], $11 integer[], $12 smallint[], $13 smallint[], $14 bytea[]
INSERT INTO smpp_tx_parts
  (tx_id, part, total, concat_ref, data_coding, esm_class, octets, smpp_source_addr, smpp_source_addr_ton,
   smpp_source_addr_npi, smpp_destination_addr, server_id, submission_started_at, submission_attempts)
SELECT p.tx_id, p.part, p.total, p.concat_ref, p.data_coding, p.esm_class, p.octets, m.source, m.ton, m.npi, m.destination,
  $7::bigint, m.started_at, 1
FROM unnest($8::bigint[], $9::smallint[], $10::smallint[], $11::integer[], $12::smallint[], $13::smallint[], $14::bytea[])
  AS p (tx_id, part, total, concat_ref, data_coding, esm_class, octets)
JOIN unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::smallint[], $6::smallint[])
  AS m (id, started_at, destination, source, ton, npi) ON m.id = p.tx_id
RETURNING tx_id, part, submission_attempts
