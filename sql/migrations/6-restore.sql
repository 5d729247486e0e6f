-- What stood in the way is made again.

DO $migrate$
DECLARE
  it record;
  statement text;
  grantee text;
  granted record;
BEGIN
  FOR it IN SELECT * FROM pg_temp.esmed_saved ORDER BY place LOOP
    BEGIN
      EXECUTE it.make[1];
      -- Before anything of it is computed: what is computed then runs as the owner, not as who migrates.
      IF it.owner IS NOT NULL THEN
        -- Rights that ALTER DEFAULT PRIVILEGES gives to everything new were perhaps not there.
        FOR grantee IN
          SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
          WHERE c.oid = it.name::regclass AND a.grantee <> c.relowner
        LOOP
          EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', it.name, grantee);
        END LOOP;
        IF it.owner <> current_user THEN
          EXECUTE format('ALTER TABLE %s OWNER TO %I', it.name, it.owner);
        END IF;
      END IF;
      FOREACH statement IN ARRAY it.make[2:] LOOP
        EXECUTE statement;
      END LOOP;
      IF it.owner IS NOT NULL THEN
        IF it.acl IS NOT NULL THEN
          EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', it.name, it.owner);
        END IF;
        FOR granted IN
          SELECT a.*, NULL::text AS on_column FROM aclexplode(it.acl) AS a
          UNION ALL
          SELECT a.*, c.key FROM jsonb_each(it.column_acls) AS c
          CROSS JOIN LATERAL jsonb_array_elements_text(c.value) AS item
          CROSS JOIN LATERAL aclexplode(ARRAY[item::aclitem]) AS a
        LOOP
          EXECUTE format('GRANT %s%s ON TABLE %s TO %s%s', granted.privilege_type,
            (SELECT format(' (%I)', granted.on_column) WHERE granted.on_column IS NOT NULL), it.name,
            CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END,
            CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' END);
        END LOOP;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      RAISE EXCEPTION 'the % % cannot be made again: %', it.what, it.name, SQLERRM
        USING HINT = 'Nothing was changed. Keep its definition, drop it, migrate, and create one that suits the new types of columns.';
    END;
    RAISE NOTICE 'made again: % %', it.what, it.name;
  END LOOP;

  FOR statement IN SELECT c.statement FROM pg_temp.esmed_comments c LOOP
    EXECUTE statement;
  END LOOP;

  RAISE NOTICE 'migrated from esmed 0.1.1 to schema version {version}: % messages (% still to be sent), % received; the tables were locked for % s',
    (SELECT count(*) FROM public.smpp_tx_queue),
    (SELECT count(*) FROM public.smpp_tx_queue WHERE NOT submission_done AND NOT submission_failed),
    (SELECT count(*) FROM public.smpp_rx_queue),
    round(extract(epoch FROM clock_timestamp() - current_setting('esmed.locked_at')::timestamptz)::numeric, 1);
END
$migrate$;

COMMIT;

-- Columns that changed have no statistics.
ANALYZE public.smpp_servers, public.smpp_tx_queue, public.smpp_rx_queue;
