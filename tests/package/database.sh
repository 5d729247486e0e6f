# To be sourced by test.sh: the installed programs with a PostgreSQL, as the migration and as the unit run them.

as_postgres() {
  setpriv --reuid postgres --regid postgres --clear-groups env -C "$work" PATH="$pg_bin:$PATH" "$@"
}

# `sql …`: psql as the superuser, in the database $database.
database=esmed
sql() {
  as_postgres psql -X -q -v ON_ERROR_STOP=1 -h "$root/run/postgresql" -p "$pg_port" -U postgres -d "$database" -At "$@"
}

# `as_esmed COMMAND …`: as the user that the daemon runs as.
as_esmed() { inside setpriv --reuid esmed --regid esmed --clear-groups "$@"; }

# `until_sql QUERY`: until it says t.
until_sql() {
  local tries
  for tries in $(seq 300); do
    if [ "$(sql -c "$1")" = t ]; then return; fi
    sleep 0.1
  done
  cat "$work/daemon.log" >&2
  fail "never true: $1"
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); do
    if ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then echo "$port"; return; fi
  done
}

# This machine's, reached from inside by TCP and where Debian has the socket.
start_postgres() {
  step "PostgreSQL"
  pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  pg_port=$(free_port)
  mkdir "$work/pg" "$root/run/postgresql"
  chown postgres: "$work/pg" "$root/run/postgresql"
  quietly as_postgres initdb -D "$work/pg" -U postgres -A trust --encoding UTF8 --locale C.UTF-8 --no-sync
  printf 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n' > "$work/pg/pg_hba.conf"
  quietly as_postgres pg_ctl -D "$work/pg" -l "$work/pg/log" -w \
    -o "-p $pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$root/run/postgresql -c fsync=off" start
}

old_database() {
  database=postgres sql -c "CREATE ROLE esmed LOGIN PASSWORD 'of the administrator'" -c "CREATE DATABASE sms"
  database=sms
  sql -f - < tests/it/migrate/old_schema.sql
  sed 's/{port}/2775/' tests/it/migrate/old_rows.sql | sql -f -
}

# How many rows each table has.
rows() {
  sql -c "SELECT (SELECT count(*) FROM smpp_servers), (SELECT count(*) FROM smpp_tx_queue), (SELECT count(*) FROM smpp_rx_queue)"
}

# `fails WORDS COMMAND …`: it ends with 1, and says so.
fails() {
  local words="$1" code=0
  shift
  "$@" > "$work/log" 2>&1 || code=$?
  [ "$code" = 1 ] || fail "$* ended with $code: $(cat "$work/log")"
  grep -qF -- "$words" "$work/log" || fail "$* did not say '$words': $(cat "$work/log")"
}

# docs/migrate.md, from step 3.
migrate() {
  step "configuration and database of 0.1.1"
  local before command waiting
  before=$(rows)
  waiting=$(sql -c "SELECT count(*) FROM smpp_tx_queue WHERE NOT submission_done AND NOT submission_failed")
  [ "$before" = "2|16|4" ] && [ "$waiting" = 3 ] || fail "the database of 0.1.1 has other rows: $before, $waiting wait"

  inside esmed convert-config /etc/esmed/esmed.conf > "$work/converted"
  quietly inside esmed convert-config /etc/esmed/esmed.conf --output /etc/esmed/esmed.toml.new
  cmp "$work/converted" "$root/etc/esmed/esmed.toml.new" || fail "convert-config writes what it does not show"
  grep -qxF 'pass = "of the administrator"' "$work/converted" || fail "convert-config lost the password: $(cat "$work/converted")"
  grep -q '^sslmode = "disable" #' "$work/converted" || fail "convert-config wrote no sslmode: $(cat "$work/converted")"
  is 600 root:root /etc/esmed/esmed.toml.new
  inside install -m 640 -o root -g esmed /etc/esmed/esmed.toml.new "$conf"
  inside rm /etc/esmed/esmed.toml.new

  # The database is as the package found it, and what is to be run is said.
  fails "sudo -u postgres esmed migrate" as_esmed esmed check-config
  command=$(sed -n "s/.*sudo -u postgres \(esmed migrate --as '[^']*'\).*/\1/p" "$work/log")
  quietly inside useradd --system --no-create-home postgres
  inside runuser -u postgres -- sh -c "$command --print" > "$work/printed"
  grep -q '^COMMIT;' "$work/printed" || fail "$command --print: $(head -n 3 "$work/printed")"
  fails "sudo -u postgres esmed migrate" as_esmed esmed check-config
  # As the configuration says it is no owner.
  fails "may not change the tables of esmed" as_esmed esmed migrate
  quietly inside runuser -u postgres -- sh -c "$command"
  quietly inside runuser -u postgres -- sh -c "$command"
  grep -qF "nothing to do: the database has schema version" "$work/log" ||
    fail "the second 'esmed migrate' said: $(cat "$work/log")"

  [ "$(rows)" = "$before" ] || fail "rows were $before, and are $(rows)"
  [ "$(sql -c "SELECT count(*) FROM smpp_tx_queue WHERE possible_duplicate")" = "$waiting" ] ||
    fail "what waited is not flagged"
  quietly as_esmed esmed check-config
  grep -qF "reached, with the schema and the rights that are needed" "$work/log" || fail "$(cat "$work/log")"

  # From here on as if 0.1.1 had never been.
  database=postgres
  sql -c "DROP DATABASE sms" -c "DROP ROLE esmed, esmed_app, esmed_monitor"
  cat cfg/esmed.toml > "$root$conf"
  is 640 root:esmed "$conf"
}

# A setting of the unit.
setting() { sed -n "s/^$1=//p" "$root$units/esmed.service" | tail -n 1; }

# Runs what the unit runs, as the user and with the credential that it would have; its pid is in $daemon.
start_daemon() {
  local credentials="/run/credentials/esmed.service" command id
  id=$(setting LoadCredential)
  rm -rf "$root$credentials"
  mkdir -p "$root$credentials"
  cp "$root/etc/credstore/${id#*:}" "$root$credentials/${id%%:*}"
  inside chown -R esmed: "$credentials"
  read -ra command <<< "$(setting ExecStart)"
  chroot "$root" setpriv --reuid "$(setting User)" --regid "$(setting Group)" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all env -i PATH=/usr/bin CREDENTIALS_DIRECTORY="$credentials" "${command[@]}" \
    >> "$work/daemon.log" 2>&1 &
  daemon=$!
  pids+=("$daemon")
}

stop_daemon() {
  kill -TERM "$daemon"
  wait "$daemon" || fail "the daemon ended with $?: $(tail -n 3 "$work/daemon.log")"
}

send_a_message() {
  sql -c "INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message) VALUES ('447911123400', 'from a package')"
  until_sql "SELECT count(*) > 0 AND bool_and(smpp_message_id IS NOT NULL) FROM smpp_tx_queue"
}

run_as_the_unit_does() {
  step "the unit's command, against PostgreSQL and esmed-sim"
  local password=only-for-this-test sim_port
  database=postgres sql -c "CREATE DATABASE esmed"
  database=esmed
  sql -f "$root/usr/share/esmed/sql/db.sql" > /dev/null
  sql -c "ALTER ROLE esmed PASSWORD '$password'"

  # As an administrator does it.
  sed -i "s/^#host = .*/host = \"127.0.0.1\"/; s/^#port = .*/port = $pg_port/" "$root$conf"
  mkdir -p -m 700 "$root/etc/credstore"
  (umask 077; echo "$password" > "$root/etc/credstore/esmed.database-pass")
  is 640 root:esmed "$conf"

  sim_port=$(free_port)
  chroot "$root" setpriv --reuid nobody --regid nogroup --clear-groups esmed-sim --listen "127.0.0.1:$sim_port" > "$work/sim.log" 2>&1 &
  pids+=($!)
  sql -c "INSERT INTO smpp_servers (enabled, host, port, esme_system_id, esme_password, esme_bind_transceiver)
          VALUES (TRUE, '127.0.0.1', $sim_port, 'smppclient1', 'password', TRUE)"
  start_daemon
  until_sql "SELECT EXISTS (SELECT FROM smpp_status WHERE session_state = 'bound')"
  send_a_message
  # The database is reached with the password alone.
  quietly as_esmed env ESMED_DATABASE_PASS="$password" esmed check-config
  ! as_esmed esmed check-config > /dev/null 2>&1 ||
    fail "the database asks for no password, so the credential was not tried"
}
