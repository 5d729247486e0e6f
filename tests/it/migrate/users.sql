-- What users have built upon the tables of 0.1.1, and what of it stands in the way of the migration.

CREATE ROLE reporter NOLOGIN;
CREATE ROLE reader NOLOGIN;
CREATE SCHEMA reports;
GRANT USAGE, CREATE ON SCHEMA reports TO reporter;
GRANT SELECT ON smpp_tx_queue, smpp_rx_queue, smpp_servers TO reporter;

-- A column, an index, a constraint, a comment, rights on columns.
ALTER TABLE smpp_tx_queue ADD COLUMN customer integer;
COMMENT ON COLUMN smpp_tx_queue.customer IS 'Who pays';
UPDATE smpp_tx_queue SET customer = 7;
CREATE INDEX my_customers ON smpp_tx_queue (customer, smpp_destination_addr);
CREATE INDEX my_texts ON smpp_tx_queue (lower(smpp_short_message));
ALTER TABLE smpp_tx_queue ADD CONSTRAINT my_numbers CHECK (smpp_destination_addr <> '');
GRANT SELECT (id, smpp_message_state), INSERT (smpp_destination_addr, smpp_short_message) ON smpp_tx_queue TO reader;

-- A table that refers to messages by an integer.
CREATE TABLE invoices (tx_id integer PRIMARY KEY REFERENCES smpp_tx_queue (id) ON DELETE CASCADE, amount numeric);
INSERT INTO invoices SELECT id, 0.07 FROM smpp_tx_queue;

-- Views, nested, with all that views can have.
CREATE VIEW reports.sent WITH (security_barrier = true) AS
  SELECT id, smpp_destination_addr AS "to", smpp_short_message AS text, customer FROM public.smpp_tx_queue
  WHERE submission_done WITH LOCAL CHECK OPTION;
COMMENT ON VIEW reports.sent IS 'What was sent';
COMMENT ON COLUMN reports.sent."to" IS 'The phone''s number';
ALTER VIEW reports.sent ALTER COLUMN customer SET DEFAULT 3;
ALTER VIEW reports.sent OWNER TO reporter;
GRANT SELECT ON reports.sent TO reader WITH GRANT OPTION;
GRANT UPDATE (customer) ON reports.sent TO reader;
CREATE VIEW reports."by customer" AS
  SELECT s.customer, count(*) AS n, max(q.smpp_message_state) AS state
  FROM reports.sent s JOIN public.smpp_tx_queue q USING (id) GROUP BY s.customer;
GRANT SELECT ON reports."by customer" TO PUBLIC;
CREATE MATERIALIZED VIEW reports.totals WITH (fillfactor = 90) AS SELECT customer, sum(n) AS n FROM reports."by customer" GROUP BY customer;
CREATE UNIQUE INDEX totals_customer ON reports.totals (customer);
COMMENT ON INDEX reports.totals_customer IS 'One each';
CREATE MATERIALIZED VIEW reports.later AS SELECT id, pdu_raw FROM public.smpp_rx_queue WITH NO DATA;
-- Not in the way: it knows no column that changes.
CREATE VIEW reports.ages AS SELECT min(insert_timestamp) AS oldest FROM public.smpp_tx_queue;

CREATE FUNCTION reports.insert_sent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER no_inserts INSTEAD OF INSERT ON reports.sent FOR EACH ROW EXECUTE FUNCTION reports.insert_sent();
CREATE RULE no_deletes AS ON DELETE TO reports.sent DO INSTEAD NOTHING;

-- Triggers with columns and conditions, one disabled, and one that uses the function of 0.1.1.
CREATE TABLE changes (id bigint, what text);
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO changes VALUES (NEW.id, TG_NAME);
  RETURN NULL;
END
$$;
CREATE TRIGGER my_states AFTER UPDATE OF smpp_message_state ON smpp_tx_queue
  FOR EACH ROW WHEN (NEW.smpp_message_state = 'DELIVERED') EXECUTE FUNCTION note_change();
COMMENT ON TRIGGER my_states ON smpp_tx_queue IS 'Tells of what arrived';
CREATE TRIGGER my_disabled AFTER UPDATE OF submission_info ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION note_change();
ALTER TABLE smpp_tx_queue DISABLE TRIGGER my_disabled;
CREATE TRIGGER my_every_change AFTER UPDATE ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER my_notify AFTER UPDATE OF submission_done ON smpp_tx_queue FOR EACH ROW EXECUTE FUNCTION notify_table_change();
CREATE TRIGGER my_notify_rx AFTER INSERT ON smpp_rx_queue FOR EACH ROW EXECUTE FUNCTION notify_table_change();
CREATE TRIGGER invoices_notify AFTER INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION notify_table_change();

-- A rule and a policy.
CREATE RULE my_rule AS ON DELETE TO smpp_rx_queue WHERE OLD.smpp_source_addr = 'keep' DO INSTEAD NOTHING;
ALTER TABLE smpp_rx_queue ENABLE ROW LEVEL SECURITY;
CREATE POLICY my_policy ON smpp_rx_queue FOR SELECT TO reader, reporter USING (smpp_source_addr LIKE '44%');
COMMENT ON POLICY my_policy ON smpp_rx_queue IS 'Ours alone';
CREATE POLICY esmed_all ON smpp_rx_queue TO esmed USING (TRUE) WITH CHECK (TRUE);

-- A function upon the row of the table.
CREATE FUNCTION latest() RETURNS SETOF smpp_tx_queue LANGUAGE sql AS 'SELECT * FROM smpp_tx_queue ORDER BY id DESC LIMIT 1';
