-- Troubles of lane $1 that were told without their end: of each type in $2 the last event, where none of the type beside it in $3
-- is younger. In $4 the table that both are about, NULL where there are not several.
SELECT sought.begins AS type, sought.about AS table, began.status
FROM unnest($2::text[], $3::text[], $4::text[]) AS sought (begins, ends, about)
CROSS JOIN LATERAL (
  SELECT id, status FROM smpp_events
  WHERE lane = $1 AND type = sought.begins AND status IS NOT NULL AND component <> 'smpp'
    AND (sought.about IS NULL OR details ->> 'table' = sought.about)
  ORDER BY lane DESC, type DESC, id DESC LIMIT 1) AS began
LEFT JOIN LATERAL (
  SELECT id FROM smpp_events
  WHERE lane = $1 AND type = sought.ends AND status IS NOT NULL AND component <> 'smpp'
    AND (sought.about IS NULL OR details ->> 'table' = sought.about)
  ORDER BY lane DESC, type DESC, id DESC LIMIT 1) AS ended ON TRUE
WHERE ended.id IS NULL OR ended.id < began.id
