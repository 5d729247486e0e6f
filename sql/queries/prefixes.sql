-- The senders by prefix, up to $1: where there are more, those with the longest prefixes are left out.
-- $1 bigint
SELECT prefix, source_addr, server_id
FROM smpp_prefixes
ORDER BY length(prefix), prefix, server_id NULLS FIRST
LIMIT $1
