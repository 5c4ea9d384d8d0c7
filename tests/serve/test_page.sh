#!/bin/bash
# The page of ltm serve in Chromium: prompts, sliders, z, links, errors, colours, and nothing asked of another machine.
# shellcheck disable=SC2154
top_of_tests=$(dirname "$0")/..
for program in chromium python3; do
    command -v $program >/dev/null || { echo "1..0 # SKIP $program is not installed"; exit 77; }
done
# shellcheck source=tests/serve/server.sh
. "$top_of_tests/serve/server.sh"
"$LTM" train tiny.ini model.sequence=128 run.tokens=8k run.eval_every=0 slow.lr=0.03 >out 2>err || { cat err; exit 1; }
serve runs/tiny || exit 1
pictures=${PICTURES:-$scratch}
timeout -k 5 300 python3 "$top/tests/serve/page.py" "$url" tiny 128 "$pictures" || { echo 'not ok 1 - the page in Chromium'; cat served.err; }
end TERM
