#!/bin/bash
# make deb: a package that dpkg installs, names what it needs, runs, and goes without a trace.
set -euo pipefail
[ -n "${MAKELEVEL:-}" ] || exit 77 # only make knows with which flags $BUILD was built
for program in dpkg dpkg-deb objdump; do command -v $program >/dev/null || exit 77; done
unset MAKEFLAGS MFLAGS
make deb "BUILD=$BUILD"
package=$(echo "$BUILD"/ltm_*.deb)
dpkg-deb --info "$package"
dpkg-deb -f "$package" Depends | tr , '\n' | grep -q 'libopenblas'
dpkg-deb -f "$package" Depends | tr , '\n' | grep -q 'libc6'
root=$TMPDIR/root
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers,parts}
touch "$root"/var/lib/dpkg/{status,available}
mine() { dpkg --root="$root" --force-not-root --force-depends --log=/dev/null "$@"; }
mine -i "$package" 2>&1 | tail -n 3
mine -s ltm | grep -q '^Status: install ok'
[ -e "$root/usr/share/man/man1/ltm.1" ] && [ -e "$root/usr/include/ltm.h" ]
LD_LIBRARY_PATH="$root/usr/lib" "$root/usr/bin/ltm" --version
[ "$(readlink "$root/usr/lib/libltm.so")" = libltm.so.0 ]
mine -P ltm
[ ! -e "$root/usr/bin/ltm" ]
