-- What the database refused the daemon of lane $1 within a day, among its last 1,000 events.
SELECT count(*) AS count, max(message) AS message
FROM (SELECT at, type, message FROM smpp_events WHERE lane = $1 ORDER BY id DESC LIMIT 1000) AS last
WHERE type IN ('claim_refused', 'record_refused', 'store_refused', 'expire_refused') AND at > now() - interval '1 day'
