# To be sourced: installs Debian packages that are missing.

# `install_missing COMMAND:PACKAGE …`: the packages of the commands that this machine lacks.
install_missing() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get > /dev/null || { echo "install these by hand: ${missing[*]}" >&2; return 1; }
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null
}
