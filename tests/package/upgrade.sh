# To be sourced by test.sh: an installation over 0.1.1, upgrades, removing, purging.

# `running UNIT=STATE …`: what systemd would say now.
running() {
  local pair
  for pair in "$@"; do echo "${pair%=*} ${pair##*=}"; done > "$root/running"
  : > "$root/done"
}

# `did LINE …`: what systemd was made to do with units since, in order; nothing else.
did() {
  local line wanted=
  for line in "$@"; do wanted+="$line"$'\n'; done
  diff <(printf %s "$wanted") <(sed '/^daemon-reload$/d' "$root/done") > "$work/difference" ||
    fail "units: wanted (<) and done (>): $(cat "$work/difference")"
}

# `enabled_is ANSWER`
enabled_is() {
  local said
  said=$(inside systemctl is-enabled esmed.service || true)
  [ "$said" = "$1" ] || fail "esmed.service is $said, and should be $1"
}

# Something that upgrades must not harm: esmed 0.1.1, as far as dpkg knows it. It runs.
old_package() {
  step "esmed 0.1.1"
  local old="$work/old"
  mkdir -p "$old/DEBIAN" "$old/etc/esmed" "$old/var/log/esmed" "$old/etc/init.d" "$old/etc/default"
  printf '[database]\nhost = 127.0.0.1\nport = %s\nname = sms\nuser = esmed\npass = \n' "$pg_port" \
    > "$old/etc/esmed/esmed.conf"
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
  echo 'ENABLED=1' > "$old/etc/default/esmed"
  mkdir -p "$old$units"
  printf '[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n' > "$old$units/esmed.service"
  printf '/etc/esmed/esmed.conf\n/etc/init.d/esmed\n/etc/default/esmed\n' > "$old/DEBIAN/conffiles"
  printf 'Package: esmed\nVersion: 0.1.1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: old\n' \
    > "$old/DEBIAN/control"
  # It was enabled, in both ways.
  printf '#!/bin/sh\nupdate-rc.d esmed defaults\ndeb-systemd-helper enable esmed.service\n' > "$old/DEBIAN/postinst"
  chmod 755 "$old/DEBIAN/postinst"
  quietly dpkg-deb --root-owner-group -b "$old" "$work/old.deb"
  put "$work/old.deb"
  enabled_is enabled
  [ -L "$root/etc/rc2.d/S01esmed" ] || fail "0.1.1 has no link to its init script"
  sed -i 's/^pass = $/pass = of the administrator/' "$root/etc/esmed/esmed.conf"
  echo "a line" > "$root/var/log/esmed/esmed.log"
}

install_over_old() {
  step "install, as an upgrade of 0.1.1"
  running esmed.service=active
  put "$deb"
  did "stopped esmed.service"
  # Nothing starts by itself before there is a configuration.
  enabled_is disabled
  [ "$(inside dpkg-query -W -f '${db:Status-Abbrev}' esmed)" = "ii " ] || fail "esmed is not installed"
  has "pass = of the administrator" /etc/esmed/esmed.conf
  has "a line" /var/log/esmed/esmed.log
  gone /etc/init.d/esmed
  gone /etc/default/esmed
  [ -z "$(find "$root"/etc/init.d "$root"/etc/rc?.d -name '*esmed*')" ] || fail "something is left of the init script"
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
  cp "$root$conf" "$work/before"
  # One lane waits for its next try to start, another has given up.
  running esmed.service=active esmed@bulk.service=active esmed@slow.service=activating esmed@wrong.service=failed
  put "$work/higher.deb"
  did "restarted esmed.service" "restarted esmed@bulk.service" "restarted esmed@slow.service"
  [ "$(head -n 1 "$root/done")" = daemon-reload ] || fail "systemd restarts units as they were before the upgrade"
  cmp "$work/before" "$root$conf" || fail "the upgrade changed $conf"
  is 600 esmed:adm "$conf"
  [ "$(sql -c "SELECT count(*) FROM esmed_schema")" = 1 ] || fail "the upgrade touched the database"
  # What systemd would do now.
  stop_daemon
  start_daemon
  send_a_message
  stop_daemon
}

upgrade_of_what_is_stopped() {
  step "upgrade while it is stopped"
  # The administrator has stopped it, and may be about to clean the database that was restored.
  running esmed@wrong.service=failed
  enabled_is enabled
  put "$work/higher.deb"
  did
  enabled_is enabled
}

remove_and_purge() {
  step "remove, install again, purge"
  running esmed.service=active esmed@bulk.service=active esmed@slow.service=activating
  quietly inside dpkg --remove esmed
  did "stopped esmed.service" "stopped esmed@bulk.service" "stopped esmed@slow.service"
  gone /usr/bin/esmed
  gone $units/esmed.service
  gone /usr/share/esmed
  cmp "$work/before" "$root$conf" || fail "removing changed $conf"
  has "pass = of the administrator" /etc/esmed/esmed.conf
  running
  put "$work/higher.deb"
  did
  enabled_is enabled
  cmp "$work/before" "$root$conf" || fail "installing it again changed $conf"
  quietly inside dpkg --purge esmed
  gone "$conf"
  gone /etc/esmed/esmed.conf
  gone /etc/systemd/system/multi-user.target.wants/esmed.service
  has "a line" /var/log/esmed/esmed.log
  [ "$(sql -c "SELECT count(*) FROM smpp_tx_queue")" = 2 ] || fail "purging touched the database"
  inside getent passwd esmed > /dev/null || fail "purging took the user away, whose files there may be"
}

install_anew() {
  step "install where nothing was"
  inside rm -rf /etc/esmed /var/log/esmed
  running
  put "$deb"
  did
  enabled_is disabled
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
  did
}
