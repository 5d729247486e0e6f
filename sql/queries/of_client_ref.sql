-- The message with this reference of the application.
SELECT id FROM smpp_tx_queue WHERE client_ref = $1
