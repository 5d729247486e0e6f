-- The old tables become like those of sql/db.sql, which were made as temporary ones beside them. Values change with the
-- types, while the table is written anew: no trigger of a user fires, and there is nothing for VACUUM behind it.

DO $migrate$
DECLARE
  t record;
  old_name text;
  actions text;
  detail text;
BEGIN
  -- What the values become. NEW columns get their default but for these.
  CREATE TEMPORARY TABLE esmed_values (relation text, name text, value text) ON COMMIT DROP;
  INSERT INTO pg_temp.esmed_values VALUES
    -- What goes over the wire stays as it was.
    ('smpp_servers', 'esme_default_alphabet', $$'ASCII'$$),
    ('smpp_servers', 'esme_long_message', $$'none'$$),
    ('smpp_servers', 'esme_source_addr_ton', '5'),
    ('smpp_servers', 'esme_source_addr_npi', '0'),
    ('smpp_servers', 'esme_addr_ton', '5'),
    ('smpp_servers', 'esme_addr_npi', '0'),
    -- 0.1.1 noted a submit only when it was answered.
    ('smpp_tx_queue', 'possible_duplicate', 'NOT submission_done AND NOT submission_failed'),
    ('smpp_rx_queue', 'pdu_parsed', 'to_jsonb(pdu_parsed::text)'),
    -- 0.1.1 stored what its library printed. What is no state of SMPP becomes UNKNOWN, and is kept in submission_info.
    ('smpp_tx_queue', 'smpp_message_state', format(
      $$CASE WHEN %1$s IN (%2$s) THEN %1$s WHEN %1$s <> '' THEN 'UNKNOWN' END$$,
      $$upper(btrim(regexp_replace(smpp_message_state, '^.*[.]', '')))$$,
      $$'ENROUTE', 'DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'ACCEPTED', 'UNKNOWN', 'REJECTED'$$)),
    ('smpp_tx_queue', 'submission_info', format(
      $$CASE WHEN %1$s = '' OR %1$s IN (%2$s) THEN submission_info
        ELSE concat_ws('; ', submission_info, 'state in esmed 0.1.1: ' || smpp_message_state) END$$,
      $$upper(btrim(regexp_replace(coalesce(smpp_message_state, ''), '^.*[.]', '')))$$,
      $$'ENROUTE', 'DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'ACCEPTED', 'UNKNOWN', 'REJECTED'$$));
  INSERT INTO pg_temp.esmed_values
  SELECT relname, name, value FROM pg_temp.esmed_changed JOIN pg_class ON oid = relation WHERE value IS NOT NULL;

  IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'public.smpp_servers'::regclass AND conname = 'smpp_servers_idx01') THEN
    ALTER TABLE public.smpp_servers DROP CONSTRAINT smpp_servers_idx01;
  END IF;

  FOR t IN
    SELECT m.relname AS name, m.oid AS model, m.reloptions, c.oid AS old, format('public.%I', m.relname) AS qualified
    FROM (VALUES (1, 'smpp_servers'), (2, 'smpp_tx_queue'), (3, 'smpp_rx_queue')) AS v (place, name)
    JOIN pg_class m ON m.relname = v.name AND m.relnamespace = pg_my_temp_schema()
    JOIN pg_class c ON c.relname = v.name AND c.relnamespace = 'public'::regnamespace
    ORDER BY v.place
  LOOP
    SELECT string_agg(a.attname, ', ') INTO detail FROM pg_attribute a
    JOIN pg_attribute model ON model.attrelid = t.model AND model.attname = a.attname
    WHERE a.attrelid = t.old AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attname = ANY (
      string_to_array(CASE t.name
        WHEN 'smpp_servers' THEN 'id enabled name host port esme_system_id esme_password esme_source_addr esme_bind_transceiver '
          'esme_registered_delivery esme_max_submission_attempts smpp_session_init_timer smpp_enquire_link_timer '
          'smpp_inactivity_timer smpp_response_timer smpp_pdu_read_timer'
        WHEN 'smpp_tx_queue' THEN 'id insert_timestamp smpp_destination_addr smpp_priority_flag smpp_registered_delivery '
          'smpp_short_message smpp_message_id smpp_message_state message_state_timestamp submission_timestamp '
          'submission_attempts submission_done submission_failed submission_info'
        ELSE 'id insert_timestamp pdu_raw pdu_parsed smpp_source_addr smpp_short_message' END, ' '));
    IF detail IS NOT NULL THEN
      RAISE EXCEPTION 'somebody has added columns to % whose names this version needs: %', t.name, detail
        USING HINT = format('Nothing was changed. Rename them (ALTER TABLE %s RENAME COLUMN ... TO ...), and run this again.', t.name);
    END IF;

    -- Names that serial and PRIMARY KEY gave, in case that somebody renamed them.
    SELECT conname INTO old_name FROM pg_constraint WHERE conrelid = t.old AND contype = 'p';
    IF old_name <> t.name || '_pkey' THEN
      EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', t.qualified, old_name, t.name || '_pkey');
    END IF;
    SELECT relname INTO old_name FROM pg_class WHERE oid = pg_get_serial_sequence(t.qualified, 'id')::regclass;
    IF old_name IS NULL THEN
      RAISE EXCEPTION 'the column id of % has no sequence', t.name
        USING HINT = format('Nothing was changed. ALTER SEQUENCE ... OWNED BY %s.id;', t.name);
    ELSIF old_name <> t.name || '_id_seq' THEN
      EXECUTE format('ALTER SEQUENCE public.%I RENAME TO %I', old_name, t.name || '_id_seq');
    END IF;
    EXECUTE format('ALTER SEQUENCE public.%I AS bigint', t.name || '_id_seq');

    -- First what only the catalogue knows: new columns with a fixed default, storage parameters.
    SELECT string_agg(part, ', ') INTO actions FROM (
      SELECT format('ADD COLUMN %I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                    ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attnotnull THEN ' NOT NULL' END) AS part
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = t.model AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = t.old AND o.attname = a.attname AND NOT o.attisdropped)
      ORDER BY a.attnum) AS parts;
    EXECUTE format('ALTER TABLE %s %s', t.qualified, actions);
    -- Those that users have set stay.
    SELECT string_agg(format('%I = %L', option_name, option_value), ', ') INTO actions FROM pg_options_to_table(t.reloptions)
    WHERE option_name NOT IN (SELECT o.option_name FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
                              WHERE c.oid = t.old);
    IF actions IS NOT NULL THEN
      EXECUTE format('ALTER TABLE %s SET (%s)', t.qualified, actions);
    END IF;

    -- Then all that writes the table anew, at once.
    SELECT string_agg(part, ', ' ORDER BY step, place) INTO actions FROM (
      SELECT 1 AS step, o.attnum AS place, format('ALTER COLUMN %I TYPE %s%s%s', o.attname, format_type(a.atttypid, a.atttypmod),
                                   -- One of the user's own.
                                   CASE WHEN a.attcollation <> 0 AND o.attcollation <> ot.typcollation
                                     THEN ' COLLATE ' || o.attcollation::regcollation END,
                                   ' USING (' || v.value || ')') AS part
      FROM pg_attribute o
      JOIN pg_attribute a ON a.attrelid = t.model AND a.attname = o.attname AND NOT a.attisdropped
      JOIN pg_type ot ON ot.oid = o.atttypid
      LEFT JOIN pg_temp.esmed_values v ON v.relation = t.name AND v.name = o.attname
      WHERE o.attrelid = t.old AND o.attnum > 0 AND NOT o.attisdropped
        AND (v.value IS NOT NULL OR (o.atttypid, o.atttypmod) <> (a.atttypid, a.atttypmod))
      UNION ALL
      SELECT 2, a.attnum, format('ALTER COLUMN %I SET NOT NULL', a.attname)
      FROM pg_attribute a
      JOIN pg_attribute o ON o.attrelid = t.old AND o.attname = a.attname AND NOT o.attisdropped
      WHERE a.attrelid = t.model AND a.attnum > 0 AND a.attnotnull AND NOT o.attnotnull
      UNION ALL
      SELECT 3, a.attnum, format('ADD COLUMN %I %s GENERATED ALWAYS AS (%s) STORED', a.attname,
                                 format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid))
      FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = t.model AND a.attgenerated = 's' AND NOT a.attisdropped
      UNION ALL
      SELECT 4, row_number() OVER (ORDER BY c.conname), format('ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid))
      FROM pg_constraint c
      WHERE c.conrelid = t.model AND c.contype IN ('c', 'u')
        AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = t.old AND o.conname = c.conname)
      UNION ALL
      -- How users want values stored, which a change of the type resets. PostgreSQL 13 knows no attcompression.
      SELECT 5, o.attnum, format('ALTER COLUMN %I SET %s', o.attname, how)
      FROM pg_attribute o
      JOIN pg_type ot ON ot.oid = o.atttypid
      JOIN pg_attribute a ON a.attrelid = t.model AND a.attname = o.attname AND NOT a.attisdropped
      JOIN pg_type model ON model.oid = a.atttypid AND model.typstorage <> 'p'
      CROSS JOIN LATERAL unnest(ARRAY[
        'STORAGE ' || CASE WHEN o.attstorage <> ot.typstorage
          THEN CASE o.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
        'COMPRESSION ' || CASE to_jsonb(o) ->> 'attcompression' WHEN 'l' THEN 'lz4' WHEN 'p' THEN 'pglz' END]) AS how
      WHERE o.attrelid = t.old AND o.attnum > 0 AND NOT o.attisdropped AND how IS NOT NULL) AS parts;
    BEGIN
      EXECUTE format('ALTER TABLE %s %s', t.qualified, actions);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
      RAISE EXCEPTION '% cannot be changed: %', t.name, SQLERRM
        USING DETAIL = concat_ws(' ', nullif(detail, ''), 'On columns that change there are: ' || (
            SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), '; ')
            FROM pg_temp.esmed_changed c
            JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relation AND d.refobjsubid = c.number
            WHERE d.refobjid = t.old AND d.deptype = 'a' AND d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass)
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = d.objid AND k.contype = 'p')
              AND NOT EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S'))),
          HINT = 'Nothing was changed. Drop what does not suit the new type, migrate, and create it anew.';
    END;
  END LOOP;

  -- sql/db.sql gives the daemon less here.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'esmed') THEN
    REVOKE UPDATE ON SEQUENCE public.smpp_rx_queue_id_seq FROM esmed;
  END IF;

  -- The models have done their work. All at once, for they refer to each other: CASCADE would tell of constraints.
  SELECT 'DROP TABLE ' || string_agg(format('pg_temp.%I', relname), ', ') INTO STRICT actions
  FROM pg_class
  WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r' AND relname NOT IN ('esmed_changed', 'esmed_saved', 'esmed_values', 'esmed_comments')
    AND (relname LIKE 'smpp\_%' OR relname LIKE 'esmed\_%');
  EXECUTE actions;
END
$migrate$;
