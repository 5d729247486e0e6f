-- What keeps finished rows from being cleared away for more than $1 seconds, the longest first. Of the sessions of other
-- roles only who may read all statistics sees anything (sees_all).
SELECT who, seconds, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all
FROM (
  SELECT NULL AS who, NULL::float8 AS seconds
  UNION ALL
  SELECT format('process %s of %s (%s)', pid, usename, coalesce(nullif(application_name, ''), 'no name')),
    extract(epoch FROM now() - xact_start)::float8
  FROM pg_stat_activity
  WHERE datname = current_database() AND xact_start < now() - $1 * interval '1 second'
    AND backend_type = 'client backend'
  UNION ALL
  SELECT format('prepared transaction %L of %s', gid, owner), extract(epoch FROM now() - prepared)::float8
  FROM pg_prepared_xacts
  WHERE database = current_database() AND prepared < now() - $1 * interval '1 second'
) AS holders
ORDER BY seconds DESC NULLS LAST
LIMIT 6
