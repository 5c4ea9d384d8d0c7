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
cp -a "$stage" "$TMPDIR/installed"
make uninstall "BUILD=$BUILD" "DESTDIR=$stage" "PREFIX=$prefix"
[ -e "$TMPDIR/a/kept" ] && [ -e "$stage$prefix/bin/kept" ]
[ "$(find "$stage" -type f | wc -l)" = 1 ] && [ ! -e "$stage$prefix/include/ltm" ]
find . -maxdepth 1 | sort | cmp - "$TMPDIR/before"
mv "$TMPDIR/installed$prefix" "$prefix"
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
# What `pkg-config --cflags --libs ltm` prints, without needing it; and with --static.
pc=$prefix/lib/pkgconfig/ltm.pc
grep -qxF "prefix=$prefix" "$pc"
flags=$(sed -n 's/^Cflags: //p; s/^Libs: //p' "$pc" | tr '\n' ' ') # "${prefix}" in quotes, as the shell wants it too
private=$(sed -n 's/^Libs.private: //p' "$pc")
examples=$PWD/tests/packaging/examples
build() { # compiler, source, program: with the shared library
    eval "$1 \"\$2\" $flags -o \"\$3\""
}
unstatic="-Wl,-Bstatic -lltm -Wl,-Bdynamic $private"
(cd / && eval "${CC:-gcc} ${CFLAGS:-} \"\$TMPDIR/program.c\" ${flags/-lltm/$unstatic} -o \"\$TMPDIR/program\"" && "$TMPDIR/program")
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
(cd / && build "${CC:-gcc} ${CFLAGS:-}" "$TMPDIR/program.c" "$TMPDIR/program" && "$TMPDIR/program")

# The shared library shows what the headers declare, each name with its version, and nothing else.
nm -D --defined-only "$prefix/lib/libltm.so.0" | awk '$2 != "A" { print $3 }' >"$TMPDIR/names"
grep -qx 'ltm_train@@LTM_0' "$TMPDIR/names"
[ "$(grep -vc '^ltm_.*@@LTM_0$' "$TMPDIR/names")" = 0 ]

# The examples: train with a callback, score, generate from threads, C++, Python.
for example in train score threads; do
    build "${CC:-gcc} -std=c11 -Wall -Wextra -Werror -pthread ${CFLAGS:-}" "$examples/$example.c" "$TMPDIR/$example"
done
build "${CXX:-g++} -std=c++11 -Wall -Wextra -Werror ${CXXFLAGS:-${CFLAGS:-}}" "$examples/program.cc" "$TMPDIR/cxx"
export LTM="$prefix/bin/ltm"
# shellcheck source=tests/cli/cli.sh
. tests/cli/cli.sh # goes into a folder of its own
set -e
small_corpus
sed -i 's/^eval_every = .*/eval_every = 0/' tiny.ini
"$TMPDIR/train" tiny.ini runs/tiny | tee trained
grep -q '^step 3 of ' trained
# shellcheck disable=SC2154 # cli.sh's
"$LTM" train tiny.ini >out 2>err # resumes it
"$TMPDIR/score" runs/tiny corpus
"$TMPDIR/threads" runs/tiny
"$TMPDIR/cxx" runs/tiny
# A sanitizer would have to be loaded before Python.
if command -v python3 >/dev/null && [[ ${CFLAGS:-} != *fsanitize* ]]; then
    python3 "$examples/program.py" "$prefix/lib/libltm.so.0" runs/tiny
fi
