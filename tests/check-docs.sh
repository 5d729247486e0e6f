#!/usr/bin/env bash
# Whether the documents still tell the truth about what can be looked up: configuration keys and
# their defaults, the simulator's table, events, files and tests.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong=0
complain() {
  echo "check-docs: $*" >&2
  wrong=1
}

# Keys and defaults: the table in README.md against cfg/esmed.toml.
sample=$(awk '
  /^\[/ { section = $1; next }
  /^#[a-z_]+ = / {
    key = $1; sub(/^#/, "", key)
    value = $0; sub(/^[^=]*= /, "", value)
    if (key ~ /^(pass|pass_file|sslrootcert|sslcert|sslkey)$/) value = "none"
    print section, key, value
  }' cfg/esmed.toml)
readme=$(sed -nE 's/^\| `(\[[a-z]+\]) ([a-z_]+)` \| `?([^`|]*[^`| ])`? \|.*/\1 \2 \3/p' README.md)
difference=$(diff <(echo "$sample") <(echo "$readme")) ||
  complain "configuration keys: cfg/esmed.toml (<) and README.md (>) differ:"$'\n'"$difference"

# The simulator's table.
while IFS= read -r line; do
  grep -qxF -- "$line" README.md || complain "README.md lacks this line of the simulator's table: $line"
done < <(awk '/OUTCOMES: &str/ { on = 1; next } on { last = /";$/; sub(/";$/, ""); print; if (last) exit }' src/sim/outcome.rs)

# The statuses of each class: the table in README.md against src/pdu/status.rs. What is permanent is told as "all others".
classes=$(sed -nE 's/^    (ESME_[A-Z0-9_]+) = 0x([0-9A-F]{4}), ([A-Za-z]+), ".*/\3 \1 \2/p' src/pdu/status.rs |
  while read -r class name number; do
    [ "$class" = SessionFatal ] && class=session-fatal
    [ "$class" = Permanent ] || printf '%s `%s` (0x%02X)\n' "${class,,}" "$name" "0x$number"
  done | sort)
readme=$(sed -n '/^| class | what happens | statuses |$/,/^$/p' README.md | sed '1,2d' |
  while IFS='|' read -r _ class _ statuses _; do
    { grep -oE '`ESME_[A-Z0-9_]+`( \(0x[0-9A-F]+\))?' <<< "$statuses" || true; } | sed "s/^/$(tr -d '` ' <<< "$class") /"
  done | sort)
[ "$(wc -l <<< "$classes")" -ge 10 ] || complain "the statuses of src/pdu/status.rs could not be read"
difference=$(diff <(echo "$classes") <(echo "$readme")) ||
  complain "classes of statuses: src/pdu/status.rs (<) and README.md (>) differ:"$'\n'"$difference"

# Event types that the README lists are written somewhere.
for type in $(sed -n '/^| type | when |$/,/^$/p' README.md | sed '1,2d' | cut -d'|' -f2 | tr ',`' '  '); do
  grep -rqF "\"$type\"" src || complain "README.md tells of events of type $type, which nothing writes"
done

# Commands of the program, in code.
for command in $( (awk '/^```/ { on = !on; next } on' README.md; grep -oE '`esmed [^`]*`' README.md | tr -d '`') |
  awk '$1 == "esmed" { print $2 }' | sort -u); do
  case $command in
    migrate | send) ;; # under "Not yet"
    *) [ -e "src/cli/${command//-/_}.rs" ] || [ -d "src/cli/${command//-/_}" ] || complain "README.md tells of 'esmed $command', which there is not" ;;
  esac
done

# Files and tests by name.
documents=(README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md)
for path in $(grep -ohE '`(src|sql|cfg|tests|fuzz|benches)/[A-Za-z0-9_./-]*`' "${documents[@]}" | tr -d '`' | sort -u); do
  [ -e "$path" ] || complain "$path is named in a document and is not there"
done
for name in $(cat "${documents[@]}" | tr '\n' ' ' | grep -oE '\(test: `[a-z0-9_`, ]+\)' | grep -oE '`[a-z0-9_]+`' | tr -d '`' | sort -u); do
  grep -rqE "fn $name\b" src tests || complain "the test $name is named in a document and is not there"
done
for link in $(grep -ohE '\]\([A-Za-z][A-Za-z0-9_./-]*\)' "${documents[@]}" | sed 's/^](//; s/)$//' | sort -u); do
  [ -e "$link" ] || complain "a document links to $link, which is not there"
done

exit "$wrong"
