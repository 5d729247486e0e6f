-- Queues one message. No row: its client_ref is taken.
INSERT INTO smpp_tx_queue (lane, smpp_destination_addr, smpp_short_message, smpp_source_addr, smpp_priority_flag,
  smpp_registered_delivery, smpp_message_class, smpp_data_coding, send_after, expires_at, client_ref)
VALUES ($1, $2, $3, $4, $5::text::smpp_priority_flag, $6::text::smpp_registered_delivery, $7, $8,
  now() + $9::float8 * interval '1 second', now() + $10::float8 * interval '1 second', $11)
ON CONFLICT (client_ref) DO NOTHING
RETURNING id
