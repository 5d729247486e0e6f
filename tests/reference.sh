#!/usr/bin/env bash
# Writes the reference of the tables to standard output, by sql/reference.sql from a new database with sql/db.sql.
# `make sql-reference` puts it into docs/sql.md.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/demo/cluster.sh
. "$root/tests/demo/cluster.sh"

work=$(mktemp -d /tmp/esmed-reference.XXXXXX)
chmod 755 "$work"
trap 'cluster_stop "$work"; rm -rf "$work"' EXIT

cluster_start "$work"
query() {
  PGOPTIONS="-c client_min_messages=warning" psql -X -q -At -v ON_ERROR_STOP=1 -h "$work/postgresql" -U postgres "$@"
}
query -d postgres -c "CREATE DATABASE sms"
query -d sms -f "$root/sql/db.sql"
query -d sms -f "$root/sql/reference.sql"
