-- The ids that receipts for message $1 had, with that of the response.
SELECT q.smpp_message_id AS response_id, rx.receipt_message_id AS receipt_id
FROM smpp_tx_queue q
JOIN smpp_rx_queue rx ON rx.tx_queue_id = q.id AND rx.receipt_message_id IS NOT NULL
WHERE q.id = $1
ORDER BY rx.id DESC
LIMIT 1
