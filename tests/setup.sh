#!/usr/bin/env bash
# Installs what demo and tests need and this machine lacks, from Debian's packages: PostgreSQL, a
# linker, and Perl's Net::SMPP; on machines for tests (CI is set) also Chromium, promtool, PgBouncer and faketime. Does
# nothing where they are there. No cluster of the system is created or started: tests and demo make their own, in a temporary folder.
set -euo pipefail

readonly cluster_settings=/etc/postgresql-common/createcluster.conf

fail() {
  echo "setup: $*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    fail "needs root for: $*"
  fi
}

install_packages() {
  command -v apt-get > /dev/null ||
    fail "no apt-get here: install PostgreSQL 13 or later and a C linker by hand"
  echo "setup: installing $*"
  local only_for_us=
  if [ ! -e "$cluster_settings" ]; then
    only_for_us=yes
    as_root mkdir -p "$(dirname "$cluster_settings")"
    echo "create_main_cluster = false" | as_root tee "$cluster_settings" > /dev/null
  fi
  # A mirror may be out of order for a moment.
  local tries
  for tries in 3 2 1; do
    if as_root apt-get update -qq &&
      as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
        apt-get install -y -qq --no-install-recommends "$@" < /dev/null; then
      break
    fi
    [ "$tries" -gt 1 ] || fail "apt-get could not install $*"
    sleep 5
  done
  # Debian's own settings again, for clusters to come.
  if [ -n "$only_for_us" ]; then
    if [ -e /usr/share/postgresql-common/createcluster.conf ]; then
      as_root cp /usr/share/postgresql-common/createcluster.conf "$cluster_settings"
    else
      as_root rm "$cluster_settings"
    fi
  fi
}

command -v cargo > /dev/null || fail "cargo is missing: install Rust, see https://rustup.rs"

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || missing+=(postgresql)
command -v cc > /dev/null || missing+=(gcc libc6-dev)
if [ "${#missing[@]}" -gt 0 ]; then
  install_packages "${missing[@]}"
fi

# The status page is looked at by a browser, alert rules by promtool, and `esmed doctor` tells of poolers and clocks; their
# tests pass without. They are large, or servers that would run: only machines for tests get them.
if [ -n "${CI:-}" ] && command -v apt-get > /dev/null; then
  command -v chromium > /dev/null || install_packages chromium
  [ -x /usr/sbin/pgbouncer ] || (install_packages pgbouncer) || echo "setup: no pgbouncer; the tests with a pooler are passed over"
  command -v faketime > /dev/null || (install_packages faketime) || echo "setup: no faketime; the test of clocks that differ is passed over"
  command -v promtool > /dev/null || (install_packages prometheus) || echo "setup: no promtool; the tests of alert rules and metrics are passed over"
fi

# Perl's Net::SMPP reads what the daemon sends, as another implementation does; its test passes without it.
if command -v apt-get > /dev/null && ! perl -MNet::SMPP -e 1 2> /dev/null; then
  (install_packages libnet-smpp-perl) || echo "setup: no libnet-smpp-perl; the test that needs it is passed over"
fi
