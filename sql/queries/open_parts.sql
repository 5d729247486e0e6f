-- Which of these attempts at parts are still open: their rows are locked by somebody else, not deleted or reset.
SELECT p.tx_id
FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[]) AS r (tx_id, part, started_at)
JOIN smpp_tx_parts p ON p.tx_id = r.tx_id AND p.part = r.part AND p.submission_started_at = r.started_at
JOIN smpp_tx_queue q ON q.id = r.tx_id AND q.submission_started_at = r.started_at
