-- The messages of the demo, as an application would send them. The last two digits of a number
-- choose what the simulator does with it: `esmed-sim --help` has the table.

INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message) VALUES
  ('447700900100', 'Your parcel 4711 is on its way.'),
  ('447700900200', 'Πληρώσατε 12 € [με ΦΠΑ]'),
  ('447700900300', 'Party tonight 🎉 at 8?'),
  ('447700900105', 'On its way for a while'),
  ('447700900106', 'Its receipt comes too early'),
  ('447700900101', 'This phone is switched off'),
  ('447700900103', 'This operator says no'),
  ('447700900107', 'There is no such number'),
  ('447700900112', 'Accepted at the third attempt'),
  ('447700900121', 'Slow down, says the SMSC');

-- Long ones: in parts, one of which has to be sent twice; with an emoji at the cut; and one that takes too many.
INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message) VALUES
  ('447700900142', repeat('This text takes three parts. ', 12)),
  ('447700900700', repeat('Вечеринка 🎉 ', 8)),
  ('447700900400', repeat('This text is far too long. ', 60));

-- Shown at once, and not stored by the phone.
INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, smpp_message_class)
  VALUES ('447700900200', 'Your code is 271828', 0);

INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, send_after)
  VALUES ('447700900500', 'Send me in four seconds', now() + interval '4 seconds');

-- Called off before its time.
INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message, send_after, client_ref)
  VALUES ('447700900600', 'Your appointment is tomorrow', now() + interval '1 day', 'appointment-17');
SELECT esmed_cancel(id) AS "esmed_cancel" FROM smpp_tx_queue WHERE client_ref = 'appointment-17';
