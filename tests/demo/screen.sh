# shellcheck shell=bash
# Tables for people: redrawn in place on a terminal, appended one after the other elsewhere.

drawn=0       # lines of the table that stands on the screen
last_shown="" # the last table that was appended
on_terminal=
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
  on_terminal=yes
fi

say() {
  drawn=0
  if [ -n "$on_terminal" ]; then
    printf '\e[1m%s\e[0m\n' "$*"
  else
    printf '%s\n' "$*"
  fi
}

colours() {
  if [ -z "$on_terminal" ]; then
    cat
    return
  fi
  sed -E \
    -e 's/\b(DELIVERED|ok)\b/\x1b[32m\1\x1b[0m/g' \
    -e 's/\b(failed|UNDELIVERABLE|REJECTED|down)\b/\x1b[31m\1\x1b[0m/g' \
    -e 's/\b(waiting|started|retrying|scheduled|ENROUTE|degraded)\b/\x1b[33m\1\x1b[0m/g'
}

# draw TABLE: in the place of the one before.
draw() {
  local table=$1
  if [ -n "$on_terminal" ]; then
    # Lines that are too long are cut, not wrapped, so that their number is known.
    printf '\e[?7l'
    if [ "$drawn" -gt 0 ]; then
      printf '\e[%dA\e[J' "$drawn"
    fi
    printf '%s\n\n' "$table" | colours
    printf '\e[?7h'
    drawn=$(printf '%s\n\n' "$table" | wc -l)
  elif [ "$table" != "$last_shown" ]; then
    printf '%s\n\n' "$table"
    last_shown=$table
  fi
}

# The width that tables may have.
columns() {
  local wide
  wide=$(tput cols 2> /dev/null < /dev/tty) || wide=
  if [ -n "$on_terminal" ] && [ "${wide:-0}" -ge 80 ]; then
    echo "$wide"
  else
    echo 120
  fi
}
