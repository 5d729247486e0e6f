-- Locks the messages $1. Who writes to parts has locked their messages before, as a DELETE of the application has.
-- $1 bigint[]
SELECT id
FROM smpp_tx_queue
WHERE id = ANY ($1)
ORDER BY id
FOR NO KEY UPDATE
