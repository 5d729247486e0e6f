-- Deletes, of the next $4 received PDUs behind id $3, those of lane $1 that are older than $2 days and that nothing needs any
-- more; with $5 FALSE it only looks. Those without a server, or of one that was deleted, are of the lane 'default'. What stays:
-- parts that wait for others, and for two days those that a late or repeated part is compared with; receipts without a message
-- for a week, as they may still find it; and what belongs to a message that the application has not processed. Tells the same
-- as retain_tx.sql.
-- $1 text, $2 integer, $3 bigint, $4 bigint, $5 boolean
WITH page AS MATERIALIZED (
  SELECT id, insert_timestamp < now() - make_interval(days => $2::integer) AS old
  FROM smpp_rx_queue
  WHERE id > $3::bigint
  ORDER BY id
  LIMIT $4::bigint
), ended AS MATERIALIZED (
  SELECT r.place
  FROM page
  CROSS JOIN LATERAL (
    SELECT rx.ctid AS place
    FROM smpp_rx_queue rx
    WHERE rx.id = page.id
      AND $5::boolean AND page.old
      AND coalesce((SELECT s.lane FROM smpp_servers s WHERE s.id = rx.smpp_server_id), 'default') = $1::text
      AND (rx.concat_part IS NULL
           OR (rx.insert_timestamp < now() - interval '2 days'
               AND (rx.inbox_id IS NOT NULL OR coalesce(rx.concat_set, 0) = 0)))
      AND NOT (rx.tx_queue_id IS NULL AND rx.kind IN ('receipt', 'intermediate')
               AND rx.insert_timestamp >= now() - interval '7 days')
      AND NOT EXISTS (SELECT FROM smpp_inbox i WHERE i.id = rx.inbox_id AND NOT i.processed)
      -- By an index that there is: the row of the inbox has sender and text of its PDU.
      AND NOT (rx.kind = 'message' AND rx.inbox_id IS NULL AND EXISTS (
        SELECT FROM smpp_inbox i
        WHERE i.source = rx.smpp_source_addr
          AND md5(coalesce(i.message, '')) = md5(coalesce(rx.smpp_short_message, ''))
          AND NOT i.processed
          AND rx.id = ANY (i.rx_ids)))
    FOR UPDATE OF rx SKIP LOCKED
  ) AS r
), gone AS (
  DELETE FROM smpp_rx_queue AS rx USING ended WHERE rx.ctid = ended.place RETURNING 1
)
SELECT max(id) AS last, count(*) AS looked, count(*) FILTER (WHERE old) AS old, (SELECT count(*) FROM gone) AS deleted
FROM page
