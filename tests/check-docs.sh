#!/usr/bin/env bash
# Whether the documents still tell the truth about what can be looked up: configuration keys and
# their defaults, the simulator's table, events, commands, files, links and tests.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong=0
complain() {
  echo "check-docs: $*" >&2
  wrong=1
}

# What users read; and with it what maintainers read.
manual=(README.md docs/*.md)
documents=("${manual[@]}" ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md)

# Keys and defaults: the table in docs/configuration.md against cfg/esmed.toml.
sample=$(awk '
  /^\[/ { section = $1; next }
  /^#[a-z_]+ = / {
    key = $1; sub(/^#/, "", key)
    value = $0; sub(/^[^=]*= /, "", value)
    # What the sample only shows, and what is not set without it.
    if (key ~ /^(pass|pass_file|sslrootcert|sslcert|sslkey|listen)$/ || section == "[retention]") value = "none"
    print section, key, value
  }' cfg/esmed.toml)
told=$(sed -nE 's/^\| `(\[[a-z]+\]) ([a-z_]+)` \| `?([^`|]*[^`| ])`? \|.*/\1 \2 \3/p' docs/configuration.md)
difference=$(diff <(echo "$sample") <(echo "$told")) ||
  complain "configuration keys: cfg/esmed.toml (<) and docs/configuration.md (>) differ:"$'\n'"$difference"

# The simulator's table.
while IFS= read -r line; do
  grep -qxF -- "$line" docs/simulator.md || complain "docs/simulator.md lacks this line of the simulator's table: $line"
done < <(awk '/OUTCOMES: &str/ { on = 1; next } on { last = /";$/; sub(/";$/, ""); print; if (last) exit }' src/sim/outcome.rs)

# The statuses of each class: the table in docs/servers.md against src/pdu/status.rs. What is permanent is told as "all others".
classes=$(sed -nE 's/^    (ESME_[A-Z0-9_]+) = 0x([0-9A-F]{4}), ([A-Za-z]+), ".*/\3 \1 \2/p' src/pdu/status.rs |
  while read -r class name number; do
    [ "$class" = SessionFatal ] && class=session-fatal
    [ "$class" = Permanent ] || printf '%s `%s` (0x%02X)\n' "${class,,}" "$name" "0x$number"
  done | sort)
told=$(sed -n '/^| class | what happens | statuses |$/,/^$/p' docs/servers.md | sed '1,2d' |
  while IFS='|' read -r _ class _ statuses _; do
    { grep -oE '`ESME_[A-Z0-9_]+`( \(0x[0-9A-F]+\))?' <<< "$statuses" || true; } | sed "s/^/$(tr -d '` ' <<< "$class") /"
  done | sort)
[ "$(wc -l <<< "$classes")" -ge 10 ] || complain "the statuses of src/pdu/status.rs could not be read"
difference=$(diff <(echo "$classes") <(echo "$told")) ||
  complain "classes of statuses: src/pdu/status.rs (<) and docs/servers.md (>) differ:"$'\n'"$difference"

# Event types that are told of are written somewhere.
types=$(sed -n '/^| type | when |$/,/^$/p' docs/operations.md | sed '1,2d' | cut -d'|' -f2 | tr ',`' '  ')
[ "$(wc -w <<< "$types")" -ge 20 ] || complain "the table of events in docs/operations.md could not be read"
for type in $types; do
  grep -rqF "\"$type\"" src || complain "docs/operations.md tells of events of type $type, which nothing writes"
done

# States of the session: docs/monitoring.md and the comment in sql/db.sql name each of src/metrics.rs.
states=$(awk '/^const SESSION_STATES/ { on = 1; next } on && /^];/ { exit } on' src/metrics.rs | tr -d ' ",')
[ "$(wc -w <<< "$states")" -ge 8 ] || complain "the states of src/metrics.rs could not be read"
for document in docs/monitoring.md sql/db.sql; do
  told=$(awk '/^States of the session/ { on = 1 } on && /^$/ { on = 0 } on || /COLUMN smpp_status.session_state IS/' "$document")
  for state in $states; do
    grep -qE "\b$state\b" <<< "$told" || complain "$document lacks the session state $state"
  done
done

# Commands of the program, in code.
for command in $( (awk '/^ *```/ { on = !on; next } on' "${manual[@]}"; grep -ohE '`esmed [^`]*`' "${manual[@]}" | tr -d '`') |
  awk '$1 == "sudo" { sub(/^ *sudo /, "") } $1 == "esmed" && $2 ~ /^[a-z]/ { print $2 }' | sort -u); do
  [ -e "src/cli/${command//-/_}.rs" ] || [ -d "src/cli/${command//-/_}" ] ||
    complain "a document tells of 'esmed $command', which there is not"
done

# Each document of docs/ is in its table of contents.
for document in docs/*.md; do
  name=${document#docs/}
  [ "$name" = README.md ] || grep -qF "]($name)" docs/README.md || complain "docs/README.md does not list $name"
done

# The version is the same everywhere; the package's files have one date.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
for file in debian/changelog debian/NEWS; do
  [[ $(head -n 1 "$file") == "esmed ($version) "* ]] || complain "$file does not begin with version $version, as Cargo.toml says"
done
[ "$(grep -m 1 '^ -- ' debian/changelog)" = "$(grep -m 1 '^ -- ' debian/NEWS)" ] || complain "debian/changelog and debian/NEWS differ in who or when"
[[ $(grep -m 1 '^## \[' CHANGELOG.md) == "## [$version] - "* ]] || complain "CHANGELOG.md does not begin with version $version, as Cargo.toml says"

# Files and tests by name.
for path in $(grep -ohE '`(src|sql|cfg|tests|fuzz|benches|docs)/[A-Za-z0-9_./-]*`' "${documents[@]}" | tr -d '`' | sort -u); do
  [ -e "$path" ] || complain "$path is named in a document and is not there"
done
for name in $(cat "${documents[@]}" | tr '\n' ' ' | grep -oE '\(test: `[a-z0-9_`, ]+\)' | grep -oE '`[a-z0-9_]+`' | tr -d '`' | sort -u); do
  grep -rqE "fn $name\b" src tests || complain "the test $name is named in a document and is not there"
done

# Links to files beside the document, and to headings (as GitHub and most others name them).
anchors() {
  awk '/^ *```/ { on = !on } !on && /^#+ / {
    sub(/^#+ /, ""); gsub(/\]\([^)]*\)/, ""); $0 = tolower($0); gsub(/[^a-z0-9 _-]/, ""); gsub(/ /, "-"); print }' "$1"
}
links=0
for document in "${documents[@]}"; do
  for link in $(awk '/^ *```/ { on = !on } !on' "$document" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' | sort -u); do
    case $link in
      *://* | mailto:*) continue ;;
      '#'*) target=$document ;;
      *) target=$(dirname "$document")/${link%%#*} ;;
    esac
    links=$((links + 1))
    if [ ! -e "$target" ]; then
      complain "$document links to $link, which is not there"
    elif [[ $link == *'#'* ]]; then
      anchors "$target" | grep -qxF -- "${link#*#}" || complain "$document links to $link: $target has no such heading"
    fi
  done
done
[ "$links" -ge 20 ] || complain "the links of the documents could not be read"

exit "$wrong"
