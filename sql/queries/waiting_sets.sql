-- A page of the parts that wait, the newest first, and whether their sets could go into the inbox: nothing is missing, or
-- the other parts are there already. Whoever stored them knew, but may have been ended before it was done.
SELECT w.insert_timestamp, w.id, w.concat_set, w.concat_total,
  coalesce(s.parts = w.concat_total OR s.shown, FALSE) AS ready
FROM (
  SELECT rx.insert_timestamp, rx.id, rx.concat_set, rx.concat_total
  FROM smpp_rx_queue rx
  WHERE rx.concat_part IS NOT NULL
    AND rx.inbox_id IS NULL
    AND rx.insert_timestamp > 'epoch'
    AND (rx.insert_timestamp, rx.id) < (coalesce($1::timestamptz, now() + interval '1 day'), coalesce($2::bigint, 0))
  ORDER BY rx.insert_timestamp DESC, rx.id DESC
  LIMIT $3
) AS w
CROSS JOIN LATERAL (
  SELECT count(DISTINCT rx.concat_part) AS parts, bool_or(rx.inbox_id IS NOT NULL) AS shown
  FROM smpp_rx_queue rx
  WHERE rx.concat_set = w.concat_set
) AS s
WHERE w.concat_set IS NOT NULL AND w.concat_total IS NOT NULL
ORDER BY w.insert_timestamp DESC, w.id DESC
