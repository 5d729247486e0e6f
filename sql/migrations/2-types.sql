-- The types of 0.1.1 stay, as the columns and functions of others may have them: sql/db.sql has just made its types as
-- temporary ones, of which they take the comments. A type that was not there is made.

DO $migrate$
DECLARE
  model record;
  labels text[];
BEGIN
  FOR model IN
    SELECT t.oid, t.typname, obj_description(t.oid, 'pg_type') AS meaning,
           ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels
    FROM pg_type t WHERE t.typnamespace = pg_my_temp_schema() AND t.typtype = 'e'
  LOOP
    IF to_regtype(format('public.%I', model.typname)) IS NULL THEN
      PERFORM set_config('role', current_setting('esmed.owner'), TRUE);
      EXECUTE format('CREATE TYPE public.%I AS ENUM (%s)', model.typname,
                     (SELECT string_agg(quote_literal(label), ', ' ORDER BY place)
                      FROM unnest(model.labels) WITH ORDINALITY AS l (label, place)));
      PERFORM set_config('role', 'none', TRUE);
    END IF;
    SELECT array_agg(enumlabel::text ORDER BY enumsortorder) INTO labels
    FROM pg_enum WHERE enumtypid = format('public.%I', model.typname)::regtype;
    IF labels IS DISTINCT FROM model.labels THEN
      RAISE EXCEPTION 'the type % has the values %, and esmed needs %', model.typname, labels, model.labels
        USING HINT = 'Nothing was changed.';
    END IF;
    IF obj_description(format('public.%I', model.typname)::regtype, 'pg_type') IS NULL THEN
      EXECUTE format('COMMENT ON TYPE public.%I IS %L', model.typname, model.meaning);
    END IF;
    EXECUTE format('DROP TYPE pg_temp.%I', model.typname);
  END LOOP;
END
$migrate$;

-- 0.1.1 had no comments: those that are there users have written, and they stay. sql/db.sql would write its own over them.
CREATE TEMPORARY TABLE esmed_comments ON COMMIT DROP AS
SELECT format('COMMENT ON %s IS %L',
              CASE WHEN d.classoid = 'pg_proc'::regclass THEN format('FUNCTION %s', d.objoid::regprocedure)
                   WHEN d.objsubid = 0 THEN format('TABLE %s', d.objoid::regclass)
                   ELSE format('COLUMN %s.%I', d.objoid::regclass, (
                     SELECT attname FROM pg_attribute WHERE attrelid = d.objoid AND attnum = d.objsubid)) END,
              d.description) AS statement
FROM pg_description d
WHERE (d.classoid = 'pg_class'::regclass
       AND d.objoid IN ('public.smpp_servers'::regclass, 'public.smpp_tx_queue'::regclass, 'public.smpp_rx_queue'::regclass))
   OR (d.classoid = 'pg_proc'::regclass
       AND d.objoid IN (to_regprocedure('public.notify_table_change()'), to_regprocedure('public.smpp_servers_only_one_enabled()')));
