-- Rows of every state. {port} is where the SMSC listens.

INSERT INTO smpp_servers (enabled, name, host, port, esme_system_id, esme_password, esme_source_addr, esme_bind_transceiver,
                          esme_registered_delivery) VALUES
  (FALSE, 'the old one', 'smsc.example.com', 2775, 'someone', 'geheim', NULL, FALSE, FALSE),
  (TRUE, 'Bahnhof „Nord“', '127.0.0.1', {port}, 'smppclient1', 'password', '4479111000', TRUE, TRUE);

INSERT INTO smpp_tx_queue
  (smpp_destination_addr, smpp_priority_flag, smpp_short_message, smpp_message_id, smpp_message_state, message_state_timestamp,
   submission_timestamp, submission_attempts, submission_done, submission_failed, submission_info) VALUES
  -- Waiting, and tried already.
  ('447911125000', 'LEVEL_0', 'Hello @ $ _ {world}', NULL, NULL, NULL, NULL, 0, FALSE, FALSE, NULL),
  ('447911125100', 'LEVEL_3', 'It''s "quoted" \ and tried', NULL, NULL, NULL, '2015-03-01 12:00Z', 2, FALSE, FALSE, 'ESME_RSYSERR'),
  ('447911125200', 'LEVEL_0', repeat('0123456789', 25) || 'wxyz', NULL, NULL, NULL, NULL, 0, FALSE, FALSE, NULL),
  -- Sent, with each state and none.
  ('447911123420', 'LEVEL_0', 'sent', 'a001', NULL, NULL, '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123421', 'LEVEL_0', 'Grüße 😀', 'a002', 'ENROUTE', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, NULL),
  ('447911123422', 'LEVEL_1', 'sent', 'a003', 'DELIVERED', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123423', 'LEVEL_2', 'sent', 'a004', 'EXPIRED', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123424', 'LEVEL_0', 'sent', 'a005', 'DELETED', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123425', 'LEVEL_0', 'sent', 'a006', 'UNDELIVERABLE', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, ''),
  ('447911123426', 'LEVEL_0', 'sent', 'a007', 'ACCEPTED', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123427', 'LEVEL_0', 'sent', 'a008', 'UNKNOWN', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123428', 'LEVEL_0', 'sent', 'a009', 'REJECTED', 'infinity', '-infinity', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123429', 'LEVEL_0', 'sent', 'a00a', 'SCHEDULED', '2015-03-01 12:00Z', 'infinity', 1, TRUE, FALSE, 'ESME_ROK'),
  ('447911123430', 'LEVEL_0', 'sent', 'a00b', 'MessageState.DELIVERED', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, NULL),
  ('447911123431', 'LEVEL_0', 'sent', 'a00c', '', '2015-03-01 12:00Z', '2015-03-01 12:00Z', 1, TRUE, FALSE, NULL),
  -- Failed.
  ('447911123440', 'LEVEL_0', 'failed', NULL, NULL, NULL, '2015-03-01 12:00Z', 3, FALSE, TRUE, 'ESME_RINVDSTADR');
UPDATE smpp_tx_queue SET smpp_registered_delivery = 'SMSC_DELIVERY_RECEIPT_REQUESTED' WHERE smpp_message_id IS NOT NULL;

INSERT INTO smpp_rx_queue (pdu_raw, pdu_parsed, smpp_source_addr, smpp_short_message) VALUES
  ('0000003000000005', E'PDU [command: deliver_sm, sequence_number: 4\n short_message: \'it\'\'s "x" \\x00 ü\']', '447911123450', 'hi'),
  (NULL, NULL, NULL, NULL),
  ('00', '', '447911123451', E'two\nlines'),
  ('00', '{"not": "an object"}', '447911123452', '😀');
