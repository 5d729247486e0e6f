#!/usr/bin/env bash
# Installs, runs, upgrades, removes and purges the Debian package in a Debian 12 of its own, under a temporary folder:
# `make test-deb`. Needs root (chroot) and the mirror that this machine's apt uses. No systemd runs in there: what it would
# do for the unit is done by hand, and what it would be asked is asked a stand-in, which writes it down.
set -Eeuo pipefail
trap 'echo "test-deb: failed: $BASH_COMMAND (${BASH_SOURCE[0]} line $LINENO)" >&2' ERR
cd "$(dirname "$0")/../.."

[ "$(id -u)" = 0 ] || { echo "test-deb: needs root: sudo make test-deb" >&2; exit 1; }
# What is mounted below is gone with this process.
if [ "${1:-}" != in-namespace ]; then
  exec unshare --mount --propagation private "$0" in-namespace
fi
exec < /dev/null
export LC_ALL=C.UTF-8

. tests/package/install.sh
install_missing lintian:lintian debootstrap:debootstrap
deb=$(ls -t "${CARGO_TARGET_DIR:-target}"/debian/esmed_1*.deb | head -n 1)

work=$(mktemp -d /tmp/esmed-package-XXXXXX)
chmod 755 "$work"
root="$work/root"
pids=()
clean_up() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait
  umount -R "$root/proc" 2> /dev/null || true
  if [ -e "$work/pg/postmaster.pid" ]; then as_postgres pg_ctl -D "$work/pg" -m immediate stop > /dev/null; fi
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

step() { echo "-- $*"; }
fail() { echo "test-deb: $*" >&2; exit 1; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 "$@"; }
# dpkg says much that is of interest only where it fails.
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
# `is MODE OWNER PATH`
is() {
  local found
  found=$(inside stat --format='%a %U:%G' "$3") || fail "$3 is missing"
  [ "$found" = "$1 $2" ] || fail "$3 is $found, and should be $1 $2"
}
gone() { [ ! -e "$root$1" ] && [ ! -L "$root$1" ] || fail "$1 is still there"; }
has() { grep -qF -- "$1" "$root$2" || fail "$2 lacks: $1"; }

. tests/package/steps.sh
. tests/package/database.sh
. tests/package/upgrade.sh

step lintian
lintian --fail-on error,warning --tag-display-limit 0 "$deb"
make_root
start_postgres
old_database
old_package
install_over_old
look_at_files
look_at_documents
look_at_units
look_at_pages_and_completions
migrate
run_as_the_unit_does
upgrade
upgrade_of_what_is_stopped
remove_and_purge
install_anew
echo "test-deb: all is as it should be"
