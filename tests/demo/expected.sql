-- What the demo has to end with; a line for everything that is missing, no line when all is well.

WITH expected (destination, status, state, info) AS (VALUES
  ('447700900100', 'sent',      'DELIVERED',     NULL),
  ('447700900200', 'sent',      'DELIVERED',     NULL),
  ('447700900300', 'sent',      'DELIVERED',     NULL),
  ('447700900105', 'sent',      'DELIVERED',     NULL),
  ('447700900106', 'sent',      'DELIVERED',     NULL),
  ('447700900101', 'sent',      'UNDELIVERABLE', NULL),
  ('447700900103', 'sent',      'REJECTED',      NULL),
  ('447700900107', 'failed',    NULL,            'ESME_RINVDSTADR'),
  ('447700900112', 'sent',      'DELIVERED',     NULL),
  ('447700900121', 'sent',      'DELIVERED',     NULL),
  ('447700900142', 'sent',      'DELIVERED',     NULL),
  ('447700900700', 'sent',      'DELIVERED',     NULL),
  ('447700900400', 'failed',    NULL,            'text too long'),
  ('447700900500', 'sent',      'DELIVERED',     NULL),
  ('447700900600', 'cancelled', 'DELETED',       'cancelled')
)
SELECT format('message to %s: expected %s, it is %s',
         e.destination,
         concat_ws(' ', e.status, e.state, e.info),
         coalesce(concat_ws(' ', r.status, r.smpp_message_state, r.submission_info), 'not there'))
FROM expected e
LEFT JOIN smpp_tx_report r ON r.smpp_destination_addr = e.destination
WHERE r.status IS DISTINCT FROM e.status
   OR r.smpp_message_state IS DISTINCT FROM e.state
   OR (e.info IS NULL AND r.submission_info IS NOT NULL)
   OR (e.info IS NOT NULL AND strpos(coalesce(r.submission_info, ''), e.info) = 0)
UNION ALL
SELECT format('attempts of the message with two system errors: expected 3, there are %s', submission_attempts)
FROM smpp_tx_queue
WHERE smpp_destination_addr = '447700900112' AND submission_attempts <> 3
UNION ALL
SELECT format('parts and attempts of the message with a system error in part 2: expected 1 2 1, they are %s', attempts)
FROM (
  SELECT string_agg(p.submission_attempts::text, ' ' ORDER BY p.part) AS attempts
  FROM smpp_tx_queue q LEFT JOIN smpp_tx_parts p ON p.tx_id = q.id
  WHERE q.smpp_destination_addr = '447700900142') AS a
WHERE attempts IS DISTINCT FROM '1 2 1'
UNION ALL
SELECT format('message from a phone: expected %s, it is not in smpp_inbox', e.text)
FROM (VALUES ('447700900777', '4711', 'Where is my parcel?'), ('447700900888', '4711', 'Ευχαριστώ 👍'),
             ('447700900999', '4711', :'long_text')) AS e (source, destination, text)
WHERE NOT EXISTS (
  SELECT FROM smpp_inbox i
  WHERE i.source = e.source AND i.destination = e.destination AND i.message = e.text AND i.complete)
UNION ALL
SELECT format('event %s: expected, it is not in smpp_events', e.type)
FROM (VALUES ('bound'), ('throttled'), ('throttled_end')) AS e (type)
WHERE NOT EXISTS (SELECT FROM smpp_events v WHERE v.type = e.type)
