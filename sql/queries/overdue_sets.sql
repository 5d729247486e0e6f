-- Sets with a part that has waited for longer than the reassembly timeout ($1 seconds), the oldest first, without those
-- that are put off.
SELECT w.concat_set, max(w.concat_total) AS total
FROM (
  SELECT rx.concat_set, rx.concat_total
  FROM smpp_rx_queue rx
  WHERE rx.concat_part IS NOT NULL
    AND rx.inbox_id IS NULL
    AND coalesce(rx.concat_set, 0) <> 0
    AND rx.insert_timestamp < now() - make_interval(secs => $1)
    AND NOT coalesce(rx.concat_set, 0) = ANY ($2::bigint[])
  ORDER BY rx.insert_timestamp, rx.id
  LIMIT $3
) AS w
WHERE w.concat_set IS NOT NULL AND w.concat_total IS NOT NULL
GROUP BY w.concat_set
