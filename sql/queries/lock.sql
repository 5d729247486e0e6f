-- Locks the rows $1 that nobody else has locked.
SELECT id
FROM smpp_tx_queue
WHERE id = ANY ($1)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
