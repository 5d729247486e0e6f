-- Gives the messages $1 the state that their parts add up to; where $2 is true one receipt stands for all parts, and the
-- first that ends the message counts. The messages are locked by hold_messages.sql, in a statement of its own, so that this one sees
-- what others have written before.
-- $1 bigint[], $2 boolean[]
UPDATE smpp_tx_queue AS q
SET smpp_message_state = f.state,
    message_state_timestamp = now(),
    smpp_error_code = coalesce(f.error_code, q.smpp_error_code),
    smpp_network_error_code = coalesce(f.network_error_code, q.smpp_network_error_code)
FROM unnest($1::bigint[], $2::boolean[]) AS m (id, one)
CROSS JOIN LATERAL (
  SELECT s.state, cause.smpp_error_code AS error_code, cause.smpp_network_error_code AS network_error_code
  FROM (
    SELECT CASE WHEN m.one THEN (
      SELECT p.smpp_message_state
      FROM smpp_tx_parts p
      WHERE p.tx_id = m.id AND p.smpp_message_state IS NOT NULL
      ORDER BY p.smpp_message_state IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED') DESC,
        p.message_state_timestamp, p.part
      LIMIT 1)
    ELSE esmed_state_of_parts(m.id) END AS state
  ) AS s
  LEFT JOIN LATERAL (
    SELECT p.smpp_error_code, p.smpp_network_error_code
    FROM smpp_tx_parts p
    WHERE p.tx_id = m.id AND p.smpp_message_state = s.state
    ORDER BY p.part
    LIMIT 1
  ) AS cause ON TRUE
) AS f
WHERE q.id = m.id AND q.submission_done AND q.smpp_message_state IS DISTINCT FROM f.state AND f.state IS NOT NULL
  -- A final state stays, or becomes a worse one; also when esme_part_receipts has changed.
  AND (coalesce(q.smpp_message_state, '') NOT IN ('DELIVERED', 'EXPIRED', 'DELETED', 'UNDELIVERABLE', 'REJECTED')
    OR NOT m.one AND q.smpp_message_state <> 'DELIVERED'
      AND array_position(ARRAY['DELETED', 'EXPIRED', 'UNDELIVERABLE', 'REJECTED'], f.state)
        > array_position(ARRAY['DELETED', 'EXPIRED', 'UNDELIVERABLE', 'REJECTED'], q.smpp_message_state))
RETURNING q.id
