#!/bin/bash
# make race, on a small text and for a second: its curves, its table, what it keeps, what it refuses.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/../cli/cli.sh"
small_corpus || { cat err; exit 1; }
unset RACE_BASE RACE_PRECISION RACE_PYTHON
export RACE_SECONDS=1 RACE_CORPUS=$scratch/corpus RACE_PRESET=$scratch/tiny.ini RACE_OUT=$scratch/race RACE_THREADS=1

# Curves as other races left them: tokens, seconds, bits.
mkdir race
curve() { local name=$1 point; shift; for point; do echo "\"$name\",\"made up\",9,$point"; done >"race/$name-9.csv"; }
curve first 10,1,3 20,2,2 90,9,1
curve second 30,3,4 70,7,1.5 90,9,1.6
curve pytorch-a 90,9,1.4
curve pytorch-b 90,9,1.2

# raced NAME: it has a row of the table, and a curve whose seconds rise.
raced() {
    grep -qE "^\| $1 \| ltm [^|]+ \| 1 \| [0-9.]+ \| [0-9]+ \| [0-9.]+ \| [0-9.]+ \|$" race/race.md &&
        awk -F, -v name="\"$1\"" '$1 != name { next } !($5 > before && $6 > 0) { exit 1 } { before = $5; n++ }
            END { exit !n }' race/race.csv || { cat race/race.md race/race.csv err; return 1; }
}
races() {
    run "$top/runs/race.sh" plain
    [ "$code" = 0 ] && raced plain && cmp race/race.md out
}
holds 'a contestant has a curve of bits a byte against seconds, and a row' races
scores_as_eval_does() {
    local bits
    bits=$("$LTM" eval race/plain-1 corpus eval.sequences=128 eval.samples=1 eval.iwae=0 eval.continuation=0 --json 2>err |
        jq '.[0].bound.bits_per_byte.mean')
    awk -F, -v bits="$bits" '$1 == "\"plain\"" && (!least || $6 < least) { least = $6 }
        END { exit !(least > bits - 1e-5 && least < bits + 1e-5) }' race/race.csv
}
holds 'its bits a byte are those of ltm eval' scores_as_eval_does
goes_on() {
    cp race/plain-1.csv kept
    rm race/plain-1.csv
    echo 'other settings' >race/published-1.settings
    cp race/first-9.csv race/published-1.csv
    RACE_PYTHON=false run "$top/runs/race.sh" plain published pytorch
    [ "$code" = 0 ] && cmp kept race/plain-1.csv
}
holds 'what was stopped goes on' goes_on
anew() { raced published && differ race/first-9.csv race/published-1.csv; }
holds 'what raced with other settings races anew' anew
published_has_the_size() {
    grep -qx 'dim = 16' race/published-1/config.ini && grep -qx 'method = adam' race/published-1/config.ini &&
        grep -qx 'noise = fixed' race/published-1/config.ini && grep -qx 'batch = 8' race/published-1/config.ini
}
holds 'the published settings are raced at the size of the preset' published_has_the_size
time_to_reach() {
    grep -E '^\| second, 9 s: 1.5000 \| 5.5 ' race/race.md && grep -E '^\| first, 9 s: 1.0000 \| 9 ' race/race.md &&
        grep -E '^\| pytorch-b, 9 s: 1.2000 ' race/race.md && lacks -E '^\| pytorch-a, 9 s: ' race/race.md
}
holds 'the table says when each came to what another reached; of sizes the best counts' time_to_reach
picture() {
    command -v gnuplot >/dev/null || return 0
    grep -q '</svg>' race/race.svg && grep -q 'published, 1 s' race/race.svg && lacks 'pytorch-a' race/race.svg
}
holds 'the curves are drawn' picture

without_torch() { grep -qx 'pytorch: left out: python3-torch is not installed' err; }
holds 'without PyTorch its decoder is left out, which is said' without_torch
keeps() {
    run "$top/runs/race.sh" plain
    [ "$code" = 0 ] && grep -q 'plain: has raced before' err && cmp kept race/plain-1.csv
}
holds 'what has raced is kept' keeps
with_torch() {
    local python
    for python in python3 /usr/bin/python3; do
        run "$python" "$top/runs/race_pytorch.py" corpus torch.jsonl seconds=1 threads=1 sequence=32 heldout=128 scores=4 dim=16 \
            layers=2 heads=2 batch=8 lr=0.01
        [ "$code" = 0 ] && break
    done
    ! grep -qE "No module named '(torch|numpy)'|not found|No such file" err || return 0
    # New weights know nothing: ln V. Scores take no time.
    [ "$code" = 0 ] && jq -se 'map(select(.heldout)) | length >= 2 and (.[0].bound - (320 | log) | . > -0.05 and . < 0.05) and
        .[-1].bound < .[0].bound and .[-1].seconds >= 1' torch.jsonl &&
        jq -se '[range(1; length) as $i | select(.[$i].heldout) | .[$i].seconds == .[$i - 1].seconds] | all' torch.jsonl
}
holds 'the PyTorch decoder begins at ln V and learns' with_torch

refuses() {
    run "$top/runs/race.sh" turtle
    [ "$code" = 1 ] && grep -q 'no contestant turtle' err || return 1
    RACE_SECONDS=soon run "$top/runs/race.sh" plain
    [ "$code" = 1 ] && grep -q 'RACE_SECONDS=soon is no' err || return 1
    RACE_CORPUS=$scratch/none run "$top/runs/race.sh" plain
    [ "$code" = 1 ] && grep -q 'none is neither a corpus nor' err || return 1
    RACE_PYTHON=false RACE_OUT=$scratch/empty run "$top/runs/race.sh" pytorch
    [ "$code" = 1 ] && grep -q 'nobody has raced' err
}
holds 'what cannot race is refused' refuses
finish
