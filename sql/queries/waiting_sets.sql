-- A page of the parts that wait, the newest first, and whether their sets could go into the inbox: nothing is missing, the
-- other parts are there already, or parts that look like repeats may belong to it and nothing has come for $4 seconds. Whoever
-- stored them knew, but may have been ended before it was done.
WITH w AS MATERIALIZED (
  SELECT rx.insert_timestamp, rx.id, rx.concat_set, rx.concat_total
  FROM smpp_rx_queue rx
  WHERE rx.concat_part IS NOT NULL
    AND rx.inbox_id IS NULL
    AND coalesce(rx.concat_set, 0) <> 0
    AND rx.insert_timestamp > 'epoch'
    AND (rx.insert_timestamp, rx.id) < (coalesce($1::timestamptz, now() + interval '1 day'), coalesce($2::bigint, 0))
  ORDER BY rx.insert_timestamp DESC, rx.id DESC
  LIMIT $3
), s AS MATERIALIZED (
  -- Each set once, however many parts of it wait.
  SELECT d.concat_set, p.parts >= d.total OR p.shown OR (p.newest < now() - make_interval(secs => $4) AND p.any_new AND r.found) AS ready
  FROM (SELECT concat_set, max(concat_total) AS total FROM w WHERE concat_total IS NOT NULL GROUP BY concat_set) AS d
  CROSS JOIN LATERAL (
    SELECT count(DISTINCT part.concat_part) AS parts, bool_or(part.inbox_id IS NOT NULL) AS shown,
      bool_or(part.concat_repeats IS NULL) AS any_new, max(part.insert_timestamp) AS newest, min(part.id) AS id
    FROM (
      SELECT rx.id, rx.concat_part, rx.inbox_id, rx.concat_repeats, rx.insert_timestamp
      FROM smpp_rx_queue rx
      WHERE rx.concat_set = d.concat_set
      LIMIT 256
    ) AS part
  ) AS p
  CROSS JOIN LATERAL (
    SELECT EXISTS (
      SELECT 1
      FROM smpp_rx_queue one
      CROSS JOIN LATERAL (
        SELECT each.concat_repeats
        FROM smpp_rx_queue each
        WHERE each.concat_set = each.id
          AND each.smpp_source_addr = one.smpp_source_addr
          AND each.concat_ref = one.concat_ref
          AND each.concat_kind = one.concat_kind
          AND each.concat_total = one.concat_total
          AND each.smpp_destination_addr = one.smpp_destination_addr
        ORDER BY each.insert_timestamp DESC
        LIMIT 16
      ) AS other
      WHERE one.id = p.id AND other.concat_repeats IS NOT NULL
    ) AS found
  ) AS r
)
SELECT w.insert_timestamp, w.id, w.concat_set, w.concat_total, coalesce(s.ready, FALSE) AS ready
FROM w
LEFT JOIN LATERAL (SELECT s.ready FROM s WHERE s.concat_set = w.concat_set LIMIT 1) AS s ON TRUE
ORDER BY w.insert_timestamp DESC, w.id DESC
