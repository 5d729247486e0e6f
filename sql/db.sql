-- The PostgreSQL schema of esmed, version 2, for an empty UTF8 database.
--
--     psql -v ON_ERROR_STOP=1 -f sql/db.sql "dbname=sms user=the_owner"
--
-- Run it as the owner of the database; a superuser is not needed. Everything happens in one
-- transaction: it is all there afterwards, or nothing is. A database that has tables of esmed
-- already is refused. PostgreSQL 13 or later.
--
-- The roles esmed (the daemon), esmed_app (applications) and esmed_monitor (dashboards) are created
-- when they are missing, without a password. Where the owner may not create roles, let an
-- administrator run these three lines first:
--
--     CREATE ROLE esmed LOGIN;
--     CREATE ROLE esmed_app NOLOGIN;
--     CREATE ROLE esmed_monitor NOLOGIN;
--
-- In this order: guards, names, roles, types, helper functions, tables (with their indexes and comments),
-- triggers, functions, views, rights, the schema's version.
--
-- There are no psql commands (\...) in here, so that any client can run it.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

-- Guards -------------------------------------------------------------------------------------------

DO $$
DECLARE
  found text;
BEGIN
  -- Two runs at once: the second waits here, and is then refused with a plain sentence.
  PERFORM pg_advisory_xact_lock(1702063461, 0);

  IF current_setting('server_version_num')::integer < 130000 THEN
    RAISE EXCEPTION 'esmed needs PostgreSQL 13 or later, this is %', current_setting('server_version');
  END IF;

  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'esmed needs a UTF8 database, and the encoding of "%" is %',
        current_database(), current_setting('server_encoding')
      USING HINT = 'Create another one: CREATE DATABASE sms ENCODING ''UTF8'' TEMPLATE template0;';
  END IF;

  IF to_regclass('public.esmed_schema') IS NOT NULL THEN
    RAISE EXCEPTION 'the database "%" has the tables of esmed already', current_database()
      USING HINT = 'Nothing was changed. Use an empty database.';
  END IF;

  IF to_regclass('public.smpp_servers') IS NOT NULL OR to_regclass('public.smpp_tx_queue') IS NOT NULL THEN
    RAISE EXCEPTION 'the database "%" has tables of esmed 0.1.1, which must be migrated, not overwritten',
        current_database()
      USING HINT = 'Nothing was changed. Run esmed migrate as their owner.';
  END IF;

  SELECT string_agg(name, ', ') INTO found
  FROM unnest(ARRAY['smpp_tx_parts', 'smpp_rx_queue', 'smpp_inbox', 'smpp_prefixes', 'smpp_status_classes',
                    'smpp_error_codes', 'smpp_events', 'smpp_status', 'smpp_tx_status', 'smpp_tx_report',
                    'smpp_unmatched_receipts', 'smpp_in_doubt', 'smpp_queue_stats']) AS name
  WHERE to_regclass('public.' || name) IS NOT NULL;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'the schema public of "%" has these already: %', current_database(), found
      USING HINT = 'Nothing was changed. This file is for a database without tables of esmed.';
  END IF;

  IF NOT has_schema_privilege('public', 'CREATE') THEN
    RAISE EXCEPTION 'the role "%" may not create tables in the schema public of "%"', current_user, current_database()
      USING HINT = 'Run this as the owner of the database or as a superuser; for esmed migrate name that role by --as.';
  END IF;
END
$$;

-- Names --------------------------------------------------------------------------------------------
--
-- What follows finds its types and tables in the schema public, and looks there for functions and operators as well: one that
-- suits the types better than PostgreSQL's own would be taken for it, in views for good. Who may create things in
-- public is not always who may be trusted.

DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(name || ' of ' || pg_get_userbyid(owner), ', ' ORDER BY name) INTO found
  FROM (
    SELECT p.oid, 'pg_proc'::regclass AS catalogue, p.oid::regprocedure::text AS name, p.proowner AS owner
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_proc own WHERE own.proname = p.proname AND own.pronamespace = 'pg_catalog'::regnamespace)
    UNION ALL
    SELECT o.oid, 'pg_operator', o.oid::regoperator::text, o.oprowner
    FROM pg_operator o
    WHERE o.oprnamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_operator own WHERE own.oprname = o.oprname AND own.oprnamespace = 'pg_catalog'::regnamespace)
  ) AS f
  WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = f.owner AND (r.rolsuper OR r.rolname = current_user))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = f.catalogue AND d.objid = f.oid AND d.deptype = 'e');
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'the schema public of "%" has functions or operators that are called like those of PostgreSQL, and would be taken for them: %',
        current_database(), found
      USING HINT = 'Nothing was changed. Drop them, or move them out of the way: ALTER FUNCTION ... SET SCHEMA ...; (ALTER OPERATOR, ALTER AGGREGATE).';
  END IF;
END
$$;

-- Roles --------------------------------------------------------------------------------------------

DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('esmed',         'LOGIN',   'The esmed daemon: reads its settings, works the queues'),
      ('esmed_app',     'NOLOGIN', 'Applications that send and receive SMS: GRANT esmed_app TO their role'),
      ('esmed_monitor', 'NOLOGIN', 'Dashboards of esmed: state, events and counts, no texts: GRANT esmed_monitor TO their role')
    ) AS roles (name, login, meaning)
  LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name);
    BEGIN
      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.login);
      EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.meaning);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole cluster: another database's set-up was quicker
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role "%" does not exist, and "%" may not create roles', wanted.name, current_user
          USING HINT = 'Let an administrator run: CREATE ROLE esmed LOGIN; CREATE ROLE esmed_app NOLOGIN; '
                       'CREATE ROLE esmed_monitor NOLOGIN; and then run this again.';
    END;
  END LOOP;
END
$$;

SET LOCAL search_path = public, pg_temp;

-- Types --------------------------------------------------------------------------------------------

CREATE TYPE smpp_priority_flag AS ENUM ('LEVEL_0', 'LEVEL_1', 'LEVEL_2', 'LEVEL_3');
COMMENT ON TYPE smpp_priority_flag IS
  'priority_flag of submit_sm, LEVEL_0 (lowest) to LEVEL_3. Higher ones leave the queue first.';

CREATE TYPE smpp_registered_delivery AS ENUM (
  'NO_SMSC_DELIVERY_RECEIPT_REQUESTED',
  'SMSC_DELIVERY_RECEIPT_REQUESTED',
  'SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE');
COMMENT ON TYPE smpp_registered_delivery IS
  'registered_delivery of submit_sm: no receipt, a receipt for every outcome, or a receipt only for a failure.';

-- Helper functions ---------------------------------------------------------------------------------

-- Three indexes and the matching of receipts stand on this one. It is inlined into them, so it is neither SECURITY DEFINER
-- nor has a search_path (all names in it are qualified), and not STRICT: a strict function is inlined only when all of its
-- body is strict, which CASE is not. Everybody may execute it: who updates a row that has a message id evaluates the
-- index's expression. The first branch is for 0x before a hexadecimal number, the second for all others.
CREATE FUNCTION esmed_canonical_id(message_id text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$
SELECT pg_catalog.lower((
  CASE
    WHEN (pg_catalog.starts_with($1, '0x') OR pg_catalog.starts_with($1, '0X'))
         AND pg_catalog.rtrim(pg_catalog.substr($1, 3)) OPERATOR(pg_catalog.<>) ''
         AND pg_catalog.ltrim(pg_catalog.rtrim(pg_catalog.substr($1, 3)), '0123456789abcdefABCDEF') OPERATOR(pg_catalog.=) ''
    THEN coalesce(nullif(pg_catalog.ltrim(pg_catalog.substr(pg_catalog.rtrim($1), 3), '0'), ''), '0')
    ELSE coalesce(nullif(pg_catalog.ltrim(pg_catalog.rtrim($1), '0 '), ''), pg_catalog."right"(pg_catalog.rtrim($1), 1))
  END) COLLATE "C")
$$;
COMMENT ON FUNCTION esmed_canonical_id(text) IS
  'The form in which message ids are compared: blanks around it, 0x before a hexadecimal number and leading zeros off, lower case, ''0'' for nothing but zeros.';

-- A number of up to 128 digits from one base to the other, 28 bits at a time; NULL: it is none.
CREATE FUNCTION esmed_decimal_to_hex(digits text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $$
DECLARE
  rest numeric;
  hex text := '';
BEGIN
  IF digits !~ '^[0-9]{1,128}$' THEN
    RETURN NULL;
  END IF;
  rest := digits;
  WHILE rest > 0 LOOP
    hex := lpad(to_hex((rest % 268435456)::integer), 7, '0') || hex;
    rest := div(rest, 268435456);
  END LOOP;
  RETURN public.esmed_canonical_id('0' || hex);
END
$$;
COMMENT ON FUNCTION esmed_decimal_to_hex(text) IS
  'A decimal number of up to 128 digits in hexadecimal, lower case, without leading zeros; NULL: it is no such number.';

CREATE FUNCTION esmed_hex_to_decimal(digits text) RETURNS text
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $$
DECLARE
  padded text := lpad(digits, (length(digits) + 6) / 7 * 7, '0');
  decimal numeric := 0;
BEGIN
  IF digits !~ '^[0-9a-fA-F]{1,128}$' THEN
    RETURN NULL;
  END IF;
  FOR place IN 1 .. length(padded) BY 7 LOOP
    decimal := decimal * 268435456 + ('x0' || substr(padded, place, 7))::bit(32)::integer;
  END LOOP;
  RETURN decimal::text;
END
$$;
COMMENT ON FUNCTION esmed_hex_to_decimal(text) IS
  'A hexadecimal number of up to 128 digits in decimal, without leading zeros; NULL: it is no such number.';

-- The same as response_keys in src/receipt/id.rs; a test compares them.
CREATE FUNCTION esmed_response_keys(format text, receipt_id text) RETURNS text[]
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $$
DECLARE
  same text := public.esmed_canonical_id(receipt_id);
  other text;
BEGIN
  CASE format
    WHEN 'resp_hex' THEN
      other := public.esmed_decimal_to_hex(same);
      IF other IS NOT NULL THEN
        RETURN ARRAY[other, other || 'h'];
      END IF;
    WHEN 'receipt_hex' THEN
      other := public.esmed_hex_to_decimal(CASE WHEN right(same, 1) = 'h' THEN left(same, -1) ELSE same END);
      IF other IS NOT NULL THEN
        RETURN ARRAY[other];
      END IF;
    WHEN 'uuid' THEN
      IF same ~ '^[0-9a-f]{0,8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        RETURN ARRAY[public.esmed_canonical_id(replace(same, '-', '')), same];
      ELSIF same ~ '^[0-9a-f]{1,32}$' THEN
        RETURN ARRAY[
          public.esmed_canonical_id(regexp_replace(lpad(same, 32, '0'), '^(.{8})(.{4})(.{4})(.{4})', '\1-\2-\3-\4-')), same];
      END IF;
    WHEN 'receipt_suffix' THEN
      IF strpos(same, '@') > 0 THEN
        RETURN ARRAY[public.esmed_canonical_id(split_part(same, '@', 1)), same];
      END IF;
    WHEN 'resp_hex_string' THEN
      other := encode(convert_to(btrim(receipt_id), 'UTF8'), 'hex');
      IF length(other) <= 128 THEN
        RETURN ARRAY[public.esmed_canonical_id(other)];
      END IF;
    ELSE
      NULL;
  END CASE;
  RETURN ARRAY[same];
END
$$;
COMMENT ON FUNCTION esmed_response_keys(text, text) IS
  'The canonical ids that the response may have had for a receipt with this id, by a format as in esme_message_id_format, the likeliest first.';

CREATE FUNCTION notify_table_change() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
BEGIN
  PERFORM pg_notify('notify_table_change', TG_TABLE_NAME);
  -- Only a BEFORE (or INSTEAD OF) trigger for each row has its result looked at: let the row pass.
  IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN
    RETURN OLD;
  ELSIF TG_LEVEL = 'ROW' THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION notify_table_change() IS
  'Trigger function: notifies the channel notify_table_change, payload: the name of the table. For triggers of your own too, on any table, BEFORE or AFTER, for each row or statement.';

-- One function for both triggers of the rule "at most one enabled server a lane".
--   Before the statement: one transaction at a time changes smpp_servers, so that the last to commit wins and nobody
--   deadlocks. All changes take the lock, a DELETE or a new name too: who held a row without it could deadlock with who
--   holds the lock. (A partial unique index instead would make an INSERT of a second enabled row fail.)
--   After each row that is enabled: disable the others of its lane. When one statement enables several, the last wins.
-- In REPEATABLE READ and SERIALIZABLE the rows that others enabled meanwhile can't be seen: there all rows of the lane
-- are written, so that such a change is found, and ends in a serialization failure, to be tried again as usual.
CREATE FUNCTION smpp_servers_only_one_enabled() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
BEGIN
  IF TG_LEVEL = 'STATEMENT' THEN
    PERFORM pg_advisory_xact_lock(1702063461, 1);
    RETURN NULL;
  END IF;

  UPDATE public.smpp_servers
  SET enabled = (id = NEW.id)
  WHERE lane = NEW.lane
    AND (enabled <> (id = NEW.id)
         OR (id <> NEW.id AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')));
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION smpp_servers_only_one_enabled() IS
  'Trigger function of smpp_servers: enabling a server disables the others of its lane.';

-- NOTIFY takes less than 8,000 octets, and more would abort the transaction that reports the event.
CREATE FUNCTION smpp_events_notify() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
DECLARE
  event jsonb := to_jsonb(NEW);
BEGIN
  IF octet_length(event::text) > 7900 THEN
    event := event - 'details';
  END IF;
  IF octet_length(event::text) > 7900 THEN
    event := event || jsonb_build_object(
      'lane', left(NEW.lane, 100), 'component', left(NEW.component, 100), 'type', left(NEW.type, 100),
      'message', left(NEW.message, 700));  -- a character takes six octets at most (\u0001)
  END IF;
  PERFORM pg_notify('smpp_events', event::text);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION smpp_events_notify() IS
  'Trigger function of smpp_events: notifies the channel smpp_events, payload: the event as JSON, without details where that would be too long, and then with the message cut.';

-- Tables -------------------------------------------------------------------------------------------
--
-- Constraints are named after what they ask for: the name is what PostgreSQL tells whom they refuse.
-- Timestamps that esmed reads are kept within what programs can hold: no 'infinity', no year 10000.

CREATE TABLE smpp_servers (
  id bigserial CONSTRAINT smpp_servers_pkey PRIMARY KEY,
  enabled boolean NOT NULL DEFAULT FALSE,
  name text,
  host text NOT NULL,
  port integer NOT NULL DEFAULT 2775
    CONSTRAINT smpp_servers_port_between_1_and_65535 CHECK (port BETWEEN 1 AND 65535),
  esme_system_id text NOT NULL,
  esme_password text NOT NULL,
  esme_source_addr text,
  esme_bind_transceiver boolean NOT NULL DEFAULT FALSE,
  esme_registered_delivery boolean NOT NULL DEFAULT FALSE,
  esme_max_submission_attempts integer NOT NULL DEFAULT 3
    CONSTRAINT smpp_servers_esme_max_submission_attempts_at_least_1 CHECK (esme_max_submission_attempts >= 1),
  smpp_session_init_timer integer NOT NULL DEFAULT 30
    CONSTRAINT smpp_servers_smpp_session_init_timer_at_least_1 CHECK (smpp_session_init_timer >= 1),
  smpp_enquire_link_timer integer NOT NULL DEFAULT 10
    CONSTRAINT smpp_servers_smpp_enquire_link_timer_not_negative CHECK (smpp_enquire_link_timer >= 0),
  smpp_inactivity_timer integer NOT NULL DEFAULT 120
    CONSTRAINT smpp_servers_smpp_inactivity_timer_not_negative CHECK (smpp_inactivity_timer >= 0),
  smpp_response_timer integer NOT NULL DEFAULT 60
    CONSTRAINT smpp_servers_smpp_response_timer_at_least_1 CHECK (smpp_response_timer >= 1),
  smpp_pdu_read_timer integer NOT NULL DEFAULT 10
    CONSTRAINT smpp_servers_smpp_pdu_read_timer_at_least_1 CHECK (smpp_pdu_read_timer >= 1),
  -- new since 0.1.1
  lane text NOT NULL DEFAULT 'default'
    CONSTRAINT smpp_servers_lane_not_empty CHECK (lane <> ''),
  esme_bind_mode text
    CONSTRAINT smpp_servers_esme_bind_mode_transmitter_receiver_or_transceiver
    CHECK (esme_bind_mode IN ('transmitter', 'receiver', 'transceiver', 'transmitter+receiver')),
  smpp_system_type text NOT NULL DEFAULT ''
    CONSTRAINT smpp_servers_smpp_system_type_at_most_12_octets CHECK (octet_length(smpp_system_type) <= 12),
  smpp_interface_version smallint NOT NULL DEFAULT 52
    CONSTRAINT smpp_servers_smpp_interface_version_between_0_and_255 CHECK (smpp_interface_version BETWEEN 0 AND 255),
  esme_addr_ton smallint NOT NULL DEFAULT 0
    CONSTRAINT smpp_servers_esme_addr_ton_between_0_and_255 CHECK (esme_addr_ton BETWEEN 0 AND 255),
  esme_addr_npi smallint NOT NULL DEFAULT 0
    CONSTRAINT smpp_servers_esme_addr_npi_between_0_and_255 CHECK (esme_addr_npi BETWEEN 0 AND 255),
  esme_address_range text NOT NULL DEFAULT ''
    CONSTRAINT smpp_servers_esme_address_range_at_most_40_octets CHECK (octet_length(esme_address_range) <= 40),
  esme_service_type text NOT NULL DEFAULT ''
    CONSTRAINT smpp_servers_esme_service_type_at_most_5_octets CHECK (octet_length(esme_service_type) <= 5),
  esme_source_addr_ton smallint
    CONSTRAINT smpp_servers_esme_source_addr_ton_between_0_and_255 CHECK (esme_source_addr_ton BETWEEN 0 AND 255),
  esme_source_addr_npi smallint
    CONSTRAINT smpp_servers_esme_source_addr_npi_between_0_and_255 CHECK (esme_source_addr_npi BETWEEN 0 AND 255),
  esme_dest_addr_ton smallint NOT NULL DEFAULT 1
    CONSTRAINT smpp_servers_esme_dest_addr_ton_between_0_and_255 CHECK (esme_dest_addr_ton BETWEEN 0 AND 255),
  esme_dest_addr_npi smallint NOT NULL DEFAULT 1
    CONSTRAINT smpp_servers_esme_dest_addr_npi_between_0_and_255 CHECK (esme_dest_addr_npi BETWEEN 0 AND 255),
  esme_country_code text
    CONSTRAINT smpp_servers_esme_country_code_only_1_to_4_digits CHECK (esme_country_code ~ '^[1-9][0-9]{0,3}$'),
  esme_window_size integer NOT NULL DEFAULT 10
    CONSTRAINT smpp_servers_esme_window_size_between_1_and_65535 CHECK (esme_window_size BETWEEN 1 AND 65535),
  esme_throughput double precision
    CONSTRAINT smpp_servers_esme_throughput_over_0_and_finite
    CHECK (esme_throughput > 0 AND esme_throughput < 'Infinity'),
  esme_throttle_delay double precision NOT NULL DEFAULT 1
    CONSTRAINT smpp_servers_esme_throttle_delay_over_0_and_finite
    CHECK (esme_throttle_delay > 0 AND esme_throttle_delay < 'Infinity'),
  esme_retry_delay double precision NOT NULL DEFAULT 5
    CONSTRAINT smpp_servers_esme_retry_delay_over_0_and_finite
    CHECK (esme_retry_delay > 0 AND esme_retry_delay < 'Infinity'),
  esme_default_alphabet text NOT NULL DEFAULT 'GSM0338'
    CONSTRAINT smpp_servers_esme_default_alphabet_gsm0338_ascii_latin1_or_utf8
    CHECK (esme_default_alphabet IN ('GSM0338', 'GSM0338_PACKED', 'ASCII', 'LATIN1', 'UTF8')),
  esme_transliterate boolean NOT NULL DEFAULT FALSE,
  esme_long_message text NOT NULL DEFAULT 'udh'
    CONSTRAINT smpp_servers_long_message_udh_udh16_sar_payload_reject_or_none
    CHECK (esme_long_message IN ('udh', 'udh16', 'sar', 'payload', 'reject', 'none')),
  esme_max_parts smallint NOT NULL DEFAULT 10
    CONSTRAINT smpp_servers_esme_max_parts_between_1_and_255 CHECK (esme_max_parts BETWEEN 1 AND 255),
  esme_part_receipts text NOT NULL DEFAULT 'each'
    CONSTRAINT smpp_servers_esme_part_receipts_each_or_one CHECK (esme_part_receipts IN ('each', 'one')),
  esme_receipts_without_esm_class boolean NOT NULL DEFAULT FALSE,
  esme_message_id_format text NOT NULL DEFAULT 'same'
    CONSTRAINT smpp_servers_esme_message_id_format_is_a_known_format
    CHECK (esme_message_id_format IN ('same', 'resp_hex', 'receipt_hex', 'uuid', 'receipt_suffix', 'resp_hex_string')),
  esme_in_doubt text NOT NULL DEFAULT 'resend'
    CONSTRAINT smpp_servers_esme_in_doubt_resend_fail_or_hold CHECK (esme_in_doubt IN ('resend', 'fail', 'hold')),
  esme_validity_period interval
    CONSTRAINT smpp_servers_esme_validity_period_over_0_at_most_99_years
    CHECK (esme_validity_period > interval '0' AND esme_validity_period <= interval '99 years'),
  esme_submit_paused boolean NOT NULL DEFAULT FALSE,
  esme_tls boolean NOT NULL DEFAULT FALSE,
  esme_tls_verify boolean NOT NULL DEFAULT TRUE,
  esme_tls_server_name text,
  esme_tls_ca_file text,
  esme_tls_cert_file text,
  esme_tls_key_file text,
  esme_failover_order integer,
  esme_failover_after integer NOT NULL DEFAULT 60
    CONSTRAINT smpp_servers_esme_failover_after_not_negative CHECK (esme_failover_after >= 0),
  CONSTRAINT smpp_servers_host_port_esme_system_id_unique UNIQUE (host, port, esme_system_id)
);

COMMENT ON TABLE smpp_servers IS
  'One row an account at an SMSC; at most one is enabled in a lane, and the daemon of that lane keeps a session with it. Enabling a row disables the others of its lane. Changes take effect at once; only those that the session depends on (host, port, credentials, bind parameters, timers, TLS) rebind. Changes by several transactions wait for each other.';
COMMENT ON COLUMN smpp_servers.id IS 'Number of the server, named by submission_server_id, smpp_server_id and server_id in other tables';
COMMENT ON COLUMN smpp_servers.enabled IS 'TRUE: the server to use. Setting it disables the others of the lane; none enabled: no session';
COMMENT ON COLUMN smpp_servers.name IS 'A name for people';
COMMENT ON COLUMN smpp_servers.host IS 'Host name or IP address of the SMSC. An empty one is reported as an event';
COMMENT ON COLUMN smpp_servers.port IS 'TCP port of the SMSC';
COMMENT ON COLUMN smpp_servers.esme_system_id IS 'User name of the bind. More than 15 octets give a warning event, and are sent all the same';
COMMENT ON COLUMN smpp_servers.esme_password IS 'Password of the bind. More than 8 octets give a warning event, and are sent all the same';
COMMENT ON COLUMN smpp_servers.esme_source_addr IS 'Sender of messages that name none themselves (smpp_source_addr) and match no row of smpp_prefixes';
COMMENT ON COLUMN smpp_servers.esme_bind_transceiver IS 'TRUE: bind_transceiver, FALSE: bind_transmitter. Counts while esme_bind_mode is NULL';
COMMENT ON COLUMN smpp_servers.esme_registered_delivery IS 'TRUE: ask for a receipt for each message, also where the message does not ask for one';
COMMENT ON COLUMN smpp_servers.esme_max_submission_attempts IS 'A message fails after so many attempts. Every attempt that was written counts, an unanswered one too; throttled and unwritten ones do not';
COMMENT ON COLUMN smpp_servers.smpp_session_init_timer IS 'Seconds from connecting to the answer to the bind';
COMMENT ON COLUMN smpp_servers.smpp_enquire_link_timer IS 'Seconds of silence after which an enquire_link is sent; 0: never';
COMMENT ON COLUMN smpp_servers.smpp_inactivity_timer IS 'Seconds without anything received after which the session is ended; 0: never';
COMMENT ON COLUMN smpp_servers.smpp_response_timer IS 'Seconds to wait for the answer to a request';
COMMENT ON COLUMN smpp_servers.smpp_pdu_read_timer IS 'Seconds that the rest of a PDU may take once its first octet has come';
COMMENT ON COLUMN smpp_servers.lane IS 'A daemon serves one lane: the servers and the messages that carry its name';
COMMENT ON COLUMN smpp_servers.esme_bind_mode IS 'transmitter, receiver, transceiver or transmitter+receiver (a pair of sessions: messages leave by the one, receipts and messages from phones come by the other); NULL: by esme_bind_transceiver';
COMMENT ON COLUMN smpp_servers.smpp_system_type IS 'system_type of the bind, at most 12 octets';
COMMENT ON COLUMN smpp_servers.smpp_interface_version IS 'interface_version of the bind; 52 (hexadecimal 34) is SMPP 3.4';
COMMENT ON COLUMN smpp_servers.esme_addr_ton IS 'addr_ton of the bind';
COMMENT ON COLUMN smpp_servers.esme_addr_npi IS 'addr_npi of the bind';
COMMENT ON COLUMN smpp_servers.esme_address_range IS 'address_range of the bind, at most 40 octets';
COMMENT ON COLUMN smpp_servers.esme_service_type IS 'service_type of messages that name none themselves, at most 5 octets';
COMMENT ON COLUMN smpp_servers.esme_source_addr_ton IS 'Type of number of the sender; NULL: detected (empty 0, any letter 5, 3 to 8 digits 3, otherwise 1)';
COMMENT ON COLUMN smpp_servers.esme_source_addr_npi IS 'Numbering plan of the sender; NULL: detected (empty or any letter 0, otherwise 1)';
COMMENT ON COLUMN smpp_servers.esme_dest_addr_ton IS 'Type of number of the destination; 1 is international';
COMMENT ON COLUMN smpp_servers.esme_dest_addr_npi IS 'Numbering plan of the destination; 1 is E.164';
COMMENT ON COLUMN smpp_servers.esme_country_code IS 'Country calling code, such as 27: destinations in national form (leading 0), with + or with 00 are sent in international form (27821234567), unless their TON is neither 0 nor 1; NULL: they are sent as they are';
COMMENT ON COLUMN smpp_servers.esme_window_size IS 'Most requests that may be unanswered at once';
COMMENT ON COLUMN smpp_servers.esme_throughput IS 'Most submit PDUs a second (each part of a long message counts); NULL: no limit';
COMMENT ON COLUMN smpp_servers.esme_throttle_delay IS 'Seconds that the whole session pauses after ESME_RTHROTTLED or ESME_RMSGQFUL, growing while it goes on';
COMMENT ON COLUMN smpp_servers.esme_retry_delay IS 'Seconds before the next attempt of a message, doubled each time, jittered';
COMMENT ON COLUMN smpp_servers.esme_default_alphabet IS 'What data_coding 0 means at this SMSC: GSM0338, GSM0338_PACKED, ASCII, LATIN1 or UTF8';
COMMENT ON COLUMN smpp_servers.esme_transliterate IS 'TRUE: where all of a text fits the default alphabet then, typographic characters and letters with accents that it lacks are replaced by plain ones; submission_info lists them';
COMMENT ON COLUMN smpp_servers.esme_long_message IS 'How a text that is too long for one PDU is sent: udh or udh16 (parts with an 8 or 16 bit reference), sar (parts, by TLVs), payload (one PDU, message_payload), reject (it fails), none (one submit up to 254 octets, which the SMSC splits, as esmed 0.1.1 did)';
COMMENT ON COLUMN smpp_servers.esme_max_parts IS 'A text that needs more parts (with payload: that would need them) fails with a reason; it is never shortened';
COMMENT ON COLUMN smpp_servers.esme_part_receipts IS 'each: every part of a long message gets a receipt, and the message is DELIVERED when all parts are; one: one receipt stands for all parts';
COMMENT ON COLUMN smpp_servers.esme_receipts_without_esm_class IS 'TRUE only for providers that send receipts with esm_class 0: then the text decides, and a phone could forge one';
COMMENT ON COLUMN smpp_servers.esme_message_id_format IS 'How the id in a receipt relates to the one in the response: same (case, leading zeros, 0x before a hexadecimal number and blanks ignored), resp_hex (response hexadecimal, receipt decimal), receipt_hex (the other way round), uuid (a UUID, with hyphens on one side only), receipt_suffix (@ and more behind the id in the receipt) or resp_hex_string (the response has each character of the id as two hexadecimal digits). Which one it is: esmed_id_formats(id). After a correction: esmed_rematch()';
COMMENT ON COLUMN smpp_servers.esme_in_doubt IS 'What becomes of a submit whose answer was lost: resend (again, with possible_duplicate set), fail, or hold (until somebody decides)';
COMMENT ON COLUMN smpp_servers.esme_validity_period IS 'validity_period of messages that name none themselves (see smpp_tx_queue.smpp_validity_period); NULL: the default of the SMSC';
COMMENT ON COLUMN smpp_servers.esme_submit_paused IS 'TRUE: stay bound and receive, submit nothing';
COMMENT ON COLUMN smpp_servers.esme_tls IS 'TRUE: connect with TLS (1.2 or 1.3)';
COMMENT ON COLUMN smpp_servers.esme_tls_verify IS 'FALSE: the certificate of the SMSC is not checked, so that anybody in between gets the password; each bind then has an event (tls_unverified)';
COMMENT ON COLUMN smpp_servers.esme_tls_server_name IS 'Name or IP address that the certificate must carry (subjectAltName), and that the SMSC is asked for (SNI); NULL: host';
COMMENT ON COLUMN smpp_servers.esme_tls_ca_file IS 'PEM file on the machine of the daemon: authorities to trust; NULL: those of the system. Read at each connection, as the other files';
COMMENT ON COLUMN smpp_servers.esme_tls_cert_file IS 'PEM file on the machine of the daemon: client certificate, with those between it and its authority behind it; NULL: none';
COMMENT ON COLUMN smpp_servers.esme_tls_key_file IS 'PEM file on the machine of the daemon: key of the client certificate, without a passphrase; NULL: it is in esme_tls_cert_file';
COMMENT ON COLUMN smpp_servers.esme_failover_order IS 'Servers of the lane that have a number stand in, lowest first (up to 20 of them), when the enabled one cannot be bound; NULL: never. enabled stays as it is';
COMMENT ON COLUMN smpp_servers.esme_failover_after IS 'Seconds that this server may be unbound until the next one is tried: of the enabled server, until others stand in; of one that stands in, until it is another one''s turn. 0: after the first failure. The enabled server takes the messages back when it has stayed bound as long (1 to 60 s; longer when it is lost again and again)';

-- smpp_tx_queue lives from HOT updates (new versions in the same page, no index touched): the claim of a row and the
-- receipt for it change the value of no column that an index or its predicate names. Keep it so: no index on
-- submission_started_at, submission_attempts, submission_server_id, or on the state and its time.
--
-- Rows that may not leave yet would clog the head of what waits: each claim walks over all of them. So they are in an index of
-- their own, by a column that PostgreSQL computes from those that may not be in an index. It is NULL in rows that are
-- sent at once, from the INSERT to the end: what stays NULL spoils no HOT update. Only who waits pays, with an
-- update that writes its index entries, when the daemon sees that the time has come and sets released_at.
--
-- fillfactor: 50,000 rows claimed, completed and receipted in batches of 500 on PostgreSQL 15. A completion changes
-- submission_done, so two updates of three can be HOT, 66.7 % at most.
--     fillfactor        100     70     60     50     40
--     HOT updates      2.4 %   39 %   51 %   58 %   62 %
--     WAL in MB         83     60     53     48     45
--     table in MB       31   17-23    19     19     21
CREATE TABLE smpp_tx_queue (
  id bigserial CONSTRAINT smpp_tx_queue_pkey PRIMARY KEY,
  insert_timestamp timestamptz NOT NULL DEFAULT now(),
  smpp_destination_addr text NOT NULL,
  smpp_priority_flag smpp_priority_flag NOT NULL DEFAULT 'LEVEL_0',
  smpp_registered_delivery smpp_registered_delivery NOT NULL DEFAULT 'NO_SMSC_DELIVERY_RECEIPT_REQUESTED',
  smpp_short_message text NOT NULL,
  smpp_message_id text,
  smpp_message_state text
    CONSTRAINT smpp_tx_queue_smpp_message_state_is_a_state_of_smpp
    CHECK (smpp_message_state IN ('ENROUTE', 'DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'ACCEPTED', 'UNKNOWN', 'REJECTED')),
  message_state_timestamp timestamptz,
  submission_timestamp timestamptz,
  submission_attempts integer NOT NULL DEFAULT 0,
  submission_done boolean NOT NULL DEFAULT FALSE,
  submission_failed boolean NOT NULL DEFAULT FALSE,
  submission_info text,
  -- new since 0.1.1
  lane text NOT NULL DEFAULT 'default'
    CONSTRAINT smpp_tx_queue_lane_not_empty CHECK (lane <> ''),
  smpp_source_addr text,
  smpp_source_addr_ton smallint
    CONSTRAINT smpp_tx_queue_smpp_source_addr_ton_between_0_and_255 CHECK (smpp_source_addr_ton BETWEEN 0 AND 255),
  smpp_source_addr_npi smallint
    CONSTRAINT smpp_tx_queue_smpp_source_addr_npi_between_0_and_255 CHECK (smpp_source_addr_npi BETWEEN 0 AND 255),
  smpp_dest_addr_ton smallint
    CONSTRAINT smpp_tx_queue_smpp_dest_addr_ton_between_0_and_255 CHECK (smpp_dest_addr_ton BETWEEN 0 AND 255),
  smpp_dest_addr_npi smallint
    CONSTRAINT smpp_tx_queue_smpp_dest_addr_npi_between_0_and_255 CHECK (smpp_dest_addr_npi BETWEEN 0 AND 255),
  smpp_service_type text,
  smpp_protocol_id smallint
    CONSTRAINT smpp_tx_queue_smpp_protocol_id_between_0_and_255 CHECK (smpp_protocol_id BETWEEN 0 AND 255),
  smpp_esm_class smallint
    CONSTRAINT smpp_tx_queue_smpp_esm_class_between_0_and_255 CHECK (smpp_esm_class BETWEEN 0 AND 255),
  smpp_data_coding smallint
    CONSTRAINT smpp_tx_queue_smpp_data_coding_between_0_and_255 CHECK (smpp_data_coding BETWEEN 0 AND 255),
  smpp_message_class smallint
    CONSTRAINT smpp_tx_queue_smpp_message_class_between_0_and_3 CHECK (smpp_message_class BETWEEN 0 AND 3),
  smpp_validity_period interval
    CONSTRAINT smpp_tx_queue_smpp_validity_period_over_0_at_most_99_years
    CHECK (smpp_validity_period > interval '0' AND smpp_validity_period <= interval '99 years'),
  smpp_schedule_delivery_time timestamptz
    CONSTRAINT smpp_tx_queue_smpp_schedule_delivery_time_finite_to_year_9999
    CHECK (isfinite(smpp_schedule_delivery_time) AND smpp_schedule_delivery_time < '10000-01-01 00:00:00+00'),
  smpp_optional_parameters jsonb
    CONSTRAINT smpp_tx_queue_smpp_optional_parameters_is_a_json_object
    CHECK (jsonb_typeof(smpp_optional_parameters) = 'object'),
  send_after timestamptz
    CONSTRAINT smpp_tx_queue_send_after_finite_to_year_9999
    CHECK (isfinite(send_after) AND send_after < '10000-01-01 00:00:00+00'),
  expires_at timestamptz
    CONSTRAINT smpp_tx_queue_expires_at_finite_to_year_9999
    CHECK (isfinite(expires_at) AND expires_at < '10000-01-01 00:00:00+00'),
  client_ref text
    CONSTRAINT smpp_tx_queue_client_ref_unique UNIQUE,
  in_doubt_policy text
    CONSTRAINT smpp_tx_queue_in_doubt_policy_resend_fail_or_hold CHECK (in_doubt_policy IN ('resend', 'fail', 'hold')),
  submission_started_at timestamptz
    CONSTRAINT smpp_tx_queue_submission_started_at_finite_to_year_9999
    CHECK (isfinite(submission_started_at) AND submission_started_at < '10000-01-01 00:00:00+00'),
  submission_server_id bigint,
  next_attempt_at timestamptz
    CONSTRAINT smpp_tx_queue_next_attempt_at_finite_to_year_9999
    CHECK (isfinite(next_attempt_at) AND next_attempt_at < '10000-01-01 00:00:00+00'),
  in_doubt boolean NOT NULL DEFAULT FALSE,
  possible_duplicate boolean NOT NULL DEFAULT FALSE,
  message_parts smallint
    CONSTRAINT smpp_tx_queue_message_parts_between_1_and_255 CHECK (message_parts BETWEEN 1 AND 255),
  smpp_error_code text,
  smpp_network_error_code text,
  cancel_requested_at timestamptz
    CONSTRAINT smpp_tx_queue_cancel_requested_at_finite_to_year_9999
    CHECK (isfinite(cancel_requested_at) AND cancel_requested_at < '10000-01-01 00:00:00+00'),
  released_at timestamptz
    CONSTRAINT smpp_tx_queue_released_at_finite_to_year_9999
    CHECK (isfinite(released_at) AND released_at < '10000-01-01 00:00:00+00'),
  -- An open attempt is found among what leaves, whatever is done to the row meanwhile. A held row waits for ever, unless
  -- its attempts are set back.
  waits_until timestamptz GENERATED ALWAYS AS (
    CASE
      WHEN submission_started_at IS NOT NULL THEN NULL
      WHEN in_doubt AND submission_attempts > 0 THEN timestamptz '9999-12-31 00:00:00+00'
      WHEN greatest(send_after, next_attempt_at) > coalesce(released_at, timestamptz '-infinity')
        THEN greatest(send_after, next_attempt_at)
    END) STORED
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = 10000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000,
  autovacuum_vacuum_cost_limit = 2000
);

-- What may leave, in the order in which it does. Rows that are claimed stay in it until they end. Before the first ANALYZE
-- after a bulk INSERT the planner would rather read and sort all that waits than walk along this index, so who claims in
-- batches sets enable_bitmapscan, enable_seqscan, enable_hashjoin and enable_mergejoin to off in its session.
CREATE INDEX smpp_tx_queue_pending ON smpp_tx_queue (lane, smpp_priority_flag DESC, id)
  WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NULL;
-- What may not leave yet, of each priority what is due first.
CREATE INDEX smpp_tx_queue_waiting ON smpp_tx_queue (lane, smpp_priority_flag DESC, waits_until, id)
  WHERE NOT submission_done AND NOT submission_failed AND waits_until IS NOT NULL;
-- What may run out while it waits.
CREATE INDEX smpp_tx_queue_expiry ON smpp_tx_queue (lane, expires_at)
  WHERE expires_at IS NOT NULL AND NOT submission_done AND NOT submission_failed;
-- For the view smpp_in_doubt: few rows.
CREATE INDEX smpp_tx_queue_in_doubt ON smpp_tx_queue (id) WHERE in_doubt;
-- A receipt finds its message; look ids up one by one (LATERAL ... LIMIT 1): a plain join can end up reading the whole
-- index for each batch, with a plan made when the table was empty. text_pattern_ops compares octets, whatever the collation of the database: quicker, and
-- an upgrade of the C library can't break it.
CREATE INDEX smpp_tx_queue_message_id ON smpp_tx_queue (esmed_canonical_id(smpp_message_id) text_pattern_ops)
  WHERE smpp_message_id IS NOT NULL;

COMMENT ON TABLE smpp_tx_queue IS
  'One row a message to send: INSERT smpp_destination_addr and smpp_short_message, the daemon does the rest and reports here. What a row says in a word: view smpp_tx_status. To send one again: esmed_resend(id), or UPDATE ... SET submission_done = FALSE, submission_failed = FALSE, submission_attempts = 0. To stop one: esmed_cancel(id). Delete old rows when you like.';
COMMENT ON COLUMN smpp_tx_queue.id IS 'Number of the message; within a priority the lowest leaves first';
COMMENT ON COLUMN smpp_tx_queue.insert_timestamp IS 'When the row was inserted';
COMMENT ON COLUMN smpp_tx_queue.smpp_destination_addr IS 'Number of the phone. One that cannot be sent makes the message fail with a reason';
COMMENT ON COLUMN smpp_tx_queue.smpp_priority_flag IS 'LEVEL_0 to LEVEL_3: higher ones leave first; also told to the SMSC';
COMMENT ON COLUMN smpp_tx_queue.smpp_registered_delivery IS 'Which receipt to ask the SMSC for; where none is asked for, esme_registered_delivery of the server decides';
COMMENT ON COLUMN smpp_tx_queue.smpp_short_message IS 'The text. One that is too long for one message is sent as esme_long_message of the server says, and never cut';
COMMENT ON COLUMN smpp_tx_queue.smpp_message_id IS 'Id that the SMSC gave the message, as received; of a long message that of part 1';
COMMENT ON COLUMN smpp_tx_queue.smpp_message_state IS 'State by the receipts: ENROUTE, ACCEPTED and UNKNOWN on the way; DELIVERED, EXPIRED, DELETED, UNDELIVERABLE, REJECTED in the end, and then it stays; NULL: none yet';
COMMENT ON COLUMN smpp_tx_queue.message_state_timestamp IS 'When smpp_message_state was set';
COMMENT ON COLUMN smpp_tx_queue.submission_timestamp IS 'When the SMSC answered the last attempt';
COMMENT ON COLUMN smpp_tx_queue.submission_attempts IS 'Attempts so far';
COMMENT ON COLUMN smpp_tx_queue.submission_done IS 'TRUE: the SMSC has accepted the message';
COMMENT ON COLUMN smpp_tx_queue.submission_failed IS 'TRUE: given up; submission_info says why';
COMMENT ON COLUMN smpp_tx_queue.submission_info IS 'Outcome of the last attempt in words, such as the name of the SMPP status; cancelled: by esmed_cancel';
COMMENT ON COLUMN smpp_tx_queue.lane IS 'The daemon of this lane sends it';
COMMENT ON COLUMN smpp_tx_queue.smpp_source_addr IS 'Sender; NULL: by smpp_prefixes, then esme_source_addr of the server';
COMMENT ON COLUMN smpp_tx_queue.smpp_source_addr_ton IS 'Type of number of the sender; NULL: as the server says for its own sender, detected for any other';
COMMENT ON COLUMN smpp_tx_queue.smpp_source_addr_npi IS 'Numbering plan of the sender; NULL: as the server says for its own sender, detected for any other';
COMMENT ON COLUMN smpp_tx_queue.smpp_dest_addr_ton IS 'Type of number of the destination; NULL: as the server says';
COMMENT ON COLUMN smpp_tx_queue.smpp_dest_addr_npi IS 'Numbering plan of the destination; NULL: as the server says';
COMMENT ON COLUMN smpp_tx_queue.smpp_service_type IS 'service_type, at most 5 octets; NULL: as the server says';
COMMENT ON COLUMN smpp_tx_queue.smpp_protocol_id IS 'protocol_id; NULL: 0';
COMMENT ON COLUMN smpp_tx_queue.smpp_esm_class IS 'esm_class; NULL: 0, and what the parts of a long message need';
COMMENT ON COLUMN smpp_tx_queue.smpp_data_coding IS 'data_coding, which also says how the text is encoded; NULL: chosen by the text';
COMMENT ON COLUMN smpp_tx_queue.smpp_message_class IS 'Message class: 0 is shown at once and not stored (flash), 1 phone, 2 SIM, 3 terminal equipment; NULL: none';
COMMENT ON COLUMN smpp_tx_queue.smpp_validity_period IS 'How long the SMSC may try to deliver it, from each submit on; NULL: esme_validity_period of the server. In whole seconds (rounded up), exact up to 31 days; more days are sent as calendar months and years, two days off at most';
COMMENT ON COLUMN smpp_tx_queue.smpp_schedule_delivery_time IS 'When the SMSC shall deliver it, sent in UTC; NULL or over: at once. Compare send_after, which keeps the message here';
COMMENT ON COLUMN smpp_tx_queue.smpp_optional_parameters IS 'TLVs to send, by name or by tag: {"user_message_reference": 7, "0x1401": {"hex": "6162"}, "0x1402": "text", "0x1403": {"cstring": "ends with a NUL"}}. Up to 4096 octets together';
COMMENT ON COLUMN smpp_tx_queue.send_after IS 'It is not sent before; NULL: at once';
COMMENT ON COLUMN smpp_tx_queue.expires_at IS 'It is not sent (again) after it, and ends failed with the state EXPIRED; NULL: never';
COMMENT ON COLUMN smpp_tx_queue.client_ref IS 'Reference of the application, unique while the row exists: INSERT ... ON CONFLICT (client_ref) DO NOTHING sends a message once however often it is tried';
COMMENT ON COLUMN smpp_tx_queue.in_doubt_policy IS 'resend, fail or hold, as esme_in_doubt of the server; NULL: as the server says';
COMMENT ON COLUMN smpp_tx_queue.submission_started_at IS 'Not NULL only while an attempt is open: since when. Committed before the first octet leaves';
COMMENT ON COLUMN smpp_tx_queue.submission_server_id IS 'Server of the last attempt: smpp_servers.id';
COMMENT ON COLUMN smpp_tx_queue.next_attempt_at IS 'It is not tried again before; NULL: at once';
COMMENT ON COLUMN smpp_tx_queue.in_doubt IS 'TRUE: an answer was lost, nobody knows whether the SMSC has the message, and it is not sent again unless somebody decides (esmed_resend, esmed_cancel)';
COMMENT ON COLUMN smpp_tx_queue.possible_duplicate IS 'TRUE: it was sent again after an answer was lost, so the phone may have got it twice';
COMMENT ON COLUMN smpp_tx_queue.message_parts IS 'How many PDUs it took; more than one: see smpp_tx_parts';
COMMENT ON COLUMN smpp_tx_queue.smpp_error_code IS 'err: of the receipt, as received; smpp_error_codes can put it in words';
COMMENT ON COLUMN smpp_tx_queue.smpp_network_error_code IS 'TLV network_error_code of the receipt, hexadecimal';
COMMENT ON COLUMN smpp_tx_queue.released_at IS 'For the daemon: when it last saw that send_after and next_attempt_at had passed. A later time in one of them makes the row wait again';
COMMENT ON COLUMN smpp_tx_queue.waits_until IS 'Computed, for an index: the later one of send_after and next_attempt_at until the daemon has seen it pass (released_at); the end of the year 9999 in a held row; NULL: it leaves in its turn';
COMMENT ON COLUMN smpp_tx_queue.cancel_requested_at IS 'When esmed_cancel was called while an attempt was open (it returned requested): if that attempt does not succeed, the message is cancelled instead of tried again';

CREATE TABLE smpp_tx_parts (
  tx_id bigint NOT NULL
    CONSTRAINT smpp_tx_parts_tx_id_fkey REFERENCES smpp_tx_queue (id) ON DELETE CASCADE,
  part smallint NOT NULL,
  total smallint NOT NULL
    CONSTRAINT smpp_tx_parts_total_between_1_and_255 CHECK (total BETWEEN 1 AND 255),
  concat_ref integer
    CONSTRAINT smpp_tx_parts_concat_ref_between_0_and_65535 CHECK (concat_ref BETWEEN 0 AND 65535),
  data_coding smallint NOT NULL
    CONSTRAINT smpp_tx_parts_data_coding_between_0_and_255 CHECK (data_coding BETWEEN 0 AND 255),
  esm_class smallint NOT NULL DEFAULT 0
    CONSTRAINT smpp_tx_parts_esm_class_between_0_and_255 CHECK (esm_class BETWEEN 0 AND 255),
  octets bytea NOT NULL,
  smpp_source_addr text NOT NULL DEFAULT '',
  smpp_source_addr_ton smallint NOT NULL DEFAULT 0
    CONSTRAINT smpp_tx_parts_smpp_source_addr_ton_between_0_and_255 CHECK (smpp_source_addr_ton BETWEEN 0 AND 255),
  smpp_source_addr_npi smallint NOT NULL DEFAULT 0
    CONSTRAINT smpp_tx_parts_smpp_source_addr_npi_between_0_and_255 CHECK (smpp_source_addr_npi BETWEEN 0 AND 255),
  smpp_destination_addr text NOT NULL DEFAULT '',
  server_id bigint,
  fixed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    CONSTRAINT smpp_tx_parts_fixed_at_finite CHECK (isfinite(fixed_at)),
  smpp_message_id text,
  smpp_message_state text
    CONSTRAINT smpp_tx_parts_smpp_message_state_is_a_state_of_smpp
    CHECK (smpp_message_state IN ('ENROUTE', 'DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'ACCEPTED', 'UNKNOWN', 'REJECTED')),
  message_state_timestamp timestamptz
    CONSTRAINT smpp_tx_parts_message_state_timestamp_finite CHECK (isfinite(message_state_timestamp)),
  smpp_error_code text,
  smpp_network_error_code text,
  submission_started_at timestamptz
    CONSTRAINT smpp_tx_parts_submission_started_at_finite CHECK (isfinite(submission_started_at)),
  submission_timestamp timestamptz
    CONSTRAINT smpp_tx_parts_submission_timestamp_finite CHECK (isfinite(submission_timestamp)),
  submission_attempts integer NOT NULL DEFAULT 0,
  submission_done boolean NOT NULL DEFAULT FALSE,
  submission_failed boolean NOT NULL DEFAULT FALSE,
  submission_info text,
  next_attempt_at timestamptz
    CONSTRAINT smpp_tx_parts_next_attempt_at_finite CHECK (isfinite(next_attempt_at)),
  in_doubt boolean NOT NULL DEFAULT FALSE,
  possible_duplicate boolean NOT NULL DEFAULT FALSE,
  CONSTRAINT smpp_tx_parts_pkey PRIMARY KEY (tx_id, part),
  CONSTRAINT smpp_tx_parts_part_between_1_and_total CHECK (part BETWEEN 1 AND total)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 2000
);

CREATE INDEX smpp_tx_parts_message_id ON smpp_tx_parts (esmed_canonical_id(smpp_message_id) text_pattern_ops)
  WHERE smpp_message_id IS NOT NULL;
-- The reference that a phone saw last, so that the next one differs.
CREATE INDEX smpp_tx_parts_last_reference ON smpp_tx_parts (smpp_destination_addr, fixed_at) WHERE part = 1;

COMMENT ON TABLE smpp_tx_parts IS
  'The parts of long messages, fixed before the first one leaves: a retry sends the same parts, and never again one that was accepted. They go with their message (ON DELETE CASCADE).';
COMMENT ON COLUMN smpp_tx_parts.tx_id IS 'The message: smpp_tx_queue.id';
COMMENT ON COLUMN smpp_tx_parts.part IS 'Number of the part, from 1';
COMMENT ON COLUMN smpp_tx_parts.total IS 'How many parts the message has';
COMMENT ON COLUMN smpp_tx_parts.concat_ref IS 'Reference number that the parts have in common, 8 or 16 bits; NULL: none was needed';
COMMENT ON COLUMN smpp_tx_parts.data_coding IS 'data_coding of the part';
COMMENT ON COLUMN smpp_tx_parts.esm_class IS 'esm_class of the part';
COMMENT ON COLUMN smpp_tx_parts.octets IS 'The part as it is sent, with its user data header where it has one';
COMMENT ON COLUMN smpp_tx_parts.smpp_source_addr IS 'Sender, the same for all parts: a phone would not put them together otherwise';
COMMENT ON COLUMN smpp_tx_parts.smpp_source_addr_ton IS 'Type of number of the sender';
COMMENT ON COLUMN smpp_tx_parts.smpp_source_addr_npi IS 'Numbering plan of the sender';
COMMENT ON COLUMN smpp_tx_parts.server_id IS 'Server that it was made for: smpp_servers.id. Another one sends the message whole';
COMMENT ON COLUMN smpp_tx_parts.smpp_destination_addr IS 'Number of the phone: the next message to it gets another reference';
COMMENT ON COLUMN smpp_tx_parts.fixed_at IS 'When the part was made';
COMMENT ON COLUMN smpp_tx_parts.smpp_message_id IS 'Id that the SMSC gave the part, as received';
COMMENT ON COLUMN smpp_tx_parts.smpp_message_state IS 'State by the receipts, as smpp_tx_queue.smpp_message_state';
COMMENT ON COLUMN smpp_tx_parts.message_state_timestamp IS 'When smpp_message_state was set';
COMMENT ON COLUMN smpp_tx_parts.smpp_error_code IS 'err: of the receipt, as received';
COMMENT ON COLUMN smpp_tx_parts.smpp_network_error_code IS 'TLV network_error_code of the receipt, hexadecimal';
COMMENT ON COLUMN smpp_tx_parts.submission_started_at IS 'Not NULL only while an attempt of the part is open: since when';
COMMENT ON COLUMN smpp_tx_parts.submission_timestamp IS 'When the SMSC answered the last attempt of the part';
COMMENT ON COLUMN smpp_tx_parts.submission_attempts IS 'Attempts of the part so far';
COMMENT ON COLUMN smpp_tx_parts.submission_done IS 'TRUE: the SMSC has accepted the part';
COMMENT ON COLUMN smpp_tx_parts.submission_failed IS 'TRUE: given up; submission_info says why';
COMMENT ON COLUMN smpp_tx_parts.submission_info IS 'Outcome of the last attempt of the part in words';
COMMENT ON COLUMN smpp_tx_parts.next_attempt_at IS 'The message is not tried again before; NULL: at once';
COMMENT ON COLUMN smpp_tx_parts.in_doubt IS 'TRUE: the answer to this part was lost, and it is not sent again unless somebody decides';
COMMENT ON COLUMN smpp_tx_parts.possible_duplicate IS 'TRUE: this part was sent again after an answer was lost';

CREATE TABLE smpp_rx_queue (
  id bigserial CONSTRAINT smpp_rx_queue_pkey PRIMARY KEY,
  insert_timestamp timestamptz NOT NULL DEFAULT now(),
  pdu_raw text,
  pdu_parsed jsonb,
  smpp_source_addr text,
  smpp_short_message text,
  -- new since 0.1.1
  smpp_destination_addr text,
  smpp_server_id bigint,
  kind text NOT NULL DEFAULT 'other'
    CONSTRAINT smpp_rx_queue_kind_message_receipt_intermediate_or_other
    CHECK (kind IN ('message', 'receipt', 'intermediate', 'other')),
  receipt_message_id text,
  tx_queue_id bigint,
  concat_ref integer
    CONSTRAINT smpp_rx_queue_concat_ref_between_0_and_65535 CHECK (concat_ref BETWEEN 0 AND 65535),
  concat_part smallint
    CONSTRAINT smpp_rx_queue_concat_part_between_0_and_255 CHECK (concat_part BETWEEN 0 AND 255),
  concat_total smallint
    CONSTRAINT smpp_rx_queue_concat_total_between_0_and_255 CHECK (concat_total BETWEEN 0 AND 255),
  concat_kind text
    CONSTRAINT smpp_rx_queue_concat_kind_udh8_udh16_or_sar CHECK (concat_kind IN ('udh8', 'udh16', 'sar')),
  concat_set bigint,
  concat_repeats bigint,
  inbox_id bigint
) WITH (
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_insert_threshold = 10000,
  autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_limit = 2000
);

-- A response finds the receipts that came before it; also behind the view smpp_unmatched_receipts.
CREATE INDEX smpp_rx_queue_unmatched ON smpp_rx_queue (esmed_canonical_id(receipt_message_id) text_pattern_ops)
  WHERE tx_queue_id IS NULL AND kind IN ('receipt', 'intermediate');

-- Of a long message: the first part by all that its parts have in common, the others by the first, and those that wait for
-- others by age. Rows that are no parts are in none of them, nor are repeats that nothing can come of: they may be very many.
CREATE INDEX smpp_rx_queue_sets ON smpp_rx_queue
  (smpp_source_addr, concat_ref, concat_kind, concat_total, smpp_destination_addr, insert_timestamp)
  WHERE concat_set = id;
CREATE INDEX smpp_rx_queue_parts ON smpp_rx_queue (concat_set) WHERE concat_set IS NOT NULL;
-- Its condition does not imply that of the index before, which a look for waiting parts would else read whole.
CREATE INDEX smpp_rx_queue_waiting ON smpp_rx_queue (insert_timestamp, id)
  WHERE concat_part IS NOT NULL AND inbox_id IS NULL AND coalesce(concat_set, 0) <> 0;

COMMENT ON TABLE smpp_rx_queue IS
  'One row a PDU that the SMSC sent: deliver_sm, data_sm, alert_notification and what could not be decoded. Messages from phones are easier to read in smpp_inbox. At least once: the SMSC sends again what it was not told we have. Delete old rows when you like.';
COMMENT ON COLUMN smpp_rx_queue.id IS 'Number of the PDU';
COMMENT ON COLUMN smpp_rx_queue.insert_timestamp IS 'When it was stored';
COMMENT ON COLUMN smpp_rx_queue.pdu_raw IS 'The whole PDU, lower-case hexadecimal';
COMMENT ON COLUMN smpp_rx_queue.pdu_parsed IS 'The PDU decoded, with the names of the SMPP specification; {"error": ...} for what cannot be decoded. A decoded NUL is U+2400. A JSON string: written by esmed 0.1.1';
COMMENT ON COLUMN smpp_rx_queue.smpp_source_addr IS 'source_addr: the phone; of a receipt the destination of the message it is about';
COMMENT ON COLUMN smpp_rx_queue.smpp_short_message IS 'The text, decoded';
COMMENT ON COLUMN smpp_rx_queue.smpp_destination_addr IS 'destination_addr: our number';
COMMENT ON COLUMN smpp_rx_queue.smpp_server_id IS 'Server that sent it: smpp_servers.id';
COMMENT ON COLUMN smpp_rx_queue.kind IS 'message (from a phone), receipt (delivery receipt), intermediate (intermediate notification) or other';
COMMENT ON COLUMN smpp_rx_queue.receipt_message_id IS 'Of a receipt: id of the message it is about, as received';
COMMENT ON COLUMN smpp_rx_queue.tx_queue_id IS 'Of a receipt: the message it belongs to, smpp_tx_queue.id; NULL: not known (yet)';
COMMENT ON COLUMN smpp_rx_queue.concat_ref IS 'Of a part of a long message: reference number that its parts have in common';
COMMENT ON COLUMN smpp_rx_queue.concat_part IS 'Of a part of a long message: its number, from 1';
COMMENT ON COLUMN smpp_rx_queue.concat_total IS 'Of a part of a long message: how many there are';
COMMENT ON COLUMN smpp_rx_queue.concat_kind IS 'Of a part of a long message: where the reference comes from: udh8, udh16 (user data header with 8 or 16 bits) or sar (TLVs)';
COMMENT ON COLUMN smpp_rx_queue.concat_set IS 'Of a part of a long message: smpp_rx_queue.id of a part of the same message, the same in all of them; NULL: it repeats a part that waits, and was not needed';
COMMENT ON COLUMN smpp_rx_queue.concat_repeats IS 'Of a part of a long message: smpp_rx_queue.id of the first part with the same octets, where it looks like a repeat of that one';
COMMENT ON COLUMN smpp_rx_queue.inbox_id IS 'Of a part of a long message: the row of smpp_inbox that it belongs to; NULL: it waits for the others, or was not needed (concat_set is NULL then). Always NULL where a message is one PDU: smpp_inbox.rx_ids names it';

CREATE TABLE smpp_inbox (
  id bigserial CONSTRAINT smpp_inbox_pkey PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT now()
    CONSTRAINT smpp_inbox_received_at_finite CHECK (isfinite(received_at)),
  source text,
  destination text,
  message text,
  parts smallint NOT NULL DEFAULT 1
    CONSTRAINT smpp_inbox_parts_between_1_and_255 CHECK (parts BETWEEN 1 AND 255),
  complete boolean NOT NULL DEFAULT TRUE,
  processed boolean NOT NULL DEFAULT FALSE,
  repeated boolean NOT NULL DEFAULT FALSE,
  server_id bigint,
  rx_ids bigint[] NOT NULL DEFAULT '{}'
) WITH (
  fillfactor = 85,
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_scale_factor = 0.1
);

CREATE INDEX smpp_inbox_unprocessed ON smpp_inbox (id) WHERE NOT processed;
-- A message that comes again is found by its sender, its text and its time.
CREATE INDEX smpp_inbox_repeated ON smpp_inbox (source, md5(coalesce(message, '')), received_at);

COMMENT ON TABLE smpp_inbox IS
  'One row a message from a phone; a long one is put together from its parts, and appears with complete FALSE where some have not come within the reassembly timeout. Work through it by WHERE NOT processed ORDER BY id FOR UPDATE SKIP LOCKED, and set processed. The channel smpp_inbox tells of new rows.';
COMMENT ON COLUMN smpp_inbox.id IS 'Number of the message';
COMMENT ON COLUMN smpp_inbox.received_at IS 'When its first part was stored';
COMMENT ON COLUMN smpp_inbox.source IS 'Number of the phone';
COMMENT ON COLUMN smpp_inbox.destination IS 'Our number, as the SMSC wrote it';
COMMENT ON COLUMN smpp_inbox.message IS 'The text; where parts are missing that of the others, in their order; NULL: no text (binary data), the octets are in smpp_rx_queue';
COMMENT ON COLUMN smpp_inbox.parts IS 'How many parts the message has in all, also where some are missing; rx_ids has those that are there';
COMMENT ON COLUMN smpp_inbox.complete IS 'FALSE: parts are missing after the reassembly timeout; one that comes within a day still completes it, when no other message has claimed it within the timeout, and processed is FALSE again then';
COMMENT ON COLUMN smpp_inbox.processed IS 'For the application: set it when the message has been dealt with';
COMMENT ON COLUMN smpp_inbox.repeated IS 'TRUE: the same phone sent the same text to the same number within the ten minutes before (a long message: the same parts within a day); a hint only, for a person may mean it';
COMMENT ON COLUMN smpp_inbox.server_id IS 'Server that it came from: smpp_servers.id';
COMMENT ON COLUMN smpp_inbox.rx_ids IS 'Its PDUs: smpp_rx_queue.id, in the order of the parts, without repeated and missing ones';

CREATE TABLE smpp_prefixes (
  prefix text NOT NULL
    CONSTRAINT smpp_prefixes_prefix_at_most_20_digits CHECK (prefix ~ '^[0-9]{0,20}$'),
  operator text,
  source_addr text
    CONSTRAINT smpp_prefixes_source_addr_at_most_20_octets CHECK (octet_length(source_addr) <= 20),
  server_id bigint
);

CREATE UNIQUE INDEX smpp_prefixes_once_a_server ON smpp_prefixes (server_id, prefix);
CREATE UNIQUE INDEX smpp_prefixes_once_for_all_servers ON smpp_prefixes (prefix) WHERE server_id IS NULL;

COMMENT ON TABLE smpp_prefixes IS
  'Sender by destination: the longest prefix of the number counts; of two of the same length that of the server. It stands behind smpp_source_addr of the message and before esme_source_addr of the server. Changes are heeded at once; rows beyond 100,000, those with the longest prefixes, are not.';
COMMENT ON COLUMN smpp_prefixes.prefix IS 'First digits of the destination, in the form in which it is sent (see esme_country_code), a leading + left aside; the empty one fits all';
COMMENT ON COLUMN smpp_prefixes.operator IS 'Name of the operator, for people';
COMMENT ON COLUMN smpp_prefixes.source_addr IS 'Sender to use, its TON and NPI are detected; NULL: as the server says';
COMMENT ON COLUMN smpp_prefixes.server_id IS 'Only for messages that leave by this server: smpp_servers.id; NULL: by any';

CREATE TABLE smpp_status_classes (
  server_id bigint,
  command_status bigint NOT NULL
    CONSTRAINT smpp_status_classes_command_status_between_0_and_4294967295
    CHECK (command_status BETWEEN 0 AND 4294967295),
  class text NOT NULL
    CONSTRAINT smpp_status_classes_ok_throttled_temporary_permanent_or_fatal
    CHECK (class IN ('ok', 'throttled', 'temporary', 'permanent', 'session-fatal'))
);

CREATE UNIQUE INDEX smpp_status_classes_once_a_server ON smpp_status_classes (server_id, command_status);
CREATE UNIQUE INDEX smpp_status_classes_once_for_all_servers ON smpp_status_classes (command_status) WHERE server_id IS NULL;

COMMENT ON TABLE smpp_status_classes IS
  'What an answer of the SMSC to a submit means, where it differs from the usual. A row for the server counts before one for all servers; at most 1,000 are heeded for a server. A change holds from the next answer on, without a rebind.';
COMMENT ON COLUMN smpp_status_classes.server_id IS 'The server: smpp_servers.id; NULL: all servers';
COMMENT ON COLUMN smpp_status_classes.command_status IS 'command_status of the answer, as a number: 69 for 0x45. One for 0 (ESME_ROK) is not heeded, which is an event: it always means accepted';
COMMENT ON COLUMN smpp_status_classes.class IS 'ok (accepted), throttled (the session pauses, no attempt is used up), temporary (tried again later), permanent (the message fails) or session-fatal (the session is ended and bound anew, the message is tried again)';

CREATE TABLE smpp_error_codes (
  server_id bigint,
  code text NOT NULL,
  meaning text NOT NULL
);

CREATE UNIQUE INDEX smpp_error_codes_once_a_server ON smpp_error_codes (server_id, code);
CREATE UNIQUE INDEX smpp_error_codes_once_for_all_servers ON smpp_error_codes (code) WHERE server_id IS NULL;

COMMENT ON TABLE smpp_error_codes IS
  'Error codes of receipts in words, from the documents of your provider; the view smpp_tx_report shows them. A row for the server counts before one for all servers.';
COMMENT ON COLUMN smpp_error_codes.server_id IS 'The server: smpp_servers.id; NULL: all servers';
COMMENT ON COLUMN smpp_error_codes.code IS 'The code: err: of the receipt, or the TLV network_error_code in hexadecimal (case and leading zeros do not matter)';
COMMENT ON COLUMN smpp_error_codes.meaning IS 'What it means';

CREATE TABLE smpp_events (
  id bigserial CONSTRAINT smpp_events_pkey PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now()
    CONSTRAINT smpp_events_at_finite CHECK (isfinite(at)),
  lane text NOT NULL DEFAULT 'default',
  server_id bigint,
  component text NOT NULL DEFAULT 'smpp',
  type text NOT NULL,
  status text
    CONSTRAINT smpp_events_status_down_degraded_or_ok CHECK (status IN ('down', 'degraded', 'ok')),
  message text NOT NULL DEFAULT '',
  details jsonb
) WITH (
  autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.2
);

COMMENT ON TABLE smpp_events IS
  'What happened, append-only: binds, lost sessions, throttling, receipts that contradict each other and so on, never with the text of a message. Each row is sent to the channel smpp_events as JSON, without details where that would be too long.';
COMMENT ON COLUMN smpp_events.id IS 'Number of the event';
COMMENT ON COLUMN smpp_events.at IS 'When it was recorded';
COMMENT ON COLUMN smpp_events.lane IS 'Lane of the daemon';
COMMENT ON COLUMN smpp_events.server_id IS 'Server that it is about: smpp_servers.id; NULL: none';
COMMENT ON COLUMN smpp_events.component IS 'What it is about: smpp, database, ...';
COMMENT ON COLUMN smpp_events.type IS 'starting, binding, bound, bind_timeout, bind_failed, unbinding, connection_lost, throttled, throttled_end, server_switched, failover, failback, database_lost, ...';
COMMENT ON COLUMN smpp_events.status IS 'State of the component afterwards: down, degraded or ok; NULL: the event says nothing about it';
COMMENT ON COLUMN smpp_events.message IS 'One sentence for people';
COMMENT ON COLUMN smpp_events.details IS 'More, for programs';

-- The last event of a type that tells how queue, database and so on are: few among many of sessions.
CREATE INDEX smpp_events_states ON smpp_events (lane, type, id) WHERE status IS NOT NULL AND component <> 'smpp';

-- A handful of rows, each updated every second or so: room for many versions in the page, so that all stay HOT.
CREATE TABLE smpp_status (
  lane text CONSTRAINT smpp_status_pkey PRIMARY KEY,
  session_state text NOT NULL DEFAULT 'closed',
  server_id bigint,
  since timestamptz
    CONSTRAINT smpp_status_since_finite CHECK (isfinite(since)),
  window_in_use integer NOT NULL DEFAULT 0,
  window_size integer NOT NULL DEFAULT 0,
  rate double precision NOT NULL DEFAULT 0,
  queue_depth bigint NOT NULL DEFAULT 0,
  last_error text,
  last_error_at timestamptz
    CONSTRAINT smpp_status_last_error_at_finite CHECK (isfinite(last_error_at)),
  version text,
  started_at timestamptz
    CONSTRAINT smpp_status_started_at_finite CHECK (isfinite(started_at)),
  heartbeat timestamptz
    CONSTRAINT smpp_status_heartbeat_finite CHECK (isfinite(heartbeat)),
  holder text,
  epoch bigint NOT NULL DEFAULT 0,
  lease_expires_at timestamptz
    CONSTRAINT smpp_status_lease_expires_at_finite CHECK (isfinite(lease_expires_at))
) WITH (
  fillfactor = 10,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
);

COMMENT ON TABLE smpp_status IS
  'One row a lane: how its daemon is doing, and the lease that lets only one daemon a lane work at a time.';
COMMENT ON COLUMN smpp_status.lane IS 'The lane';
COMMENT ON COLUMN smpp_status.session_state IS 'State of the SMPP session: connecting, binding, bound, throttled, waiting (for the next attempt), unbinding, unusable; closed while there is none. Of a pair: bound when both are, transmitter_only or receiver_only when one is';
COMMENT ON COLUMN smpp_status.server_id IS 'Server of the session: smpp_servers.id. While another stands in for the enabled one, it is that one';
COMMENT ON COLUMN smpp_status.since IS 'Since when the session has been in this state; bound goes on while and after it is throttled';
COMMENT ON COLUMN smpp_status.window_in_use IS 'Requests that await their answer';
COMMENT ON COLUMN smpp_status.window_size IS 'Most requests that may await their answer';
COMMENT ON COLUMN smpp_status.rate IS 'Submit PDUs a second, of late';
COMMENT ON COLUMN smpp_status.queue_depth IS 'Messages of the lane that are still to be sent';
COMMENT ON COLUMN smpp_status.last_error IS 'The last error, for people';
COMMENT ON COLUMN smpp_status.last_error_at IS 'When that was';
COMMENT ON COLUMN smpp_status.version IS 'Version of the daemon';
COMMENT ON COLUMN smpp_status.started_at IS 'When the daemon started';
COMMENT ON COLUMN smpp_status.heartbeat IS 'When the daemon last wrote this row, by the clock of the database; old: it is gone or stuck';
COMMENT ON COLUMN smpp_status.holder IS 'The daemon that works (machine and process); NULL: none';
COMMENT ON COLUMN smpp_status.epoch IS 'Counts up each time another daemon takes over, from the time of the first in milliseconds';
COMMENT ON COLUMN smpp_status.lease_expires_at IS 'Another daemon may take over after it';

CREATE TABLE esmed_schema (
  version integer CONSTRAINT esmed_schema_pkey PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
    CONSTRAINT esmed_schema_applied_at_finite CHECK (isfinite(applied_at))
);

COMMENT ON TABLE esmed_schema IS
  'Versions of this schema that were applied; the highest counts. The tables of esmed 0.1.1 would be version 1.';
COMMENT ON COLUMN esmed_schema.version IS 'Version of the schema';
COMMENT ON COLUMN esmed_schema.applied_at IS 'When it was applied';

-- Triggers -----------------------------------------------------------------------------------------

CREATE TRIGGER smpp_servers_one_change_at_a_time
  BEFORE INSERT OR UPDATE OR DELETE ON smpp_servers
  FOR EACH STATEMENT EXECUTE FUNCTION smpp_servers_only_one_enabled();
COMMENT ON TRIGGER smpp_servers_one_change_at_a_time ON smpp_servers IS 'Transactions that change servers wait for each other';

CREATE TRIGGER smpp_servers_only_one_enabled
  AFTER INSERT OR UPDATE ON smpp_servers
  FOR EACH ROW WHEN (NEW.enabled) EXECUTE FUNCTION smpp_servers_only_one_enabled();
COMMENT ON TRIGGER smpp_servers_only_one_enabled ON smpp_servers IS 'Enabling a server disables the others of its lane';

CREATE TRIGGER smpp_servers_notify_change
  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smpp_servers
  FOR EACH STATEMENT EXECUTE FUNCTION notify_table_change();
COMMENT ON TRIGGER smpp_servers_notify_change ON smpp_servers IS 'Wakes the daemon';

-- Not on UPDATE: that would be the daemon's own claims and results. A row that is set back by hand is found by the
-- daemon's poll, a second later; esmed_resend and esmed_cancel wake it themselves.
CREATE TRIGGER smpp_tx_queue_notify_change
  AFTER INSERT ON smpp_tx_queue
  FOR EACH STATEMENT EXECUTE FUNCTION notify_table_change();
COMMENT ON TRIGGER smpp_tx_queue_notify_change ON smpp_tx_queue IS 'Wakes the daemon';

CREATE TRIGGER smpp_prefixes_notify_change
  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smpp_prefixes
  FOR EACH STATEMENT EXECUTE FUNCTION notify_table_change();
COMMENT ON TRIGGER smpp_prefixes_notify_change ON smpp_prefixes IS 'Wakes the daemon';

CREATE TRIGGER smpp_status_classes_notify_change
  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smpp_status_classes
  FOR EACH STATEMENT EXECUTE FUNCTION notify_table_change();
COMMENT ON TRIGGER smpp_status_classes_notify_change ON smpp_status_classes IS 'Wakes the daemon';

CREATE TRIGGER smpp_events_notify
  AFTER INSERT ON smpp_events
  FOR EACH ROW EXECUTE FUNCTION smpp_events_notify();
COMMENT ON TRIGGER smpp_events_notify ON smpp_events IS 'Sends the event to the channel smpp_events';

-- Functions ----------------------------------------------------------------------------------------

-- The row is locked before it is looked at: the daemon can't claim or finish it meanwhile.
CREATE FUNCTION esmed_cancel(id bigint) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
#variable_conflict use_column
DECLARE
  message record;
BEGIN
  SELECT q.submission_done, q.submission_failed, q.submission_started_at, q.submission_info, q.smpp_message_state
    INTO message
    FROM public.smpp_tx_queue q WHERE q.id = $1 FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'not found';
  END IF;
  IF message.submission_done THEN
    RETURN 'too late';
  END IF;
  IF message.submission_failed THEN
    IF message.smpp_message_state = 'DELETED' AND message.submission_info = 'cancelled' THEN
      RETURN 'cancelled';
    END IF;
    RETURN 'too late';
  END IF;

  IF message.submission_started_at IS NOT NULL THEN
    -- clock_timestamp(), as for submission_started_at: a request older than the attempt is not about it
    UPDATE public.smpp_tx_queue q SET cancel_requested_at = greatest(clock_timestamp(), q.submission_started_at) WHERE q.id = $1;
    PERFORM pg_notify('notify_table_change', 'smpp_tx_queue');
    RETURN 'requested';
  END IF;

  UPDATE public.smpp_tx_queue q
    SET submission_failed = TRUE, submission_info = 'cancelled', smpp_message_state = 'DELETED',
        message_state_timestamp = now(), next_attempt_at = NULL, cancel_requested_at = NULL,
        in_doubt = q.in_doubt OR q.possible_duplicate
    WHERE q.id = $1;
  PERFORM pg_notify('notify_table_change', 'smpp_tx_queue');
  PERFORM pg_notify('smpp_delivery', jsonb_build_object('ids', jsonb_build_array($1))::text);
  RETURN 'cancelled';
END
$$;
COMMENT ON FUNCTION esmed_cancel(bigint) IS
  'Stops a message. Returns cancelled: it will not be sent (again), also where it was cancelled before; one of which an answer was lost stays or becomes in_doubt, and parts of a long one may have left. requested: an attempt is open; unless that succeeds, the message will be cancelled. too late: it was sent, or it has failed. not found: there is no such row.';

CREATE FUNCTION esmed_resend(id bigint) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
#variable_conflict use_column
DECLARE
  message record;
BEGIN
  SELECT q.submission_done, q.submission_failed, q.submission_started_at, q.in_doubt, q.smpp_message_state
    INTO message
    FROM public.smpp_tx_queue q WHERE q.id = $1 FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'not found';
  END IF;
  IF message.submission_done
     OR NOT (message.submission_failed OR (message.in_doubt AND message.submission_started_at IS NULL)) THEN
    RETURN 'not failed';
  END IF;

  UPDATE public.smpp_tx_queue q
    SET submission_failed = FALSE, submission_attempts = 0, submission_info = NULL, submission_started_at = NULL,
        next_attempt_at = NULL, smpp_message_state = NULL, message_state_timestamp = NULL,
        smpp_error_code = NULL, smpp_network_error_code = NULL, cancel_requested_at = NULL,
        expires_at = CASE WHEN q.expires_at > now() THEN q.expires_at END,
        possible_duplicate = q.possible_duplicate OR q.in_doubt OR EXISTS (
          SELECT FROM public.smpp_tx_parts p WHERE p.tx_id = q.id AND p.in_doubt AND NOT p.submission_done),
        in_doubt = FALSE
    WHERE q.id = $1;
  -- Parts that the SMSC has accepted are never sent again.
  UPDATE public.smpp_tx_parts p
    SET submission_failed = FALSE, submission_attempts = 0, submission_info = NULL, submission_started_at = NULL,
        next_attempt_at = NULL, possible_duplicate = p.possible_duplicate OR p.in_doubt, in_doubt = FALSE
    WHERE p.tx_id = $1 AND NOT p.submission_done;

  PERFORM pg_notify('notify_table_change', 'smpp_tx_queue');
  IF message.smpp_message_state IS NOT NULL THEN
    PERFORM pg_notify('smpp_delivery', jsonb_build_object('ids', jsonb_build_array($1))::text);
  END IF;
  RETURN 'queued';
END
$$;
COMMENT ON FUNCTION esmed_resend(bigint) IS
  'Queues a message again that failed, expired, was cancelled or is held, with all its attempts. Returns queued, not failed (it waits, is being sent or was sent) or not found. possible_duplicate is set where it was in doubt. An expires_at that has passed is removed, for otherwise it would expire again at once. Accepted parts of a long message are not sent again.';

-- Names are qualified, and there is no SET search_path: the daemon calls it in its own statements.
CREATE FUNCTION esmed_state_of_parts(tx_id bigint) RETURNS text
  LANGUAGE sql STABLE STRICT PARALLEL SAFE
  AS $$
SELECT CASE
    WHEN pg_catalog.bool_or(p.smpp_message_state = 'REJECTED') THEN 'REJECTED'
    WHEN pg_catalog.bool_or(p.smpp_message_state = 'UNDELIVERABLE') THEN 'UNDELIVERABLE'
    WHEN pg_catalog.bool_or(p.smpp_message_state = 'EXPIRED') THEN 'EXPIRED'
    WHEN pg_catalog.bool_or(p.smpp_message_state = 'DELETED') THEN 'DELETED'
    WHEN pg_catalog.bool_and(p.smpp_message_state IS NOT DISTINCT FROM 'DELIVERED') THEN 'DELIVERED'
    -- Some are delivered and others are not yet, or they differ: it is on its way.
    WHEN pg_catalog.min(p.smpp_message_state) = pg_catalog.max(p.smpp_message_state)
         AND pg_catalog.min(p.smpp_message_state) <> 'DELIVERED' THEN pg_catalog.min(p.smpp_message_state)
    WHEN pg_catalog.count(p.smpp_message_state) > 0 THEN 'ENROUTE'
  END
FROM public.smpp_tx_parts p
WHERE p.tx_id = $1
$$;
COMMENT ON FUNCTION esmed_state_of_parts(bigint) IS
  'The state that the receipts for the parts of a long message add up to: the worst final one that a part has (REJECTED, UNDELIVERABLE, EXPIRED, DELETED), DELIVERED when every part is; before that the one that all parts with a state have in common, ENROUTE where they differ or only some are delivered, and NULL while no part has one.';

-- The next two are what the daemon's own tables say (a test compares every character). They have neither SECURITY DEFINER
-- nor a search_path, so that they are inlined; nobody but esmed_preview calls them. Characters are numbers here, which
-- no collation can confuse.
CREATE FUNCTION esmed_character_units(code integer, coding text) RETURNS integer
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$
  SELECT CASE $2
    WHEN 'ASCII' THEN CASE WHEN $1 < 128 THEN 1 END
    WHEN 'LATIN1' THEN CASE WHEN $1 < 256 THEN 1 END
    WHEN 'UTF8' THEN CASE WHEN $1 < 128 THEN 1 WHEN $1 < 2048 THEN 2 WHEN $1 < 65536 THEN 3 ELSE 4 END
    WHEN 'UCS2' THEN CASE WHEN $1 < 65536 THEN 1 ELSE 2 END
    ELSE CASE
      WHEN $1 BETWEEN 32 AND 90 OR $1 BETWEEN 97 AND 122 OR $1 IN (10, 13, 95) THEN 1
      WHEN $1 IN (12, 91, 92, 93, 94, 123, 124, 125, 126, 8364) THEN 2
      WHEN $1 IN (161, 163, 164, 165, 167, 191, 196, 197, 198, 199, 201, 209, 214, 216, 220, 223, 224, 228, 229, 230,
                  232, 233, 236, 241, 242, 246, 248, 249, 252, 915, 916, 920, 923, 926, 928, 931, 934, 936, 937) THEN 1
    END
  END
  $$;
COMMENT ON FUNCTION esmed_character_units(integer, text) IS
  'Septets, UTF-16 units or octets that a character (its number in Unicode) takes in an alphabet of smpp_servers or in UCS2; NULL: the alphabet lacks it. For esmed_preview.';

CREATE FUNCTION esmed_transliterations() RETURNS TABLE (code integer, replacement text)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$
  SELECT ascii(c.ch), t.replacement
  FROM (VALUES
      (E'', E'\u00AD\u034F\u200B\u200C\u200D\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2060\u2066' ||
          E'\u2067\u2068\u2069\uFE0E\uFE0F\uFEFF'),
      (E'', E'\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0309\u030A\u030B\u030C\u030F\u0311' ||
          E'\u031B\u0323\u0324\u0325\u0326\u0327\u0328\u032D\u032E\u0330\u0331'),
      (E' ', E'\u0009\u00A0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000'),
      (E'\n', E'\u0085\u2028\u2029'),
      (E'"', E'«»“”„‟″〝〞'),
      (E'''', E'`´‘’‚‛′‹›ʹʻʼˈ'),
      (E'-', E'‐‑‒–—―⁃−'),
      (E'...', E'…'),
      (E'..', E'‥'),
      (E'.', E'·∙⋅'),
      (E'*', E'•‣▪●◦∗'),
      (E'!', E'¡'),
      (E'?', E'¿'),
      (E'!!', E'‼'),
      (E'??', E'⁇'),
      (E'?!', E'⁈'),
      (E'!?', E'⁉'),
      (E'->', E'→'),
      (E'<-', E'←'),
      (E'=>', E'⇒'),
      (E'<=', E'≤'),
      (E'>=', E'≥'),
      (E'+/-', E'±'),
      (E'/', E'⁄∕÷'),
      (E'x', E'×ẋẍ'),
      (E'~', E'˜∼'),
      (E'^', E'ˆ'),
      (E'|', E'¦'),
      (E'u', E'µùúûüũūŭůűųưǔǖǘǚǜȕȗʉṳṵṷṹṻụủứừửữự'),
      (E'(C)', E'©'),
      (E'(R)', E'®'),
      (E'TM', E'™'),
      (E'No', E'№'),
      (E'EUR', E'€'),
      (E'a', E'ªàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ'),
      (E'o', E'ºòóôõöøōŏőơǒǫǭǿȍȏȫȭȯȱɔṍṏṑṓọỏốồổỗộớờởỡợ'),
      (E'c', E'¢çćĉċčḉ'),
      (E'AE', E'ÆǢǼ'),
      (E'ae', E'æǣǽ'),
      (E'OE', E'Œ'),
      (E'oe', E'œ'),
      (E'ss', E'ß'),
      (E'SS', E'ẞ'),
      (E'Th', E'Þ'),
      (E'th', E'þ'),
      (E'IJ', E'Ĳ'),
      (E'ij', E'ĳ'),
      (E'''n', E'ŉ'),
      (E'DZ', E'ǄǱ'),
      (E'Dz', E'ǅǲ'),
      (E'dz', E'ǆǳ'),
      (E'LJ', E'Ǉ'),
      (E'Lj', E'ǈ'),
      (E'lj', E'ǉ'),
      (E'NJ', E'Ǌ'),
      (E'Nj', E'ǋ'),
      (E'nj', E'ǌ'),
      (E'ff', E'ﬀ'),
      (E'fi', E'ﬁ'),
      (E'fl', E'ﬂ'),
      (E'ffi', E'ﬃ'),
      (E'ffl', E'ﬄ'),
      (E'st', E'ﬅﬆ'),
      (E'A', E'ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶ'),
      (E'B', E'ƁḂḄḆ'),
      (E'C', E'ÇĆĈĊČḈ'),
      (E'D', E'ÐĎĐƉƊḊḌḎḐḒ'),
      (E'E', E'ÈÉÊËĒĔĖĘĚƎƏƐȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ'),
      (E'F', E'ƑḞ'),
      (E'G', E'ĜĞĠĢƓƔǤǦǴḠ'),
      (E'H', E'ĤĦȞḢḤḦḨḪ'),
      (E'I', E'ÌÍÎÏĨĪĬĮİƗǏȈȊḬḮỈỊ'),
      (E'J', E'Ĵ'),
      (E'K', E'ĶƘǨḰḲḴ'),
      (E'L', E'ĹĻĽĿŁḶḸḺḼ'),
      (E'M', E'ḾṀṂ'),
      (E'N', E'ÑŃŅŇŊƝǸṄṆṈṊ'),
      (E'O', E'ÒÓÔÕÖØŌŎŐƆƠǑǪǬǾȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ'),
      (E'P', E'ṔṖ'),
      (E'R', E'ŔŖŘȐȒṘṚṜṞ'),
      (E'S', E'ŚŜŞŠȘṠṢṤṦṨ'),
      (E'T', E'ŢŤŦȚṪṬṮṰ'),
      (E'U', E'ÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖɄṲṴṶṸṺỤỦỨỪỬỮỰ'),
      (E'V', E'ƲṼṾ'),
      (E'W', E'ŴẀẂẄẆẈ'),
      (E'X', E'ẊẌ'),
      (E'Y', E'ÝŶŸƳȲẎỲỴỶỸ'),
      (E'Z', E'ŹŻŽƵẐẒẔ'),
      (E'b', E'ƀɓḃḅḇ'),
      (E'd', E'ðďđɖɗḋḍḏḑḓ'),
      (E'e', E'èéêëēĕėęěǝȅȇȩəɛḕḗḙḛḝẹẻẽếềểễệ'),
      (E'f', E'ƒḟ'),
      (E'g', E'ĝğġģǥǧǵɠɣḡ'),
      (E'h', E'ĥħȟḣḥḧḩḫẖ'),
      (E'i', E'ìíîïĩīĭįıǐȉȋɨḭḯỉị'),
      (E'j', E'ĵǰ'),
      (E'k', E'ķĸƙǩḱḳḵ'),
      (E'l', E'ĺļľŀłḷḹḻḽ'),
      (E'm', E'ḿṁṃ'),
      (E'n', E'ñńņňŋǹɲṅṇṉṋ'),
      (E'p', E'ṕṗ'),
      (E'r', E'ŕŗřȑȓṙṛṝṟ'),
      (E's', E'śŝşšſșṡṣṥṧṩẛ'),
      (E't', E'ţťŧțṫṭṯṱẗ'),
      (E'v', E'ʋṽṿ'),
      (E'w', E'ŵẁẃẅẇẉẘ'),
      (E'y', E'ýÿŷƴȳẏẙỳỵỷỹ'),
      (E'z', E'źżžƶẑẓẕ')
    ) AS t (replacement, characters),
    unnest(string_to_array(t.characters, NULL)) AS c (ch)
  $$;
COMMENT ON FUNCTION esmed_transliterations() IS
  'What esme_transliterate puts in the place of a character (its number in Unicode). For esmed_preview.';

CREATE FUNCTION esmed_preview(message text, server_id bigint DEFAULT NULL)
  RETURNS TABLE (coding text, parts integer, length integer, offending text[], info text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
#variable_conflict use_variable
DECLARE
  -- The defaults of smpp_servers, for a lane without an enabled server.
  alphabet text := 'GSM0338';
  transliterate boolean := FALSE;
  way text := 'udh';
  max_parts integer := 10;
  server record;
  codes integer[];     -- the characters of the text
  lacking integer[];   -- those that the alphabet lacks
  unit text;
  single integer;      -- units in one message
  most integer;        -- units in a part
  octets integer;
  marks bytea;         -- an octet a unit: 1 goes on with a character; 2 begins one that looks like padding; 0 begins another
  starts integer := 0;
  ends integer;
  spare integer;
  needed integer := 1;
BEGIN
  IF message IS NULL THEN
    RETURN;
  END IF;
  IF char_length(message) > 65536 THEN
    -- The daemon does not look at such a text either.
    info := 'smpp_short_message: text too long: it has more than 65536 characters';
    RETURN NEXT;
    RETURN;
  END IF;

  SELECT s.esme_default_alphabet, s.esme_transliterate, s.esme_long_message, s.esme_max_parts
    INTO server
    FROM public.smpp_servers s
    WHERE s.id = $2 OR ($2 IS NULL AND s.enabled AND s.lane = 'default');
  IF FOUND THEN
    alphabet := server.esme_default_alphabet;
    transliterate := server.esme_transliterate;
    way := server.esme_long_message;
    max_parts := server.esme_max_parts;
  ELSIF $2 IS NOT NULL THEN
    RAISE EXCEPTION 'smpp_servers has no row with id %', $2
      USING ERRCODE = 'no_data_found', HINT = 'Name the id of a server, or none for the enabled one.';
  END IF;

  codes := ARRAY(
    SELECT ascii(c.ch) FROM unnest(string_to_array(message, NULL)) WITH ORDINALITY AS c (ch, n) ORDER BY c.n);
  lacking := ARRAY(
    SELECT c.code FROM unnest(codes) WITH ORDINALITY AS c (code, n)
    WHERE public.esmed_character_units(c.code, alphabet) IS NULL
    GROUP BY c.code ORDER BY min(c.n));
  offending := ARRAY(SELECT chr(u.code) FROM unnest(lacking) WITH ORDINALITY AS u (code, n) ORDER BY u.n);
  coding := alphabet;
  IF lacking = '{}' THEN
    NULL;
  ELSIF transliterate AND NOT EXISTS (
      SELECT FROM unnest(lacking) AS u (code)
      WHERE u.code NOT IN (SELECT t.code FROM public.esmed_transliterations() t)) THEN
    SELECT 'transliterated:'
           || string_agg(CASE WHEN btrim(t.replacement, E' \n') = '' THEN ' U+' || lpad(upper(to_hex(u.code)), 4, '0')
                              ELSE ' ' || chr(u.code) END, '' ORDER BY u.n) FILTER (WHERE u.n <= 20)
           || CASE WHEN count(*) > 20 THEN ' and ' || count(*) - 20 || ' more' ELSE '' END
      INTO info
      FROM unnest(lacking) WITH ORDINALITY AS u (code, n)
      JOIN public.esmed_transliterations() t ON t.code = u.code;
    codes := ARRAY(
      SELECT ascii(r.ch)
      FROM unnest(codes) WITH ORDINALITY AS c (code, n)
      LEFT JOIN public.esmed_transliterations() t ON t.code = c.code AND c.code = ANY (lacking)
      CROSS JOIN LATERAL unnest(string_to_array(coalesce(t.replacement, chr(c.code)), NULL)) WITH ORDINALITY AS r (ch, n)
      ORDER BY c.n, r.n);
  ELSE
    coding := 'UCS2';
  END IF;

  length := coalesce((SELECT sum(public.esmed_character_units(c.code, coding)) FROM unnest(codes) AS c (code)), 0);
  single := CASE coding WHEN 'UCS2' THEN 70 WHEN 'LATIN1' THEN 140 WHEN 'UTF8' THEN 140 ELSE 160 END;
  unit := CASE coding WHEN 'UCS2' THEN 'UCS2 characters' WHEN 'LATIN1' THEN 'octets' WHEN 'UTF8' THEN 'octets'
                      WHEN 'ASCII' THEN 'characters' ELSE 'septets' END;
  parts := 1;

  IF way = 'none' THEN
    octets := CASE coding WHEN 'UCS2' THEN length * 2 WHEN 'GSM0338_PACKED' THEN (length * 7 + 7) / 8 ELSE length END;
    IF octets > 254 THEN
      info := format('smpp_short_message: text too long: %s %s are %s octets, one submit holds 254, and esme_long_message is none',
                     length, unit, octets);
    END IF;
  ELSIF length > single THEN
    -- The header of a part takes 6 octets, or 7 with a reference of 16 bits.
    most := CASE coding WHEN 'UCS2' THEN 67 WHEN 'LATIN1' THEN 134 WHEN 'UTF8' THEN 134 ELSE 153 END
            - (way IN ('udh16', 'sar'))::integer;
    SELECT string_agg(CASE public.esmed_character_units(c.code, coding)
                        WHEN 1 THEN CASE WHEN c.code IN (13, 64) THEN '\x02'::bytea ELSE '\x00'::bytea END
                        WHEN 2 THEN '\x0001'::bytea
                        WHEN 3 THEN '\x000101'::bytea
                        ELSE '\x00010101'::bytea
                      END, ''::bytea ORDER BY c.n)
      INTO marks
      FROM unnest(codes) WITH ORDINALITY AS c (code, n);
    WHILE length - starts > most LOOP
      ends := starts + most;
      LOOP
        IF get_byte(marks, ends) <> 1 THEN
          EXIT WHEN coding <> 'GSM0338_PACKED';
          -- Octets that could hold one septet more, or whose last septet could be padding, are misread.
          spare := ((ends - starts) * 7 + (way NOT IN ('udh16', 'sar'))::integer) % 8;
          EXIT WHEN spare > 1 OR (spare = 0 AND get_byte(marks, ends - 1) <> 2);
        END IF;
        ends := ends - 1;
      END LOOP;
      starts := ends;
      needed := needed + 1;
    END LOOP;
    IF way <> 'payload' THEN
      parts := needed;
    END IF;
    IF way = 'reject' THEN
      info := format('smpp_short_message: text too long: %s %s take %s parts, one message holds %s, and esme_long_message is reject',
                     length, unit, needed, single);
    ELSIF needed > max_parts THEN
      info := format('smpp_short_message: text too long: %s %s take %s parts, and esme_max_parts is %s',
                     length, unit, needed, max_parts);
    END IF;
  END IF;
  RETURN NEXT;
END
$$;
COMMENT ON FUNCTION esmed_preview(text, bigint) IS
  'How a text would be sent by a server (NULL: the enabled one of the lane default). coding: the alphabet of the server or UCS2; parts: how many PDUs it takes; length: in septets, UCS2 characters or octets; offending: the characters that the alphabet lacks, each once; info: what would be in submission_info, NULL or which characters are replaced, or why the text would be refused. A text of more than 65536 characters has no more than that reason.';

-- The same as Receipt::response_keys in src/receipt/mod.rs.
CREATE FUNCTION esmed_receipt_keys(format text, message_id text, receipt jsonb) RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $$
SELECT CASE
    -- A receipted_message_id that is the text's id converted has the response's form already.
    WHEN public.esmed_canonical_id($2) = ANY (public.esmed_response_keys($1, $3 ->> 'text_id'))
      THEN ARRAY[public.esmed_canonical_id($2)]
    ELSE public.esmed_response_keys($1, $2) || ARRAY(
      SELECT k.key
      FROM jsonb_array_elements_text(
             CASE jsonb_typeof($3 -> 'candidate_ids') WHEN 'array' THEN $3 -> 'candidate_ids' END)
             WITH ORDINALITY AS c (id, place)
      CROSS JOIN unnest(public.esmed_response_keys($1, c.id)) WITH ORDINALITY AS k (key, place)
      ORDER BY c.place, k.place)
  END
$$;
COMMENT ON FUNCTION esmed_receipt_keys(text, text, jsonb) IS
  'The canonical ids that the response may have had for a receipt with this id and this text (pdu_parsed -> receipt), by a format as in esme_message_id_format, the likeliest first.';

-- Inlined into the statements that match receipts: all names are qualified, and there is no search_path. Each argument stands
-- once where it may be a sub-select, which is then run only for numbers in national form.
CREATE FUNCTION esmed_is_same_number(written text, received text, country_code text) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$
SELECT CASE
    WHEN pg_catalog.starts_with($1, '0') AND NOT pg_catalog.starts_with($1, '00') THEN
      pg_catalog.ltrim($2, '+0') IN (
        pg_catalog.substr($1, 2),
        $3 OPERATOR(pg_catalog.||) pg_catalog.substr($1, 2))
    ELSE pg_catalog.ltrim($1, '+0') OPERATOR(pg_catalog.=) pg_catalog.ltrim($2, '+0')
  END
$$;
COMMENT ON FUNCTION esmed_is_same_number(text, text, text) IS
  'Whether a number as an application wrote it is the one that the SMSC names: without + and leading zeros, one in national form by the country code.';

-- As sql/queries/match_receipts.sql does it, and besides: what was not there, or not sent, when the receipt came is not
-- meant. An answer is recorded long within an hour of a receipt that overtook it.
CREATE FUNCTION esmed_match_receipt(
    server_id bigint, key text, source text, received_at timestamptz DEFAULT 'infinity', only_to_source boolean DEFAULT FALSE)
  RETURNS TABLE (tx_id bigint, part smallint)
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$
SELECT hit.tx_id, hit.part
FROM (
  SELECT q.id AS tx_id, NULL::smallint AS part, q.smpp_message_state AS state, q.smpp_destination_addr AS destination
  FROM public.smpp_tx_queue q
  WHERE public.esmed_canonical_id(q.smpp_message_id) = $2
    AND q.smpp_message_id IS NOT NULL
    AND (q.submission_server_id = $1 OR q.submission_server_id IS NULL)
    AND q.insert_timestamp <= $4
    AND (q.submission_timestamp <= $4 + interval '1 hour' OR q.submission_timestamp IS NULL)
    -- The id of a long message is that of its part 1, which has it too.
    AND NOT EXISTS (SELECT FROM public.smpp_tx_parts p WHERE p.tx_id = q.id)
  UNION ALL
  SELECT p.tx_id, p.part, p.smpp_message_state, q.smpp_destination_addr
  FROM public.smpp_tx_parts p
  JOIN public.smpp_tx_queue q ON q.id = p.tx_id
  WHERE public.esmed_canonical_id(p.smpp_message_id) = $2
    AND p.smpp_message_id IS NOT NULL
    AND (p.server_id = $1 OR p.server_id IS NULL)
    AND q.insert_timestamp <= $4
    AND (p.submission_timestamp <= $4 + interval '1 hour' OR p.submission_timestamp IS NULL)
) AS hit
WHERE NOT $5 OR public.esmed_is_same_number(hit.destination, $3, (SELECT s.esme_country_code FROM public.smpp_servers s WHERE s.id = $1))
ORDER BY
  coalesce(hit.state IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED'), FALSE),
  coalesce(public.esmed_is_same_number(hit.destination, $3, (SELECT s.esme_country_code FROM public.smpp_servers s WHERE s.id = $1)), FALSE) DESC,
  hit.tx_id DESC,
  hit.part
LIMIT 1
$$;
COMMENT ON FUNCTION esmed_match_receipt(bigint, text, text, timestamptz, boolean) IS
  'The message, and of a long one the part, that a receipt of this server is about: by canonical id (see esmed_response_keys), of several the one that is not final, with the source of the receipt as its destination, newest. None that is younger than the receipt; where only_to_source is TRUE none with another destination.';

-- The rules are those of replaces in src/receipt/state.rs. Whoever calls it has locked the message and the part.
CREATE FUNCTION esmed_apply_receipt(
    tx_id bigint, part smallint, state text, error_code text, network_error_code text)
  RETURNS boolean
  LANGUAGE plpgsql
  AS $$
DECLARE
  -- A later one is worse, and counts for a message of several parts.
  final CONSTANT text[] := ARRAY['DELIVERED', 'DELETED', 'EXPIRED', 'UNDELIVERABLE', 'REJECTED'];
  message record;
  known text;
  later text := $3;
  of_parts boolean := FALSE;
BEGIN
  IF later IS NULL THEN
    RETURN FALSE;
  END IF;
  SELECT q.smpp_message_state AS state, q.lane, q.submission_done, s.esme_part_receipts
    INTO STRICT message
    FROM public.smpp_tx_queue q
    LEFT JOIN public.smpp_servers s ON s.id = q.submission_server_id
    WHERE q.id = $1;
  known := message.state;

  IF $2 IS NOT NULL THEN
    of_parts := message.esme_part_receipts IS DISTINCT FROM 'one';
    SELECT p.smpp_message_state INTO STRICT known
      FROM public.smpp_tx_parts p WHERE p.tx_id = $1 AND p.part = $2;
    IF known IS DISTINCT FROM later AND (known = ANY (final)) IS NOT TRUE THEN
      UPDATE public.smpp_tx_parts p
        SET smpp_message_state = later, message_state_timestamp = now(),
            smpp_error_code = coalesce($4, p.smpp_error_code),
            smpp_network_error_code = coalesce($5, p.smpp_network_error_code)
        WHERE p.tx_id = $1 AND p.part = $2;
    ELSIF known <> later AND later = ANY (final) THEN
      PERFORM public.esmed_receipt_contradicts($1, $2, message.lane, known, later);
      RETURN FALSE;
    END IF;
    -- Until the SMSC has all parts, nothing is said of the message.
    IF NOT message.submission_done THEN
      RETURN FALSE;
    END IF;
    known := message.state;
    IF of_parts THEN
      later := public.esmed_state_of_parts($1);
    END IF;
  END IF;

  IF later IS NULL OR known = later THEN
    RETURN FALSE;
  ELSIF known = ANY (final) THEN
    IF NOT of_parts AND later = ANY (final) THEN
      PERFORM public.esmed_receipt_contradicts($1, NULL, message.lane, known, later);
    END IF;
    -- What parts add up to may get worse.
    IF NOT of_parts OR known = 'DELIVERED' OR coalesce(array_position(final, later) < array_position(final, known), TRUE) THEN
      RETURN FALSE;
    END IF;
  END IF;
  UPDATE public.smpp_tx_queue q
    SET smpp_message_state = later, message_state_timestamp = now(),
        smpp_error_code = coalesce($4, q.smpp_error_code),
        smpp_network_error_code = coalesce($5, q.smpp_network_error_code)
    WHERE q.id = $1;
  RETURN TRUE;
END
$$;
COMMENT ON FUNCTION esmed_apply_receipt(bigint, smallint, text, text, text) IS
  'Writes what a receipt says to its message (part NULL) or to a part of it and then to the message: the first final state stays, a later one that differs becomes an event. Returns TRUE where the state of the message changed.';

-- As the daemon words it in src/recorder/told.rs.
CREATE FUNCTION esmed_receipt_contradicts(tx_id bigint, part smallint, lane text, state text, later text) RETURNS void
  LANGUAGE sql
  AS $$
INSERT INTO public.smpp_events (lane, component, type, message, details)
VALUES ($3, 'queue', 'receipt_contradicts',
        coalesce('part ' || $2 || ' of ', '') || 'message ' || $1 || ' is ' || $4 || ' and stays so; a later receipt says ' || $5,
        jsonb_strip_nulls(jsonb_build_object('id', $1, 'part', $2)))
$$;
COMMENT ON FUNCTION esmed_receipt_contradicts(bigint, smallint, text, text, text) IS
  'Records the event that a receipt says other than the one before.';

-- Whether only its text says that a stored PDU is a receipt (esme_receipts_without_esm_class): bits 5 to 2 of esm_class.
CREATE FUNCTION esmed_receipt_by_text(pdu_parsed jsonb) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$
SELECT CASE jsonb_typeof($1 -> 'esm_class') WHEN 'number' THEN ($1 ->> 'esm_class')::integer & 60 = 0 ELSE FALSE END
$$;
COMMENT ON FUNCTION esmed_receipt_by_text(jsonb) IS
  'TRUE for a receipt of which only the text says so, not its esm_class: anyone can write that, so it is believed only where it comes from the number that the message went to.';

-- Nothing is waited for: a message or a receipt that somebody else has locked is left for the next time, so this can't be
-- in a deadlock with the daemon. Each look-up is by an index, whatever the statistics say.
CREATE FUNCTION esmed_rematch() RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  AS $$
DECLARE
  receipt record;
  hit record;
  key text;
  matched bigint := 0;
  changed bigint[] := '{}';
  payload text;
BEGIN
  FOR receipt IN
    SELECT rx.id, rx.smpp_server_id, rx.smpp_source_addr, rx.insert_timestamp,
           rx.pdu_parsed -> 'receipt' AS says,
           public.esmed_receipt_by_text(rx.pdu_parsed) AS by_text,
           public.esmed_receipt_keys(coalesce(s.esme_message_id_format, 'same'), rx.receipt_message_id, rx.pdu_parsed -> 'receipt') AS keys
    FROM public.smpp_rx_queue rx
    LEFT JOIN public.smpp_servers s ON s.id = rx.smpp_server_id
    WHERE rx.tx_queue_id IS NULL AND rx.kind IN ('receipt', 'intermediate') AND rx.receipt_message_id IS NOT NULL
    ORDER BY rx.id
  LOOP
    FOREACH key IN ARRAY receipt.keys LOOP
      SELECT m.tx_id, m.part INTO hit
        FROM public.esmed_match_receipt(
          receipt.smpp_server_id, key, receipt.smpp_source_addr, receipt.insert_timestamp, receipt.by_text) AS m;
      EXIT WHEN FOUND;
    END LOOP;
    CONTINUE WHEN hit.tx_id IS NULL;

    PERFORM FROM public.smpp_rx_queue rx
      WHERE rx.id = receipt.id AND rx.tx_queue_id IS NULL FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM FROM public.smpp_tx_queue q WHERE q.id = hit.tx_id FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    IF hit.part IS NOT NULL THEN
      PERFORM FROM public.smpp_tx_parts p
        WHERE p.tx_id = hit.tx_id AND p.part = hit.part FOR NO KEY UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
    END IF;

    UPDATE public.smpp_rx_queue rx SET tx_queue_id = hit.tx_id WHERE rx.id = receipt.id;
    matched := matched + 1;
    IF public.esmed_apply_receipt(
        hit.tx_id, hit.part, receipt.says ->> 'state', receipt.says ->> 'err', receipt.says ->> 'network_error_code') THEN
      changed := changed || hit.tx_id;
    END IF;
  END LOOP;

  IF changed <> '{}' THEN
    SELECT '{"ids":[' || string_agg(id::text, ',' ORDER BY id) || ']}' INTO payload
      FROM (SELECT DISTINCT unnest(changed) AS id) AS ids;
    PERFORM pg_notify('smpp_delivery', CASE WHEN octet_length(payload) > 7900 THEN '' ELSE payload END);
  END IF;
  RETURN matched;
END
$$;
COMMENT ON FUNCTION esmed_rematch() IS
  'Applies the receipts that match no message (view smpp_unmatched_receipts) again, by the present esme_message_id_format of their servers. Returns how many were matched. Those whose message somebody has locked are left for the next time. A receipt is never taken for that of a message that was inserted or sent after it came.';

CREATE FUNCTION esmed_id_formats(server_id bigint)
  RETURNS TABLE (format text, matches bigint, receipts bigint)
  LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  AS $$
WITH receipts AS MATERIALIZED (
  SELECT rx.receipt_message_id, rx.smpp_source_addr, rx.insert_timestamp, rx.pdu_parsed -> 'receipt' AS says,
         public.esmed_receipt_by_text(rx.pdu_parsed) AS by_text
  FROM public.smpp_rx_queue rx
  WHERE rx.tx_queue_id IS NULL AND rx.kind IN ('receipt', 'intermediate') AND rx.receipt_message_id IS NOT NULL
    AND rx.smpp_server_id = $1
  ORDER BY rx.id DESC
  LIMIT 1000
)
SELECT f.format,
       count(*) FILTER (WHERE EXISTS (
         SELECT FROM unnest(public.esmed_receipt_keys(f.format, r.receipt_message_id, r.says)) AS k (key)
         CROSS JOIN LATERAL public.esmed_match_receipt($1, k.key, r.smpp_source_addr, r.insert_timestamp, r.by_text))),
       count(r.receipt_message_id)
FROM unnest(ARRAY['same', 'resp_hex', 'receipt_hex', 'uuid', 'receipt_suffix', 'resp_hex_string']) WITH ORDINALITY AS f (format, place)
LEFT JOIN receipts r ON TRUE
GROUP BY f.format, f.place
ORDER BY 2 DESC, f.place
$$;
COMMENT ON FUNCTION esmed_id_formats(bigint) IS
  'For finding esme_message_id_format: to how many of the newest 1,000 unmatched receipts of a server each format would find a message (matches, receipts), the best first.';

-- Views --------------------------------------------------------------------------------------------
--
-- The words of the status stand once, in smpp_tx_report; the planner drops its sub-selects where nobody asks for them.

CREATE VIEW smpp_tx_report AS
SELECT
  q.*,
  CASE
    WHEN q.submission_done THEN 'sent'
    WHEN q.submission_failed AND q.smpp_message_state = 'EXPIRED' THEN 'expired'
    WHEN q.submission_failed AND q.smpp_message_state = 'DELETED' AND q.submission_info = 'cancelled' THEN 'cancelled'
    WHEN q.submission_failed THEN 'failed'
    WHEN q.submission_started_at IS NOT NULL THEN 'started'
    WHEN q.in_doubt AND q.submission_attempts > 0 THEN 'held'
    WHEN q.send_after > now() THEN 'scheduled'
    WHEN q.next_attempt_at > now() THEN 'retrying'
    ELSE 'waiting'
  END AS status,
  (SELECT jsonb_agg(jsonb_build_object(
            'part', p.part, 'total', p.total, 'smpp_message_id', p.smpp_message_id,
            'smpp_message_state', p.smpp_message_state, 'smpp_error_code', p.smpp_error_code,
            'submission_timestamp', p.submission_timestamp, 'submission_attempts', p.submission_attempts,
            'submission_done', p.submission_done, 'submission_failed', p.submission_failed,
            'submission_info', p.submission_info, 'next_attempt_at', p.next_attempt_at,
            'in_doubt', p.in_doubt, 'possible_duplicate', p.possible_duplicate) ORDER BY p.part)
     FROM smpp_tx_parts p WHERE p.tx_id = q.id) AS parts,
  (SELECT e.meaning
     FROM smpp_error_codes e
     WHERE (e.server_id = q.submission_server_id OR e.server_id IS NULL)
       AND esmed_canonical_id(e.code) IN (esmed_canonical_id(q.smpp_error_code), esmed_canonical_id(q.smpp_network_error_code))
     ORDER BY e.server_id IS NULL,
              coalesce(esmed_canonical_id(e.code) = esmed_canonical_id(q.smpp_error_code), FALSE) DESC,
              coalesce(e.code = q.smpp_error_code, FALSE) DESC
     LIMIT 1) AS error_meaning
FROM smpp_tx_queue q;

COMMENT ON VIEW smpp_tx_report IS
  'Each message with its status in a word, its parts and the meaning of its error code. All columns of smpp_tx_queue, and three more.';
COMMENT ON COLUMN smpp_tx_report.status IS 'waiting, scheduled, retrying, started, held, sent, failed, expired or cancelled: see smpp_tx_status';
COMMENT ON COLUMN smpp_tx_report.parts IS 'Its rows of smpp_tx_parts without the octets, as a JSON array; NULL: it has none';
COMMENT ON COLUMN smpp_tx_report.error_meaning IS 'smpp_error_code (or smpp_network_error_code) in words, by smpp_error_codes; NULL: not known';
COMMENT ON COLUMN smpp_tx_report.id IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.insert_timestamp IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_destination_addr IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_priority_flag IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_registered_delivery IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_short_message IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_message_id IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_message_state IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.message_state_timestamp IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_timestamp IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_attempts IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_done IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_failed IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_info IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.lane IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_source_addr IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_source_addr_ton IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_source_addr_npi IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_dest_addr_ton IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_dest_addr_npi IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_service_type IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_protocol_id IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_esm_class IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_data_coding IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_message_class IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_validity_period IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_schedule_delivery_time IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_optional_parameters IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.send_after IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.expires_at IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.client_ref IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.in_doubt_policy IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_started_at IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.submission_server_id IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.next_attempt_at IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.in_doubt IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.possible_duplicate IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.message_parts IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_error_code IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.smpp_network_error_code IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.cancel_requested_at IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.released_at IS 'As in smpp_tx_queue';
COMMENT ON COLUMN smpp_tx_report.waits_until IS 'As in smpp_tx_queue';

CREATE VIEW smpp_tx_status AS
SELECT id, status FROM smpp_tx_report;

COMMENT ON VIEW smpp_tx_status IS 'What each message is doing, in a word.';
COMMENT ON COLUMN smpp_tx_status.id IS 'The message: smpp_tx_queue.id';
COMMENT ON COLUMN smpp_tx_status.status IS
  'waiting; scheduled (send_after is ahead); retrying (next_attempt_at is ahead); started (an attempt is open); held (in doubt, somebody must decide); sent (the SMSC has it; smpp_message_state says what became of it); failed (submission_info says why); expired (expires_at has passed); cancelled';

CREATE VIEW smpp_in_doubt AS
SELECT id, lane, status, insert_timestamp, smpp_destination_addr, submission_server_id, submission_attempts,
       message_parts, submission_info, client_ref
FROM smpp_tx_report
WHERE in_doubt;

COMMENT ON VIEW smpp_in_doubt IS
  'Messages of which nobody knows whether the SMSC has them, because an answer was lost. held: decide by esmed_resend(id) or esmed_cancel(id); failed or cancelled: they ended so.';
COMMENT ON COLUMN smpp_in_doubt.id IS 'The message: smpp_tx_queue.id';
COMMENT ON COLUMN smpp_in_doubt.lane IS 'Its lane';
COMMENT ON COLUMN smpp_in_doubt.status IS 'Its status, see smpp_tx_status';
COMMENT ON COLUMN smpp_in_doubt.insert_timestamp IS 'When it was inserted';
COMMENT ON COLUMN smpp_in_doubt.smpp_destination_addr IS 'Number of the phone';
COMMENT ON COLUMN smpp_in_doubt.submission_server_id IS 'Server of the last attempt: smpp_servers.id';
COMMENT ON COLUMN smpp_in_doubt.submission_attempts IS 'Attempts so far';
COMMENT ON COLUMN smpp_in_doubt.message_parts IS 'How many PDUs it takes';
COMMENT ON COLUMN smpp_in_doubt.submission_info IS 'Outcome of the last attempt in words';
COMMENT ON COLUMN smpp_in_doubt.client_ref IS 'Reference of the application';

CREATE VIEW smpp_unmatched_receipts AS
SELECT id, insert_timestamp, smpp_server_id, kind, receipt_message_id,
       esmed_canonical_id(receipt_message_id) AS canonical_id,
       smpp_source_addr, smpp_destination_addr,
       pdu_parsed -> 'receipt' ->> 'stat' AS stat,
       pdu_parsed -> 'receipt' ->> 'state' AS state,
       pdu_parsed -> 'receipt' ->> 'err' AS err,
       pdu_parsed -> 'receipt' ->> 'network_error_code' AS network_error_code,
       smpp_short_message
FROM smpp_rx_queue
WHERE tx_queue_id IS NULL AND kind IN ('receipt', 'intermediate');

COMMENT ON VIEW smpp_unmatched_receipts IS
  'Receipts that belong to no message that we know of. Many of them: esmed_id_formats(server) tells which esme_message_id_format would find their messages.';
COMMENT ON COLUMN smpp_unmatched_receipts.id IS 'The PDU: smpp_rx_queue.id';
COMMENT ON COLUMN smpp_unmatched_receipts.insert_timestamp IS 'When it was stored';
COMMENT ON COLUMN smpp_unmatched_receipts.smpp_server_id IS 'Server that sent it: smpp_servers.id';
COMMENT ON COLUMN smpp_unmatched_receipts.kind IS 'receipt or intermediate';
COMMENT ON COLUMN smpp_unmatched_receipts.receipt_message_id IS 'Id of the message that it is about, as received';
COMMENT ON COLUMN smpp_unmatched_receipts.canonical_id IS 'The same in the form in which ids are compared, before any conversion by esme_message_id_format';
COMMENT ON COLUMN smpp_unmatched_receipts.smpp_source_addr IS 'The phone';
COMMENT ON COLUMN smpp_unmatched_receipts.smpp_destination_addr IS 'Our number';
COMMENT ON COLUMN smpp_unmatched_receipts.stat IS 'stat: of the text of the receipt';
COMMENT ON COLUMN smpp_unmatched_receipts.state IS 'State that it reports, by its name in SMPP';
COMMENT ON COLUMN smpp_unmatched_receipts.err IS 'err: of the text of the receipt';
COMMENT ON COLUMN smpp_unmatched_receipts.network_error_code IS 'TLV network_error_code, hexadecimal';
COMMENT ON COLUMN smpp_unmatched_receipts.smpp_short_message IS 'The text of the receipt';

CREATE VIEW smpp_queue_stats AS
SELECT lane, status, smpp_message_state AS state, count(*) AS count,
       min(insert_timestamp) AS oldest, max(insert_timestamp) AS newest
FROM smpp_tx_report
GROUP BY lane, status, smpp_message_state;

COMMENT ON VIEW smpp_queue_stats IS
  'How many messages are in which status and state; no numbers of phones, no texts. It reads all of smpp_tx_queue: for a figure every few seconds take queue_depth of smpp_status.';
COMMENT ON COLUMN smpp_queue_stats.lane IS 'The lane';
COMMENT ON COLUMN smpp_queue_stats.status IS 'Status, see smpp_tx_status';
COMMENT ON COLUMN smpp_queue_stats.state IS 'smpp_message_state';
COMMENT ON COLUMN smpp_queue_stats.count IS 'How many messages';
COMMENT ON COLUMN smpp_queue_stats.oldest IS 'When the oldest of them was inserted';
COMMENT ON COLUMN smpp_queue_stats.newest IS 'When the newest of them was inserted';

-- Rights -------------------------------------------------------------------------------------------

DO $$
DECLARE
  name text;
BEGIN
  -- Everybody has these by default; where that was taken away, give them to the three roles.
  FOREACH name IN ARRAY ARRAY['esmed', 'esmed_app', 'esmed_monitor'] LOOP
    IF NOT pg_catalog.has_database_privilege(name, current_database(), 'CONNECT') THEN
      EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END IF;
    IF NOT pg_catalog.has_schema_privilege(name, 'public', 'USAGE') THEN
      EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA public TO %I', name);
    END IF;
  END LOOP;
END
$$;

-- The daemon. It makes the parts of long messages, and makes them anew; other DELETEs are for retention.
GRANT SELECT ON smpp_servers, smpp_prefixes, smpp_status_classes, smpp_error_codes, esmed_schema TO esmed;
GRANT SELECT, UPDATE, DELETE ON smpp_tx_queue TO esmed;
GRANT SELECT, INSERT, UPDATE ON smpp_status TO esmed;
GRANT SELECT, INSERT, UPDATE, DELETE ON smpp_tx_parts TO esmed;
GRANT SELECT, INSERT, UPDATE, DELETE ON smpp_rx_queue, smpp_inbox, smpp_events TO esmed;
GRANT USAGE, SELECT ON SEQUENCE smpp_rx_queue_id_seq, smpp_inbox_id_seq, smpp_events_id_seq TO esmed;

-- Applications.
GRANT SELECT, INSERT ON smpp_tx_queue TO esmed_app;
GRANT USAGE, SELECT ON SEQUENCE smpp_tx_queue_id_seq TO esmed_app;
GRANT SELECT ON smpp_tx_parts, smpp_rx_queue, smpp_inbox TO esmed_app;
GRANT UPDATE (processed) ON smpp_inbox TO esmed_app;
GRANT SELECT ON smpp_tx_status, smpp_tx_report, smpp_in_doubt, smpp_unmatched_receipts, smpp_queue_stats TO esmed_app;

-- Dashboards.
GRANT SELECT ON smpp_status, smpp_events, smpp_queue_stats TO esmed_monitor;

-- Everybody keeps EXECUTE on esmed_canonical_id only (see there).
REVOKE ALL ON FUNCTION esmed_cancel(bigint), esmed_resend(bigint), esmed_preview(text, bigint), esmed_rematch(),
  esmed_character_units(integer, text), esmed_transliterations(),
  esmed_id_formats(bigint), esmed_state_of_parts(bigint), esmed_decimal_to_hex(text), esmed_hex_to_decimal(text),
  esmed_response_keys(text, text), esmed_receipt_keys(text, text, jsonb), esmed_receipt_by_text(jsonb),
  esmed_match_receipt(bigint, text, text, timestamptz, boolean), esmed_apply_receipt(bigint, smallint, text, text, text),
  esmed_receipt_contradicts(bigint, smallint, text, text, text), esmed_is_same_number(text, text, text), notify_table_change(), smpp_servers_only_one_enabled(), smpp_events_notify() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION esmed_cancel(bigint), esmed_resend(bigint), esmed_preview(text, bigint), esmed_rematch(),
  esmed_id_formats(bigint) TO esmed_app;
GRANT EXECUTE ON FUNCTION esmed_state_of_parts(bigint), esmed_receipt_by_text(jsonb), esmed_is_same_number(text, text, text) TO esmed;
-- For triggers on tables of the applications; a trigger needs it only when it is created.
GRANT EXECUTE ON FUNCTION notify_table_change() TO esmed_app;

-- Version ------------------------------------------------------------------------------------------

INSERT INTO esmed_schema (version) VALUES (2);

COMMIT;
