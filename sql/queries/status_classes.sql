-- What differs from the usual in the statuses of the servers $1, at most $2 rows of each: its own, then those for all servers.
-- $1 bigint[], $2 bigint
SELECT server.id, o.own, o.command_status, o.class
FROM unnest($1::bigint[]) AS server (id)
CROSS JOIN LATERAL (
  SELECT c.server_id IS NOT NULL AS own, c.command_status, c.class
  FROM (
    SELECT * FROM smpp_status_classes WHERE server_id = server.id
    UNION ALL
    SELECT * FROM smpp_status_classes WHERE server_id IS NULL
  ) AS c
  ORDER BY own DESC, c.command_status
  LIMIT $2
) AS o
ORDER BY server.id, o.own DESC, o.command_status
