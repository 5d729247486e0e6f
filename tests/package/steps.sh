# To be sourced by test.sh: the Debian that it makes, and what the package put there.

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
  # The maintainer scripts take it for a machine with systemd, and ask a stand-in.
  mkdir -p "$root/run/systemd/system"
  mv "$root/usr/bin/systemctl" "$root/usr/bin/systemctl.real"
  install -m 755 tests/package/systemctl "$root/usr/bin/systemctl"
  running
}

# `put FILE.deb`: installs it, keeping what the administrator has changed.
put() {
  cp "$1" "$root/package.deb"
  quietly inside dpkg --force-confold -i /package.deb
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
    /usr/share/fish/vendor_completions.d/esmed.fish /usr/share/doc/esmed/examples/credential.conf \
    /usr/share/doc/esmed/examples/prometheus-rules.yml /usr/share/doc/esmed/examples/prometheus-rules-test.yml \
    /usr/share/doc/esmed/examples/grafana-dashboard.json; do
    is 644 root:root "$file"
  done
  cmp cfg/esmed.toml "$root$conf" || fail "$conf is not cfg/esmed.toml"
  cmp sql/db.sql "$root/usr/share/esmed/sql/db.sql" || fail "another db.sql"
  [ ! -d sql/migrations ] || diff -r sql/migrations "$root/usr/share/esmed/sql/migrations"
  # The documents find each other as they do in the sources.
  for file in README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md; do
    cmp "$file" "$root/usr/share/doc/esmed/$file" || fail "another $file"
  done
  diff -r docs "$root/usr/share/doc/esmed/docs" || fail "other documents"
  inside dpkg-query -W -f '${Conffiles}\n' esmed | grep -qF "$conf" || fail "$conf is no conffile"
  inside getent passwd esmed | grep -q ':/usr/sbin/nologin$' || fail "the user esmed may log in, or is missing"
  # The whole of it can be read by the daemon, and nothing be written.
  inside setpriv --reuid esmed --regid esmed --clear-groups cat "$conf" > /dev/null
  ! inside setpriv --reuid nobody --regid nogroup --clear-groups cat "$conf" 2> /dev/null || fail "anybody can read $conf"
  has "crates/tokio-" /usr/share/doc/esmed/copyright
  [ "$(inside esmed --version)" = "esmed $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ]
}

look_at_documents() {
  step "what the documents lead to"
  local documents=/usr/share/doc/esmed document link path count=0
  inside dpkg -L esmed > "$work/files"
  while IFS= read -r document; do
    for link in $(awk '/^ *```/ { on = !on } !on' "$document" | { grep -oE '\]\([^) ]+\)' || true; } | sed 's/^](//; s/)$//' | sort -u); do
      case $link in *://* | mailto:* | '#'*) continue ;; esac
      count=$((count + 1))
      path=$(dirname "$document")/${link%%#*}
      path=/$(realpath -ms --relative-to="$root" "$path")
      grep -qxF -- "$path" "$work/files" && [ -e "$root$path" ] ||
        fail "${document#"$root$documents/"} links to $link, and $path is not in the package"
    done
  done < <(find "$root$documents" -name '*.md')
  [ "$count" -ge 50 ] || fail "the links of the documents could not be read"
  # Paths in words and in code.
  count=0
  for path in $(grep -rohE '/usr/share/(doc/)?esmed/[A-Za-z0-9_./@-]*[A-Za-z0-9_]' "$root$documents" --include='*.md' | sort -u); do
    count=$((count + 1))
    grep -qxF -- "$path" "$work/files" || fail "a document names $path, which is not in the package"
  done
  [ "$count" -ge 5 ] || fail "the paths in the documents could not be read"
}

look_at_units() {
  step "units"
  local unit said exposure
  for unit in esmed.service esmed@bulk.service; do
    said=$(inside systemd-analyze verify "$unit" 2>&1) || fail "systemd-analyze verify $unit: $said"
    [ -z "$said" ] || fail "systemd-analyze verify $unit: $said"
    said=$(inside systemd-analyze security --offline=true --threshold=20 --no-pager "$unit") ||
      fail "systemd-analyze security $unit: $(tail -n 1 <<< "$said")"
    exposure=$(sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p' <<< "$said")
    [ -n "$exposure" ] && grep -qF -- "--offline=true esmed.service\` says $exposure " docs/install.md ||
      fail "$unit: docs/install.md tells another figure than: $(tail -n 1 <<< "$said")"
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
