#!/usr/bin/env bash
# Builds the Debian package from the files of this folder, in a copy, so that nothing but target/ is written to. The
# packages are in target/debian (under CARGO_TARGET_DIR, where that is set). `build.sh VERSION` gives it another version.
set -euo pipefail
cd "$(dirname "$0")/../.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
results="$CARGO_TARGET_DIR/debian"
build="$results/build"

. tests/package/install.sh
install_missing dpkg-buildpackage:dpkg-dev dh:debhelper cc:gcc cc:libc6-dev

rm -rf "$build"
mkdir -p "$build"
if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
  # As it is here, be it committed or not; without what git ignores.
  git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
  done | tar --create --null --files-from=- | tar --extract --directory="$build"
else
  tar --create --exclude=./target . | tar --extract --directory="$build"
fi
cd "$build"
if [ $# -gt 0 ]; then
  version="$1"
  {
    printf 'esmed (%s) unstable; urgency=medium\n\n  * Built for a test.\n\n' "$version"
    sed -n '/^ -- /{p;q}' debian/changelog
    echo
    cat debian/changelog
  } > debian/changelog.new
  mv debian/changelog.new debian/changelog
fi
dpkg-buildpackage -b -us -uc -d
rm -rf "$build"
echo "make deb: the packages are in $results"
