# shellcheck shell=bash
# A private PostgreSQL in a folder, reached only by a unix socket in it. As root it runs as the user
# postgres, for PostgreSQL refuses root.

pg_bin() {
  local found
  found=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || true
  [ -n "$found" ] || { echo "PostgreSQL is missing: run tests/setup.sh" >&2; return 1; }
  dirname "$found"
}

as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# cluster_start FOLDER: makes and starts it.
cluster_start() {
  local folder=$1 bin
  bin=$(pg_bin)
  mkdir "$folder/postgresql"
  if [ "$(id -u)" = 0 ]; then
    chown postgres: "$folder/postgresql"
  fi
  as_postgres "$bin/initdb" -D "$folder/postgresql/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N \
    > "$folder/initdb.log" 2>&1
  # Nothing in it is worth an fsync.
  as_postgres "$bin/pg_ctl" -D "$folder/postgresql/data" -l "$folder/postgresql/log" -s -w -t 30 \
    -o "-k $folder/postgresql -c listen_addresses= -c unix_socket_permissions=0700 -c fsync=off" \
    start > /dev/null 2>&1 < /dev/null
}

# cluster_stop FOLDER
cluster_stop() {
  local folder=$1 bin
  [ -e "$folder/postgresql/data/postmaster.pid" ] || return 0
  bin=$(pg_bin)
  as_postgres "$bin/pg_ctl" -D "$folder/postgresql/data" -s -m immediate stop > /dev/null 2>&1 || true
}
