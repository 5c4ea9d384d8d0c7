#!/bin/bash
# What a token costs as the text grows: a session of a model with a memory writes block after block of 100,000 tokens and is kept in a file
# between them. Beside each block, a new session's first 20,000 tokens, so that a machine that is slower for a while does not mislead.
#
#     runs/memory-endless.sh RUN [BLOCKS]
#
# A row: tokens written by then; processor time a token, without that of a start, in this block, of a new session, and their ratio; the
# most memory of the program in either, and bytes of the session's file. Wants GNU time and jq.
set -euo pipefail
run=${1:?a run or checkpoint}
if ! command -v jq >/dev/null || ! command time -f %U true >/dev/null 2>&1; then
    echo "memory-endless.sh wants GNU time (its own program, of the package time) and jq" >&2
    exit 1
fi
LTM=${LTM:-build/ltm}
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

write() { # run, tokens, the session's file, what is said: microseconds a token without a start, KB
    printf %b "$4" | command time -f '%U %S %M' -o "$folder/time" \
        "$LTM" generate "$1" --interactive --past-end --length "$2" --threads 1 --state "$folder/$3" >"$folder/text"
    awk -v n="$2" -v start="$start" '{ print ($1 + $2) * 1e6 / n - start / n, $3 }' "$folder/time"
}
start=0
read -r start _ < <(write "$run" 1 none '')
for ((block = 1; block <= ${2:-10}; block++)); do
    rm -f "$folder/new"
    read -r grown memory < <(write "$run" 100000 grown '\n')
    read -r new first < <(write "$run" 20000 new '\n')
    printf '%8d tokens  %6.1f us  %6.1f us  %.3f  %d KB  %d KB  %d bytes\n' "${block}00000" "$grown" "$new" \
        "$(jq -n "$grown / $new")" "$memory" "$first" "$(stat -c %s "$folder/grown")"
done
