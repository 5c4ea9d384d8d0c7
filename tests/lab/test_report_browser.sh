#!/bin/bash
# The page of a study in Chromium, in both colour schemes: nothing on its console, nothing asked of the network, all pictures
# there. Skipped where there is no Chromium.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
command -v chromium >/dev/null && command -v gnuplot >/dev/null || exit 77
. "$(dirname "$0")/../cli/cli.sh"
# shellcheck source=tests/lab/study.sh
. "$top/tests/lab/study.sh"
# Chromium puts a socket into its profile, and a socket's path is short.
profile=$(TMPDIR=/tmp mktemp -d) || exit 1
trap 'rm -rf "$scratch" "$profile"' EXIT
write_study study && "$LTM" report study --resamples 0 --json >report.json || exit 1

browse() { # page, colour scheme: 0 dark, 1 light
    rm -rf net.json
    TMPDIR=$profile timeout -k 5 100 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-extensions --no-pings --user-data-dir="$profile" \
        --blink-settings=preferredColorScheme="$2" --enable-logging=stderr --log-net-log="$PWD/net.json" --dump-dom \
        "file://$PWD/$1" >dom 2>browser.log
}
quiet() { lacks -i 'CONSOLE' browser.log; }
# What Chromium asks of its maker by itself is not the page's doing.
asked() { grep -oE '"url":"(https?|wss?):[^"]*' net.json | grep -vE '^"url":"https?://[a-z0-9.-]*\.(google|googleapis|gvt1)\.com/'; }
offline() { [ -s net.json ] && ! asked; }
complete() {
    [ "$(grep -o '<svg' dom | wc -l)" = "$(jq .pictures report.json)" ] && grep -q '</html>' dom &&
        [ "$(grep -o '<figure>' dom | wc -l)" = "$(jq .pictures report.json)" ]
}
echo '<!DOCTYPE html><title>x</title><img src="http://asked.invalid/x.png"><script>console.error("x")</script>' >control.html
seen() { browse control.html 1 && ! quiet && asked | grep -q asked.invalid; }
holds 'a page that asks the network, and one that complains, would be seen' seen
for scheme in 0 1; do
    holds "the page opens (scheme $scheme)" browse study/report.html $scheme
    holds "nothing is said on the console (scheme $scheme)" quiet
    holds "nothing is asked of the network (scheme $scheme)" offline
    holds "all pictures are there (scheme $scheme)" complete
done
finish
