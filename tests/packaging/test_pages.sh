#!/bin/bash
# make man: each command has a page that man takes without a warning, all keys have one, and bash completes from the same.
set -euo pipefail
export LC_ALL=C.UTF-8
pages=$TMPDIR/pages
.ci/pages "$LTM" "$pages"

for command in $("$LTM" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    grep -qF "ltm\\-$command \\- " "$pages/ltm-$command.1"
    grep -q "^ltm $command" "$pages/ltm-$command.1"
done
grep -q '^ *model\.dim ' "$pages/ltm-keys.5"
if command -v man >/dev/null; then
    for page in "$pages"/*.[15]; do
        man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>"$TMPDIR/warnings" >/dev/null
        [ ! -s "$TMPDIR/warnings" ] || { cat "$page" "$TMPDIR/warnings"; exit 1; }
    done
    man -E UTF-8 -l "$pages/ltm-train.1" | grep -q -- '--dry-run   *print the configuration'
fi

# shellcheck source=/dev/null
. "$pages/ltm.bash"
completed() { # words, the last to be completed: what comes of it
    COMP_WORDS=(ltm "$@") COMP_CWORD=$#
    _ltm
    echo "${COMPREPLY[*]}"
}
[ "$(completed tra)" = train ]
[ "$(completed corpus bui)" = build ]
[ "$(completed corpus build --dedu)" = --dedupe ]
[ "$(completed train nano.ini fast.ste)" = fast.steps= ]
[ "$(completed nothing --x)" = '' ]
