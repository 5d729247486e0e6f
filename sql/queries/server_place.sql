-- What people call server $1.
SELECT name, host, port FROM smpp_servers WHERE id = $1
