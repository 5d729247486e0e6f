-- Whether this is a database that the program can work with. $1, $2: privileges that are needed, and on which tables.
SELECT
  current_setting('server_encoding') AS encoding,
  to_regclass('public.esmed_schema') IS NOT NULL AS has_schema,
  to_regclass('public.smpp_tx_queue') IS NOT NULL AS has_old_tables,
  quote_ident(current_user) AS role,
  coalesce(has_table_privilege(to_regclass('public.esmed_schema'), 'SELECT'), FALSE) AS may_read_version,
  ARRAY(
    SELECT format('%s on %s', need.privilege, need.relation)
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS need (privilege, relation, place)
    WHERE NOT has_table_privilege(to_regclass('public.' || need.relation), need.privilege)
    ORDER BY need.place
  ) AS missing_rights,
  ARRAY(
    SELECT format('GRANT %s ON %s TO %I', string_agg(need.privilege, ', ' ORDER BY need.place), need.relation, current_user)
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS need (privilege, relation, place)
    WHERE NOT has_table_privilege(to_regclass('public.' || need.relation), need.privilege)
    GROUP BY need.relation
    ORDER BY min(need.place)
  ) AS grants
