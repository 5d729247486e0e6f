-- The database that esmed 0.1.1 leaves behind, owned by who runs this. The role esmed exists.

CREATE TYPE smpp_priority_flag AS ENUM ('LEVEL_0', 'LEVEL_1', 'LEVEL_2', 'LEVEL_3');
CREATE TYPE smpp_registered_delivery AS ENUM (
  'NO_SMSC_DELIVERY_RECEIPT_REQUESTED',
  'SMSC_DELIVERY_RECEIPT_REQUESTED',
  'SMSC_DELIVERY_RECEIPT_REQUESTED_FOR_FAILURE');

CREATE TABLE smpp_servers (
  id serial PRIMARY KEY,
  enabled boolean NOT NULL DEFAULT FALSE,
  name varchar,
  host varchar NOT NULL,
  port integer NOT NULL DEFAULT 2775,
  esme_system_id varchar(16) NOT NULL,
  esme_password varchar(9) NOT NULL,
  esme_source_addr varchar(21),
  esme_bind_transceiver boolean NOT NULL DEFAULT FALSE,
  esme_registered_delivery boolean NOT NULL DEFAULT FALSE,
  esme_max_submission_attempts integer NOT NULL DEFAULT 3,
  smpp_session_init_timer integer NOT NULL DEFAULT 30,
  smpp_enquire_link_timer integer NOT NULL DEFAULT 10,
  smpp_inactivity_timer integer NOT NULL DEFAULT 120,
  smpp_response_timer integer NOT NULL DEFAULT 60,
  smpp_pdu_read_timer integer NOT NULL DEFAULT 10,
  CONSTRAINT smpp_servers_idx01 UNIQUE (host, port)
);

CREATE TABLE smpp_tx_queue (
  id serial PRIMARY KEY,
  insert_timestamp timestamptz NOT NULL DEFAULT now(),
  smpp_destination_addr varchar(21) NOT NULL,
  smpp_priority_flag smpp_priority_flag NOT NULL DEFAULT 'LEVEL_0',
  smpp_registered_delivery smpp_registered_delivery NOT NULL DEFAULT 'NO_SMSC_DELIVERY_RECEIPT_REQUESTED',
  smpp_short_message varchar(254) NOT NULL,
  smpp_message_id varchar,
  smpp_message_state varchar,
  message_state_timestamp timestamptz,
  submission_timestamp timestamptz,
  submission_attempts integer NOT NULL DEFAULT 0,
  submission_done boolean NOT NULL DEFAULT FALSE,
  submission_failed boolean NOT NULL DEFAULT FALSE,
  submission_info varchar
);

CREATE TABLE smpp_rx_queue (
  id serial PRIMARY KEY,
  insert_timestamp timestamptz NOT NULL DEFAULT now(),
  pdu_raw varchar,
  pdu_parsed varchar,
  smpp_source_addr varchar,
  smpp_short_message varchar
);

CREATE FUNCTION smpp_servers_only_one_enabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.enabled THEN
    UPDATE smpp_servers SET enabled = FALSE WHERE enabled AND id <> NEW.id;
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION notify_table_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('notify_table_change', TG_TABLE_NAME);
  RETURN NEW;
END
$$;

CREATE TRIGGER smpp_servers_only_one_enabled AFTER INSERT OR UPDATE ON smpp_servers
  FOR EACH ROW EXECUTE FUNCTION smpp_servers_only_one_enabled();
CREATE TRIGGER smpp_servers_notify_change AFTER INSERT OR UPDATE OR DELETE ON smpp_servers
  FOR EACH ROW EXECUTE FUNCTION notify_table_change();
CREATE TRIGGER smpp_tx_queue_notify_change AFTER INSERT ON smpp_tx_queue
  FOR EACH ROW EXECUTE FUNCTION notify_table_change();

GRANT SELECT ON smpp_servers TO esmed;
GRANT SELECT, UPDATE ON smpp_tx_queue TO esmed;
GRANT INSERT ON smpp_rx_queue TO esmed;
GRANT SELECT, UPDATE ON SEQUENCE smpp_rx_queue_id_seq TO esmed;
