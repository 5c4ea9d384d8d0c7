#!/bin/bash
# An installed library serves a program that knows nothing of this tree, and keeps its inner names to itself.
set -euo pipefail
[ -n "${MAKELEVEL:-}" ] || exit 77 # only make knows with which flags $BUILD was built
unset MAKEFLAGS MFLAGS             # this is no part of that make's work; its variables are in the environment

make install "BUILD=$BUILD" "DESTDIR=$TMPDIR/package" "PREFIX=$TMPDIR/installed"
mv "$TMPDIR/package$TMPDIR/installed" "$TMPDIR/installed"
"$TMPDIR/installed/bin/ltm" --version

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
pc=$TMPDIR/installed/lib/pkgconfig/ltm.pc
flags=$(sed -n 's/^Cflags: //p; s/^Libs: //p' "$pc" | sed "s,\${prefix},$TMPDIR/installed,g" | tr '\n' ' ')
# shellcheck disable=SC2086 # lists of words
(cd / && ${CC:-gcc} ${CFLAGS:-} "$TMPDIR/program.c" $flags -o "$TMPDIR/program" && "$TMPDIR/program")
