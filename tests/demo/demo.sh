#!/usr/bin/env bash
# The demo: a private PostgreSQL, the simulator as SMSC, and the daemon between them. Sends messages,
# takes two from phones, shows how the tables change, and checks what they end with.
#
# `make demo` runs it. With KEEP=1 everything is left running, and it says how to connect.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/demo/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/demo/screen.sh
. "$here/screen.sh"

readonly patience=45 # seconds, for what takes a few
keep=${KEEP:-}
[ "$keep" = 0 ] && keep=
done_well=
esmed_pid=
sim_pid=

# A long TMPDIR would not leave room for the name of a unix socket.
work=$(mktemp -d /tmp/esmed-demo.XXXXXX)
chmod 755 "$work"

# ---- the end

stop_process() {
  local pid=$1
  kill -TERM "$pid" 2> /dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$pid" 2> /dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2> /dev/null || true
}

clean_up() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$on_terminal" ]; then
    printf '\e[?7h'
  fi
  if [ -n "$done_well" ] && [ -n "$keep" ]; then
    exit "$code"
  fi
  if [ "$code" != 0 ] && [ "$code" != 130 ]; then
    [ ! -e "$work/postgresql/log" ] || rm -f "$work/initdb.log"
    for log in initdb.log postgresql/log psql.log sim.log esmed.log; do
      if [ -s "$work/$log" ]; then
        printf -- '---- the last lines of %s\n' "$log" >&2
        tail -n 20 "$work/$log" >&2
      fi
    done
  fi
  [ -z "$esmed_pid" ] || stop_process "$esmed_pid"
  [ -z "$sim_pid" ] || stop_process "$sim_pid"
  cluster_stop "$work"
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  say "demo: $*" >&2
  exit 1
}

# ---- tools

# running: as far as they were started.
running() {
  [ -z "$sim_pid" ] || kill -0 "$sim_pid" 2> /dev/null || fail "the simulator has ended"
  [ -z "$esmed_pid" ] || kill -0 "$esmed_pid" 2> /dev/null || fail "the daemon has ended"
}

# until_true WHAT COMMAND...: waits for a command to succeed.
until_true() {
  local what=$1 end=$((SECONDS + patience))
  shift
  until "$@"; do
    running
    [ "$SECONDS" -lt "$end" ] || fail "$what did not come within $patience s"
    sleep 0.1
  done
}

# sql ROLE ARGUMENTS...: psql as that role.
sql() {
  local role=$1
  shift
  PGOPTIONS="-c client_min_messages=warning" \
    psql -X -q -v ON_ERROR_STOP=1 -h "$work/postgresql" -d sms -U "$role" "$@" 2>> "$work/psql.log"
}

# holds QUERY: whether it says true.
holds() {
  [ "$(sql postgres -At -c "$1")" = t ]
}

table() {
  sql postgres -P border=2 -P linestyle=unicode -P footer=off \
    -P format=wrapped -P columns="$(columns)" -c "$1"
}

# ---- the stage

# DEMO_BIN: where the programs are, if not where cargo puts them.
target_folder() {
  (cd "$root" && cargo metadata --locked --format-version 1 --no-deps) |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}
bin=${DEMO_BIN:-$(target_folder)/debug}
[ -x "$bin/esmed" ] && [ -x "$bin/esmed-sim" ] || fail "esmed and esmed-sim are not in $bin: run make demo"

started=$SECONDS
say "PostgreSQL, in $work"
cluster_start "$work" || fail "PostgreSQL did not start"
PGOPTIONS="-c client_min_messages=warning" \
  psql -X -q -v ON_ERROR_STOP=1 -h "$work/postgresql" -d postgres -U postgres -c "CREATE DATABASE sms" 2>> "$work/psql.log"
sql postgres -f "$root/sql/db.sql"
# An application has a role of its own, with the rights of esmed_app.
sql postgres -c "CREATE ROLE shop LOGIN IN ROLE esmed_app"

say "esmed-sim, the SMSC"
: > "$work/sim.log"
setsid "$bin/esmed-sim" --listen 127.0.0.1:0 --control 127.0.0.1:0 \
  --response-delay-ms 150 --receipt-delay-ms 1500 < /dev/null > "$work/sim.log" 2>&1 &
sim_pid=$!
until_true "the simulator" grep -q '^control on ' "$work/sim.log"
smsc=$(sed -n 's/^listening on //p' "$work/sim.log")
control=$(sed -n 's/^control on //p' "$work/sim.log")

sql postgres > /dev/null << SQL
INSERT INTO smpp_servers
  (enabled, name, host, port, esme_system_id, esme_password, esme_source_addr,
   esme_bind_transceiver, esme_registered_delivery, esme_retry_delay)
VALUES
  (TRUE, 'simulator', '${smsc%:*}', ${smsc##*:}, 'demo', 'secret', 'esmed', TRUE, TRUE, 1);
SQL

say "esmed, the daemon"
cat > "$work/esmed.toml" << TOML
[database]
host = "$work/postgresql"
name = "sms"
user = "esmed"
TOML
setsid "$bin/esmed" run --config "$work/esmed.toml" < /dev/null > "$work/esmed.log" 2>&1 &
esmed_pid=$!
until_true "the bind" holds "SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'bound')"

# ---- the play

# In parts, as a phone sends it.
long_text="Where is my parcel? It was to come on Monday, then on Tuesday, and today is Friday. 🎁 I have waited at home for a week."
say "INSERT INTO smpp_tx_queue …"
sql shop -f "$here/messages.sql" > /dev/null
"$bin/esmed-sim" ctl --control "$control" phone 447700900777 4711 "Where is my parcel?" > /dev/null
"$bin/esmed-sim" ctl --control "$control" phone 447700900888 4711 "Ευχαριστώ 👍" > /dev/null
"$bin/esmed-sim" ctl --control "$control" phone-long 447700900999 4711 "$long_text" > /dev/null

readonly outbox="
  SELECT id, smpp_destination_addr AS \"to\",
    CASE WHEN length(smpp_short_message) > 30 THEN left(smpp_short_message, 29) || '…' ELSE smpp_short_message END AS text,
    message_parts AS parts, status, smpp_message_state AS state, submission_info AS info
  FROM smpp_tx_report ORDER BY id"
readonly settled="
  SELECT count(*) = 0 FROM smpp_tx_report
  WHERE status NOT IN ('sent', 'failed', 'expired', 'cancelled')
     OR (status = 'sent' AND coalesce(smpp_message_state, 'ENROUTE') = 'ENROUTE')"
end=$((SECONDS + patience))
while :; do
  running
  draw "$(table "$outbox")"
  if holds "$settled"; then
    break
  fi
  [ "$SECONDS" -lt "$end" ] || break # what is missing is named below
  # Fewer pictures where each one stays.
  sleep "$([ -n "$on_terminal" ] && echo 0.2 || echo 1)"
done
draw "$(table "$outbox")"
until_true "the end of throttling" holds "SELECT EXISTS (SELECT FROM smpp_events WHERE type = 'throttled_end')"
until_true "the messages from phones" holds "SELECT count(*) >= 3 FROM smpp_inbox"

say "What phones sent (smpp_inbox)"
draw "$(table "SELECT id, source, destination, message, parts, complete FROM smpp_inbox ORDER BY id")"
say "What happened (smpp_events)"
draw "$(table "SELECT to_char(at, 'HH24:MI:SS') AS at, type, status,
    CASE WHEN length(message) > 76 THEN left(message, 75) || '…' ELSE message END AS message FROM smpp_events ORDER BY id")"
say "esmed status"
"$bin/esmed" status --config "$work/esmed.toml" || fail "esmed status says that the daemon does not run"
say ""

missing=$(sql postgres -At -v long_text="$long_text" -f "$here/expected.sql")
[ -z "$missing" ] || fail "this is missing:
$missing"

if [ -n "$keep" ]; then
  cat > "$work/stop" << STOP
#!/usr/bin/env bash
# Stops what KEEP=1 left running, and removes its folder.
kill -TERM $esmed_pid $sim_pid 2> /dev/null
for _ in \$(seq 100); do
  kill -0 $esmed_pid 2> /dev/null || break
  sleep 0.1
done
. "$here/cluster.sh"
cluster_stop "$work"
rm -rf "$work"
STOP
  chmod +x "$work/stop"
  say "All is well, and everything is left running:"
  cat << HELP
  the tables     psql -h $work/postgresql -U shop sms        (-U postgres: the owner)
  the daemon     $bin/esmed status --config $work/esmed.toml
  a phone        $bin/esmed-sim ctl --control $control phone 447700900777 4711 Hello
  the simulator  $bin/esmed-sim ctl --control $control help
  logs           $work/esmed.log, $work/sim.log
  stop it        $work/stop
HELP
else
  kill -TERM "$esmed_pid"
  code=0
  wait "$esmed_pid" || code=$?
  esmed_pid=
  [ "$code" = 0 ] || fail "the daemon ended with exit code $code after SIGTERM, not 0"
  say "All is well: every message and event is as it should be ($((SECONDS - started)) s)."
fi
done_well=yes
