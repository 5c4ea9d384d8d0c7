#!/bin/bash
# An installed library serves a program that knows nothing of this tree, and keeps its inner names to itself.
set -euo pipefail
[ -n "${MAKELEVEL:-}" ] || exit 77 # only make knows with which flags $BUILD was built
unset MAKEFLAGS MFLAGS             # this is no part of that make's work; its variables are in the environment

# Blanks, a quote and what sed reads as its own: of the user's folders only what is ltm's goes, and none is made by accident.
stage="$TMPDIR/a package" prefix="$TMPDIR/it's installed, & well"
mkdir -p "$TMPDIR/a" "$stage$prefix/bin"
touch "$TMPDIR/a/kept" "$stage$prefix/bin/kept"
find . -maxdepth 1 | sort >"$TMPDIR/before"
make install "BUILD=$BUILD" "DESTDIR=$stage" "PREFIX=$prefix"
make uninstall "BUILD=$BUILD" "DESTDIR=$stage" "PREFIX=$prefix"
[ -e "$TMPDIR/a/kept" ] && [ -e "$stage$prefix/bin/kept" ]
[ "$(find "$stage" -type f | wc -l)" = 1 ] && [ ! -e "$stage$prefix/include/ltm" ]
make install "BUILD=$BUILD" "DESTDIR=$stage" "PREFIX=$prefix"
find . -maxdepth 1 | sort | cmp - "$TMPDIR/before"
mv "$stage$prefix" "$prefix"
"$prefix/bin/ltm" --version

cat >"$TMPDIR/program.c" <<'C'
#include <ltm.h>
#include <stdio.h>
#include <string.h>
int fail(int x) { return x + 1; } /* a name that the library has inside */
int main(void) {
    struct ltm_config config;
    struct ltm_error error = {LTM_OK, ""};
    ltm_config_defaults(&config);
    if (fail(1) != 2 || ltm_config_set(&config, "model.dmi", "64", &error) != LTM_INVALID) return 1;
    puts(error.message);
    return !strstr(error.message, "model.dim");
}
C
# What `pkg-config --cflags --libs ltm` prints, without needing it.
pc=$prefix/lib/pkgconfig/ltm.pc
grep -qxF "prefix=$prefix" "$pc"
flags=$(sed -n 's/^Cflags: //p; s/^Libs: //p' "$pc" | tr '\n' ' ') # "${prefix}" in quotes, as the shell wants it too
cd /
eval "${CC:-gcc} ${CFLAGS:-} \"\$TMPDIR/program.c\" $flags -o \"\$TMPDIR/program\""
"$TMPDIR/program"
