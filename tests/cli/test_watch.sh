#!/bin/bash
# A run as it goes on: ltm watch and ltm report --follow.
# shellcheck source=tests/cli/cli.sh disable=SC1091,SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

"$LTM" train tiny.ini run.dir=r >out 2>err || { cat err; exit 1; }

once() {
    run "$LTM" watch r --once
    [ "$code" = 0 ] && [ "$(wc -l <out)" = 14 ] && grep -q '^done, step 8 of 8, 2.05 k tokens' out && grep -q '^loss .*, bound .*, best .* at step' out &&
        grep -q '|.*o' out && grep -q '|.*\.' out || { cat out err; return 1; }
}
holds 'a finished run is drawn' once
lines() { run "$LTM" watch r && [ "$code" = 0 ] && [ "$(wc -l <out)" = 1 ] && grep -q '^done, .*, loss' out; }
holds 'elsewhere than on a terminal it is a line' lines
appears() { # FILE TEXT: within some time, on a busy machine too
    for _ in $(seq 300); do grep -q "$2" "$1" 2>/dev/null && return; sleep 0.1; done
    return 1
}
waiting() { # begun before the run, it sees it through
    "$LTM" watch --every 0.1 later >watched 2>err &
    local watcher=$!
    appears watched 'not started' || return 1
    "$LTM" train tiny.ini run.dir=later >out 2>&1
    wait "$watcher" || { cat err; return 1; }
    head -n 1 watched | grep -q '^not started' && tail -n 1 watched | grep -q '^done, step 8 of 8'
}
holds 'a run that has not begun is waited for' waiting
stopped() {
    cp -r r half && sed -i '/"step":[5678]/d' half/log.jsonl && touch -d '2 minutes ago' half/log.jsonl
    run "$LTM" watch half
    [ "$code" = 0 ] && grep -q '^stopped, step 4 of 8' out || { cat out err; return 1; }
}
holds 'one that was left is said to be stopped' stopped
interrupted() {
    "$LTM" watch never >out 2>err &
    local watcher=$!
    appears out 'not started' || return 1
    kill -TERM "$watcher"
    wait "$watcher"
    [ $? = 130 ]
}
holds 'an interrupt ends it' interrupted
holds 'a folder that is no run' refused 1 'corpus is not the folder of a run' "$LTM" watch corpus
holds 'a file' refused 1 'is a file; give the folder of a run' "$LTM" watch tiny.ini
holds 'no run' refused 2 'one run' "$LTM" watch

follows() {
    run "$LTM" report r --follow -o page.html
    [ "$code" = 0 ] && grep -q '^page.html: slow step 8 of 8' out && lacks -q 'http-equiv="refresh"' page.html || { cat out err; return 1; }
    sed -i '/"step":[5678]/d' half/log.jsonl && touch half/log.jsonl
    "$LTM" report half --follow -o half.html >out 2>err &
    local reporter=$!
    appears out half.html || return 1
    grep -q '<meta http-equiv="refresh" content="30">' half.html || { cat out err; return 1; }
    kill -TERM "$reporter"
    wait "$reporter"
    [ $? = 130 ] && lacks -q 'http-equiv="refresh"' half.html
}
holds 'a report follows its run, and ends with it' follows
holds 'of one run' refused 2 'works with one run' "$LTM" report r half --follow
finish
