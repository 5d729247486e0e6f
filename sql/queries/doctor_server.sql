-- What a connection and its role are, and the settings of PostgreSQL that matter.
SELECT current_user::text AS role, quote_ident(current_user) AS role_quoted, r.rolsuper AS is_superuser, r.rolconnlimit AS connection_limit,
  current_database()::text AS database,
  current_setting('server_version') AS version, current_setting('server_version_num')::integer AS version_num,
  current_setting('server_encoding') AS encoding,
  pg_is_in_recovery() AS is_standby,
  inet_server_addr() IS NULL AS is_local,
  ssl.ssl AS has_tls, ssl.version AS tls_version, ssl.cipher AS tls_cipher,
  current_setting('fsync')::boolean AS fsync,
  current_setting('full_page_writes')::boolean AS full_page_writes,
  current_setting('autovacuum')::boolean AS autovacuum,
  current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
    AS connections_allowed,
  (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database) AS connections_used,
  coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'USAGE'), FALSE) AS may_use_schema,
  ARRAY(SELECT name FROM unnest(ARRAY['esmed', 'esmed_app', 'esmed_monitor']) AS name
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)) AS missing_roles
FROM pg_roles r
LEFT JOIN pg_stat_ssl ssl ON ssl.pid = pg_backend_pid()
WHERE r.rolname = current_user
