-- docs/sql.md, as one text: what the catalogue of a database with the schema says in its comments. Changes nothing.
--
--     make sql-reference
--
-- A test runs it too, and compares the result with docs/sql.md.
WITH
relations AS (
  SELECT c.oid, c.relname AS name, c.relkind = 'v' AS is_view, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
),
columns AS (
  SELECT a.attrelid AS relation, a.attnum AS place, a.attname AS name, a.attgenerated <> '' AS computed,
         pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
         a.attnotnull AS required,
         -- 'default'::text is said as 'default', and the number of a sequence in words.
         CASE WHEN pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' THEN 'the next number'
              ELSE '`' || regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^(''[^'']*'')::[a-z_ \[\]]+$', '\1') || '`' END AS value,
         coalesce(col_description(a.attrelid, a.attnum), '') AS comment
  FROM pg_catalog.pg_attribute a
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped
),
cells AS (
  SELECT relation, place, name, comment LIKE 'As in %' AS inherited, type,
         CASE WHEN computed THEN 'computed'
              WHEN value IS NOT NULL THEN value
              WHEN required THEN 'required'
              ELSE '' END AS value,
         replace(replace(comment, '|', '\|'), '*', '\*') AS comment
  FROM columns
),
keys AS (
  SELECT k.conrelid AS relation, position(k.contype IN 'puf') AS place, k.conname AS name,
         CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' ELSE 'foreign key' END AS kind,
         regexp_replace(pg_get_constraintdef(k.oid), '^(PRIMARY KEY|UNIQUE|FOREIGN KEY) ', '') AS what
  FROM pg_catalog.pg_constraint k WHERE k.contype IN ('p', 'u', 'f')
  UNION ALL
  SELECT i.indrelid, 4, c.relname, 'unique', regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING btree ', '')
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
),
chapters AS (
  SELECT r.oid, r.name, r.is_view, concat_ws(E'\n',
    '### ' || r.name, '', r.comment, '',
    -- A view that has the columns of a table says so once.
    (SELECT 'Beside all columns of ' || regexp_replace(min(c.comment), '^As in ', '') || ':' || E'\n'
       FROM cells c WHERE c.relation = r.oid AND c.inherited HAVING count(*) > 0),
    CASE WHEN r.is_view THEN E'| column | type | meaning |\n|---|---|---|' ELSE E'| column | type | default | meaning |\n|---|---|---|---|' END,
    (SELECT string_agg(
              CASE WHEN r.is_view THEN format('| `%s` | %s | %s |', c.name, c.type, c.comment)
                   ELSE format('| `%s` | %s | %s | %s |', c.name, c.type, c.value, c.comment) END, E'\n' ORDER BY c.place)
       FROM cells c WHERE c.relation = r.oid AND NOT c.inherited),
    '', (SELECT string_agg(format('- %s: `%s`', k.kind, k.what), E'\n' ORDER BY k.place, k.name) || E'\n' FROM keys k WHERE k.relation = r.oid)) AS text
  FROM relations r
),
rights AS (
  SELECT acl.grantee, c.relname AS name, acl.privilege_type AS privilege
  FROM pg_catalog.pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
  UNION ALL
  SELECT acl.grantee, c.relname, acl.privilege_type || ' (' || a.attname || ')'
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
  WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT acl.grantee, p.proname || '()', acl.privilege_type
  FROM pg_catalog.pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) AS acl
  WHERE p.pronamespace = 'public'::regnamespace
),
watched AS (
  SELECT string_agg(format('%s of `%s`', concat_ws(', ', CASE WHEN t.tgtype & 4 > 0 THEN 'INSERT' END, CASE WHEN t.tgtype & 16 > 0 THEN 'UPDATE' END,
                      CASE WHEN t.tgtype & 8 > 0 THEN 'DELETE' END, CASE WHEN t.tgtype & 32 > 0 THEN 'TRUNCATE' END), c.relname),
                    '; ' ORDER BY c.oid) AS text
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  WHERE t.tgfoid = 'public.notify_table_change'::regproc
),
roles AS (
  SELECT o.oid, o.rolname AS name, shobj_description(o.oid, 'pg_authid') AS comment
  FROM pg_catalog.pg_roles o WHERE o.rolname IN ('esmed', 'esmed_app', 'esmed_monitor')
),
functions AS (
  SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
         replace(obj_description(p.oid, 'pg_proc'), '*', '\*') AS comment,
         (SELECT string_agg(coalesce(o.rolname, 'everybody'), ', ' ORDER BY o.rolname)
            FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
            LEFT JOIN pg_catalog.pg_roles o ON o.oid = acl.grantee
            WHERE acl.grantee <> p.proowner) AS callers
  FROM pg_catalog.pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace
),
sections (place, text) AS (
  VALUES
  (1, E'# SQL reference\n\nMade from the comments of the schema by `make sql-reference`: mend them in `sql/db.sql`, not here. In psql `\\d+ smpp_tx_queue` shows the same.\n'),
  (2, E'Columns without a default may be left out (NULL), unless they are required. A value out of bounds is refused by a constraint whose name says what it asks for.\n'),
  (10, '## Tables' || E'\n'),
  (30, '## Views' || E'\n'),
  (50, '## Functions' || E'\n'),
  (52, E'### For triggers, the daemon and each other\n\n| function | may be called by | meaning |\n|---|---|---|'),
  (60, E'\n## Types\n\n| type | values | meaning |\n|---|---|---|'),
  (70, E'\n## Channels\n\n| LISTEN | payload | when |\n|---|---|---|'),
  (72, '| `smpp_delivery` | `{"ids":[17,18]}` of `smpp_tx_queue`; empty where that would be too long | states have changed |' || E'\n'
       '| `smpp_inbox` | `{"ids":[17,18]}` of `smpp_inbox`; empty where that would be too long | messages from phones have come, or are complete now |' || E'\n'
       '| `smpp_events` | the event as JSON, without details where it would be too long | INSERT of `smpp_events` |' || E'\n'),
  (80, E'## Roles\n')
  UNION ALL SELECT 20, string_agg(c.text, E'\n' ORDER BY c.oid) FROM chapters c WHERE NOT c.is_view
  UNION ALL SELECT 40, string_agg(c.text, E'\n' ORDER BY c.oid) FROM chapters c WHERE c.is_view
  UNION ALL
  SELECT 51, string_agg(format(E'### %s\n\n`%s(%s)` returns %s\n\n%s\n', f.name, f.name, f.arguments, f.result, f.comment), E'\n' ORDER BY f.name)
  FROM functions f WHERE f.callers ~ '\yesmed_app\y' AND f.result <> 'trigger'
  UNION ALL
  SELECT 53, string_agg(format('| `%s(%s)` returns %s | %s | %s |', f.name, f.arguments, f.result, coalesce(f.callers, 'its owner'), replace(f.comment, '|', '\|')), E'\n' ORDER BY f.name)
  FROM functions f WHERE f.callers IS NULL OR f.callers !~ '\yesmed_app\y' OR f.result = 'trigger'
  UNION ALL
  SELECT 61, string_agg(format('| `%s` | %s | %s |', t.typname,
               (SELECT string_agg('`' || e.enumlabel || '`', ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
               obj_description(t.oid, 'pg_type')), E'\n' ORDER BY t.typname)
  FROM pg_catalog.pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
  UNION ALL
  SELECT 71, format('| `notify_table_change` | the name of the table | after a statement: %s |', w.text) FROM watched w
  UNION ALL
  SELECT 81, string_agg(format(E'### %s\n\n%s.\n\n| on | may |\n|---|---|\n%s\n', o.name, o.comment,
               (SELECT string_agg(format('| `%s` | %s |', g.name, g.privileges), E'\n' ORDER BY g.name)
                  FROM (SELECT r.name, string_agg(r.privilege, ', ' ORDER BY r.privilege) AS privileges
                          FROM rights r WHERE r.grantee = o.oid GROUP BY r.name) AS g)), E'\n' ORDER BY o.name)
  FROM roles o
)
SELECT rtrim(string_agg(text, E'\n' ORDER BY place), E'\n') FROM sections
