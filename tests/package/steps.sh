# To be sourced by test.sh: what it does, in the order of its calls.

conf=/etc/esmed/esmed.toml
units=/lib/systemd/system

make_root() {
  step "a Debian 12"
  local mirror
  mirror=$(for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
    if [ -e "$file" ]; then sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +([^ ]+).*/\3/p' "$file"; fi
  done | sed -n '/security/!{p;q}')
  [ -n "$mirror" ] || fail "apt's sources name no mirror of Debian"
  # Kept until `make clean`: it takes the longest of all.
  local kept="${CARGO_TARGET_DIR:-target}/debian-12.tar"
  mkdir "$root"
  if [ -e "$kept" ]; then
    tar -C "$root" --numeric-owner -xpf "$kept"
  else
    quietly debootstrap --variant=minbase --include=systemd,man-db,zsh,fish,procps bookworm "$root" "$mirror"
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" --numeric-owner -cpf "$kept.new" .
    mv "$kept.new" "$kept"
  fi
  mount -t proc proc "$root/proc"
  # Services are not to be started; what is asked for is written down.
  mkdir -p "$root/run/systemd/system"
  printf '#!/bin/sh\necho "$@" >> /asked\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
}

# `put FILE.deb`: installs it, keeping what the administrator has changed.
put() {
  cp "$1" "$root/package.deb"
  quietly inside dpkg --force-confold -i /package.deb
}

# Something that upgrades must not harm: esmed 0.1.1, as far as dpkg knows it.
old_package() {
  step "esmed 0.1.1"
  local old="$work/old"
  mkdir -p "$old/DEBIAN" "$old/etc/esmed" "$old/var/log/esmed" "$old/etc/init.d"
  printf '[database]\nhost = localhost\npass = \n' > "$old/etc/esmed/esmed.conf"
  cat > "$old/etc/init.d/esmed" << 'INIT'
#!/bin/sh
### BEGIN INIT INFO
# Provides:          esmed
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: esmed 0.1.1
### END INIT INFO
INIT
  chmod 755 "$old/etc/init.d/esmed"
  mkdir -p "$old$units"
  printf '[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n' > "$old$units/esmed.service"
  printf '/etc/esmed/esmed.conf\n/etc/init.d/esmed\n' > "$old/DEBIAN/conffiles"
  printf 'Package: esmed\nVersion: 0.1.1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: old\n' \
    > "$old/DEBIAN/control"
  # It was enabled.
  printf '#!/bin/sh\ndeb-systemd-helper enable esmed.service\n' > "$old/DEBIAN/postinst"
  chmod 755 "$old/DEBIAN/postinst"
  quietly dpkg-deb --root-owner-group -b "$old" "$work/old.deb"
  put "$work/old.deb"
  [ "$(inside systemctl is-enabled esmed.service)" = enabled ] || fail "0.1.1 is not enabled"
  sed -i 's/^pass = $/pass = of the administrator/' "$root/etc/esmed/esmed.conf"
  echo "a line" > "$root/var/log/esmed/esmed.log"
}

install_over_old() {
  step "install, as an upgrade of 0.1.1"
  put "$deb"
  [ "$(inside dpkg-query -W -f '${db:Status-Abbrev}' esmed)" = "ii " ] || fail "esmed is not installed"
  has "pass = of the administrator" /etc/esmed/esmed.conf
  has "a line" /var/log/esmed/esmed.log
}

look_at_files() {
  step "files, owners, modes, user"
  is 640 root:esmed "$conf"
  is 755 root:root /etc/esmed
  is 755 root:root /usr/bin/esmed
  is 755 root:root /usr/bin/esmed-sim
  local file
  for file in $units/esmed.service $units/esmed@.service /usr/lib/sysusers.d/esmed.conf /usr/share/esmed/sql/db.sql \
    /usr/share/doc/esmed/copyright /usr/share/doc/esmed/NEWS.Debian.gz /usr/share/man/man1/esmed.1.gz \
    /usr/share/man/man1/esmed-run.1.gz /usr/share/man/man1/esmed-sim.1.gz /usr/share/man/man5/esmed.toml.5.gz \
    /usr/share/bash-completion/completions/esmed /usr/share/zsh/vendor-completions/_esmed \
    /usr/share/fish/vendor_completions.d/esmed.fish /usr/share/doc/esmed/examples/credential.conf; do
    is 644 root:root "$file"
  done
  cmp cfg/esmed.toml "$root$conf" || fail "$conf is not cfg/esmed.toml"
  cmp sql/db.sql "$root/usr/share/esmed/sql/db.sql" || fail "another db.sql"
  [ ! -d sql/migrations ] || diff -r sql/migrations "$root/usr/share/esmed/sql/migrations"
  # The documents find each other as they do in the sources.
  cmp README.md "$root/usr/share/doc/esmed/README.md" || fail "another README.md"
  diff -r docs "$root/usr/share/doc/esmed/docs" || fail "other documents"
  inside dpkg-query -W -f '${Conffiles}\n' esmed | grep -qF "$conf" || fail "$conf is no conffile"
  inside getent passwd esmed | grep -q ':/usr/sbin/nologin$' || fail "the user esmed may log in, or is missing"
  # The whole of it can be read by the daemon, and nothing be written.
  inside setpriv --reuid esmed --regid esmed --clear-groups cat "$conf" > /dev/null
  ! inside setpriv --reuid nobody --regid nogroup --clear-groups cat "$conf" 2> /dev/null || fail "anybody can read $conf"
  has "crates/tokio-" /usr/share/doc/esmed/copyright
  [ "$(inside esmed --version)" = "esmed $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ]
}

look_at_units() {
  step "units"
  # Nothing starts by itself before there is a configuration.
  # (What is disabled is not started by deb-systemd-invoke.)
  local unit said
  said=$(inside systemctl is-enabled esmed.service || true)
  [ "$said" = disabled ] || fail "esmed.service is $said after the installation"
  for unit in esmed.service esmed@bulk.service; do
    said=$(inside systemd-analyze verify "$unit" 2>&1) || fail "systemd-analyze verify $unit: $said"
    [ -z "$said" ] || fail "systemd-analyze verify $unit: $said"
    said=$(inside systemd-analyze security --offline=true --threshold=20 --no-pager "$unit") ||
      fail "systemd-analyze security $unit: $(tail -n 1 <<< "$said")"
    echo "   $(tail -n 1 <<< "$said")"
  done
  diff "$root$units/esmed.service" "$root$units/esmed@.service" > "$work/difference" || true
  # They differ in description and configuration, and in nothing else.
  [ "$(grep -c '^>' "$work/difference")" = 2 ] || fail "the units differ: $(cat "$work/difference")"
}

look_at_pages_and_completions() {
  step "man pages and completions"
  local page said shell program
  for page in "$root"/usr/share/man/man[15]/esmed*.gz; do
    # --warnings writes to standard error what groff thinks of the page.
    said=$(inside man --warnings -E UTF-8 -l -Tutf8 -Z "${page#"$root"}" 2>&1 > /dev/null)
    [ -z "$said" ] || fail "${page##*/}: $said"
  done
  for program in esmed esmed-sim; do
    inside bash -c "set -e; . /usr/share/bash-completion/completions/$program; complete -p $program" > /dev/null
    inside zsh -n "/usr/share/zsh/vendor-completions/_$program"
    inside fish -n "/usr/share/fish/vendor_completions.d/$program.fish"
  done
  # bash offers the subcommands.
  said=$(inside bash -c '. /usr/share/bash-completion/completions/esmed
    COMP_WORDS=(esmed chec) COMP_CWORD=1; _esmed esmed chec esmed; echo "${COMPREPLY[@]}"')
  [ "$said" = check-config ] || fail "bash completes 'esmed chec' to '$said'"
}

as_postgres() {
  setpriv --reuid postgres --regid postgres --clear-groups env -C "$work" PATH="$pg_bin:$PATH" "$@"
}

sql() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -p "$pg_port" -d esmed -At "$@"; }

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
  pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  pg_port=$(free_port)
  mkdir "$work/pg" "$work/socket"
  chown postgres: "$work/pg" "$work/socket"
  quietly as_postgres initdb -D "$work/pg" -U postgres -A trust --encoding UTF8 --locale C.UTF-8 --no-sync
  printf 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n' > "$work/pg/pg_hba.conf"
  quietly as_postgres pg_ctl -D "$work/pg" -l "$work/socket/log" -w \
    -o "-p $pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/socket -c fsync=off" start
  as_postgres createdb -h "$work/socket" -p "$pg_port" -U postgres esmed
  PGUSER=postgres; export PGUSER
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
  quietly inside setpriv --reuid esmed --regid esmed --clear-groups env ESMED_DATABASE_PASS="$password" esmed check-config
  ! inside setpriv --reuid esmed --regid esmed --clear-groups esmed check-config > /dev/null 2>&1 ||
    fail "the database asks for no password, so the credential was not tried"
}

# A package of a higher version with another sample of the configuration.
higher_version() {
  local unpacked="$work/unpacked"
  dpkg-deb -R "$deb" "$unpacked"
  sed -i 's/^Version: .*/Version: 99.0.0/' "$unpacked/DEBIAN/control"
  echo "# Another sample." >> "$unpacked$conf"
  quietly dpkg-deb --root-owner-group -b "$unpacked" "$work/higher.deb"
}

upgrade() {
  step "upgrade while it runs"
  higher_version
  # Of the administrator: who may read it is nobody's business but his.
  inside chmod 600 "$conf"
  inside chown esmed:adm "$conf"
  quietly inside systemctl enable esmed.service
  : > "$root/asked"
  cp "$root$conf" "$work/before"
  put "$work/higher.deb"
  cmp "$work/before" "$root$conf" || fail "the upgrade changed $conf"
  is 600 esmed:adm "$conf"
  grep -qx 'esmed.service restart' "$root/asked" || fail "no restart was asked for: $(cat "$root/asked")"
  [ "$(sql -c "SELECT count(*) FROM esmed_schema")" = 1 ] || fail "the upgrade touched the database"
  # What systemd would do now.
  stop_daemon
  start_daemon
  send_a_message
  stop_daemon
}

remove_and_purge() {
  step "remove, purge"
  quietly inside dpkg --remove esmed
  gone /usr/bin/esmed
  gone $units/esmed.service
  gone /usr/share/esmed
  cmp "$work/before" "$root$conf" || fail "removing changed $conf"
  has "pass = of the administrator" /etc/esmed/esmed.conf
  quietly inside dpkg --purge esmed
  gone "$conf"
  gone /etc/systemd/system/multi-user.target.wants/esmed.service
  [ "$(sql -c "SELECT count(*) FROM smpp_tx_queue")" = 2 ] || fail "purging touched the database"
  inside getent passwd esmed > /dev/null || fail "purging took the user away, whose files there may be"
}

install_anew() {
  step "install where nothing was"
  inside rm -rf /etc/esmed /var/log/esmed
  put "$deb"
  is 640 root:esmed "$conf"
  put "$work/higher.deb"
  is 640 root:esmed "$conf"
  has "# Another sample." "$conf"
  # A statoverride is the administrator's word.
  quietly inside dpkg --purge esmed
  quietly inside dpkg-statoverride --add root adm 0600 "$conf"
  put "$deb"
  is 600 root:adm "$conf"
  quietly inside dpkg --purge esmed
}
